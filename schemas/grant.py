"""A grant: which client group may ask which claims for which item, and whether it may see values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One grant. Without `values` its clients get outcomes only."""

    id: str
    group: str
    item: str
    claims: frozenset[str]
    values: bool
