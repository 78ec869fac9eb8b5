"""A hub from its backup: it works on, what it once said can still be checked, and nothing is rolled back in silence."""

import json
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from app.backup import Taken, take_backup
from app.envelope import CannotOpen, Passphrase
from app.hub import Hub, open_hub
from app.publishing import publishing_job
from app.restore import RestoredHome, RestoreFailed, Restoring
from audit.detail import OPEN
from audit.generation import generation_of
from audit.record import Record
from audit.verify_hub import verify_hub
from audit.witness import Promise, Standing, compare
from exchange.publish import Published, publish
from kernel.clock import FixedClock, SystemClock
from kernel.errors import Conflict, Damaged, Malformed, NotYourCase
from kernel.signing import SigningKey
from kernel.trust import Trust
from schemas.wire.v1 import audit_pb2
from tests.app.small_hub import QUICK, ROOT, WORDS, command, desk_of, elder
from tests.app.test_backup import SIGKILLED, in_a_process
from verifier.evidence import Evidence, check

pytestmark = pytest.mark.xdist_group("custody")

STAND_ALONE = ROOT / "tools" / "verify_evidence.py"


@pytest.fixture
def taken(hub: Hub, tmp_path: Path, passphrase: Passphrase) -> Taken:
    """A backup of the small hub."""
    return take_backup(hub, tmp_path / "backups", passphrase, QUICK)


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return tmp_path / "new"


@pytest.fixture
def restoring(taken: Taken, new: Path, passphrase: Passphrase) -> Callable[..., Restoring]:
    """What restores the backup into the new home."""

    def make(**changes: object) -> Restoring:
        asked = {"backup": taken.folder, "home": new, "opens": passphrase, "settings": QUICK, "clock": SystemClock()}
        return Restoring(**(asked | changes))  # type: ignore[arg-type]

    return make


def holds_alone(evidence: Path, trust: Path) -> bool:
    """Whether the checker that knows nothing of us believes it."""
    done = subprocess.run(
        [sys.executable, str(STAND_ALONE), str(evidence), str(trust)], check=False, capture_output=True
    )
    return done.returncode == 0


def kept(evidence: Evidence, folder: Path, name: str) -> Path:
    path = folder / f"{name}.evidence.json"
    path.write_bytes(evidence.encode())
    return path


def sound(home: Path) -> bool:
    """Whether every log of a home is."""
    hub = open_hub(home)
    report = verify_hub(hub.paths.audit, hub.trust, hub.detail_keys)
    hub.detail_keys.close()
    return report.all_findings == ()


@pytest.mark.timeout(180)
def test_a_hub_that_burnt_down_goes_on_from_its_backup(hub: Hub, tmp_path: Path, new: Path, pristine: Path) -> None:
    """Asked while the backup is taken, asked again after it, destroyed, restored, asked and published to again."""
    phrase = tmp_path / "phrase"
    phrase.write_text(f"{WORDS}\n", "utf-8")
    asked: list[Evidence] = []
    done = threading.Event()
    with desk_of(hub) as desk:

        def ask() -> None:
            while not done.is_set():
                asked.append(desk.ask())

        old = kept(desk.ask(), tmp_path, "old")
        thread = threading.Thread(target=ask)
        thread.start()
        backed_up = command(
            "backup", str(tmp_path / "backups"), "--passphrase-file", str(phrase), "--json", home=hub.paths.home
        )
        done.set()
        thread.join()
        newer = kept(desk.ask(), tmp_path, "newer")
    assert backed_up.returncode == 0, backed_up.stderr
    size = json.loads(backed_up.stdout)["logs"]["worker-0"]
    last_trust = (hub.paths.trust).read_bytes()
    shutil.rmtree(hub.paths.home)

    restore = ("restore", str(tmp_path / "backups"), "--passphrase-file", str(phrase), "--evidence", str(newer))
    restored = command(*restore, "--home", str(new), "--json")
    assert restored.returncode == 0, restored.stderr
    told = json.loads(restored.stdout)
    assert told["closed"]["wenling.mianzheng.example/audit/worker-0"] == size
    assert [(each["standing"], each["fault"]) for each in told["promises"]] == [("lost", False)]

    again = open_hub(new)
    evidence = {"old": old, "newer": newer}
    shutil.copytree(pristine / "deliveries", new / "deliveries", dirs_exist_ok=True)
    with desk_of(again) as desk:
        fresh = desk.ask()
        evidence["fresh"] = kept(fresh, tmp_path, "fresh")
        assert isinstance(publish(publishing_job(again, "person_aliases", "after", force=True)), Published)
    assert all(holds_alone(path, again.paths.trust) for path in evidence.values())
    for each in (*asked, fresh):
        assert not any(step.fault for step in check(each, again.trust))
    assert any(step.fault for step in check(fresh, Trust.parse(last_trust))), "new logs need the new trust file"

    verified = command(
        "audit",
        "verify",
        "--json",
        *(word for path in evidence.values() for word in ("--evidence", str(path))),
        home=new,
    )
    assert verified.returncode == 0, verified.stdout
    report = json.loads(verified.stdout)
    assert report["sound"]
    assert [each["standing"] for each in report["promises"]] == ["held", "lost", "held"]
    closed = {each["origin"].rpartition("/")[2]: each["restored"] for each in report["logs"] if each["restored"]}
    assert closed.keys() == {"root", "desk", "worker-0"}
    assert closed["worker-0"]["known_size"] > size


def test_a_restored_home_is_private_and_whole(restoring: Callable[..., Restoring], new: Path, hub: Hub) -> None:
    restoring().restore()
    modes = {each: stat.S_IMODE(each.stat().st_mode) for each in (new, *new.rglob("*"))}
    assert {mode for each, mode in modes.items() if each.is_dir()} == {0o700}
    assert {mode for each, mode in modes.items() if each.suffix in {".key", ".sqlite"}} == {0o600}
    same = ("keys/master.key", "keys/answer.key", "keys/index.key", "hub.toml", "exchange/population/current")
    for name in same:
        assert (new / name).read_bytes() == (hub.paths.home / name).read_bytes()
    version = json.loads((new / "exchange" / "population" / "current").read_bytes())["version"]
    for each in (hub.paths.exchange / "population" / "versions" / version).iterdir():
        assert (new / each.relative_to(hub.paths.home)).read_bytes() == each.read_bytes(), each.name
    restored = open_hub(new)
    assert not {"population", "marriages"} & set(restored.exchange.refresh())
    examined = command("doctor", "--deep", "--json", home=new)
    assert examined.returncode == 0, examined.stdout
    assert not list(new.parent.glob(".new*"))


def test_the_keys_of_closed_logs_are_destroyed_and_old_case_tokens_worthless(
    restoring: Callable[..., Restoring], new: Path, hub: Hub
) -> None:
    done = restoring().restore()
    assert done.continuation is not None
    names = {each.stem for each in (new / "keys" / "logs").iterdir()}
    assert {name.partition(".")[2] for name in names} == {done.continuation.generation}
    assert len(names) == 6
    assert (new / "keys" / "case.key").read_bytes() != (hub.paths.keys / "case.key").read_bytes()
    with desk_of(hub) as desk, desk.client() as client:
        case = client.open_case("senior_allowance", [elder(hub)], operator="tests", legal_basis="tests")
    restored = open_hub(new)
    shutil.copytree(hub.paths.deliveries, new / "deliveries", dirs_exist_ok=True)
    with desk_of(restored) as desk, desk.client() as client, pytest.raises(NotYourCase):
        client.verify_item(case)


def test_nothing_that_stands_is_overwritten(restoring: Callable[..., Restoring], new: Path) -> None:
    new.mkdir()
    (new / "letter").write_text("do not lose me", "utf-8")
    for attempt in (restoring().restore, restoring().rehearse):
        with pytest.raises(Conflict, match="stands here"):
            attempt()
    (new / "letter").unlink()
    assert restoring().restore().home == new


def test_a_dry_run_checks_everything_and_puts_nothing_anywhere(
    restoring: Callable[..., Restoring], taken: Taken, new: Path
) -> None:
    assert restoring().rehearse().continuation is None
    assert not new.exists()
    (victim,) = taken.folder.glob("keys/answer.key.sealed")
    victim.write_bytes(victim.read_bytes()[:-1])
    with pytest.raises(Damaged, match="answer"):
        restoring().rehearse()


def test_a_backup_with_one_wrong_byte_restores_nothing(
    restoring: Callable[..., Restoring], taken: Taken, new: Path
) -> None:
    (victim,) = taken.folder.glob("exchange/population/versions/*/data.duckdb.sealed")
    raw = bytearray(victim.read_bytes())
    raw[-20] ^= 1
    victim.write_bytes(bytes(raw))
    with pytest.raises(Damaged, match=r"data\.duckdb"):
        restoring().restore()
    assert not new.exists()
    assert not list(new.parent.glob(".new*"))


def test_another_passphrase_restores_nothing(restoring: Callable[..., Restoring], new: Path) -> None:
    with pytest.raises(CannotOpen):
        restoring(opens=Passphrase(text="a passphrase of others", settings=QUICK)).restore()
    assert not new.exists()


@pytest.mark.parametrize("at", ["FORMAT", "keys/index.key", "audit"])
def test_a_restore_killed_in_the_middle_leaves_no_home_and_runs_again(
    at: str, taken: Taken, restoring: Callable[..., Restoring], new: Path
) -> None:
    assert in_a_process("restore", taken.folder, new, at).returncode == SIGKILLED
    assert not new.exists()
    restoring().restore()
    assert sound(new)
    assert not list(new.parent.glob(".new*"))


def test_a_full_disk_restores_nothing_and_says_so(taken: Taken, new: Path) -> None:
    done = in_a_process("restore", taken.folder, new, 100_000)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{RestoreFailed.code}: ")
    assert not new.exists()


def test_without_its_root_key_no_hub_goes_on(
    hub: Hub, tmp_path: Path, passphrase: Passphrase, restoring: Callable[..., Restoring], new: Path
) -> None:
    """As it should be: the root key is elsewhere, and is brought for the restore."""
    offline = tmp_path / "root.key"
    (hub.paths.keys / "root.key").rename(offline)
    taken = take_backup(hub, tmp_path / "backups", passphrase, QUICK)
    for attempt in (restoring(backup=taken.folder).restore, restoring(backup=taken.folder).rehearse):
        with pytest.raises(Malformed, match="--root-key"):
            attempt()
    with pytest.raises(Malformed, match="not the key that vouches"):
        restoring(backup=taken.folder, root=SigningKey.generate()).restore()
    assert not new.exists()
    restoring(backup=taken.folder, root=SigningKey.read(offline)).restore()
    assert sound(new)
    assert not (new / "keys" / "root.key").exists()


def test_evidence_of_another_history_stops_a_restore(
    hub: Hub, tmp_path: Path, passphrase: Passphrase, restoring: Callable[..., Restoring], new: Path
) -> None:
    """Two machines wrote the log on under one key: the backup of one is not the log that the other's clients know."""
    twin = open_hub(tmp_path / "twin")
    shutil.copytree(hub.paths.home, twin.paths.home)
    record = Record(kind=audit_pb2.ENTRY_KIND_SHED, detail=audit_pb2.Detail(), seal=OPEN)
    logged = []
    for each in (hub, twin):
        with each.logs.open("worker-0") as log:
            logged.append(log.append(record))
    taken = take_backup(hub, tmp_path / "forked", passphrase, QUICK)
    own, other = (Promise.of_receipt(each.receipt, each.entry) for each in logged)
    with pytest.raises(Damaged, match="not the one that signed"):
        restoring(backup=taken.folder, promises=(own, other)).restore()
    assert not new.exists()
    done = restoring(backup=taken.folder, promises=(own,)).restore()
    assert [each.standing for each in done.comparisons] == [Standing.HELD]


def test_a_lost_generation_is_remembered_by_its_trust_file(
    restoring: Callable[..., Restoring], hub: Hub, new: Path, tmp_path: Path
) -> None:
    """Restored, asked, lost again, restored from the first backup: what was said in between still holds."""
    restoring().restore()
    between = open_hub(new)
    shutil.copytree(hub.paths.deliveries, new / "deliveries", dirs_exist_ok=True)
    with desk_of(between) as desk:
        evidence = desk.ask()
    lost_trust, lost = between.trust, generation_of(between.trust)
    shutil.rmtree(new)
    promise = Promise.of_receipt(evidence.receipt, evidence.entry)
    clock = FixedClock(instant=SystemClock().now())
    clock.instant = clock.instant.replace(year=clock.instant.year + 1)
    with pytest.raises(Malformed):
        restoring(promises=(promise,), clock=clock).restore()
    done: RestoredHome = restoring(newest=lost_trust, promises=(promise,), clock=clock).restore()
    assert done.continuation is not None
    assert done.continuation.generation > lost
    assert [each.standing for each in done.comparisons] == [Standing.ABSENT]
    again = open_hub(new)
    assert not any(step.fault for step in check(evidence, again.trust))
    assert sound(new)
    report = verify_hub(again.paths.audit, again.trust)
    assert compare(again.paths.audit, again.trust, report.restored, promise).standing is Standing.ABSENT
    other = Trust.parse((tmp_path / "hub" / "trust.json").read_bytes())
    assert compare(again.paths.audit, other, {}, promise).standing is Standing.FALSE


def test_a_clock_behind_the_logs_restores_nothing(restoring: Callable[..., Restoring], new: Path) -> None:
    restoring().restore()
    newest = open_hub(new).trust
    shutil.rmtree(new)
    early = FixedClock(instant=SystemClock().now().replace(year=2025))
    with pytest.raises(Conflict, match="clock"):
        restoring(newest=newest, clock=early).restore()
    assert not new.exists()


def test_a_home_within_a_backup_or_another_home_is_refused(
    hub: Hub, taken: Taken, restoring: Callable[..., Restoring]
) -> None:
    for place in (taken.folder / "hub", hub.paths.home / "logs" / "hub"):
        for act in (restoring(home=place).restore, restoring(home=place).rehearse):
            with pytest.raises(Conflict, match="within"):
                act()
        assert not place.exists()


def test_a_place_that_cannot_be_used_is_one_clear_error(tmp_path: Path, restoring: Callable[..., Restoring]) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file" / "x", Path("/proc/x/y")):
        with pytest.raises(RestoreFailed):
            restoring(home=place).restore()
