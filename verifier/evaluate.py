"""What may be said about a claim, from rows, parameters, the day and the state of the snapshots.

Pure: nothing is read or written here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from google.protobuf.message import Message

from kernel.clock import SHANGHAI
from schemas.claim import Claim, NoRow, RowsExpected
from schemas.expression import Expression, Undetermined
from schemas.parameter import Value
from verifier.outcome import Outcome, Reason
from verifier.ports import Held, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """An outcome, and the reason where it is CANNOT_VERIFY."""

    outcome: Outcome
    reason: Reason = Reason.NONE


CONFIRMED = Verdict(outcome=Outcome.CONFIRMED)
NOT_CONFIRMED = Verdict(outcome=Outcome.NOT_CONFIRMED)
NO_RECORD = Verdict(outcome=Outcome.NO_RECORD)
STALE = Verdict(outcome=Outcome.CANNOT_VERIFY, reason=Reason.STALE)
QUALITY = Verdict(outcome=Outcome.CANNOT_VERIFY, reason=Reason.QUALITY)
OUT_OF_COVERAGE = Verdict(outcome=Outcome.CANNOT_VERIFY, reason=Reason.OUT_OF_COVERAGE)
AMBIGUOUS = Verdict(outcome=Outcome.CANNOT_VERIFY, reason=Reason.AMBIGUOUS)
SOURCE_UNAVAILABLE = Verdict(outcome=Outcome.CANNOT_VERIFY, reason=Reason.SOURCE_UNAVAILABLE)


Holds = Callable[[Expression], bool]
"""Whether one of a claim's expressions holds over the subject's rows; raises Undetermined."""


def evaluate(
    claim: Claim,
    held: Mapping[str, Held],
    ask: Mapping[str, Value],
    *,
    snapshots: Mapping[str, Snapshot],
    now: datetime,
) -> Verdict:
    """What may be said of a claim alone; `held` is what each of its datasets in force holds about the subject."""

    def holds(expression: Expression) -> bool:
        rows = {dataset: held[dataset].rows for dataset in claim.datasets}
        return expression.holds(claim.variables(rows, ask, now.astimezone(SHANGHAI).date()))

    return verdict(claim, held, holds, standing=Standing.of(claim, snapshots), now=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What follows for a claim from the snapshots alone, whoever is asked about.

    `fresh_until` is the last instant at which the oldest of them is young enough; None where one is not in force.
    `barred` is why nothing may be concluded from rows that are not there; None where it may.
    """

    fresh_until: datetime | None
    barred: Verdict | None

    @classmethod
    def of(cls, claim: Claim, snapshots: Mapping[str, Snapshot]) -> "Standing":
        """How a claim stands over these snapshots."""
        present = [snapshots[dataset] for dataset in claim.datasets if dataset in snapshots]
        if len(present) < len(claim.datasets):
            return cls(fresh_until=None, barred=SOURCE_UNAVAILABLE)
        barred = None
        if not all(snapshot.absence_allowed for snapshot in present):
            barred = QUALITY
        elif not all(claim.contracts[dataset].complete_for for dataset in claim.datasets):
            barred = OUT_OF_COVERAGE
        return cls(fresh_until=min(snapshot.data_as_of for snapshot in present) + claim.max_age, barred=barred)


def verdict(claim: Claim, held: Mapping[str, Held], holds: Holds, *, standing: Standing, now: datetime) -> Verdict:
    """The first of these that applies.

    1. A dataset has no snapshot in force: SOURCE_UNAVAILABLE.
    2. One is older than the claim allows: STALE.
    3. A quarantined row is or may be the subject's: QUALITY.
    4. There are more rows than the claim can be judged on: AMBIGUOUS.
    5. There is no row: OUT_OF_COVERAGE or NO_RECORD as the claim says, or else the expression decides.
    6. The registry does not answer for these rows: OUT_OF_COVERAGE; where that cannot be told: QUALITY.
    7. The expression: CONFIRMED, NOT_CONFIRMED, or QUALITY where it is undetermined.

    An answer of 5 or 7 that rests on rows that are not there becomes QUALITY where a snapshot lost too many rows, and
    OUT_OF_COVERAGE where a contract does not promise to be complete.
    """
    if standing.fresh_until is None:
        return SOURCE_UNAVAILABLE
    if now > standing.fresh_until:
        return STALE
    counts = []
    for dataset in claim.datasets:
        found = held[dataset]
        if found.tainted:
            return QUALITY
        counts.append(len(found.rows))
    if max(counts) > (1 if claim.rows is RowsExpected.ONE else claim.rows_max):
        return AMBIGUOUS
    if not any(counts):
        return _without_rows(claim, standing.barred, holds)
    return _over_rows(claim, counts, standing.barred, holds)


def holds_over(claim: Claim, rows: Mapping[str, Sequence[Message]], ask: Mapping[str, Value], now: datetime) -> bool:
    """Whether the expression is true over these rows alone: such rows carry the claim, and may be disclosed with it."""
    try:
        return claim.expression.holds(claim.variables(rows, ask, now.astimezone(SHANGHAI).date()))
    except Undetermined:
        return False


def _without_rows(claim: Claim, barred: Verdict | None, holds: Holds) -> Verdict:
    if claim.no_row is NoRow.OUT_OF_COVERAGE:
        return OUT_OF_COVERAGE
    if barred is not None:
        return barred
    if claim.no_row is NoRow.NO_RECORD:
        return NO_RECORD
    return _judge(claim, holds)


def _over_rows(claim: Claim, counts: Sequence[int], barred: Verdict | None, holds: Holds) -> Verdict:
    if claim.coverage is not None:
        try:
            if not holds(claim.coverage):
                return OUT_OF_COVERAGE
        except Undetermined:
            return QUALITY
    found = _judge(claim, holds)
    if _rests_on_absence(claim, counts, found):
        return barred or found
    return found


def _rests_on_absence(claim: Claim, counts: Sequence[int], found: Verdict) -> bool:
    """Whether a further row of the subject could turn the verdict round."""
    if found is CONFIRMED:
        return claim.from_absence
    # Where a registry has one row a person and that row is there, no further one is to be expected.
    settled = claim.rows is RowsExpected.ONE and all(counts)
    return found is NOT_CONFIRMED and claim.expression.denies_from_absence and not settled


def _judge(claim: Claim, holds: Holds) -> Verdict:
    try:
        return CONFIRMED if holds(claim.expression) else NOT_CONFIRMED
    except Undetermined:
        return QUALITY
