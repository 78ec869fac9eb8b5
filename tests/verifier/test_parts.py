"""What is put together from parts that were encoded before is what serialising the whole gives; and no thread waits."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.faulty_files import FaultyFiles
from kernel.errors import LogUnavailable
from schemas.wire.v1 import audit_pb2, statement_pb2
from schemas.wire.v1 import verification_pb2 as wire
from verifier.call import Named
from verifier.client import AskedParty, OpenCase
from verifier.fields import field, varint
from verifier.pool import Pool

OPERATOR = {"operator": "张三", "legal_basis": "《婚姻登记条例》"}
VERIFY_ITEM = "/mianzheng.v1.VerificationService/VerifyItem"


@given(st.integers(0, 1 << 64 - 1))
def test_a_number_is_written_as_protobuf_writes_it(value: int) -> None:
    message = wire.Numbered(number=value % (1 << 64))
    assert message.SerializeToString() == (b"\x08" + varint(value) if value else b"")


@given(st.binary(max_size=40_000))
def test_a_field_is_written_as_protobuf_writes_it(content: bytes) -> None:
    assert wire.Numbered(question=content).SerializeToString() == (field(2, content) if content else b"")


@pytest.mark.parametrize("item", ["marriage_registration", "senior_allowance"])
def test_statements_and_details_are_what_serialising_them_gives(
    station: Any, couple: Any, elder: Any, item: str
) -> None:
    client = station.client()
    case = client.open_case(item, couple if item == "marriage_registration" else elder, **OPERATOR)
    named = (Named(claim="person.alive", role="applicant"),) if item == "senior_allowance" else None
    for answer in (client.verify_item(case), client.verify(case, named) if named else client.verify_item(case)):
        raw = answer.evidence.statement
        again = statement_pb2.Statement.FromString(raw)
        assert again.SerializeToString(deterministic=True) == raw
        (detail,) = [each for entry, each in station.entries() if entry.encode() == answer.evidence.entry]
        assert isinstance(detail, audit_pb2.Detail)
        assert detail.request == answer.evidence.request
        without = [statement_pb2.Answer.FromString(each.SerializeToString()) for each in again.answers]
        for each in without:
            each.ClearField("disclosed")
        assert list(detail.answers) == without
        assert list(detail.parties) == list(again.parties)


def question(case: OpenCase) -> bytes:
    """A question without a request id: its handler waits for nothing."""
    return wire.VerifyItemRequest(
        case_number=case.number,
        case_token=case.token,
        parties=[wire.Party(role=each.role, number=each.number, name=each.name) for each in case.parties],
        nonce=os.urandom(16),
    ).SerializeToString()


def test_more_calls_wait_for_one_flush_than_there_are_threads(new_station: Any, elder: tuple[AskedParty, ...]) -> None:
    station = new_station(handler_threads=2)
    client = station.client()
    case = client.open_case("senior_allowance", elder, **OPERATOR)
    submit, waiting, go_on = station.log.submit, [], threading.Event()

    def held(record: Any, told: Any) -> Any:
        waiting.append(record)
        return submit(record, lambda pending: (go_on.wait(10), told(pending)))

    station.log.submit = held
    call = station.channel().unary_unary(VERIFY_ITEM)
    with ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(call, question(case), timeout=20) for _ in range(16)]
        for _ in range(200):
            if len(waiting) == 16:
                break
            threading.Event().wait(0.05)
        assert len(waiting) == 16, "two threads took all sixteen questions up to the log"
        go_on.set()
        assert all(each.result() for each in asked)


def test_a_caller_that_gives_up_while_its_answer_waits_leaves_its_entry(new_station: Any, elder: Any) -> None:
    station = new_station()
    client = station.client()
    case = client.open_case("senior_allowance", elder, **OPERATOR)
    submit, go_on = station.log.submit, threading.Event()
    station.log.submit = lambda record, told: submit(record, lambda pending: (go_on.wait(10), told(pending)))
    call = station.channel().unary_unary(VERIFY_ITEM)
    with pytest.raises(grpc.RpcError) as caught:
        call(question(case), timeout=0.5)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    go_on.set()
    assert call(question(case), timeout=20)
    kinds = [entry.kind_name for entry, _ in station.entries()]
    assert sum(kind in {"ANSWERED", "DISCLOSED"} for kind in kinds) == 2


def test_questions_that_wait_when_the_log_fails_are_all_refused(new_station: Any, elder: Any) -> None:
    station = new_station(files=FaultyFiles(operation="flush", at=3, only="journal"))
    client = station.client()
    case = client.open_case("senior_allowance", elder, **OPERATOR)
    with ThreadPoolExecutor(8) as pool:
        failed = [pool.submit(client.verify_item, case) for _ in range(40)]
        errors = [each.exception() for each in failed]
    assert any(isinstance(each, LogUnavailable) for each in errors)
    assert {type(each) for each in errors if each is not None} == {LogUnavailable}
    with pytest.raises(LogUnavailable):
        client.verify_item(case)


def test_a_pool_runs_everything_that_it_was_given_before_it_ends() -> None:
    pool, done = Pool(3, "tests"), []
    for number in range(200):
        pool.submit(done.append, number)
    pool.shutdown()
    assert sorted(done) == list(range(200))
    assert pool.waiting == 0
