"""From what a case asks to its answers: look up the parties' rows, evaluate, and say where each answer came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from google.protobuf.message import Message

from audit.entry import timestamp
from kernel.errors import Invalid
from kernel.identity import Identity
from schemas.expression import Expression
from schemas.grant import Grant
from schemas.joint import Joint, merged
from schemas.parameter import Value
from schemas.property import Sensitivity
from schemas.wire.v1 import statement_pb2
from verifier.call import Party
from verifier.cases import Case
from verifier.day import Day
from verifier.evaluate import Standing, Verdict, evaluate, holds_over, verdict
from verifier.materials import Asked, Plan
from verifier.outcome import Outcome
from verifier.ports import Held, Pinned, Snapshot

REFERENCES_MAX = 256
"""Snapshots whose references are kept: a few for each dataset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a dataset holds about the party that a claim is asked about."""

    rows: Sequence[Message]
    tainted: bool


class Lookups:
    """The rows of one call's parties. Each subject is looked up once in each dataset."""

    def __init__(self, pinned: Pinned, parties: Sequence[Party], aliases: str | None) -> None:
        """Take the pinned snapshots, the parties, and which dataset links the numbers of one person.

        Raises Invalid where two of the parties are one person.
        """
        self._pinned = pinned
        self.snapshots = pinned.snapshots
        self._parties = {party.role: party for party in parties}
        self._aliases = aliases if aliases in pinned.snapshots else None
        self._held: dict[tuple[str, str], Held] = {}
        self.numbers: Mapping[str, tuple[Identity, ...]] = {
            party.role: pinned.linked(party.identity) for party in parties
        }
        # Two numbers of one person are one person: nobody is their own spouse, or counts twice in a family.
        if len(frozenset().union(*self.numbers.values())) < sum(map(len, self.numbers.values())):
            raise Invalid("one person stands in two roles", field="parties")

    def of(self, asked: Asked) -> dict[str, Held]:
        """What the claim's datasets hold about its party; those without a snapshot in force are left out."""
        snapshots, role = self.snapshots, asked.role
        found: dict[str, Held] = {}
        for dataset in asked.claim.datasets:
            if dataset in snapshots:
                held = self.look(dataset, role)
                if asked.doubles and not held.tainted and any(self._doubtful(asked, dataset, r) for r in asked.doubles):
                    held = Found(rows=held.rows, tainted=True)
                found[dataset] = held
        return found

    def _doubtful(self, asked: Asked, dataset: str, role: str) -> bool:
        """Whether something may be missing about the person that a parameter names.

        A row with several subjects may be lost to one of them and readable for another; and a number of theirs that was
        lost in the register of aliases may be the one that stands in the row.
        """
        if len(asked.claim.contracts[dataset].subject_keys) > 1 and self.look(dataset, role).tainted:
            return True
        return self._aliases is not None and self.look(self._aliases, role).tainted

    def look(self, dataset: str, role: str) -> Held:
        """What a dataset in force holds about the party in a role."""
        held = self._held.get((dataset, role))
        if held is None:
            party = self._parties[role]
            names = (party.name,) if party.name else ()
            held = self._held[dataset, role] = self._pinned.held(dataset, party.identity, names)
        return held


class Judging:
    """One call's judgements: claims about one party are evaluated at once, as far as that tells of each."""

    def __init__(self, plan: Plan, lookups: Lookups, inputs: Mapping[str, str], now: datetime) -> None:
        """Take what is asked, where to look, and the instant at which it is judged."""
        self._plan = plan
        self._lookups = lookups
        self._inputs = inputs
        self._now = now
        self._bits: dict[str, int | None] = {}

    def verdict(self, asked: Asked, standing: Standing, held: Mapping[str, Held]) -> Verdict:
        """What may be said of one claim: how it stands over the pinned snapshots, and what they hold."""
        role = asked.role

        def holds(expression: Expression) -> bool:
            joint = self._plan.together.get(role)
            if joint is not None:
                bits = self._bits[role] if role in self._bits else self._together(role, joint)
                if bits is not None:
                    return bits & joint.bits[id(expression)] != 0
            return expression.holds(self._variables(asked, held))

        return verdict(asked.claim, held, holds, standing=standing, now=self._now)

    def disclosed(self, asked: Asked) -> dict[str, str]:
        """The values that go with a claim that was confirmed."""
        ask = asked.ask(self._lookups.numbers, self._inputs)
        return _disclosed(asked, self._lookups.of(asked), ask, self._now)

    def _together(self, role: str, joint: Joint) -> int | None:
        bits = self._bits[role] = self._evaluated(role, joint)
        return bits

    def _evaluated(self, role: str, joint: Joint) -> int | None:
        lookups, snapshots, plan = self._lookups, self._lookups.snapshots, self._plan
        rows = {}
        for dataset in joint.datasets:
            if dataset not in snapshots:
                return None
            rows[dataset] = lookups.look(dataset, role).rows
        if role in plan.constants:
            ask = plan.constants[role]
        else:
            ask = merged([each.seen(lookups.numbers, self._inputs) for each in plan.asked if each.role == role])
        return joint.evaluate(rows, ask, Day.of(self._now).seen) if ask is not None else None

    def _variables(self, asked: Asked, held: Mapping[str, Held]) -> Mapping[str, object]:
        rows = {dataset: held[dataset].rows for dataset in asked.claim.datasets}
        return asked.claim.variables(rows, asked.ask(self._lookups.numbers, self._inputs), Day.of(self._now).date)


def judge(
    asked: Asked, case: Case, lookups: Lookups, grant: Grant, *, snapshots: Mapping[str, Snapshot], now: datetime
) -> statement_pb2.Answer:
    """The answer to one claim alone, with the snapshots that it was computed from and the grant that allowed it."""
    held = lookups.of(asked)
    ask = asked.ask(lookups.numbers, case.inputs)
    found = evaluate(asked.claim, held, ask, snapshots=snapshots, now=now)
    answer = statement_pb2.Answer()
    answer.CopyFrom(asked.answer)
    answer.outcome = found.outcome.value
    answer.reason = found.reason.value
    answer.grant = grant.id
    answer.parameters.update(asked.parameters(case.inputs))
    answer.snapshots.extend(reference(snapshots[d]) for d in asked.claim.datasets if d in snapshots)
    if grant.values and found.outcome is Outcome.CONFIRMED:
        answer.disclosed.update(_disclosed(asked, held, ask, now))
    return answer


def reference(snapshot: Snapshot) -> statement_pb2.SnapshotRef:
    """A snapshot as statements name it. Written once a snapshot; the caller copies it and leaves it as it is."""
    return _reference(snapshot.dataset, snapshot.version, snapshot.manifest_digest, snapshot.data_as_of)


@lru_cache(maxsize=REFERENCES_MAX)
def _reference(dataset: str, version: str, manifest_digest: bytes, data_as_of: datetime) -> statement_pb2.SnapshotRef:
    return statement_pb2.SnapshotRef(
        dataset=dataset, version=version, manifest_digest=manifest_digest, data_as_of=timestamp(data_as_of)
    )


def _disclosed(asked: Asked, held: Mapping[str, Held], ask: Mapping[str, Value], now: datetime) -> dict[str, str]:
    """The values that go with a confirmed claim: only of rows that carry it alone, only what the contract lets out.

    The key is `<dataset>.<property>`, from the second row on with `#2`, `#3` …
    """
    values = {}
    for each in asked.claim.disclose:
        contract = asked.claim.contracts[each.dataset]
        if contract.by_name[each.property].sensitivity is Sensitivity.RESTRICTED:
            continue
        rows = [row for row in held[each.dataset].rows if _carries(asked, each.dataset, row, ask, now)]
        for at, row in enumerate(rows, 1):
            text = contract.row.text(row, each.property)
            if text is not None:
                values[f"{contract.id}.{each.property}" + (f"#{at}" if at > 1 else "")] = text
    return values


def _carries(asked: Asked, dataset: str, row: Message, ask: Mapping[str, Value], now: datetime) -> bool:
    alone = {each: (row,) if each == dataset else () for each in asked.claim.datasets}
    return holds_over(asked.claim, alone, ask, now)
