"""Asking again under the same request id: told the same again, by any worker, and nothing is done twice."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from kernel.clock import FixedClock
from kernel.errors import (
    CaseClosed,
    Malformed,
    MianzhengError,
    NotYourCase,
    RequestIdReused,
    Unauthenticated,
    Unavailable,
    UnderWay,
)
from schemas.wire.v1 import statement_pb2
from schemas.wire.v1 import verification_pb2 as wire
from verifier.client import AskedParty, OpenCase, VerificationClient
from verifier.once import REQUEST_ID, Begun, KeptReplies
from verifier.refusals import error_from
from verifier.settings import ClientSettings

SERVICE = "/mianzheng.v1.VerificationService/"
OPERATOR = {"operator": "0731", "legal_basis": "《老年人权益保障法》"}
ALLOWANCE = "senior_allowance"
NOW = datetime(2026, 11, 24, 4, tzinfo=UTC)
HALL, DAXI = "counter-hall-01", "counter-daxi-01"
NewReplies = Callable[..., KeptReplies]


def call(station: Any, method: str, raw: bytes, request_id: str, device: str = HALL) -> bytes:
    """The reply's bytes; raises the refusal."""
    try:
        made = station.channel(device).unary_unary(SERVICE + method)
        return bytes(made(raw, timeout=20, metadata=((REQUEST_ID, request_id),)))
    except grpc.RpcError as failed:
        raise error_from(failed) from failed  # type: ignore[arg-type]


def opening(elder: tuple[AskedParty, ...]) -> bytes:
    """A case's request, with a nonce of its own."""
    word = statement_pb2.PRESENCE_OPERATOR_WORD
    request = wire.OpenCaseRequest(item=ALLOWANCE, presence=word, nonce=b"n" * 16)
    request.operator, request.legal_basis = OPERATOR["operator"], OPERATOR["legal_basis"]
    request.parties.extend(wire.Party(role=each.role, number=each.number) for each in elder)
    return request.SerializeToString()


def question(case: OpenCase, nonce: bytes = b"n" * 16) -> bytes:
    """Everything that the case's item needs."""
    request = wire.VerifyItemRequest(case_number=case.number, case_token=case.token, nonce=nonce)
    request.parties.extend(wire.Party(role=each.role, number=each.number) for each in case.parties)
    return request.SerializeToString()


def kinds(*stations: Any) -> list[str]:
    return [entry.kind_name for each in stations for entry, _ in each.entries()]


def test_each_call_that_is_made_again_is_told_the_same_and_recorded_once(new_station: Any, elder: Any) -> None:
    station = new_station()
    case = station.client().open_case(ALLOWANCE, elder, **OPERATOR)
    batch = wire.VerifyBatchRequest(questions=[question(case)]).SerializeToString()
    closing = wire.CloseCaseRequest(case_number=case.number, case_token=case.token).SerializeToString()
    calls = {
        "OpenCase": opening(elder),
        "VerifyItem": question(case),
        "Verify": question(case, b"v" * 16),
        "VerifyBatch": batch,
        "CloseCase": closing,
    }
    for method, raw in calls.items():
        if method == "Verify":
            request = wire.VerifyRequest.FromString(raw)
            request.questions.add(claim="person.alive", role="applicant")
            raw = request.SerializeToString()  # noqa: PLW2901
        before = len(station.entries())
        replies = {call(station, method, raw, f"id-of-{method}") for _ in range(3)}
        assert len(replies) == 1, method
        assert len(station.entries()) == before + 1, method


def test_another_worker_and_one_that_was_started_anew_tell_the_same(new_station: Any, elder: Any) -> None:
    first, second = new_station(), new_station()
    case = first.client().open_case(ALLOWANCE, elder, **OPERATOR)
    told = call(first, "VerifyItem", question(case), "one")
    assert call(second, "VerifyItem", question(case), "one") == told
    assert kinds(second) == []
    first.stop()
    assert call(new_station(number=0), "VerifyItem", question(case), "one") == told


def test_an_id_is_one_clients_and_one_requests(new_station: Any, elder: Any) -> None:
    station = new_station()
    case = station.client().open_case(ALLOWANCE, elder, **OPERATOR)
    call(station, "VerifyItem", question(case), "one")
    for method, raw in (("VerifyItem", question(case, b"m" * 16)), ("Verify", question(case))):
        with pytest.raises(RequestIdReused):
            call(station, method, raw, "one")
        kind, detail = station.last()
        assert (kind, detail.refusal) == ("REFUSED", "request_id_reused")
    # Another client's id of the same letters is another: it learns nothing of the first one's reply.
    with pytest.raises(NotYourCase):
        call(station, "VerifyItem", question(case), "one", DAXI)


@pytest.mark.parametrize("request_id", ["", "x" * 65, "a\tb"])
def test_what_is_no_id_is_refused(new_station: Any, elder: Any, request_id: str) -> None:
    with suppress(MianzhengError):
        call(new_station(), "OpenCase", opening(elder), request_id)
        pytest.fail("was answered")


def test_a_refusal_is_not_kept(new_station: Any, elder: Any) -> None:
    station = new_station()
    case = station.client().open_case(ALLOWANCE, elder, **OPERATOR)
    station.closures.close_case(case.number, case.expires_at)
    for _ in range(2):
        with pytest.raises(CaseClosed):
            call(station, "VerifyItem", question(case), "one")
    assert kinds(station).count("REFUSED") == 2


def test_a_client_that_is_not_let_in_any_more_is_not_told_what_it_was(new_station: Any, elder: Any) -> None:
    station = new_station()
    case = station.client().open_case(ALLOWANCE, elder, **OPERATOR)
    call(station, "VerifyItem", question(case), "one")
    agreements = station.verifier.desk.agreements
    agreements.replace(replace(agreements.current, catalogue=replace(agreements.current.catalogue, clients={})))
    with pytest.raises(Unauthenticated):
        call(station, "VerifyItem", question(case), "one")
    assert station.last()[0] == "REFUSED"


def test_after_the_window_it_is_answered_anew(new_station: Any, town: Any, elder: Any) -> None:
    clock = FixedClock(instant=town.now)
    station = new_station(clock=clock)
    case = station.client().open_case(ALLOWANCE, elder, **OPERATOR)
    told = call(station, "VerifyItem", question(case), "one")
    clock.advance(timedelta(seconds=119))
    assert call(station, "VerifyItem", question(case), "one") == told
    clock.advance(timedelta(seconds=2))
    assert call(station, "VerifyItem", question(case), "one") != told


def test_at_once_through_two_workers_it_is_answered_once(new_station: Any, elder: Any) -> None:
    stations = [new_station() for _ in range(2)]
    case = stations[0].client().open_case(ALLOWANCE, elder, **OPERATOR)

    def ask(at: int) -> bytes:
        while True:
            try:
                return call(stations[at % 2], "VerifyItem", question(case), "one")
            except UnderWay:
                time.sleep(0.01)

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(16)))) == 1
    assert sum(each in ("ANSWERED", "DISCLOSED") for each in kinds(*stations)) == 1


def test_the_typed_client_tries_again_under_the_same_id(new_station: Any, town: Any, elder: Any) -> None:
    station = new_station(handler_threads=1, calls_waiting_max=0, retry_after_seconds=0.01)
    seen: list[str] = []
    service = station.running._servicer.service

    def watch(details: Any) -> Any:
        seen.append(dict(details.invocation_metadata)[REQUEST_ID])
        # What was shed for the first time is let through for the second.
        station.running._servicer._waiting_max = 512 if seen.count(seen[-1]) > 1 else 0
        return service(details)

    station.running._servicer.service = watch
    settings = ClientSettings(address=station.address, tries_max=4)
    asking: Any = VerificationClient(tls=town.tls(HALL), trust=town.hub.trust, settings=settings)
    with asking as client:
        client.verify_item(client.open_case(ALLOWANCE, elder, **OPERATOR))
    assert len(seen) == 4
    assert seen[0] == seen[1] != seen[2] == seen[3]


@pytest.fixture
def new(tmp_path: Path) -> Iterator[NewReplies]:
    """Makes workers that share one file."""
    made: list[KeptReplies] = []

    def make(holder: str = "worker-0", **parts: Any) -> KeptReplies:
        given = {
            "busy_seconds": 5.0,
            "window": timedelta(seconds=120),
            "begun": timedelta(seconds=15),
            "length_max": 64,
            "bytes_max": 1 << 22,
            **parts,
        }
        made.append(KeptReplies(tmp_path / "replies.sqlite", b"k" * 32, holder=holder, **given))
        return made[-1]

    yield make
    for each in made:
        each.end()


def begin(replies: KeptReplies, request_id: str = "one", now: datetime = NOW) -> Begun:
    begun = replies.begin("client", "Verify", request_id, b"raw", now)
    assert isinstance(begun, Begun)
    return begun


KILLED = """
import os, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from verifier.once import KeptReplies
replies = KeptReplies(Path(sys.argv[1]), b"k" * 32, holder="worker-0", busy_seconds=5.0,
    window=timedelta(seconds=120), begun=timedelta(seconds=15), length_max=64, bytes_max=1 << 22)
now = datetime(2026, 11, 24, 4, tzinfo=UTC)
replies.keep(replies.begin("client", "Verify", "answered", b"raw", now), b"the reply")
replies.begin("client", "Verify", "begun", b"raw", now)
os.kill(os.getpid(), 9)
"""


def test_what_a_killed_worker_had_answered_stays_and_what_it_had_begun_is_let_go(
    new: NewReplies, tmp_path: Path
) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "replies.sqlite")], check=False)
    assert killed.returncode == -9
    other = new("worker-1")
    assert other.begin("client", "Verify", "answered", b"raw", NOW) == b"the reply"
    with pytest.raises(UnderWay):
        begin(other, "begun")
    # The others may answer it when it is taken for lost; at once, when the worker is back.
    begin(other, "begun", NOW + timedelta(seconds=15))
    begin(new("worker-0"), "another")
    with pytest.raises(UnderWay):
        begin(other, "begun", NOW + timedelta(seconds=16))


def test_a_worker_that_is_back_lets_go_of_what_it_had_begun(new: NewReplies) -> None:
    begin(new())
    begin(new())


def test_only_the_last_who_began_a_request_keeps_its_reply(new: NewReplies) -> None:
    first, second = new("worker-0"), new("worker-1")
    slow = begin(first)
    later = NOW + timedelta(seconds=20)
    quick = begin(second, now=later)
    first.keep(slow, b"slow")
    first.release(slow)
    second.keep(quick, b"quick")
    assert first.begin("client", "Verify", "one", b"raw", later) == b"quick"


def test_threads_begin_a_request_once(new: NewReplies) -> None:
    workers = [new(f"worker-{at}") for at in range(3)]
    begun: list[object] = []

    def try_it(replies: KeptReplies) -> None:
        with suppress(UnderWay):
            begun.append(begin(replies))

    threads = [threading.Thread(target=try_it, args=(each,)) for each in workers * 4]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(begun) == 1


def test_where_there_is_no_room_none_is_begun_until_the_window_has_passed(new: NewReplies) -> None:
    replies = new(bytes_max=1 << 18)
    kept = 0
    with suppress(Unavailable):
        while kept < 1000:
            replies.keep(begin(replies, str(kept)), b"x" * 10_000)
            kept += 1
            # The last may have room for its beginning and not for its reply.
            begin(replies, f"room for {kept}")
    assert 5 < kept < 1000
    later = NOW + timedelta(seconds=121)
    replies.forget(later)
    begin(replies, "later", later)


def test_a_file_that_is_gone_answers_nobody(new: NewReplies, tmp_path: Path) -> None:
    replies = new()
    (tmp_path / "replies.sqlite").unlink()
    with pytest.raises(Unavailable):
        begin(replies)


def test_the_file_tells_nothing_about_anybody(new: NewReplies, tmp_path: Path) -> None:
    replies = new()
    begun = replies.begin("client", "Verify", "id-331081194001010010", b"331081194001010010", NOW)
    assert isinstance(begun, Begun)
    replies.keep(begun, b"331081194001010010")
    raw = b"".join(each.read_bytes() for each in tmp_path.glob("replies.sqlite*"))
    assert b"331081194001" not in raw
    assert (tmp_path / "replies.sqlite").stat().st_mode & 0o777 == 0o600


def test_a_reply_that_was_changed_on_the_disk_is_not_told(new: NewReplies) -> None:
    replies = new()
    for request_id in ("one", "two"):
        replies.keep(begin(replies, request_id), request_id.encode())
    replies._store._database.execute("UPDATE replies SET reply = (SELECT max(reply) FROM replies)")
    told = []
    for request_id in ("one", "two"):
        with suppress(Unavailable):
            told.append(replies.begin("client", "Verify", request_id, b"raw", NOW) == request_id.encode())
    assert told == [True]


def test_what_is_no_id_begins_nothing(new: NewReplies) -> None:
    for each in ("", "x" * 65, "号", "a\nb"):
        with pytest.raises(Malformed):
            begin(new(), each)
