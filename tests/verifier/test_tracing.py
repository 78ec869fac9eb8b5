"""Traces reach a collector over HTTP, and tell where the time went and nothing else."""

import http.server
import threading
from collections.abc import Iterator

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from kernel.errors import MianzhengError
from tests.verifier.conftest import NewStation
from verifier.answer import STEPS
from verifier.client import AskedParty


class Collector(http.server.ThreadingHTTPServer):
    """Takes what exporters send, as a collector's OTLP receiver does."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        super().__init__(("127.0.0.1", 0), Receiver)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1/traces"

    def spans(self) -> Iterator[Span]:
        for body in self.bodies:
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    yield from scope.spans


class Receiver(http.server.BaseHTTPRequestHandler):
    """Keeps what comes."""

    server: Collector

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_call_is_a_span_and_its_steps_are_the_children(
    new_station: NewStation, collector: Collector, elder: tuple[AskedParty, ...]
) -> None:
    station = new_station(traces_endpoint=collector.endpoint, traces_share=1.0)
    client = station.client()
    case = client.open_case("senior_allowance", elder, operator="clerk-0731", legal_basis="浙江省数字政府条例")
    client.verify_item(case)
    client.close_case(case)
    with pytest.raises(MianzhengError):
        client.verify_item(case)
    station.stop()
    spans = list(collector.spans())
    roots = [each for each in spans if not each.parent_span_id]
    assert [each.name for each in roots].count("VerifyItem") == 2
    assert {each.name for each in roots} == {"OpenCase", "VerifyItem", "CloseCase"}
    answered = min((each for each in roots if each.name == "VerifyItem"), key=lambda each: each.start_time_unix_nano)
    steps = [each for each in spans if each.parent_span_id == answered.span_id]
    steps.sort(key=lambda each: each.start_time_unix_nano)
    assert {each.name for each in steps} >= set(STEPS)
    assert all(each.start_time_unix_nano >= answered.start_time_unix_nano for each in steps)
    assert all(each.end_time_unix_nano <= answered.end_time_unix_nano for each in steps)
    told = b"".join(collector.bodies)
    for secret in (elder[0].number, elder[0].name, "clerk-0731", case.number, "浙江省数字政府条例"):
        assert not secret or secret.encode() not in told


def test_without_an_endpoint_nothing_is_traced(new_station: NewStation) -> None:
    assert new_station(start=False).verifier.desk.tracing is None


def test_a_collector_that_is_down_costs_no_answer(new_station: NewStation, elder: tuple[AskedParty, ...]) -> None:
    station = new_station(traces_endpoint="http://127.0.0.1:1/v1/traces", traces_share=1.0)
    client = station.client()
    case = client.open_case("senior_allowance", elder, operator="clerk-0731", legal_basis="浙江省数字政府条例")
    assert client.verify_item(case).statement.answers
