"""A statement's parts that many questions share, encoded once.

Between two publications and two agreements, the answers to an item's claims differ in outcome, reason and disclosed
values only. A sheet holds the rest of each as bytes.
"""

from collections.abc import Mapping, Sequence

from schemas.grant import Grant
from schemas.wire.v1 import audit_pb2, statement_pb2
from verifier.evaluate import Standing, Verdict
from verifier.fields import field
from verifier.judge import reference
from verifier.materials import Asked, Plan
from verifier.ports import Snapshot

SHEETS_MAX = 8
"""Sheets that a plan keeps: one for each set of snapshots and grants that is in use at a time."""

_STATEMENT, _ANSWER, _DETAIL = statement_pb2.Statement, statement_pb2.Answer, audit_pb2.Detail
_Encoded = tuple[bytes, bytes]


class Sheet:
    """The answers that a plan can have, as the statement's and the detail's field."""

    def __init__(
        self,
        plan: Plan,
        grants: Mapping[str, Grant],
        snapshots: Mapping[str, Snapshot],
        inputs: Mapping[str, str],
    ) -> None:
        """Write what is known before anybody is looked up."""
        self.snapshots = snapshots
        self.standings = [Standing.of(each.claim, snapshots) for each in plan.asked]
        """How each of the plan's claims stands."""
        self._known = [_known(each, grants[each.claim.id], snapshots, inputs) for each in plan.asked]
        self._encoded: list[dict[Verdict, _Encoded]] = [{} for _ in plan.asked]

    def answer(self, at: int, verdict: Verdict) -> _Encoded:
        """The answer to the plan's claim number `at`: as the statement's field, and as the detail's."""
        known = self._encoded[at].get(verdict)
        if known is None:
            known = self._encoded[at][verdict] = _fields(self._whole(at, verdict))
        return known

    def disclosing(self, at: int, verdict: Verdict, values: Mapping[str, str]) -> bytes:
        """The same with disclosed values, which the statement alone holds."""
        content = self._whole(at, verdict) + _ANSWER(disclosed=values).SerializeToString(deterministic=True)
        return field(_STATEMENT.ANSWERS_FIELD_NUMBER, content)

    def _whole(self, at: int, verdict: Verdict) -> bytes:
        before, after = self._known[at]
        outcome = _ANSWER(outcome=verdict.outcome.value, reason=verdict.reason.value)
        return before + outcome.SerializeToString() + after


def sheet_of(
    plan: Plan, grants: Mapping[str, Grant], snapshots: Mapping[str, Snapshot], inputs: Mapping[str, str]
) -> Sheet:
    """The plan's sheet for these snapshots and grants. Inputs are a client's own text: a plan with any keeps none."""
    if plan.takes_inputs:
        return Sheet(plan, grants, snapshots, inputs)
    key = (id(snapshots), *[grant.id for grant in grants.values()])
    kept: dict[object, Sheet] = plan.sheets
    found = kept.get(key)
    # The sheet holds its snapshots, so that no others can come to have their id while it is kept.
    if found is None or found.snapshots is not snapshots:
        found = Sheet(plan, grants, snapshots, inputs)
        if len(kept) >= SHEETS_MAX:
            kept.clear()
        kept[key] = found
    return found


def registers(names: Sequence[str], snapshots: Mapping[str, Snapshot], agreements: bytes) -> bytes:
    """The statement's fields 17 and 18: the registers that were looked into, and the agreements' digest."""
    return _STATEMENT(
        identity_snapshots=[reference(snapshots[each]) for each in names if each in snapshots],
        agreements_digest=agreements,
    ).SerializeToString()


def _known(
    asked: Asked, grant: Grant, snapshots: Mapping[str, Snapshot], inputs: Mapping[str, str]
) -> tuple[bytes, bytes]:
    """What stands before an answer's outcome, and what behind its reason."""
    before = _ANSWER()
    before.CopyFrom(asked.answer)
    before.parameters.update(asked.parameters(inputs))
    after = _ANSWER(
        snapshots=[reference(snapshots[each]) for each in asked.claim.datasets if each in snapshots], grant=grant.id
    )
    return before.SerializeToString(deterministic=True), after.SerializeToString()


def _fields(content: bytes) -> _Encoded:
    return (
        field(_STATEMENT.ANSWERS_FIELD_NUMBER, content),
        field(_DETAIL.ANSWERS_FIELD_NUMBER, content),
    )
