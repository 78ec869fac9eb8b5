"""Who is entered and revoked while the service runs: for every worker, on open connections and streams, fail closed."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.case_endings import Asked
from app.clients import clients_of, enrol, find_client, issue, restore_client, revoke_client, revoke_serial
from app.pki import Credential
from cli.main import main
from kernel.clock import FixedClock
from kernel.errors import CertificateExpired, Conflict, Damaged, Malformed, OutsidePlace, Revoked, Unavailable
from schemas.client import Client
from schemas.title import Title
from verifier.client import AskedParty, Asking
from verifier.peer import Peer
from verifier.roll import CHECK_SECONDS, Operator, Roll, Rolls
from verifier.roll import Revoked as RevokedAt
from verifier.stream import LOOK_SECONDS

KEY = b"k" * 32
NOW = datetime(2026, 11, 24, 4, tzinfo=UTC)
OPERATOR = {"operator": "0731", "legal_basis": "《老年人权益保障法》"}
ALLOWANCE = "senior_allowance"
WHY = Asked(by="li", reason="设备被盗 stolen")
CLIENT = Client(
    id="spiffe://hub/kiosk/kiosk-9",
    group="kiosk",
    channel="kiosk",
    device="kiosk-9",
    title=Title(zh="九号", en="Nine"),
    place="331081",
)
ROLL = Roll(
    number=7,
    entered={CLIENT.id: CLIENT},
    clients={"spiffe://hub/bank/b": RevokedAt(at=NOW, reason="被盗")},
    serials={"1f": RevokedAt(at=NOW, reason="lost")},
    operators={"0731": Operator(id="0731", groups=("counter",), key=b"p" * 32)},
)


def test_a_roll_survives_its_file() -> None:
    assert Roll.parse(ROLL.encode(KEY), KEY) == ROLL
    assert Roll.parse(Roll().encode(KEY), KEY) == Roll()


@given(st.binary(max_size=300))
def test_any_bytes_are_a_roll_or_damaged(raw: bytes) -> None:
    with suppress(Damaged):
        Roll.parse(raw, KEY)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_roll_with_one_byte_changed_is_damaged(place: int, change: int) -> None:
    raw = bytearray(ROLL.encode(KEY))
    raw[place % len(raw)] ^= change
    with pytest.raises(Damaged):
        Roll.parse(bytes(raw), KEY)
    with pytest.raises(Damaged):
        Roll.parse(ROLL.encode(KEY), b"x" * 32)


@pytest.mark.parametrize(
    "data", [{}, {"format": "mianzheng.roll/2"}, {"format": "mianzheng.roll/1", "number": "x"}, []]
)
def test_what_is_sealed_and_is_no_roll_is_damaged(data: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json, "dumps", lambda *_, **__: repr(data).replace("'", '"'))
    raw = ROLL.encode(KEY)
    monkeypatch.undo()
    with pytest.raises(Damaged):
        Roll.parse(raw, KEY)


def test_a_file_that_is_not_as_it_was_written_lets_nobody_in(tmp_path: Path) -> None:
    path = tmp_path / "roll.json"
    rolls = Rolls(path, KEY, check_seconds=0.0)
    assert rolls.current() == Roll()
    path.write_bytes(ROLL.encode(KEY))
    assert rolls.current() == ROLL
    path.write_bytes(ROLL.encode(KEY)[:-2])
    for _ in range(2):
        with pytest.raises(Unavailable):
            rolls.current()
    path.unlink()
    with pytest.raises(Unavailable):
        rolls.current()
    path.write_bytes(ROLL.encode(KEY))
    assert rolls.current() == ROLL


@pytest.fixture
def served(new_station: Any, town: Any) -> Iterator[Callable[..., Any]]:
    """Makes workers that look at the home's own roll."""
    path = town.hub.paths.roll
    assert not path.exists()
    clock = FixedClock(instant=town.now)

    def make(**changes: Any) -> Any:
        rolls = Rolls(path, town.hub.lasting_secret)
        return new_station(rolls=rolls, clock=clock, **changes)

    yield make
    path.unlink(missing_ok=True)


def test_a_revoked_client_is_let_in_no_more_by_any_worker_on_open_connections(
    served: Callable[..., Any], town: Any, elder: tuple[AskedParty, ...]
) -> None:
    assert CHECK_SECONDS < 1
    first, second = served(), served()
    hall = find_client(town.hub, "counter-hall-01")
    clients = [first.client(), second.client()]
    cases = [each.open_case(ALLOWANCE, elder, **OPERATOR) for each in clients]
    for client, case in zip(clients, cases, strict=True):
        client.verify_item(case)
    revoke_client(town.hub, hall, WHY)
    time.sleep(CHECK_SECONDS)
    for station, client, case in zip((first, second), clients, cases, strict=True):
        with pytest.raises(Revoked):
            client.verify_item(case)
        kind, detail = station.last()
        assert (kind, detail.refusal, detail.client) == ("REFUSED", "revoked", hall.id)
        with pytest.raises(Revoked):
            client.items()
        with pytest.raises(Revoked):
            client.open_case(ALLOWANCE, elder, **OPERATOR)
    # Others are not in it, and the client is let in again once it is restored.
    assert first.client("counter-daxi-01").items()
    restore_client(town.hub, hall, WHY)
    time.sleep(CHECK_SECONDS)
    clients[0].verify_item(cases[0])
    with pytest.raises(Conflict):
        restore_client(town.hub, hall, WHY)


def test_a_revoked_certificate_is_replaced_by_another_of_the_same_client(
    served: Callable[..., Any], town: Any, elder: tuple[AskedParty, ...]
) -> None:
    station = served()
    daxi = find_client(town.hub, "counter-daxi-01")
    old = town.tls(daxi.device)
    serial = issue(town.hub, daxi, WHY)
    assert serial == Peer.of_certificate(town.tls(daxi.device).certificate).serial
    # Both are good while they overlap, and a case goes on under the new one.
    before, after = station.client(tls=old), station.client(daxi.device)
    case = before.open_case(ALLOWANCE, elder, **OPERATOR)
    after.verify_item(case)
    revoke_serial(town.hub, Peer.of_certificate(old.certificate).serial.upper(), WHY)
    time.sleep(CHECK_SECONDS)
    with pytest.raises(Revoked):
        before.verify_item(case)
    after.verify_item(case)


def test_a_stream_ends_when_its_client_is_revoked(
    served: Callable[..., Any], town: Any, elder: tuple[AskedParty, ...]
) -> None:
    station = served()
    kiosk = find_client(town.hub, "kiosk-zeguo-01")
    client = station.client(kiosk.device)
    case = client.open_case(ALLOWANCE, elder, **OPERATOR)
    with client.stream() as stream:
        answers = iter(stream)
        stream.ask(Asking(case=case))
        next(answers)
        revoke_client(town.hub, kiosk, WHY)
        time.sleep(CHECK_SECONDS)
        stream.ask(Asking(case=case))
        with pytest.raises(Revoked):
            list(answers)
    restore_client(town.hub, kiosk, WHY)


@pytest.mark.parametrize(("happens", "why"), [("revoked", Revoked), ("expires", CertificateExpired)])
def test_a_stream_on_which_nothing_is_asked_ends_as_well(
    served: Callable[..., Any], town: Any, happens: str, why: type[Exception]
) -> None:
    assert CHECK_SECONDS + LOOK_SECONDS < 1
    station = served()
    kiosk = find_client(town.hub, "kiosk-zeguo-01")
    with station.client(kiosk.device).stream() as stream:
        answers = iter(stream)
        if happens == "revoked":
            revoke_client(town.hub, kiosk, WHY)
        else:
            station.clock.advance(timedelta(days=398))
        with pytest.raises(why):
            next(answers)


def test_a_certificate_whose_time_is_over_is_let_in_no_more_on_an_open_connection(
    served: Callable[..., Any], elder: tuple[AskedParty, ...]
) -> None:
    station = served()
    client = station.client()
    case = client.open_case(ALLOWANCE, elder, **OPERATOR)
    client.verify_item(case)
    station.clock.advance(timedelta(days=398))
    with pytest.raises(CertificateExpired):
        client.verify_item(case)
    assert station.last()[1].refusal == "certificate_expired"


def test_a_client_is_entered_while_the_service_runs(
    served: Callable[..., Any], town: Any, elder: tuple[AskedParty, ...]
) -> None:
    station, hub = served(), town.hub
    title = Title(zh="松门镇1号终端", en="Songmen, kiosk 1")
    parts: dict[str, Any] = {"channel": "", "title": title, "asked": WHY}
    entered = enrol(hub, "kiosk-songmen-01", "kiosk", place="331081102", **parts)
    placeless = enrol(hub, "kiosk-nowhere-01", "kiosk", place="", **parts)
    time.sleep(CHECK_SECONDS)
    client = station.client(entered.device)
    assert {each.item for each in client.items()} == {ALLOWANCE, "elderly_courtesy_card"}
    client.verify_item(client.open_case(ALLOWANCE, elder, **OPERATOR))
    with pytest.raises(OutsidePlace):
        station.client(placeless.device).open_case(ALLOWANCE, elder, **OPERATOR)
    with pytest.raises(Conflict):
        enrol(hub, "kiosk-songmen-01", "kiosk", place="331081102", **parts)
    listed = {each.client.device: each for each in clients_of(hub)}
    assert listed["kiosk-songmen-01"].entered
    assert not listed["counter-hall-01"].entered
    for wrong in ({"group": "nobody"}, {"channel": "bank"}, {"device": "Kiosk 1"}, {"place": "泽国"}):
        given: dict[str, Any] = {"device": "kiosk-x", "group": "kiosk", "place": "", **parts, **wrong}
        device, group = given.pop("device"), given.pop("group")
        with pytest.raises(Malformed):
            enrol(hub, device, group, **given)


def test_a_certificate_that_cannot_be_read_is_nobodys() -> None:
    assert Peer.of_certificate(b"-----BEGIN") == Peer(id="")
    assert Peer.named(["spiffe://a/b/c", "spiffe://a/b/d"]).id == ""
    assert Peer.named(["https://x", "spiffe://a/b/c"]).id == "spiffe://a/b/c"


def test_a_client_is_managed_by_commands(
    served: Callable[..., Any], town: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served()
    monkeypatch.setenv("MIANZHENG_HOME", str(town.hub.paths.home))

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["mianzheng", "clients", *words])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        return code, capsys.readouterr().out

    why = ("--reason", "新设备 new device", "--by", "li")
    titles = ("--title", "箬横镇1号终端", "--title-en", "Ruoheng, kiosk 1")
    assert run("enrol", "kiosk-ruoheng-01", "--group", "kiosk", "--place", "331081103", *titles, *why)[0] == 0
    certificate = Credential.read(town.hub.paths.pki / "clients", "kiosk-ruoheng-01").certificate
    code, shown = run("show", "kiosk-ruoheng-01")
    assert code == 0
    assert f"{Peer.of_certificate(certificate).serial} · 有效 valid" in shown
    assert run("revoke", "kiosk-ruoheng-01", *why)[0] == 0
    assert "已撤销 revoked" in run("show", "kiosk-ruoheng-01")[1]
    line = next(each for each in run("list")[1].splitlines() if each.startswith("kiosk-ruoheng-01: "))
    assert line.endswith("kiosk/kiosk · 331081103 后登记 entered 已撤销 revoked")
    assert run("restore", "kiosk-ruoheng-01", *why)[0] == 0
    assert run("renew", "kiosk-ruoheng-01")[0] == 0
    assert run("revoke", "--serial", Peer.of_certificate(certificate).serial, *why)[0] == 0
    assert run("revoke", *why)[0] == 2
    assert run("revoke", "--serial", "no serial", *why)[0] == 2
    assert run("show", "nobody")[0] == 2
