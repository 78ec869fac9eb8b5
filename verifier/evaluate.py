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

    return verdict(claim, held, holds, snapshots=snapshots, now=now)


def verdict(
    claim: Claim, held: Mapping[str, Held], holds: Holds, *, snapshots: Mapping[str, Snapshot], now: datetime
) -> Verdict:
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
    datasets = claim.datasets
    present = [snapshots[dataset] for dataset in datasets if dataset in snapshots]
    if len(present) < len(datasets):
        return SOURCE_UNAVAILABLE
    oldest = now - claim.max_age
    if min([snapshot.data_as_of for snapshot in present]) < oldest:
        return STALE
    if True in [held[dataset].tainted for dataset in datasets]:
        return QUALITY
    counts = [len(held[dataset].rows) for dataset in datasets]
    if max(counts) > (1 if claim.rows is RowsExpected.ONE else claim.rows_max):
        return AMBIGUOUS
    if not any(counts):
        return _without_rows(claim, present, holds)
    return _over_rows(claim, counts, present, holds)


def holds_over(claim: Claim, rows: Mapping[str, Sequence[Message]], ask: Mapping[str, Value], now: datetime) -> bool:
    """Whether the expression is true over these rows alone: such rows carry the claim, and may be disclosed with it."""
    try:
        return claim.expression.holds(claim.variables(rows, ask, now.astimezone(SHANGHAI).date()))
    except Undetermined:
        return False


def _without_rows(claim: Claim, snapshots: Sequence[Snapshot], holds: Holds) -> Verdict:
    if claim.no_row is NoRow.OUT_OF_COVERAGE:
        return OUT_OF_COVERAGE
    barred = _absence_barred(claim, snapshots)
    if barred is not None:
        return barred
    if claim.no_row is NoRow.NO_RECORD:
        return NO_RECORD
    return _judge(claim, holds)


def _over_rows(claim: Claim, counts: Sequence[int], snapshots: Sequence[Snapshot], holds: Holds) -> Verdict:
    if claim.coverage is not None:
        try:
            if not holds(claim.coverage):
                return OUT_OF_COVERAGE
        except Undetermined:
            return QUALITY
    found = _judge(claim, holds)
    if _rests_on_absence(claim, counts, found):
        return _absence_barred(claim, snapshots) or found
    return found


def _rests_on_absence(claim: Claim, counts: Sequence[int], found: Verdict) -> bool:
    """Whether a further row of the subject could turn the verdict round."""
    if found is CONFIRMED:
        return claim.from_absence
    # Where a registry has one row a person and that row is there, no further one is to be expected.
    settled = claim.rows is RowsExpected.ONE and all(counts)
    return found is NOT_CONFIRMED and claim.expression.denies_from_absence and not settled


def _absence_barred(claim: Claim, snapshots: Sequence[Snapshot]) -> Verdict | None:
    """Why nothing may be concluded from rows that are not there; None where it may."""
    if not all(snapshot.absence_allowed for snapshot in snapshots):
        return QUALITY
    if not all(claim.contracts[dataset].complete_for for dataset in claim.datasets):
        return OUT_OF_COVERAGE
    return None


def _judge(claim: Claim, holds: Holds) -> Verdict:
    try:
        return CONFIRMED if holds(claim.expression) else NOT_CONFIRMED
    except Undetermined:
        return QUALITY
