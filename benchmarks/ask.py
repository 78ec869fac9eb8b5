"""How many questions a second one verifier worker answers, and what one costs beyond a call that does nothing.

The worker and the no-op have one core in turn, the load client another. Each question is a whole one: `VerifyItem` in
an open case, five claims over three datasets, mutual TLS, grants, a signed statement, a durable entry, a receipt. Every
reply is checked against the hub's trust file after its round.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from statistics import fmean, median

from app.verification import worker_log
from audit.journal import read_frames
from benchmarks.city import CLIENT, DATASETS, ITEM, City
from benchmarks.driving import drive
from benchmarks.harness import Bench, Result, Setting
from benchmarks.load import Identity, Load, Round, Target
from benchmarks.process import Cores, memory_mb
from benchmarks.question import METHOD, unfinished
from benchmarks.report import figure
from benchmarks.scale import Scale
from benchmarks.servers import WORKER, Server, client, noop, worker
from schemas.wire.v1 import verification_pb2
from verifier.client import AskedParty

CLAIMS = 5
CLIENT_SHARE_MAX = 0.9
SERVER_SHARE_MIN = 0.9

COLUMNS: tuple[tuple[str, Callable[[Round], float]], ...] = (
    ("calls/s", lambda each: each.per_second),
    ("server CPU µs", lambda each: each.server_us),
    ("server core %", lambda each: 100 * each.server_share),
    ("client core %", lambda each: 100 * each.client_share),
    ("p50 ms", lambda each: each.p50_ms),
    ("p99 ms", lambda each: each.p99_ms),
    ("reply bytes", lambda each: each.reply_bytes),
)


def measure(setting: Setting) -> Iterator[Result]:
    """Rounds of the real worker and the no-op in turn."""
    city = City.made(setting)
    city.publish_missing(setting)
    cores = Cores.of_this_machine()
    scale = setting.scale
    real: list[Round] = []
    idle: list[Round] = []
    memory: list[float] = []
    with worker(city, core=cores.server, log=setting.work / "worker.log") as serving:
        load = load_of(city, scale, questions_of(city, setting, serving))
        asked = Target(name="verifier", port=serving.port, pid=serving.pid, check="answer")
        log = setting.work / "load.log"
        with setting.report.doing("warming up"):
            # Replies grow with the log, whose proofs they carry: the no-op's are as large as the first round's.
            first = next(drive([asked], replace(load, rounds=1), identity_of(city), core=cores.load, log=log))
        reply = os.urandom(round(first.reply_bytes))
        with noop(city, reply, core=cores.server, log=setting.work / "noop.log") as doing_nothing:
            target = Target(name="no-op", port=doing_nothing.port, pid=doing_nothing.pid, check="same")
            with setting.report.doing(f"{scale.rounds} pairs of rounds of {scale.round_seconds:.0f} s"):
                for found in drive([asked, target], load, identity_of(city), core=cores.load, log=log):
                    (real if found.target == asked.name else idle).append(found)
                    if found.target == asked.name:
                        memory.append(memory_mb(serving.pid, without=city.hub.paths.exchange))
    _tell(setting, real, idle)
    setting.report.say(f"one flush made {figure(_group(city))} entries durable, on average")
    yield from _results(real, idle, memory, scale)


def questions_of(
    city: City, setting: Setting, serving: Server, applicants: Sequence[AskedParty] = ()
) -> tuple[str, ...]:
    """One question for each of many open cases: request bytes in hex that only a nonce is missing from.

    They are about these people, or about some of the city's.
    """
    questions = []
    applicants = applicants or city.applicants(setting.scale.cases)
    with setting.report.doing(f"opening {len(applicants)} cases"), client(city, serving.port) as asking:
        for each in applicants:
            case = asking.open_case(ITEM, [each], operator="bench", legal_basis="bench")
            party = verification_pb2.Party(role=each.role, number=each.number, name=each.name)
            questions.append(unfinished(case.number, case.token, party).hex())
        _check_question(len(asking.verify_item(case).statement.answers))
    return tuple(questions)


def _check_question(answers: int) -> None:
    if answers != CLAIMS:
        raise ValueError(f"a question should have {CLAIMS} answers and has {answers}")


def load_of(city: City, scale: Scale, questions: tuple[str, ...]) -> Load:
    """The load of these questions at a scale."""
    return Load(
        method=METHOD,
        questions=questions,
        in_flight=scale.in_flight,
        connections=scale.connections,
        warm_up_seconds=scale.warm_up_seconds,
        round_seconds=scale.round_seconds,
        rounds=scale.rounds,
        trust=str(city.hub.paths.trust),
    )


def identity_of(city: City) -> Identity:
    """The client who asks."""
    folder = city.hub.paths.pki
    return Identity(
        authority=str(folder / "ca.pem"),
        certificate=str(folder / "clients" / f"{CLIENT}.pem"),
        key=str(folder / "clients" / f"{CLIENT}.key"),
        server_name="localhost",
    )


def _group(city: City) -> float:
    """How many entries stand in one frame of the worker's journal, on average: that many shared a flush."""
    place = city.hub.logs.place(worker_log(WORKER))
    with place.journal.open("rb") as file:
        return fmean(len(frame.records) for frame in read_frames(file, place.origin))


def _results(real: Sequence[Round], idle: Sequence[Round], memory: Sequence[float], scale: Scale) -> Iterator[Result]:
    pairs = list(zip(real, idle, strict=True))
    question = (
        f"VerifyItem with {CLAIMS} claims over {len(DATASETS)} datasets, {scale.cases} open cases, "
        f"{scale.in_flight} in flight on {scale.connections} connections, one worker on one core"
    )
    yield Result.of("ask.unary.per_s", [each.per_second for each in real], "questions/s", question)
    yield Result.of(
        "ask.unary.ratio_to_noop",
        [one.per_second / other.per_second for one, other in pairs],
        "ratio",
        "the same rate over that of a no-op RPC: same server, TLS, message sizes and core, in the round beside it",
    )
    yield Result.of(
        "ask.unary.p99_ratio_to_noop",
        [one.p99_ms / other.p99_ms for one, other in pairs],
        "ratio",
        "the time within which 99 of 100 questions are answered, over that of the no-op's calls in the round beside it",
    )
    yield Result.of(
        "ask.own_us",
        [one.server_us - other.server_us for one, other in pairs],
        "µs",
        "CPU time of the worker's process a question, less that of the no-op's process a call",
    )
    yield Result.of(
        "memory.worker_mb",
        memory,
        "MB",
        "proportional set size of the worker after each of its rounds, without the mapped snapshot files",
    )


def _tell(setting: Setting, real: Sequence[Round], idle: Sequence[Round]) -> None:
    rows = [
        (rounds[0].target, *(figure(median(read(each) for each in rounds)) for _, read in COLUMNS))
        for rounds in (real, idle)
    ]
    setting.report.table("Questions: medians of the rounds", ("server", *(name for name, _ in COLUMNS)), rows)
    setting.report.say(f"{sum(each.checked for each in real):,} receipts and signatures checked, all hold")
    used = median(each.server_share for each in (*real, *idle))
    if used < SERVER_SHARE_MIN:
        setting.report.say(
            f"the servers had {100 * used:.0f} % of their core only: other programs ran, and the rates say little"
        )
    saturated = max(each.client_share for each in (*real, *idle))
    if saturated > CLIENT_SHARE_MAX:
        setting.report.say(f"the load client used {100 * saturated:.0f} % of its core: it may itself be the limit")


BENCH = Bench(
    name="ask",
    keys=(
        "ask.unary.per_s",
        "ask.unary.ratio_to_noop",
        "ask.unary.p99_ratio_to_noop",
        "ask.own_us",
        "memory.worker_mb",
    ),
    run=measure,
)
