"""A new master key while everything runs: no file of a snapshot is touched, and no key is ever lost."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.custody import CustodySettings, in_custody
from app.hub import Hub, open_hub
from app.key_list import list_keys
from app.master_key import CURRENT, NEXT, OLD, MasterKey, secret_id, standing
from app.publishing import publishing_job
from app.rotation import rotate_master, wrapped_keys
from app.secret_file import read_secret
from audit.detail import open_detail, sealing_key_id
from audit.entry import Entry
from audit.journal import read_frames
from audit.logs import DESK
from exchange.keys import IndexKeys
from exchange.layout import Layout
from exchange.publish import Published, publish
from exchange.snapshot import open_snapshot, read_current
from kernel.durable import locked
from kernel.errors import Conflict, Damaged, LogUnavailable
from kernel.sealing import BadSeal, Sealer
from schemas.wire.v1 import audit_pb2
from tests.app.small_hub import ROOT, command, desk_of, elder

# The small hub is made once in a process: what uses it stays together.
pytestmark = pytest.mark.xdist_group("custody")

ROTATOR = Path(__file__).with_name("rotator.py")
STEPS = ("prepared", "recorded", "linked", "switched", "rewrapped marriages", "rewrapped", "told", "finished")
SIGKILLED = -9


def digests(hub: Hub) -> dict[str, str]:
    """Every file of every snapshot, but for the wrapped keys beside them."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in hub.paths.exchange.rglob("*")
        if path.is_file() and path.suffix != ".key" and not path.name.startswith(".")
    }


def layouts(hub: Hub) -> list[Layout]:
    return [Layout(folder=folder) for folder in sorted(hub.paths.exchange.iterdir())]


def unwrapped(home: Path) -> dict[str, bytes]:
    """Every key that is wrapped under the master key, as a process opens them that has just been started."""
    hub = open_hub(home)
    keys = {
        f"{layout.folder.name}/{version}": hub.index_keys.unwrap(path.read_bytes(), layout.folder.name, version)
        for layout in layouts(hub)
        for version, path in wrapped_keys(layout)
    }
    general = hub.detail_keys.general()
    hub.detail_keys.close()
    return {**keys, "general": general.key}


def key_changes(hub: Hub) -> list[dict[str, str]]:
    """What the log says of changed keys."""
    place = hub.logs.place(DESK)
    found = []
    with place.journal.open("rb") as file:
        for frame in read_frames(file, place.origin):
            for record in frame.records:
                entry = Entry.parse(record.entry)
                if entry.kind != audit_pb2.ENTRY_KIND_KEY_CHANGED:
                    continue
                key = hub.detail_keys.get(sealing_key_id(record.sealed))
                assert key is not None
                found.append(dict(open_detail(record.sealed, key, entry.detail_digest).attributes))
    return found


@contextmanager
def being_published(hub: Hub, dataset: str) -> Iterator[None]:
    """Somebody holds the dataset's lock."""
    with locked(Layout.of(hub.paths.exchange, dataset).lock):
        yield


def test_rotation_rewraps_every_key_and_touches_no_snapshot(hub: Hub, settings: CustodySettings) -> None:
    before, files, old = unwrapped(hub.paths.home), digests(hub), read_secret(hub.paths.keys / CURRENT)
    done = rotate_master(hub, settings)
    new = read_secret(hub.paths.keys / CURRENT)
    assert (done.old, done.new, done.resumed) == (secret_id(old), secret_id(new), False)
    assert (done.snapshots, done.details) == (len(before) - 1, 1)
    assert new != old
    assert standing(hub.paths.keys) == {CURRENT}
    assert unwrapped(hub.paths.home) == before
    assert digests(hub) == files
    for layout in layouts(hub):
        for version, path in wrapped_keys(layout):
            with pytest.raises(Damaged):
                IndexKeys(index=b"i" * 32, master=old).unwrap(path.read_bytes(), layout.folder.name, version)
    assert (hub.paths.keys / CURRENT).stat().st_mode & 0o777 == 0o600


def test_a_rotation_is_recorded_when_it_begins_and_when_it_ends(hub: Hub, settings: CustodySettings) -> None:
    done = rotate_master(hub, settings)
    begun, finished = key_changes(hub)
    assert {**begun, "step": ""} == {"key": "master", "step": "", "old": done.old, "new": done.new}
    assert (begun["step"], finished["step"]) == ("begun", "finished")
    assert finished["snapshots"] == str(done.snapshots)


@pytest.mark.parametrize("step", STEPS)
def test_a_rotation_killed_at_any_step_loses_no_key_and_is_finished_by_the_next(
    step: str, hub: Hub, settings: CustodySettings
) -> None:
    before, files = unwrapped(hub.paths.home), digests(hub)
    old = read_secret(hub.paths.keys / CURRENT)
    killed = subprocess.run(
        [sys.executable, str(ROTATOR), str(hub.paths.home), step],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"},
        check=False,
        timeout=60,
    )
    assert killed.returncode == SIGKILLED
    assert unwrapped(hub.paths.home) == before
    assert digests(hub) == files
    if step == "finished":
        assert standing(hub.paths.keys) == {CURRENT}
        return
    done = rotate_master(open_hub(hub.paths.home), settings)
    assert done.resumed
    assert standing(hub.paths.keys) == {CURRENT}
    assert unwrapped(hub.paths.home) == before
    new = read_secret(hub.paths.keys / CURRENT)
    assert (done.old, done.new) == (secret_id(old), secret_id(new))
    assert new != old


def test_workers_answer_and_cases_open_while_the_key_is_rotated(hub: Hub, settings: CustodySettings) -> None:
    with desk_of(hub) as desk, desk.client() as client:
        party = elder(hub)
        case = client.open_case("senior_allowance", [party], operator="tests", legal_basis="tests")
        asked, rotated = 0, threading.Event()

        def rotate() -> None:
            rotate_master(open_hub(hub.paths.home), settings)
            rotated.set()

        thread = threading.Thread(target=rotate)
        thread.start()
        while not rotated.is_set() or asked < 3:
            client.verify_item(case)
            other = client.open_case("senior_allowance", [party], operator="tests", legal_basis="tests")
            client.verify_item(other)
            asked += 1
        thread.join()
        assert desk.process.poll() is None
        client.verify_item(case)
    # Every case that was opened meanwhile has a key that opens its details now.
    hub.detail_keys.close()
    verified = command("audit", "verify", "--json", home=hub.paths.home)
    assert verified.returncode == 0, verified.stdout
    worker = next(each for each in json.loads(verified.stdout)["logs"] if each["origin"].endswith("worker-0"))
    assert worker["details"]["opened"] == worker["size"]


def test_a_publication_that_began_before_the_rotation_is_readable_after_it(hub: Hub, settings: CustodySettings) -> None:
    """Its job was made under the old key; what it wraps later is wrapped under the key then in force."""
    job = publishing_job(hub, "person_aliases", "late", force=True)
    rotate_master(open_hub(hub.paths.home), settings)
    assert isinstance(publish(job), Published)
    fresh = open_hub(hub.paths.home)
    layout = Layout.of(fresh.paths.exchange, "person_aliases")
    current = read_current(layout)
    assert current is not None
    contract = fresh.catalogue.contracts["person_aliases"]
    open_snapshot(layout, current, contract, fresh.index_keys, bytes_max=1 << 20)


def test_a_snapshot_that_was_open_before_stays_open(hub: Hub, settings: CustodySettings) -> None:
    pinned = hub.exchange.pin(["population"])
    rotate_master(open_hub(hub.paths.home), settings)
    assert pinned.snapshots["population"]
    assert not {"population", "marriages"} & set(hub.exchange.refresh())


def test_a_dataset_that_is_published_for_too_long_leaves_everything_readable(hub: Hub) -> None:
    before = unwrapped(hub.paths.home)
    impatient = CustodySettings(publishing_wait_s=0.1, look_again_s=0.02)
    with being_published(hub, "marriages"), pytest.raises(Conflict, match="marriages is being published"):
        rotate_master(hub, impatient)
    assert standing(hub.paths.keys) == {CURRENT, OLD}
    assert unwrapped(hub.paths.home) == before
    assert rotate_master(hub, impatient).resumed


def test_a_rotation_waits_for_a_dataset_that_is_being_published(hub: Hub, settings: CustodySettings) -> None:
    held, release = threading.Event(), threading.Event()

    def publishing() -> None:
        with being_published(hub, "marriages"):
            held.set()
            release.wait(20)

    thread = threading.Thread(target=publishing)
    thread.start()
    held.wait(20)
    threading.Timer(0.3, release.set).start()
    assert rotate_master(hub, settings).snapshots > 0
    thread.join()


def test_without_its_log_no_key_changes(hub: Hub, settings: CustodySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> bytes:
        raise LogUnavailable("the disk is full")

    old = read_secret(hub.paths.keys / CURRENT)
    with monkeypatch.context() as patch:
        patch.setattr(type(hub.recorder), "record", refuse)
        with pytest.raises(LogUnavailable):
            rotate_master(hub, settings)
    assert read_secret(hub.paths.keys / CURRENT) == old
    assert standing(hub.paths.keys) == {CURRENT, NEXT}


def test_two_rotations_or_a_backup_at_once_are_refused(hub: Hub, settings: CustodySettings) -> None:
    with in_custody(hub.paths), pytest.raises(Conflict, match="under way"):
        rotate_master(hub, settings)


def test_a_master_key_that_moves_between_two_looks_is_found(tmp_path: Path) -> None:
    first, second = bytes(32), bytes(range(32))
    (tmp_path / CURRENT).write_text(first.hex(), "ascii")
    master = MasterKey(tmp_path)
    sealed = master.seal(b"k", b"p")
    (tmp_path / NEXT).write_text(second.hex(), "ascii")
    os.link(tmp_path / CURRENT, tmp_path / OLD)
    (tmp_path / NEXT).replace(tmp_path / CURRENT)
    assert master.unseal(sealed, b"p") == b"k"
    assert Sealer(second).unseal(master.seal(b"k", b"p"), b"p") == b"k"
    (tmp_path / OLD).unlink()
    with pytest.raises(BadSeal):
        master.unseal(sealed, b"p")


def test_keys_are_listed_by_id_and_age_and_never_shown(hub: Hub) -> None:
    listed = command("keys", "list", "--json", home=hub.paths.home)
    assert listed.returncode == 0, listed.stderr
    rows = {row["name"]: row for row in json.loads(listed.stdout)}
    assert {"answer", "case", "index", "master", "root", "tag-2026", "logs/desk", "logs/worker-3"} <= rows.keys()
    assert rows["master"]["id"] == secret_id(hub.secret("master"))
    assert rows["answer"]["id"] in {key.key.id for key in hub.trust.keys}
    assert all(row["age_days"] == 0 and len(row["id"]) == 16 for row in rows.values())
    shown = listed.stdout + command("keys", "list", home=hub.paths.home).stdout
    for path in hub.paths.keys.rglob("*.key"):
        assert path.read_text("ascii") not in shown
        assert path.read_text("ascii")[:32] not in shown


def test_a_key_that_cannot_be_read_is_listed_as_such(hub: Hub) -> None:
    (hub.paths.keys / "index.key").write_text("no key", "ascii")
    assert [row.name for row in list_keys(hub) if row.fault] == ["index"]
    assert command("keys", "list", home=hub.paths.home).returncode == 1


def test_the_command_rotates_the_master_key_and_says_what_it_did(hub: Hub) -> None:
    done = command("keys", "rotate", "master", "--json", home=hub.paths.home)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["snapshots"] == 3
    assert command("keys", "rotate", "index", home=hub.paths.home).returncode == 2
    shutil.rmtree(hub.paths.home / "audit" / "desk")
    refused = command("keys", "rotate", "master", home=hub.paths.home)
    assert refused.returncode == 2
    assert refused.stderr.startswith("damaged: ")
