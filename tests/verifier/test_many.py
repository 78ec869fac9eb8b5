"""Several questions in one call, and questions on a stream: each answered, refused and recorded as if asked alone."""

import threading
import time
from typing import Any

import grpc
import pytest

from kernel.errors import CaseClosed, ClaimOutsideItem, NotYourCase, Unauthenticated
from schemas.wire.v1 import verification_pb2 as wire
from tests.verifier.conftest import BANK, HALL
from verifier.call import Named
from verifier.client import AskedParty, Asking, CheckedAnswer
from verifier.status import Draining, Overloaded

OPERATOR = {"operator": "张三", "legal_basis": "温政发〔2020〕1号"}
BATCH = "/mianzheng.v1.VerificationService/VerifyBatch"
STREAM = "/mianzheng.v1.VerificationService/VerifyStream"


@pytest.fixture
def cases(station: Any, couple: Any, elder: Any) -> Any:
    """A client, and one case of each kind."""
    client = station.client()
    return (
        client,
        client.open_case("senior_allowance", elder, **OPERATOR),
        client.open_case("marriage_registration", couple, **OPERATOR),
    )


def test_a_batch_answers_each_question_with_a_statement_of_its_own(station: Any, cases: Any) -> None:
    client, allowance, marriage = cases
    before = len(station.entries())
    found = client.verify_batch(
        [
            Asking(case=allowance),
            Asking(case=marriage),
            Asking(case=marriage, questions=(Named(claim="marriage.unmarried", role="applicant"),)),
            Asking(case=allowance),
        ]
    )
    assert [type(each) for each in found] == [CheckedAnswer] * 4
    assert [each.statement.case_number for each in found] == [
        each.number for each in (allowance, marriage, marriage, allowance)
    ]
    assert len(found[2].statement.answers) == 1
    assert len({each.evidence.signature for each in found}) == 4
    kinds = [entry.kind_name for entry, _ in station.entries()[before:]]
    assert len(kinds) == 4
    assert set(kinds) <= {"ANSWERED", "DISCLOSED"}


def test_a_batch_says_what_a_single_question_says(cases: Any) -> None:
    client, allowance, _ = cases
    (many,), alone = client.verify_batch([Asking(case=allowance)]), client.verify_item(allowance)
    told = [(each.claim, each.outcome, each.reason) for each in many.statement.answers]
    assert told == [(each.claim, each.outcome, each.reason) for each in alone.statement.answers]


def test_one_refused_question_of_a_batch_keeps_no_other_from_its_answer(station: Any, cases: Any, elder: Any) -> None:
    client, allowance, marriage = cases
    closed = client.open_case("senior_allowance", elder, **OPERATOR)
    client.close_case(closed)
    theirs = station.client(BANK)
    before = len(station.entries())
    found = client.verify_batch([Asking(case=allowance), Asking(case=closed), Asking(case=marriage)])
    assert [type(each) for each in found] == [CheckedAnswer, CaseClosed, CheckedAnswer]
    (stolen,) = theirs.verify_batch([Asking(case=allowance)])
    assert type(stolen) is NotYourCase
    refused = [detail.refusal for entry, detail in station.entries()[before:] if entry.kind_name == "REFUSED"]
    assert refused == ["case_closed", "not_your_case"]


@pytest.mark.parametrize("count", [0, 501])
def test_a_batch_of_none_or_too_many_is_refused_whole_and_recorded(station: Any, count: int) -> None:
    call = station.channel().unary_unary(BATCH)
    before = len(station.entries())
    with pytest.raises(grpc.RpcError) as caught:
        call(wire.VerifyBatchRequest(questions=[b"x"] * count).SerializeToString(), timeout=20)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert [detail.refusal for _, detail in station.entries()[before:]] == ["malformed"]


def test_the_largest_batch_is_answered(cases: Any) -> None:
    client, allowance, _ = cases
    found = client.verify_batch([Asking(case=allowance)] * 500)
    assert len(found) == 500
    assert {type(each) for each in found} == {CheckedAnswer}
    assert len({each.evidence.entry for each in found}) == 500


def test_garbage_within_a_batch_is_one_named_refusal_each(station: Any) -> None:
    call = station.channel().unary_unary(BATCH)
    raw = call(wire.VerifyBatchRequest(questions=[b"\xff\xff", b"", b"\x0a\x01x"]).SerializeToString(), timeout=20)
    told = wire.VerifyBatchResponse.FromString(raw).answered
    assert [each.refused.code for each in told] == ["malformed"] * 3
    assert [each.refused.status for each in told] == [grpc.StatusCode.INVALID_ARGUMENT.value[0]] * 3


def test_a_stream_answers_every_question_and_ends_when_the_client_does(cases: Any) -> None:
    client, allowance, marriage = cases
    with client.stream() as stream:
        numbers = {stream.ask(Asking(case=each)): each.number for each in (allowance, marriage) * 40}
        stream.finish()
        found = dict(stream)
    assert found.keys() == numbers.keys()
    assert all(isinstance(each, CheckedAnswer) for each in found.values())
    assert {number: each.statement.case_number for number, each in found.items()} == numbers


def test_a_stream_lives_on_after_a_refusal(cases: Any, elder: Any) -> None:
    client, allowance, _ = cases
    closed = client.open_case("senior_allowance", elder, **OPERATOR)
    client.close_case(closed)
    with client.stream() as stream:
        answers = iter(stream)
        stream.ask(Asking(case=closed))
        assert type(next(answers)[1]) is CaseClosed
        stream.ask(Asking(case=allowance))
        assert type(next(answers)[1]) is CheckedAnswer
        stream.finish()
        assert list(answers) == []


def test_a_stream_reads_no_more_than_may_wait(new_station: Any, elder: tuple[AskedParty, ...]) -> None:
    station = new_station(stream_window=4)
    client = station.client()
    case = client.open_case("senior_allowance", elder, **OPERATOR)
    submit, held, go_on = station.log.submit, [], threading.Event()

    def slowly(record: Any, told: Any) -> Any:
        held.append(record)
        return submit(record, lambda pending: (go_on.wait(10), told(pending)))

    station.log.submit = slowly
    with client.stream() as stream:
        for _ in range(20):
            stream.ask(Asking(case=case))
        time.sleep(0.5)
        assert len(held) == 4
        go_on.set()
        stream.finish()
        assert len(dict(stream)) == 20


def test_a_stream_of_garbage_ends_with_a_named_error_that_is_recorded(station: Any) -> None:
    before = len(station.entries())
    with pytest.raises(grpc.RpcError) as caught:
        list(station.channel().stream_stream(STREAM)(iter([b"\xff\xff"]), timeout=20))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert [detail.refusal for _, detail in station.entries()[before:]] == ["malformed"]


def test_a_client_that_is_not_known_hears_so_once_and_the_stream_ends(station: Any, town: Any, cases: Any) -> None:
    _, allowance, _ = cases
    stranger = station.client(tls=town.issued(f"spiffe://{town.name}/counter/nobody-01"))
    with stranger.stream() as stream:
        for _ in range(3):
            stream.ask(Asking(case=allowance))
        found = []
        with pytest.raises(Unauthenticated):
            found.extend(stream)
    assert [type(each) for _, each in found] == [Unauthenticated]


def test_a_worker_that_stops_answers_what_was_asked_and_says_so(
    new_station: Any, elder: tuple[AskedParty, ...]
) -> None:
    station = new_station()
    client = station.client()
    case = client.open_case("senior_allowance", elder, **OPERATOR)
    with client.stream() as stream:
        answers = iter(stream)
        stream.ask(Asking(case=case))
        assert type(next(answers)[1]) is CheckedAnswer
        draining = threading.Thread(target=station.running.drain)
        draining.start()
        with pytest.raises(Draining):
            list(answers)
        draining.join(20)
    assert station.running.ended.is_set()


def test_more_streams_than_are_served_are_turned_away_with_a_hint(new_station: Any, elder: Any) -> None:
    station = new_station(streams_max=1)
    client = station.client()
    case = client.open_case("senior_allowance", elder, **OPERATOR)
    with client.stream() as first:
        answers = iter(first)
        first.ask(Asking(case=case))
        next(answers)
        with client.stream() as second:
            second.ask(Asking(case=case))
            with pytest.raises(Overloaded) as caught:
                list(second)
    assert caught.value.retry_after_s > 0


def test_a_client_that_goes_leaves_nothing_behind(new_station: Any, elder: Any) -> None:
    station = new_station()
    client = station.client()
    case = client.open_case("senior_allowance", elder, **OPERATOR)
    for _ in range(5):
        with client.stream() as stream:
            answers = iter(stream)
            for _ in range(10):
                stream.ask(Asking(case=case))
            next(answers)
    deadline = time.monotonic() + 10
    while reading() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not reading()
    assert client.verify_item(case)


def reading() -> list[threading.Thread]:
    """The threads that read streams."""
    return [each for each in threading.enumerate() if each.name == "stream"]


def test_what_a_batch_or_stream_may_not_ask_is_refused_as_alone(station: Any, couple: Any) -> None:
    hall = station.client(HALL)
    case = hall.open_case("marriage_registration", couple, **OPERATOR)
    outside = (Named(claim="fund.account_active", role="applicant"),)
    (refused,) = hall.verify_batch([Asking(case=case, questions=outside)])
    assert type(refused) is ClaimOutsideItem
