"""A quality rule: what is checked of which properties, and how many rows may fail."""

from dataclasses import dataclass, field
from enum import StrEnum

from schemas.allowed import Allowed

TODAY = "today"
"""A range's end that moves: the day of the check in Asia/Shanghai."""


class Check(StrEnum):
    """What a quality rule checks.

    `ROW_COUNT` and `COMPLETE` judge the delivery as a whole; every other one judges rows, which it quarantines.
    """

    ROW_COUNT = "row_count"
    COMPLETE = "complete"
    PRESENT = "present"
    TYPED = "typed"
    VALUES = "values"
    PATTERN = "pattern"
    LENGTH = "length"
    RANGE = "range"
    MULTIPLE = "multiple"
    UNIQUE = "unique"
    HOLDS = "holds"
    REFERS = "refers"


WHOLE = frozenset({Check.ROW_COUNT, Check.COMPLETE})
"""The checks that hold back no row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The properties of a dataset in which values must be found, in the order of the rule's. It may be the same one."""

    dataset: str
    properties: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One quality rule, written in the contract or following from what it says of properties and of the primary key.

    PRESENT: the (required) property has a value, other than one of `values`. COMPLETE: the same of an optional one;
    its rows stay. TYPED: the text is a value of the property's type. VALUES: one of `values`. PATTERN: the whole text
    matches `pattern` (the common part of RE2 and ECMA-262). LENGTH: from `length_min` to `length_max` characters.
    RANGE: from `minimum` to `maximum`, both included, and more than `above` and less than `below`; empty is open,
    `today` is the day of the check in Asia/Shanghai. MULTIPLE: a multiple of `multiple_of`. UNIQUE: no other row has
    the same `properties`. HOLDS: `predicate`, a SQL condition over quoted property names (`condition`), is not false.
    REFERS: the values stand together in a row of `reference`. ROW_COUNT: the rows of the delivery; percent are of the
    rows of the snapshot in force. Absent values pass every check but PRESENT and COMPLETE.

    `allowed` says how many rows may fail before the delivery is held; percent are of the rows delivered. Where the rule
    only `warns`, the delivery is not held for it; its failing rows are all the same.
    """

    id: str
    check: Check
    properties: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    pattern: str = ""
    length_min: int | None = None
    length_max: int | None = None
    minimum: str = ""
    maximum: str = ""
    above: str = ""
    below: str = ""
    multiple_of: str = ""
    predicate: str = ""
    reference: Reference | None = None
    allowed: Allowed = field(default_factory=lambda: Allowed.share(0))
    warns: bool = False
    dimension: str = ""
    description: str = ""
