"""The wire: who gets in, what the port bears, what health says, and how a worker stops."""

import os
import socket
import threading
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from app.pki import Authority
from audit.faulty_files import FaultyFiles
from kernel.errors import Damaged, LogUnavailable, Unauthenticated, Unavailable
from kernel.signing import SigningKey
from schemas.wire.v1 import verification_pb2
from tests.verifier.conftest import Always
from verifier.client import AskedParty
from verifier.servicer import CATALOGUE, VERIFICATION
from verifier.status import Overloaded
from verifier.tls import Tls

OPERATOR = {"operator": "0731", "legal_basis": "《老年人权益保障法》"}
FLUSHES_OF_OPENING = 1
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


def health(station: Any, service: str = "") -> int:
    stub = health_pb2_grpc.HealthStub(station.channel())
    return stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=5).status


def becomes(station: Any, state: int) -> bool:
    """Whether health says so within a few seconds."""
    for _ in range(100):
        if health(station) == state:
            return True
        time.sleep(0.05)
    return False


def test_a_certificate_of_another_authority_does_not_get_in(station: Any) -> None:
    now = datetime.now(UTC)
    foreign = Authority.create("elsewhere.example", now)
    credential = foreign.client(f"spiffe://{station.town.name}/counter/counter-hall-01", now)
    before = len(station.entries())
    with pytest.raises(Unavailable):
        station.client(tls=station.town.as_tls(credential)).items()
    assert len(station.entries()) == before


def test_without_a_certificate_nobody_gets_in(station: Any) -> None:
    credentials = grpc.ssl_channel_credentials(station.town.authority())
    with grpc.secure_channel(station.address, credentials) as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(f"/{CATALOGUE}/ListItems")(b"", timeout=5)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    with grpc.insecure_channel(station.address) as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(f"/{CATALOGUE}/ListItems")(b"", timeout=5)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_certificate_that_names_no_client_is_refused_and_recorded(station: Any) -> None:
    stranger = f"spiffe://{station.town.name}/counter/nobody-99"
    with pytest.raises(Unauthenticated):
        station.client(tls=station.town.issued(stranger)).items()
    kind, detail = station.last()
    assert (kind, detail.refusal, detail.client, detail.channel) == ("REFUSED", "unauthenticated", stranger, "")


def test_the_hubs_own_certificate_is_no_clients(station: Any) -> None:
    tls = station.town.as_tls(Authority.create("h", datetime.now(UTC)).credential)
    with pytest.raises(Unavailable):
        station.client(tls=tls).items()


def test_a_client_does_not_talk_to_a_server_of_another_authority(station: Any) -> None:
    foreign = Authority.create("elsewhere.example", datetime.now(UTC)).credential.certificate
    ours = station.town.tls("counter-hall-01")
    with pytest.raises(Unavailable):
        station.client(tls=Tls(certificate=ours.certificate, key=ours.key, authority=foreign)).items()


def test_a_message_beyond_the_transports_bound_is_dropped(station: Any) -> None:
    call = station.channel().unary_unary(f"/{VERIFICATION}/OpenCase")
    with pytest.raises(grpc.RpcError) as caught:
        call(b"x" * (station.verifier.settings.transport_bytes_max + 1), timeout=10)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert station.client().items()


def test_random_bytes_on_the_port_leave_the_service_alive(station: Any) -> None:
    host, port = station.address.split(":")
    for size in (1, 100, 10_000):
        # The server may hang up at any moment: before all has been sent, or after.
        with socket.create_connection((host, int(port)), timeout=5) as raw, suppress(OSError):
            raw.sendall(os.urandom(size))
            raw.shutdown(socket.SHUT_WR)
            while raw.recv(4096):
                pass
    assert station.client().items()


def test_an_unknown_method_is_unimplemented(station: Any) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        station.channel().unary_unary(f"/{VERIFICATION}/Everything")(b"", timeout=5)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_reflection_lists_and_describes_the_services(station: Any) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(station.channel())
    asked = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol=VERIFICATION),
    ]
    listed, described = stub.ServerReflectionInfo(iter(asked), timeout=5)
    names = {each.name for each in listed.list_services_response.service}
    assert {VERIFICATION, CATALOGUE, "grpc.health.v1.Health"} <= names
    assert described.file_descriptor_response.file_descriptor_proto


def test_a_healthy_worker_says_so(station: Any) -> None:
    assert [health(station, each) for each in ("", VERIFICATION, CATALOGUE)] == [SERVING] * 3


def test_a_log_that_fails_answers_nothing_and_shows_in_health(new_station: Any, elder: tuple[AskedParty, ...]) -> None:
    station = new_station(files=FaultyFiles(operation="flush", at=FLUSHES_OF_OPENING + 2, only="journal"))
    client = station.client()
    case = client.open_case("senior_allowance", elder, **OPERATOR)
    client.verify_item(case)
    known = station.entries()
    with pytest.raises(LogUnavailable):
        client.verify_item(case)
    # Not even a refusal leaves now but the one that says so.
    with pytest.raises(LogUnavailable):
        client.open_case("no_such_item", elder, **OPERATOR)
    assert becomes(station, NOT_SERVING)
    assert health(station, VERIFICATION) == NOT_SERVING
    assert health(station, CATALOGUE) == SERVING
    assert client.items()
    assert known == station.entries()[: len(known)]


def test_a_key_that_cannot_sign_shows_in_health(new_station: Any) -> None:
    class Broken(SigningKey):
        def sign(self, message: bytes) -> bytes:
            return super().sign(message + b"!")

    assert becomes(new_station(answer_keys=Always(Broken(b"\x01" * 32))), NOT_SERVING)


def test_registries_that_cannot_be_read_are_refused_and_show_in_health(
    new_station: Any, elder: tuple[AskedParty, ...]
) -> None:
    class Unreadable:
        def pin(self, datasets: object) -> None:
            raise Damaged("is missing", field=f"{len(list(datasets))} datasets")

    station = new_station()
    client = station.client()
    case = client.open_case("senior_allowance", elder, **OPERATOR)
    agreements = station.verifier.desk.agreements
    agreements.replace(replace(agreements.current, facts=Unreadable()))
    with pytest.raises(Unavailable):
        client.verify_item(case)
    kind, detail = station.last()
    assert (kind, detail.refusal, detail.case_number) == ("REFUSED", "unavailable", case.number)
    assert becomes(station, NOT_SERVING)


def test_a_fault_that_nobody_foresaw_is_refused_without_its_text(
    new_station: Any, elder: tuple[AskedParty, ...]
) -> None:
    number = elder[0].number

    class Unforeseen:
        def pin(self, datasets: object) -> None:
            raise ZeroDivisionError(f"{datasets} {number}")

    station = new_station()
    client = station.client()
    case = client.open_case("senior_allowance", elder, **OPERATOR)
    agreements = station.verifier.desk.agreements
    agreements.replace(replace(agreements.current, facts=Unforeseen()))
    with pytest.raises(Unavailable) as caught:
        client.verify_item(case)
    assert caught.value.code == "internal"
    assert number not in str(caught.value)
    assert station.last()[1].refusal == "internal"


def test_calls_beyond_the_bound_are_shed_and_counted(new_station: Any) -> None:
    station = new_station(calls_waiting_max=0, watch_seconds=0.05)
    client = station.client()
    for _ in range(3):
        with pytest.raises(Overloaded):
            client.items()
    counted = 0
    for _ in range(100):
        shed = [detail for entry, detail in station.entries() if entry.kind_name == "SHED"]
        counted = sum(int(each.attributes["count"]) for each in shed)
        if counted == 3:
            break
        time.sleep(0.05)
    assert counted == 3


@pytest.mark.parametrize("with_id", [True, False])
def test_a_worker_that_is_told_to_stop_ends_the_calls_in_flight(
    new_station: Any, elder: tuple[AskedParty, ...], *, with_id: bool
) -> None:
    station = new_station()
    client = station.client()
    case = client.open_case("senior_allowance", elder, **OPERATOR)
    waiting, go_on = threading.Event(), threading.Event()
    submit = station.log.submit

    def slowly(record: Any, told: Any = None) -> Any:
        waiting.set()
        go_on.wait(10)
        return submit(record, told)

    station.log.submit = slowly
    answers: list[Any] = []
    call = station.channel().unary_unary("/mianzheng.v1.VerificationService/VerifyItem")
    request = verification_pb2.VerifyItemRequest(case_number=case.number, case_token=case.token, nonce=b"n" * 16)
    request.parties.extend(verification_pb2.Party(role=each.role, number=each.number) for each in elder)
    raw = request.SerializeToString()

    def ask() -> None:
        # The typed client gives an id: it waits for the log on another way.
        answers.append(client.verify_item(case) if with_id else call(raw, timeout=10))

    asking = threading.Thread(target=ask)
    asking.start()
    assert waiting.wait(10)
    draining = threading.Thread(target=station.running.drain)
    draining.start()
    assert becomes_closed(station)
    go_on.set()
    draining.join(10)
    assert station.running.ended.is_set()
    asking.join(10)
    assert len(answers) == 1


def becomes_closed(station: Any) -> bool:
    """Whether new calls are turned away within a few seconds."""
    for _ in range(100):
        try:
            station.client().items()
        except Unavailable:
            return True
        time.sleep(0.05)
    return False


def test_workers_share_one_port(new_station: Any, elder: tuple[AskedParty, ...]) -> None:
    first = new_station()
    second = new_station(start=False)
    second.start(first.running.port)
    assert second.running.port == first.running.port
    answered = 0
    for _ in range(20):
        client = first.client()
        client.verify_item(client.open_case("senior_allowance", elder, **OPERATOR))
        answered += 1
        client.close()
        if min(len(first.entries()), len(second.entries())) > 0:
            break
    kinds = [entry.kind_name for entry, _ in first.entries() + second.entries()]
    assert kinds.count("ANSWERED") == answered
    assert first.entries()
    assert second.entries()
