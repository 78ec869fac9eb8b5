"""Where the microseconds of a question go: the steps of `verifier.answer`, taken one by one and timed.

The steps are the product's own functions, in the order in which `Answering.prepare` calls them, in this process and
without a network. Times are CPU time of the thread, so that other processes on the machine do not count; for the log,
whose work is done by a thread of its own, CPU time of the process.
"""

import os
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from app.verification import verifier_worker
from audit.record import Record
from benchmarks.city import CLIENT, ITEM, City
from benchmarks.harness import Bench, Result, Setting
from benchmarks.question import NONCE_SIZE, unfinished
from benchmarks.report import figure
from kernel.signing import SigningKey
from schemas.wire.v1 import statement_pb2, verification_pb2
from verifier import records
from verifier.authenticate import authenticate
from verifier.authorise import authorise
from verifier.case_file import CaseFiles
from verifier.client import AskedParty
from verifier.day import Day
from verifier.judge import Judging, Lookups
from verifier.peer import Peer
from verifier.ports import Log
from verifier.service import Verifier
from verifier.sheet import sheet_of
from verifier.statement import draw_up, sign

REPEATS = 40
GROUPS = (1, 8, 64)
CASES = 50
WORKER = 1
"""The log of a worker that nobody else is in these runs."""


class Laps:
    """Times of named steps, in microseconds of CPU."""

    def __init__(self) -> None:
        """Nothing is timed yet."""
        self._times: dict[str, list[float]] = defaultdict(list)
        self._since = 0

    def begin(self) -> None:
        """What follows belongs to the next step."""
        self._since = time.thread_time_ns()

    def end(self, step: str) -> None:
        """What was done since belongs to this step."""
        now = time.thread_time_ns()
        self._times[step].append((now - self._since) / 1000)
        self._since = time.thread_time_ns()

    @property
    def medians(self) -> Mapping[str, float]:
        """The median of each step, in the order in which they were first taken."""
        return {step: median(times) for step, times in self._times.items()}


def measure(setting: Setting) -> Iterator[Result]:
    """Print the tables; there is no key to them."""
    city = City.made(setting)
    city.publish_missing(setting)
    with setting.report.doing("taking a question apart"), verifier_worker(city.hub, WORKER) as verifier:
        laps, groups = _time(verifier, city)
    steps = {**laps, f"log append, in groups of {max(GROUPS)}": groups[max(GROUPS)]}
    whole = sum(steps.values())
    setting.report.table(
        "Where the CPU time of a question goes, without the transport",
        ("step", "µs", "share %"),
        [(step, figure(spent), figure(100 * spent / whole)) for step, spent in (*steps.items(), ("together", whole))],
    )
    setting.report.table(
        "Log append by the size of the group that one flush makes durable",
        ("entries", "CPU µs an entry"),
        [(str(group), figure(spent)) for group, spent in groups.items()],
    )
    yield from ()


def _time(verifier: Verifier, city: City) -> tuple[Mapping[str, float], Mapping[int, float]]:
    peer = Peer.named([f"spiffe://{city.hub.settings.name}/bench/{CLIENT}"])
    questions = [_question(verifier, peer, each) for each in city.applicants(CASES)]
    desk = verifier.desk
    files = CaseFiles(desk.cases, desk.tagger, desk.hub, verifier.settings.case_files_max)
    parts = Parts(verifier=verifier, files=files, key=city.hub.key_ring.signer(desk.clock.now()))
    laps = Laps()
    kept = [parts.take(peer, question + os.urandom(NONCE_SIZE), laps) for _ in range(REPEATS) for question in questions]
    return laps.medians, {group: _appended(verifier.desk.log, kept, group) for group in GROUPS}


def _question(verifier: Verifier, peer: Peer, applicant: AskedParty) -> bytes:
    """A question in a case opened for it, whose nonce is still missing."""
    party = verification_pb2.Party(role=applicant.role, number=applicant.number, name=applicant.name)
    opening = verification_pb2.OpenCaseRequest(
        item=ITEM,
        parties=[party],
        operator="bench",
        legal_basis="bench",
        presence=statement_pb2.PRESENCE_CARD_READ,
        nonce=os.urandom(NONCE_SIZE),
    )
    opened = verifier.open_case(peer, opening.SerializeToString())
    return unfinished(opened.case_number, opened.case_token, party)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a question passes through."""

    verifier: Verifier
    files: CaseFiles
    key: SigningKey

    def take(self, peer: Peer, raw: bytes, laps: Laps) -> Record:
        """One question, step by step, up to the record of its answer; the reply is made with a stand-in receipt."""
        desk = self.verifier.desk
        agreed, now = desk.agreements.current, desk.clock.now()
        laps.begin()
        client = authenticate(peer, agreed.catalogue, desk.rolls.current(), now)
        laps.end("authenticate")
        call = desk.reader.item_call(raw)
        laps.end("parse")
        file = self.files.read(call, client)
        case = file.case
        laps.end("case token")
        item = desk.cases.check_open(case, agreed.catalogue.item(case.item, case.item_version))
        case.check_parties(call.parties)
        laps.end("case open, parties the same")
        plan = agreed.plans.of(item, case, call.named)
        grants = authorise(agreed.catalogue, client, item, plan.claims, presence=case.presence, now=now)
        laps.end("authorise")
        limits = agreed.catalogue.groups[client.group].limits
        desk.limits.take(limits, client.group, client.id, case.operator, item.id, now)
        laps.end("limits")
        pinned = agreed.facts.pin(plan.datasets)
        laps.end("pin snapshots")
        sheet = sheet_of(plan, grants, pinned.snapshots, case.inputs)
        lookups = Lookups(pinned, case.parties, agreed.aliases)
        held = [lookups.of(asked) for asked in plan.asked]
        laps.end("look up")
        judging = Judging(plan, lookups, case.inputs, now)
        verdicts = [judging.verdict(*each) for each in zip(plan.asked, sheet.standings, held, strict=True)]
        laps.end("evaluate")
        answers = [sheet.answer(at, verdict) for at, verdict in enumerate(verdicts)]
        statement = draw_up(
            call,
            case=file.statement,
            witnesses=file.statement_end,
            answers=[each for each, _ in answers],
            registers=agreed.registers_field(pinned.snapshots),
            day=Day.of(now).written,
            now=now,
        )
        laps.end("draw up the statement")
        signed = sign(statement, self.key)
        laps.end("sign")
        record = records.answered(file, [each for _, each in answers], signed, raw, disclosed=False)
        laps.end("record")
        reply = verification_pb2.SignedStatement(
            statement=signed.statement, signature=signed.signature, key_id=signed.key_id, entry=raw, receipt=raw
        )
        verification_pb2.VerifyItemResponse(signed=reply).SerializeToString()
        laps.end("reply")
        return record


def _appended(log: Log, kept: Sequence[Record], group: int) -> float:
    """CPU microseconds of the process to append a record, when so many are appended at once."""
    began = time.process_time()
    for at in range(0, len(kept), group):
        log.append_all(kept[at : at + group])
    return (time.process_time() - began) / len(kept) * 1e6


BENCH = Bench(name="steps", keys=(), run=measure)
