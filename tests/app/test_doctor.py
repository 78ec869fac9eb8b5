"""The doctor: well where all is well, ill where something is, and honest where it cannot know."""

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app.custody import CustodySettings
from app.diagnosis import Level
from app.doctor import DEEP, QUICK, Examined, examine, is_well
from app.examine_data import encryption
from app.hub import Hub, open_hub
from app.last_backup import LastBackup, write_last_backup
from app.master_key import CURRENT, OLD
from app.volume import Encryption, Volume, volume_of
from exchange.current import Current
from exchange.layout import DATA, INDEX, Layout
from kernel.clock import FixedClock, SystemClock
from tests.app.small_hub import command

pytestmark = pytest.mark.xdist_group("custody")

CITY = CustodySettings(free_bytes_min=1)


def found(hub: Hub, settings: CustodySettings = CITY, *, deep: bool = False) -> dict[str, Examined]:
    return {each.examination.code: each for each in examine(hub, settings, deep=deep)}


def said(examined: Examined, level: Level) -> str:
    return "\n".join(each.en for each in examined.findings if each.level is level)


def test_a_hub_that_is_well_is_said_to_be(hub: Hub) -> None:
    report = found(hub, deep=True)
    assert is_well(report.values()), [each for each in report.values() if each.level is Level.ILL]
    assert report.keys() == {each.code for each in (*QUICK, *DEEP)}
    assert "3 snapshots in force open, their indexes whole and sealed" in said(report["snapshots"], Level.WELL)
    assert "never published" in said(report["snapshots"], Level.WARNING)
    assert "root key is on this machine" in said(report["keys"], Level.WARNING)
    assert "never was a backup" in said(report["backup"], Level.WARNING)
    assert "logs are sound" in said(report["logs_deep"], Level.WELL)
    assert "duckdb" in said(report["versions"], Level.WELL)


def test_one_page_in_two_languages_or_json_and_an_exit_code(hub: Hub) -> None:
    shown = command("doctor", home=hub.paths.home)
    assert shown.returncode == 0, shown.stdout
    assert "快照 snapshots in force: 3 个快照可用 3 snapshots" in shown.stdout
    assert len(shown.stdout.splitlines()) < 50
    (hub.paths.keys / "index.key").chmod(0o644)
    ill = command("doctor", "--json", home=hub.paths.home)
    assert ill.returncode == 1
    report = json.loads(ill.stdout)
    assert not report["well"]
    levels = {each["code"]: each["level"] for each in report["examinations"]}
    assert levels["permissions"] == "ill"
    secrets = [each.read_text("ascii") for each in hub.paths.keys.rglob("*.key")]
    assert not [each for each in secrets if each in shown.stdout + ill.stdout]


def test_where_there_is_no_hub_there_is_no_health(tmp_path: Path) -> None:
    assert command("doctor", home=tmp_path / "nothing").returncode == 1
    assert not (tmp_path / "nothing").exists()


def open_to_others(hub: Hub) -> None:
    (hub.paths.keys / "logs" / "desk.key").chmod(0o640)


def key_lost(hub: Hub) -> None:
    (hub.paths.keys / "case.key").unlink()


def foreign_log_key(hub: Hub) -> None:
    (hub.paths.keys / "logs" / "desk.key").write_text("11" * 32, "ascii")


def newer_format(hub: Hub) -> None:
    hub.paths.format.write_bytes(b"mianzheng home 9\n")


def index_changed(hub: Hub) -> None:
    layout = Layout.of(hub.paths.exchange, "population")
    path = layout.version(Current.parse(layout.current.read_bytes()).version) / INDEX
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(bytes(raw))


def checkpoint_changed(hub: Hub) -> None:
    path = hub.logs.place("desk").checkpoint
    path.write_bytes(path.read_bytes().replace(b"desk", b"dexk"))


def tiles_lost(hub: Hub) -> None:
    (hub.logs.place("desk").public / "tile" / "0" / "000.p" / "3").unlink()


def certificate_spoilt(hub: Hub) -> None:
    (hub.paths.pki / "server.pem").write_text("no certificate", "ascii")


def current_lost(hub: Hub) -> None:
    Layout.of(hub.paths.exchange, "population").current.unlink()


def log_key_lost(hub: Hub) -> None:
    (hub.paths.keys / "logs" / "desk.key").unlink()


def server_certificate_lost(hub: Hub) -> None:
    (hub.paths.pki / "server.pem").unlink()


def server_key_lost(hub: Hub) -> None:
    (hub.paths.pki / "server.key").unlink()


def authority_lost(hub: Hub) -> None:
    (hub.paths.pki / "ca.pem").unlink()


def detail_keys_lost(hub: Hub) -> None:
    hub.paths.detail_keys.unlink()


def log_lost(hub: Hub) -> None:
    shutil.rmtree(hub.paths.audit / "desk")


def journal_lost(hub: Hub) -> None:
    hub.logs.place("desk").journal.unlink()


def journal_cut(hub: Hub) -> None:
    path = hub.logs.place("desk").journal
    os.truncate(path, path.stat().st_size - 1)


@pytest.mark.parametrize(
    ("harm", "code", "words"),
    [
        (open_to_others, "permissions", "keys/logs/desk.key is open to others"),
        (key_lost, "keys", "the key case is missing"),
        (foreign_log_key, "keys", "does not vouch for the key logs/desk"),
        (newer_format, "format", "format 9"),
        (index_changed, "snapshots", "population: damaged"),
        (checkpoint_changed, "logs", "the log desk"),
        (tiles_lost, "logs", "the log desk"),
        (certificate_spoilt, "certificates", "server.pem is no certificate"),
        (current_lost, "snapshots", "population: damaged: population: current is missing"),
        (log_key_lost, "keys", "the key logs/desk is missing"),
        (server_certificate_lost, "certificates", "server.pem is missing"),
        (server_key_lost, "certificates", "server.key is missing"),
        (authority_lost, "certificates", "ca.pem is missing"),
        (detail_keys_lost, "logs", "detail-keys.sqlite is missing"),
        (log_lost, "logs", "the log desk is missing"),
        (journal_lost, "logs", "the log desk is missing"),
        (journal_cut, "logs", "the log desk: its journal ends before"),
    ],
)
def test_what_is_ill_is_named_and_the_rest_is_still_looked_at(
    harm: Callable[[Hub], None], code: str, words: str, hub: Hub
) -> None:
    harm(hub)
    report = found(open_hub(hub.paths.home))
    assert words in said(report[code], Level.ILL)
    assert not is_well(report.values())
    assert len(report) == len(QUICK)


def test_data_that_was_changed_is_found_by_the_deep_examination_alone(hub: Hub) -> None:
    layout = Layout.of(hub.paths.exchange, "population")
    path = layout.version(Current.parse(layout.current.read_bytes()).version) / DATA
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(bytes(raw))
    report = found(hub, deep=True)
    assert report["snapshots"].level is not Level.ILL
    assert DATA in said(report["snapshots_deep"], Level.ILL)


def test_too_little_room_is_ill(hub: Hub) -> None:
    assert "needed" in said(found(hub, CustodySettings(free_bytes_min=1 << 60))["disk"], Level.ILL)


def test_certificates_that_end_are_told_before_and_after(hub: Hub) -> None:
    soon = open_hub(hub.paths.home, FixedClock(instant=SystemClock().now() + timedelta(days=390)))
    assert "server.pem ends on" in said(found(soon)["certificates"], Level.WARNING)
    late = open_hub(hub.paths.home, FixedClock(instant=SystemClock().now() + timedelta(days=400)))
    assert "server.pem ends on" in said(found(late)["certificates"], Level.ILL)


def test_a_clock_behind_the_files_is_ill(hub: Hub) -> None:
    early = open_hub(hub.paths.home, FixedClock(instant=SystemClock().now() - timedelta(hours=2)))
    assert "there are files from" in said(found(early)["clock"], Level.ILL)


def test_a_rotation_that_was_interrupted_is_told(hub: Hub) -> None:
    os.link(hub.paths.keys / CURRENT, hub.paths.keys / OLD)
    assert "rotation" in said(found(hub)["keys"], Level.WARNING)


def test_the_age_of_the_last_backup_is_told(hub: Hub) -> None:
    last = LastBackup(folder=Path("/backups/one"), taken_at=SystemClock().now() - timedelta(days=3))
    write_last_backup(hub.paths, last)
    assert "3 days old" in said(found(hub)["backup"], Level.WELL)
    write_last_backup(hub.paths, replace(last, taken_at=last.taken_at - timedelta(days=30)))
    assert "33 days old" in said(found(hub)["backup"], Level.WARNING)
    (hub.paths.home / ".last-backup").write_bytes(b"?")
    assert "never" in said(found(hub)["backup"], Level.WARNING)


def test_an_airflow_that_does_not_reply_is_told_in_time(hub: Hub) -> None:
    hub.paths.airflow.mkdir()
    (hub.paths.airflow / "port").write_text("1", "ascii")
    began = time.monotonic()
    assert "cannot be reached" in said(found(hub, CustodySettings(airflow_within_s=0.3))["airflow"], Level.WARNING)
    assert time.monotonic() - began < 20


def test_data_in_clear_is_said_to_need_an_encrypted_volume(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    findings = list(encryption(hub, CITY))
    assert any("lie here in clear: the volume must be encrypted" in each.en for each in findings)
    for known, level in (
        (Encryption.YES, Level.WELL),
        (Encryption.NOT_FOUND, Level.WARNING),
        (Encryption.UNKNOWN, Level.UNKNOWN),
    ):
        volume = Volume(filesystem="ext4", device="/dev/x", encryption=known, why="so")
        monkeypatch.setattr("app.examine_data.volume_of", lambda _, volume=volume: volume)
        (about,) = [each for each in encryption(hub, CITY) if "/dev/x" in each.en]
        assert about.level is level


class Machine:
    """The files of /proc and /sys that tell of volumes, of a machine as it is described."""

    def __init__(self, folder: Path) -> None:
        self.proc, self.sys = folder / "proc", folder / "sys"
        (self.proc / "self").mkdir(parents=True)
        self.lines: list[str] = []

    def mount(self, point: str, number: str, filesystem: str, source: str) -> None:
        self.lines.append(f"30 1 {number} / {point} rw,relatime shared:1 - {filesystem} {source} rw")
        (self.proc / "self" / "mountinfo").write_text("\n".join(self.lines), "utf-8")

    def block(self, number: str, uuid: str = "", slaves: tuple[str, ...] = ()) -> Path:
        folder = self.sys / "dev" / "block" / number
        folder.mkdir(parents=True)
        if uuid:
            (folder / "dm").mkdir()
            (folder / "dm" / "uuid").write_text(uuid, "ascii")
        for each in slaves:
            (folder / "slaves").mkdir(exist_ok=True)
            (folder / "slaves" / each.replace(":", "-")).symlink_to(self.sys / "dev" / "block" / each)
        return folder

    def volume(self, folder: str) -> Volume:
        return volume_of(Path(folder), proc=self.proc, sys=self.sys)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_luks_is_seen_also_below_lvm(machine: Machine) -> None:
    machine.mount("/", "8:1", "ext4", "/dev/sda1")
    machine.mount("/srv/hub\\040home", "253:2", "xfs", "/dev/mapper/vg-hub")
    machine.block("8:1")
    machine.block("8:2")
    machine.block("253:1", "CRYPT-LUKS2-0123-luks", ("8:2",))
    machine.block("253:2", "LVM-abc", ("253:1",))
    found_there = machine.volume("/srv/hub home/exchange")
    assert (found_there.encryption, found_there.device) == (Encryption.YES, "/dev/mapper/vg-hub")
    assert machine.volume("/var").encryption is Encryption.NOT_FOUND
    assert "cannot be seen from here" in machine.volume("/var").why


def test_a_volume_is_encrypted_only_if_every_disk_under_it_is(machine: Machine) -> None:
    machine.mount("/", "9:0", "ext4", "/dev/md0")
    machine.block("253:1", "CRYPT-LUKS2-0123-luks")
    machine.block("8:2")
    machine.block("9:0", slaves=("253:1", "8:2"))
    assert machine.volume("/").encryption is Encryption.NOT_FOUND


@pytest.mark.parametrize(
    ("filesystem", "known"),
    [
        ("overlay", Encryption.UNKNOWN),
        ("nfs4", Encryption.UNKNOWN),
        ("tmpfs", Encryption.UNKNOWN),
        ("zfs", Encryption.UNKNOWN),
        ("fuse.gocryptfs", Encryption.YES),
    ],
)
def test_where_no_disk_can_be_looked_at_it_says_so(filesystem: str, known: Encryption, machine: Machine) -> None:
    machine.mount("/", "0:40", filesystem, "x")
    assert machine.volume("/").encryption is known


def test_a_machine_without_proc_is_unknown(tmp_path: Path) -> None:
    assert volume_of(tmp_path, proc=tmp_path, sys=tmp_path).encryption is Encryption.UNKNOWN


def test_this_machine_says_something(tmp_path: Path) -> None:
    volume = volume_of(tmp_path)
    assert volume.why
    assert volume.filesystem or volume.encryption is Encryption.UNKNOWN
