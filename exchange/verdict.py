"""What the quality gate found: how much of a delivery each rule failed, and whether the delivery may be published."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from exchange.manifest import Counts

DELIVERY = "delivery"
"""The kind of a result that judges the delivery as a whole."""

UNJUDGED = "unjudged"
"""The kind of a result that says that a rule had nothing to compare with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One rule's result: rows (or another count) seen, and how many were allowed; None is open.

    `bound` is what the contract allows, in its own words, where it says so in another form than a count of rows. A
    result that only `warns` is told, and nothing is held for it.
    """

    id: str
    kind: str
    properties: tuple[str, ...]
    description: str
    seen: int
    at_least: int | None
    at_most: int | None
    passed: bool
    bound: str = ""
    warns: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The gate's judgement. The delivery is held where any result did not pass that does not merely warn.

    `references` are the snapshots in force that it was compared with, dataset and version. `suite` is what Great
    Expectations was asked, in its own form.
    """

    results: tuple[Result, ...]
    counts: Counts
    absence_allowed: bool
    name_tainted: bool
    references: tuple[tuple[str, str], ...] = ()
    suite: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def held(self) -> bool:
        """Whether the delivery must not be published."""
        return bool(self.reasons)

    @property
    def reasons(self) -> tuple[str, ...]:
        """The rules because of which the delivery is held."""
        return tuple(result.id for result in self.results if not result.passed and not result.warns)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What did not pass and holds nothing."""
        return tuple(result.id for result in self.results if not result.passed and result.warns)

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
            references=tuple((dataset, version) for dataset, version in data.get("references", ())),
            suite=data.get("suite", {}),
        )
