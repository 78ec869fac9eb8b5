"""A client's stream goes on where its connection breaks: every question is answered, and told once."""

import threading
import time
from typing import Any

import pytest

from kernel.errors import Unauthenticated, Unavailable
from schemas.wire.v1 import verification_pb2 as wire
from verifier.asking_stream import AskingStream
from verifier.client import Asking, CheckedAnswer
from verifier.evidence import FalseEvidence
from verifier.settings import ClientSettings
from verifier.status import Draining

OPERATOR = {"operator": "张三", "legal_basis": "温政发〔2020〕1号"}


@pytest.fixture
def workers(new_station: Any) -> tuple[Any, Any]:
    """Two workers of one hub; the second does not serve yet."""
    return new_station(), new_station(start=False)


def test_a_stream_goes_on_with_another_worker_where_its_own_stops(workers: tuple[Any, Any], elder: Any) -> None:
    first, second = workers
    client = first.client(reconnect=30.0)
    case = client.open_case("senior_allowance", elder, **OPERATOR)
    with client.stream() as stream:
        answers = iter(stream)
        asked = {stream.ask(Asking(case=case)) for _ in range(20)}
        found = [next(answers)]
        port = first.running.port
        first.running.drain()
        asked |= {stream.ask(Asking(case=case)) for _ in range(20)}
        # The next worker comes while the client is trying already.
        late = threading.Timer(0.5, second.start, [port])
        late.start()
        stream.finish()
        found += answers
        late.join()
    assert [type(each) for _, each in found] == [CheckedAnswer] * 40
    assert {number for number, _ in found} == asked
    assert second.entries()


def test_what_a_worker_left_unanswered_is_answered_by_the_next(workers: tuple[Any, Any], elder: Any) -> None:
    first, second = workers
    client = first.client(reconnect=30.0)
    case = client.open_case("senior_allowance", elder, **OPERATOR)
    # It records what it is asked and tells nobody, as one that is killed just then.
    submit = first.log.submit
    untold, held = [], threading.Event()

    def mute(record: Any, told: Any) -> Any:
        def keep(pending: Any) -> None:
            untold.append((told, pending))
            held.set()

        return submit(record, keep)

    first.log.submit = mute
    with client.stream() as stream:
        asked = {stream.ask(Asking(case=case)) for _ in range(5)}
        stream.finish()
        assert held.wait(10)
        second.start(first.running.port)
        first.running._server.stop(0)
        found = dict(stream)
    for told, pending in untold:
        told(pending)
    assert found.keys() == asked
    assert all(isinstance(each, CheckedAnswer) for each in found.values())


def test_a_stream_gives_up_with_the_reason_once_its_time_is_over(new_station: Any, elder: Any) -> None:
    station = new_station()
    client = station.client(reconnect=0.3)
    case = client.open_case("senior_allowance", elder, **OPERATOR)
    with client.stream() as stream:
        answers = iter(stream)
        stream.ask(Asking(case=case))
        next(answers)
        station.running.drain()
        began = time.monotonic()
        with pytest.raises(Unavailable):
            list(answers)
    assert time.monotonic() - began >= 0.3


def test_a_stream_is_not_tried_again_where_that_would_not_help(station: Any, town: Any, elder: Any) -> None:
    case = station.client().open_case("senior_allowance", elder, **OPERATOR)
    stranger = station.client(tls=town.issued(f"spiffe://{town.name}/counter/nobody-01"), reconnect=3600.0)
    before = len(station.entries())
    with stranger.stream() as stream:
        stream.ask(Asking(case=case))
        with pytest.raises(Unauthenticated):
            list(stream)
    assert len(station.entries()) == before + 1


def test_a_hub_that_ends_a_stream_and_leaves_a_question_is_found_out(elder: Any, station: Any) -> None:
    case = station.client().open_case("senior_allowance", elder, **OPERATOR)
    stream = AskingStream(lambda _messages: iter(()), lambda _question, _answered: Draining("as is"), ClientSettings())
    stream.ask(Asking(case=case))
    with pytest.raises(FalseEvidence):
        list(stream)


def test_a_hub_that_answers_a_question_twice_is_found_out(elder: Any, station: Any) -> None:
    case = station.client().open_case("senior_allowance", elder, **OPERATOR)
    twice = wire.VerifyStreamResponse(answered=[wire.Answered(number=1), wire.Answered(number=1)]).SerializeToString()
    stream = AskingStream(
        lambda _messages: iter([twice]), lambda _question, _answered: Draining("as is"), ClientSettings()
    )
    stream.ask(Asking(case=case))
    answers = iter(stream)
    assert next(answers)[0] == 1
    with pytest.raises(FalseEvidence):
        next(answers)


def test_a_stream_waits_until_the_hub_has_room_for_it(new_station: Any, elder: Any) -> None:
    station = new_station(streams_max=1)
    client = station.client(reconnect=30.0)
    case = client.open_case("senior_allowance", elder, **OPERATOR)
    first = client.stream()
    first.ask(Asking(case=case))
    next(iter(first))
    with client.stream() as second:
        second.ask(Asking(case=case))
        threading.Timer(0.5, first.finish).start()
        assert type(next(iter(second))[1]) is CheckedAnswer
