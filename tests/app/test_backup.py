"""A backup of a hub that goes on working: whole or none, nothing secret in clear, and its parts fit together."""

import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from app.backup import BackupFailed, Taken, take_backup
from app.backup_check import CheckedBackup, check_backup
from app.backup_contents import BACKUP_FILE, CONTENTS_FILE, Contents, Cover
from app.backup_read import Unpacking, find_backup, list_backups, open_backup
from app.backup_writer import BackupWriter, stored_path
from app.custody import in_custody
from app.envelope import Passphrase
from app.hub import Hub, open_hub
from app.publishing import publishing_job
from audit.checkpoint import Checkpoint
from audit.detail import OPEN
from audit.journal import encode_frame
from audit.record import Prepared, Record
from exchange.current import Current
from exchange.layout import DATA, INDEX, Layout
from exchange.publish import Published, publish
from kernel.digest import digest
from kernel.errors import Conflict, Damaged, MianzhengError, OtherFormat
from samples.personas import Personas
from schemas.wire.v1 import audit_pb2
from tests.app.small_hub import QUICK, ROOT, WORDS, command, desk_of

pytestmark = pytest.mark.xdist_group("custody")

TAKER = Path(__file__).with_name("backup_taker.py")
SIGKILLED = -9


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "backups"


@pytest.fixture
def take(hub: Hub, target: Path, passphrase: Passphrase) -> Callable[..., Taken]:
    """Takes a backup of the small hub."""
    return lambda **choices: take_backup(hub, target, passphrase, QUICK, **choices)


def check(taken: Taken) -> CheckedBackup:
    return check_backup(open_backup(taken.folder, QUICK), QUICK)


def forge(folder: Path, change: Callable[[dict[str, object]], None]) -> None:
    """Change a backup's list of contents, and its cover with it, as whoever can write to it but has no key."""
    contents = json.loads((folder / CONTENTS_FILE).read_bytes())
    change(contents)
    raw = json.dumps(contents).encode()
    (folder / CONTENTS_FILE).write_bytes(raw)
    cover = json.loads((folder / BACKUP_FILE).read_bytes())
    (folder / BACKUP_FILE).write_text(json.dumps({**cover, "contents": f"sha256:{digest(raw).hex()}"}), "utf-8")


def in_a_process(*words: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(TAKER), *map(str, words)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_backup_holds_everything_and_can_be_checked_without_its_key(take: Callable[..., Taken], hub: Hub) -> None:
    taken = take()
    checked = check(taken)
    paths = set(checked.backup.contents.by_path)
    version = Current.parse((hub.paths.exchange / "population" / "current").read_bytes()).version
    assert {
        "FORMAT",
        "hub.toml",
        "trust.json",
        "keys/master.key",
        "keys/logs/desk.key",
        "pki/ca.key",
        "audit/detail-keys.sqlite",
        "audit/root/journal",
        "audit/desk/journal",
        "exchange/population/current",
        f"exchange/population/versions/{version}/{DATA}",
        f"exchange/population/versions/{version}/{INDEX}",
        f"exchange/population/versions/{version}.key",
        f"exchange/population/versions/{version}.receipt",
    } <= paths
    assert not {each.split("/")[0] for each in paths} & {"deliveries", "airflow", "logs", "evidence"}
    assert not any("/runs/" in each for each in paths)
    assert not taken.contents.left_out
    said = command("backup", str(taken.folder), "--check", "--json")
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout)["logs"] == {"root": 3, "desk": 3}


def test_nothing_secret_and_nobodys_number_lies_in_a_backup_in_clear(take: Callable[..., Taken], hub: Hub) -> None:
    """`data.duckdb` is in clear in the home; keys are everywhere. Neither is in the backup."""
    (hub.paths.evidence / "case.evidence.json").write_text("evidence names people", "utf-8")
    taken = take(evidence=True)
    elder = Personas.read(hub.paths.deliveries).elder
    version = Current.parse((hub.paths.exchange / "population" / "current").read_bytes()).version
    in_home = (hub.paths.exchange / "population" / "versions" / version / DATA).read_bytes()
    assert elder.number.encode() in in_home
    whole = b"".join(each.read_bytes() for each in taken.folder.rglob("*") if each.is_file())
    secrets = [each.read_text("ascii") for each in hub.paths.keys.rglob("*.key")]
    assert len(secrets) > 8
    for secret in secrets:
        assert secret.encode() not in whole
        assert bytes.fromhex(secret) not in whole
    for words in (elder.number, elder.name, "evidence names people", "PRIVATE KEY"):
        assert words.encode() not in whole
    assert WORDS.encode() not in whole


def test_only_the_hubs_account_reads_a_backup(take: Callable[..., Taken]) -> None:
    folder = take().folder
    assert {stat.S_IMODE(each.stat().st_mode) & 0o077 for each in (folder, *folder.rglob("*"))} == {0}


def test_a_second_backup_shares_what_never_changes(take: Callable[..., Taken], hub: Hub) -> None:
    first, second, whole = take(), take(), take(whole=True)
    assert first.linked == 0
    assert second.linked == 3 * 4
    assert whole.linked == 0
    version = Current.parse((hub.paths.exchange / "population" / "current").read_bytes()).version
    name = f"exchange/population/versions/{version}/{DATA}.sealed"
    inodes = [(each.folder / name).stat().st_ino for each in (first, second, whole)]
    assert inodes[0] == inodes[1] != inodes[2]
    assert (first.folder / name).read_bytes() == (whole.folder / name).read_bytes()
    for each in (first, second, whole):
        check(each)
    shutil.rmtree(first.folder)
    check(second)


def test_the_passphrase_opens_every_sealed_file(take: Callable[..., Taken], hub: Hub, passphrase: Passphrase) -> None:
    backup = open_backup(take().folder, QUICK)
    unpacking = Unpacking(backup, passphrase, chunk=4096)
    for stored in backup.contents.files:
        plain = b"".join(unpacking.pieces(stored))
        if stored.path.startswith(("keys/", "pki/", "exchange/")) or stored.path in {"hub.toml", "trust.json"}:
            assert plain == (hub.paths.home / stored.path).read_bytes(), stored.path


def test_a_file_that_is_not_as_it_was_written_is_named(take: Callable[..., Taken]) -> None:
    taken = take()
    for path in (
        "FORMAT",
        "trust.json",
        "audit/desk/journal",
        "audit/root/checkpoint",
        "audit/detail-keys.sqlite.sealed",
        "keys/master.key.sealed",
        "exchange/population/current",
        f"exchange/population/versions/*/{DATA}.sealed",
        f"exchange/population/versions/*/{INDEX}",
        "exchange/population/versions/*.key",
    ):
        (victim,) = taken.folder.glob(path)
        raw = victim.read_bytes()
        for forged in (bytes([raw[0] ^ 1]) + raw[1:], raw[:-1], raw + b"\0", None):
            victim.unlink()
            if forged is not None:
                victim.write_bytes(forged)
            with pytest.raises(Damaged, match=victim.name.removesuffix(".sealed")):
                check(taken)
            victim.write_bytes(raw)
    check(taken)


def test_who_cannot_open_a_backup_cannot_change_what_it_says(
    take: Callable[..., Taken], passphrase: Passphrase
) -> None:
    """Whoever writes to the medium can make lists and digests fit again, but not the code over them."""
    taken = take()
    (taken.folder / "FORMAT").write_bytes(b"mianzheng home 1\n")

    def change(contents: dict[str, object]) -> None:
        files = contents["files"]
        assert isinstance(files, list)
        for each in files:
            if each["path"] == "FORMAT":
                each["sha256"] = hashlib.sha256(b"mianzheng home 1\n").hexdigest()

    forge(taken.folder, change)
    check(taken)
    with pytest.raises(Damaged, match="not made by who made the backup"):
        Unpacking(open_backup(taken.folder, QUICK), passphrase, chunk=4096)


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "a/../../b", "", ".", "a//b", "x" * 2000, "a\0b"])
def test_no_path_of_a_backup_leads_out_of_the_home(path: str, take: Callable[..., Taken]) -> None:
    taken = take()
    forge(taken.folder, lambda contents: contents["files"][0].update(path=path))  # type: ignore[index]
    with pytest.raises(Damaged):
        open_backup(taken.folder, QUICK)


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b"\xff", b'{"format": "mianzheng.backup/1"}', b"[" * 100_000])
def test_any_bytes_give_a_cover_and_contents_or_one_error(raw: bytes) -> None:
    for parse in (Cover.parse, Contents.parse):
        with pytest.raises((Damaged, OtherFormat)):
            parse(raw)


def test_a_newer_home_in_a_backup_is_refused(take: Callable[..., Taken]) -> None:
    taken = take()
    forge(taken.folder, lambda contents: contents.update(home_format=3))
    with pytest.raises(OtherFormat, match="format 3"):
        check(taken)


@pytest.mark.parametrize(
    "at", ["marriages", "population", "audit", "audit/detail-keys.sqlite", "keys/index.key", CONTENTS_FILE, BACKUP_FILE]
)
def test_a_backup_killed_in_the_middle_is_none(at: str, hub: Hub, target: Path, take: Callable[..., Taken]) -> None:
    assert in_a_process("take", hub.paths.home, target, at).returncode == SIGKILLED
    assert list_backups(target) == []
    assert [each.name.endswith(".partial") for each in target.iterdir() if each.is_dir()] == [True]
    with pytest.raises(MianzhengError, match="no whole backup"):
        find_backup(target)
    taken = take()
    check(taken)
    assert [each for each in target.iterdir() if each.is_dir()] == [taken.folder]


@pytest.mark.parametrize("size", [10, 5_000, 300_000])
def test_a_full_disk_leaves_no_backup_and_one_clear_error(size: int, hub: Hub, target: Path) -> None:
    done = in_a_process("take", hub.paths.home, target, size)
    assert done.returncode == 1
    assert done.stderr.startswith("backup_failed: ")
    assert len(done.stderr.splitlines()) == 1
    assert [each for each in target.iterdir() if each.is_dir()] == []


def test_a_backup_is_taken_while_a_worker_answers_and_a_dataset_is_published(
    hub: Hub, take: Callable[..., Taken]
) -> None:
    """Asked without a pause; published again and again; no call fails, and each backup fits together."""
    done, asked, published = threading.Event(), 0, 0
    with desk_of(hub) as desk:

        def ask() -> None:
            nonlocal asked
            while not done.is_set():
                desk.ask()
                asked += 1

        def publish_again() -> None:
            nonlocal published
            while not done.is_set():
                job = publishing_job(open_hub(hub.paths.home), "person_aliases", f"r{published}", force=True)
                assert isinstance(publish(job), Published)
                published += 1

        threads = [threading.Thread(target=each) for each in (ask, publish_again)]
        for each in threads:
            each.start()
        taken = []
        while len(taken) < 3 or asked < 5 or published < 2:
            taken.append(take())
        done.set()
        for each in threads:
            each.join()
        assert desk.process.poll() is None
    sizes = [{log.name: log.size for log in check(each).backup.contents.logs} for each in taken]
    assert sizes == sorted(sizes, key=lambda each: (each.get("worker-0", 0), each["desk"]))
    assert sizes[-1]["worker-0"] > 3


def test_current_is_never_copied_without_the_snapshot_that_it_names(
    hub: Hub, take: Callable[..., Taken], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version is published after the versions were listed, and before `current` is read."""
    copy, again = BackupWriter.copy, publishing_job(hub, "population", "meanwhile", force=True)
    meanwhile: list[Published] = []

    def copying(writer: BackupWriter, path: str, source: Path, *, wanted: str) -> object:
        if "population" in path and not meanwhile:
            meanwhile.append(publish(again))  # type: ignore[arg-type]
        return copy(writer, path, source, wanted=wanted)

    monkeypatch.setattr(BackupWriter, "copy", copying)
    taken = take()
    check(taken)
    current = Current.parse((taken.folder / "exchange" / "population" / "current").read_bytes())
    assert current.version == meanwhile[0].version


def test_a_version_that_is_retired_while_it_is_copied_is_left_out_whole(
    hub: Hub, take: Callable[..., Taken], monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout.of(hub.paths.exchange, "population")
    old = Current.parse(layout.current.read_bytes()).version
    assert isinstance(publish(publishing_job(hub, "population", "newer", force=True)), Published)
    seal = BackupWriter.seal_unchanging

    def sealing(writer: BackupWriter, path: str, source: Path, **choices: object) -> object:
        if old in path:
            layout.key(old).unlink()
            shutil.rmtree(layout.version(old))
        return seal(writer, path, source, **choices)  # type: ignore[arg-type]

    monkeypatch.setattr(BackupWriter, "seal_unchanging", sealing)
    taken = take()
    check(taken)
    assert not any(old in path for path in taken.contents.by_path)
    assert not list(taken.folder.rglob(f"*{old}*/*"))
    assert not taken.contents.left_out


def test_a_damaged_snapshot_is_left_out_and_named_and_all_else_is_taken(hub: Hub, target: Path) -> None:
    layout = Layout.of(hub.paths.exchange, "marriages")
    version = Current.parse(layout.current.read_bytes()).version
    with (layout.version(version) / INDEX).open("r+b") as file:
        file.write(b"x")
    (hub.paths.home / "phrase").write_text(f"{WORDS}\n", "utf-8")
    done = command("backup", str(target), "--passphrase-file", str(hub.paths.home / "phrase"), home=hub.paths.home)
    assert done.returncode == 1
    assert f"marriages/{version}" in done.stderr
    contents = check_backup(open_backup(find_backup(target), QUICK), QUICK).backup.contents
    assert "exchange/marriages/current" not in contents.by_path
    assert not any(version in path for path in contents.by_path)
    assert "exchange/population/current" in contents.by_path


def test_entries_that_were_not_signed_for_are_not_taken(hub: Hub, take: Callable[..., Taken]) -> None:
    """A frame behind the published checkpoint may not be durable yet: a crash could still take it away."""
    place = hub.logs.place("desk")
    frame = encode_frame(3, [Prepared(entry=b"e" * 44, sealed=bytes(60))])
    with place.journal.open("ab") as file:
        file.write(frame + frame[:30])
    taken = take()
    check(taken)
    assert {each.name: each.size for each in taken.contents.logs}["desk"] == 3


def test_what_the_root_log_records_is_taken_though_it_is_not_published_yet(
    hub: Hub, take: Callable[..., Taken]
) -> None:
    """As just after a start that recovered entries: the root log says a size that is published a moment later."""
    place = hub.logs.place("worker-0")
    record = Record(kind=audit_pb2.ENTRY_KIND_SHED, detail=audit_pb2.Detail(), seal=OPEN)
    with hub.logs.open("worker-0") as log:
        log.append(record)
    older = place.directory.with_name("older")
    shutil.copytree(place.public, older)
    with hub.logs.open("worker-0") as log:
        log.append(record)
    shutil.rmtree(place.public)
    older.rename(place.public)
    size = Checkpoint.parse(place.checkpoint.read_text("utf-8").partition("\n\n")[0] + "\n").size
    taken = take()
    check(taken)
    assert {each.name: each.size for each in taken.contents.logs}["worker-0"] > size


def test_a_log_that_is_not_what_was_signed_is_not_backed_up(hub: Hub, take: Callable[..., Taken]) -> None:
    place = hub.logs.place("desk")
    raw = bytearray(place.journal.read_bytes())
    raw[len(raw) // 2] ^= 1
    place.journal.write_bytes(bytes(raw))
    with pytest.raises(Damaged, match="journal"):
        take()


def test_a_log_that_vanished_is_not_passed_over(hub: Hub, take: Callable[..., Taken]) -> None:
    """Else the backup would be whole, and the loss forgotten."""
    shutil.rmtree(hub.logs.place("desk").directory)
    with pytest.raises(Damaged, match="the root log records it"):
        take()


def test_a_backup_whose_log_is_shorter_than_its_root_log_says_is_not_whole(
    take: Callable[..., Taken], hub: Hub
) -> None:
    """Made to fit by whoever can write to it: an older state of a log, genuinely signed."""
    record = Record(kind=audit_pb2.ENTRY_KIND_SHED, detail=audit_pb2.Detail(), seal=OPEN)
    with hub.logs.open("worker-0") as log:
        log.append(record)
    older = take()
    with hub.logs.open("worker-0") as log:
        log.append(record)
    newer = take()
    names = ("audit/worker-0/journal", "audit/worker-0/checkpoint")
    for name in names:
        shutil.copyfile(older.folder / name, newer.folder / name)

    def change(contents: dict[str, object]) -> None:
        before = older.contents.by_path
        for each in contents["files"]:  # type: ignore[attr-defined]
            if each["path"] in names:
                each.update(size=before[each["path"]].size, sha256=before[each["path"]].sha256)
        for log, old in zip(contents["logs"], older.contents.logs, strict=True):  # type: ignore[call-overload]
            if log["name"] == "worker-0":
                log.update(size=old.size, root=old.root)

    forge(newer.folder, change)
    with pytest.raises(Damaged, match="shorter than the root log records"):
        check(newer)


def test_one_at_a_time_and_never_into_the_home(
    hub: Hub, take: Callable[..., Taken], passphrase: Passphrase, target: Path
) -> None:
    with in_custody(hub.paths), pytest.raises(Conflict, match="under way"):
        take()
    with pytest.raises(BackupFailed, match="inside"):
        take_backup(hub, hub.paths.home / "backups", passphrase, QUICK)
    target.write_bytes(b"")
    with pytest.raises(BackupFailed):
        take()


def test_a_backup_to_a_public_key_is_opened_by_its_private_key_alone(hub: Hub, target: Path, tmp_path: Path) -> None:
    private = X25519PrivateKey.generate()
    public_file, private_file = tmp_path / "public.pem", tmp_path / "private.pem"
    public_file.write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    private_file.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    done = command("backup", str(target), "--recipient", str(public_file), "--json", home=hub.paths.home)
    assert done.returncode == 0, done.stderr
    restore = ("restore", str(target), "--home", str(tmp_path / "new"), "--dry-run")
    opened = command(*restore, "--private-key", str(private_file))
    assert opened.returncode == 0, opened.stderr
    assert "it can be restored" in opened.stdout
    refused = command(*restore, stdin=f"{WORDS}\n")
    assert refused.returncode == 2
    assert "cannot_open" in refused.stderr
    assert not (tmp_path / "new").exists()


def test_files_of_a_backup_stand_where_the_list_says(take: Callable[..., Taken]) -> None:
    taken = take()
    listed = {stored_path(each) for each in taken.contents.files} | {BACKUP_FILE, CONTENTS_FILE}
    assert {each.relative_to(taken.folder).as_posix() for each in taken.folder.rglob("*") if each.is_file()} == listed
