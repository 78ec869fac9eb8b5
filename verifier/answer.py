"""THE flow of a question: authenticate → case → authorise → pin → look up → evaluate → sign → record → reply."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from audit.record import Logged, Record
from schemas.client import Client
from schemas.grant import Grant
from schemas.wire.v1 import verification_pb2
from verifier import desk as desks
from verifier import records
from verifier.agreements import Agreed
from verifier.authenticate import authenticate
from verifier.authorise import authorise
from verifier.call import Call, Read
from verifier.case_file import CaseFile, CaseFiles
from verifier.cases import Case
from verifier.day import Day
from verifier.evaluate import CONFIRMED
from verifier.judge import Judging, Lookups
from verifier.materials import Plan
from verifier.peer import Peer
from verifier.ports import Held, Signers
from verifier.sheet import Sheet, sheet_of
from verifier.statement import Signed, draw_up, sign

STEPS = ("admit", "look up", "judge", "draw up", "sign")
"""The steps of a question, as traces name them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A signed answer that has not left.

    Append the record before replying: an entry without an answer is harmless, an answer without an entry is not.
    """

    signed: Signed
    record: Record

    def reply(self, logged: Logged) -> verification_pb2.SignedStatement:
        """The answer with the proof that it is in the log."""
        return verification_pb2.SignedStatement(
            statement=self.signed.statement,
            signature=self.signed.signature,
            key_id=self.signed.key_id,
            entry=logged.entry,
            receipt=logged.receipt,
        )


@dataclass(slots=True, kw_only=True)
class _Question:
    """A question on its way, and what each step has found. `refused` ends the way."""

    peer: Peer
    raw: bytes
    agreed: Agreed
    refused: desks.Refused | None = None
    client: Client | None = None
    case: Case | None = None
    call: Call = field(init=False)
    file: CaseFile = field(init=False)
    plan: Plan = field(init=False)
    grants: Mapping[str, Grant] = field(init=False)
    now: datetime = field(init=False)
    sheet: Sheet = field(init=False)
    lookups: Lookups = field(init=False)
    held: Sequence[Mapping[str, Held]] = field(init=False)
    said: list[bytes] = field(init=False)
    kept: list[bytes] = field(init=False)
    disclosed: bool = False
    statement: bytes = field(init=False)
    answered: Answered = field(init=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """Answers questions at a desk, and signs the answers."""

    desk: desks.Desk
    files: CaseFiles
    keys: Signers

    def prepare(self, peer: Peer, raw: bytes, read: Read) -> "Answered | desks.Refused":
        """The answer to one question, signed, or why there is none; either may leave once its record is in the log.

        `peer` is whoever the connection is with, `raw` is the request as received, `read` knows its form. Raises
        LogUnavailable where the log cannot be written, whatever the question was.
        """
        return self.prepare_all(peer, (raw,), read)[0]

    def prepare_all(self, peer: Peer, raws: Iterable[bytes], read: Read) -> "list[Answered | desks.Refused]":
        """The same for several questions, each by itself: one that is refused keeps no other from its answer.

        All take each step together, since a step that was just taken costs about half as much again.
        """
        agreed = self.desk.agreements.current
        questions = [_Question(peer=peer, raw=raw, agreed=agreed) for raw in raws]
        steps: tuple[Callable[[_Question], None], ...] = (
            partial(self._admit, read),
            self._look_up,
            self._judge,
            self._draw_up,
            self._sign,
        )
        tracing = self.desk.tracing
        trace = tracing.current if tracing is not None else None
        for name, step in zip(STEPS, steps, strict=True):
            for question in questions:
                if question.refused is None:
                    self._take(step, question)
            if trace is not None:
                trace.step(name)
        return [each.refused or each.answered for each in questions]

    def _take(self, step: Callable[[_Question], None], question: _Question) -> None:
        try:
            step(question)
        except Exception as fault:  # noqa: BLE001 - whatever it is becomes a refusal
            known = desks.Known(peer=question.peer, raw=question.raw, client=question.client, case=question.case)
            question.refused = self.desk.refusal(fault, known)

    def _admit(self, read: Read, question: _Question) -> None:
        """Who asks, in which case, and whether they may."""
        desk, agreed = self.desk, question.agreed
        question.client = client = authenticate(question.peer, agreed.catalogue, desk.rolls.current(), desk.clock.now())
        question.call = call = read(question.raw)
        question.file = file = self.files.read(call, client)
        question.case = case = file.case
        item = desk.cases.check_open(case, agreed.catalogue.item(case.item, case.item_version))
        case.check_parties(call.parties)
        question.plan = plan = agreed.plans.of(item, case, call.named)
        question.now = now = desk.clock.now()
        question.grants = authorise(agreed.catalogue, client, item, plan.claims, presence=case.presence, now=now)
        limits = agreed.catalogue.groups[client.group].limits
        desk.limits.take(limits, client.group, client.id, case.operator, item.id, now)

    def _look_up(self, question: _Question) -> None:
        """Pin the snapshots in force, and read what they hold about the parties."""
        plan, case, agreed = question.plan, question.file.case, question.agreed
        pinned = agreed.facts.pin(plan.datasets)
        question.sheet = sheet_of(plan, question.grants, pinned.snapshots, case.inputs)
        question.lookups = lookups = Lookups(pinned, case.parties, agreed.aliases)
        question.held = [lookups.of(asked) for asked in plan.asked]

    def _judge(self, question: _Question) -> None:
        """Evaluate the claims, and write each answer."""
        plan, grants, sheet = question.plan, question.grants, question.sheet
        judging = Judging(plan, question.lookups, question.file.case.inputs, question.now)
        verdicts = [judging.verdict(*each) for each in zip(plan.asked, sheet.standings, question.held, strict=True)]
        self.desk.meter.judged(question.file.case.item, plan.asked, verdicts)
        answers = [sheet.answer(at, verdict) for at, verdict in enumerate(verdicts)]
        question.said = said = [each for each, _ in answers]
        question.kept = [each for _, each in answers]
        for at, (asked, verdict) in enumerate(zip(plan.asked, verdicts, strict=True)):
            if verdict is CONFIRMED and grants[asked.claim.id].values and (values := judging.disclosed(asked)):
                said[at] = sheet.disclosing(at, verdict, values)
                question.disclosed = True

    def _draw_up(self, question: _Question) -> None:
        """Put the statement together."""
        agreed, now = question.agreed, question.now
        question.statement = draw_up(
            question.call,
            case=question.file.statement,
            witnesses=question.file.statement_end,
            answers=question.said,
            registers=agreed.registers_field(question.sheet.snapshots),
            day=Day.of(now).written,
            now=now,
        )

    def _sign(self, question: _Question) -> None:
        """Sign it, and write the record under which it may leave."""
        signed = sign(question.statement, self.keys.signer(question.now))
        record = records.answered(question.file, question.kept, signed, question.raw, disclosed=question.disclosed)
        question.answered = Answered(signed=signed, record=record)
