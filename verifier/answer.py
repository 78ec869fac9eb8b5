"""THE flow of a question: authenticate → case → authorise → pin → look up → evaluate → sign → record → reply."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from audit.record import Logged, Record
from kernel.signing import SigningKey
from schemas.wire.v1 import verification_pb2
from verifier import desk as desks
from verifier import records
from verifier.authenticate import authenticate
from verifier.authorise import authorise
from verifier.call import Call
from verifier.case_file import CaseFiles
from verifier.day import Day
from verifier.evaluate import CONFIRMED
from verifier.judge import Judging, Lookups
from verifier.sheet import sheet_of
from verifier.statement import Signed, draw_up, sign


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """Answers questions at a desk, and signs the answers."""

    desk: desks.Desk
    files: CaseFiles
    key: SigningKey

    def prepare(self, names: Sequence[str], raw: bytes, read: Callable[[bytes], Call]) -> "Answered | desks.Refused":
        """The answer to one question, signed, or why there is none; either may leave once its record is in the log.

        `names` are those of the client's certificate, `raw` is the request as received, `read` knows its form. Raises
        LogUnavailable where the log cannot be written, whatever the question was.
        """
        desk = self.desk
        agreed = desk.agreements.current
        client = case = None
        try:
            client = authenticate(names, agreed.catalogue.clients)
            call = read(raw)

            file = self.files.read(call, client)
            case = file.case
            item = desk.cases.check_open(case, agreed.catalogue.item(case.item, case.item_version))
            case.check_parties(call.parties)

            plan = agreed.plans.of(item, case, call.named)
            now = desk.clock.now()
            grants = authorise(agreed.catalogue, client, item, plan.claims, presence=case.presence, now=now)
            limits = agreed.catalogue.groups[client.group].limits
            desk.limits.take(limits, client.group, client.id, case.operator, item.id, now)

            pinned = agreed.facts.pin(plan.datasets)
            sheet = sheet_of(plan, grants, pinned.snapshots, case.inputs)
            judging = Judging(plan, Lookups(pinned, case.parties, agreed.aliases), case.inputs, now)
            verdicts = [
                judging.verdict(asked, standing) for asked, standing in zip(plan.asked, sheet.standings, strict=True)
            ]

            answers = [sheet.answer(at, verdict) for at, verdict in enumerate(verdicts)]
            said = [each for each, _ in answers]
            for at, (asked, verdict) in enumerate(zip(plan.asked, verdicts, strict=True)):
                if verdict is CONFIRMED and grants[asked.claim.id].values:
                    values = judging.disclosed(asked)
                    said[at] = sheet.disclosing(at, verdict, values) if values else said[at]

            statement = draw_up(
                call,
                case=file.statement,
                answers=said,
                registers=agreed.registers_field(pinned.snapshots),
                day=Day.of(now).written,
                now=now,
            )
            signed = sign(statement, self.key)
        except Exception as fault:  # noqa: BLE001 - whatever it is becomes a refusal
            return desk.refusal(fault, desks.Known(names=names, raw=raw, client=client, case=case))

        kept = [each for _, each in answers]
        disclosed = any(one is not other for one, (other, _) in zip(said, answers, strict=True))
        return Answered(signed=signed, record=records.answered(file, kept, signed, raw, disclosed=disclosed))
