"""What a worker tells of itself over HTTP: true counts, and nothing about anybody."""

import socket
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from kernel.errors import MianzhengError
from tests.verifier.conftest import NewStation, Station
from verifier.client import AskedParty
from verifier.meter import Meter, Spread
from verifier.metrics import serve_metrics

ITEM = "senior_allowance"
Samples = dict[tuple[str, ...], float]


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def told(new_station: NewStation) -> Iterator[tuple[Station, str]]:
    """A station, and where its metrics are."""
    port = free_port()
    station = new_station(metrics_port=port)
    assert station.running is not None
    end = serve_metrics(station.verifier, station.running.state, 0)
    yield station, f"http://127.0.0.1:{port}/metrics"
    end()


def text_of(url: str) -> str:
    """The page as Prometheus gets it."""
    with urllib.request.urlopen(url, timeout=10) as page:  # noqa: S310 - an address of this machine
        return str(page.read().decode())


def samples(text: str, name: str) -> Samples:
    """A family's samples by their labels' values."""
    return {
        tuple(each.labels.values()): each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
        if each.name == name
    }


def test_answers_refusals_and_calls_are_counted_as_they_were(
    told: tuple[Station, str], elder: tuple[AskedParty, ...]
) -> None:
    station, url = told
    client = station.client()
    case = client.open_case(ITEM, elder, operator="clerk-7", legal_basis="浙江省数字政府条例")
    for _ in range(3):
        client.verify_item(case)
    client.close_case(case)
    with pytest.raises(MianzhengError):
        client.verify_item(case)
    text = text_of(url)
    calls = samples(text, "mianzheng_calls_total")
    assert calls["VerifyItem", "OK"] == 3
    assert calls["OpenCase", "OK"] == 1
    assert calls["VerifyItem", "PERMISSION_DENIED"] == 1
    assert samples(text, "mianzheng_refusals_total") == {("case_closed",): 1}
    answers = samples(text, "mianzheng_answers_total")
    assert {item for _claim, item, _outcome, _reason in answers} == {ITEM}
    assert set(answers.values()) == {3}
    assert samples(text, "mianzheng_call_seconds_count")["VerifyItem",] == 4
    entries = len(station.entries())
    assert samples(text, "mianzheng_commit_entries_sum")[()] == entries
    assert samples(text, "mianzheng_flush_seconds_count")[()] >= 1
    assert samples(text, "mianzheng_serving") == {(): 1}
    assert set(samples(text, "mianzheng_data_as_of_timestamp_seconds")) == {
        (each,) for each in station.town.hub.catalogue.contracts
    }


def test_a_log_that_has_stopped_is_told(told: tuple[Station, str]) -> None:
    station, url = told
    station.log._failure = MianzhengError("no disk")
    assert station.running is not None
    station.running.health.prove()
    text = text_of(url)
    assert samples(text, "mianzheng_serving") == {(): 0}
    assert samples(text, "mianzheng_log_failed") == {(): 1}


def test_a_port_that_is_taken_keeps_nobody_from_serving(told: tuple[Station, str]) -> None:
    station, _ = told
    assert station.running is not None
    with capture_logs() as lines:
        serve_metrics(station.verifier, station.running.state, 0)()
    assert [each["event"] for each in lines] == ["no metrics"]


def test_what_nobody_adds_up_is_bounded_and_what_is_added_up_is_exact() -> None:
    meter = Meter()
    for _ in range(1000):
        meter.call("VerifyItem", "OK", 0.003)
    meter.shed()
    assert meter.counts().calls["VerifyItem", "OK"] == 1000
    counts = meter.counts()
    assert counts.calls["VerifyItem", "OK"] == 1000
    assert counts.shed == 1
    spread = Spread((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 9.0):
        spread.add(value)
    assert spread.buckets() == [("1.0", 2.0), ("2.0", 3.0), ("+Inf", 4.0)]
