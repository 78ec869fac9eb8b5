"""What the quality gate found: how much of a delivery each rule failed, and whether the delivery may be published."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from exchange.manifest import Counts

DELIVERY = "delivery"
"""The kind of a result that judges the delivery as a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One rule's result: rows (or another count) seen, and how many were allowed; None is open."""

    id: str
    kind: str
    properties: tuple[str, ...]
    description: str
    seen: int
    at_least: int | None
    at_most: int | None
    passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The gate's judgement. The delivery is held where any result did not pass."""

    results: tuple[Result, ...]
    counts: Counts
    absence_allowed: bool
    name_tainted: bool

    @property
    def held(self) -> bool:
        """Whether the delivery must not be published."""
        return any(not result.passed for result in self.results)

    @property
    def reasons(self) -> tuple[str, ...]:
        """The rules because of which the delivery is held."""
        return tuple(result.id for result in self.results if not result.passed)

    def to_data(self) -> dict[str, Any]:
        """As plain values, for the run's folder."""
        return asdict(self)

    @classmethod
    def of_data(cls, data: Mapping[str, Any]) -> "Verdict":
        """What `to_data` gave."""
        results = [Result(**{**each, "properties": tuple(each["properties"])}) for each in data["results"]]
        return cls(
            results=tuple(results),
            counts=Counts(**data["counts"]),
            absence_allowed=data["absence_allowed"],
            name_tainted=data["name_tainted"],
        )
