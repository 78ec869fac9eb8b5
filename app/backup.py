"""Taking a backup of a hub's home while everything goes on. Format and promises: docs/specs/backup.md.

A backup is a folder in the target, written beside as `.<id>.partial`, and renamed when its last file is durable: a
folder with another name is none. Nothing blocks a worker: no log's lock is taken, SQLite files are copied through
SQLite, snapshots never change. The order makes the parts fit: snapshots, then the logs that record them, then the keys
that open what the logs hold, and the master key last, with rotations kept off.
"""

import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from app.backup_contents import BACKUP_FILE, CONTENTS_FILE, Contents, Cover, StoredFile, contents_mac
from app.backup_datasets import DatasetCopy
from app.backup_logs import copy_logs
from app.backup_read import list_backups, open_backup
from app.backup_writer import BackupWriter
from app.custody import CustodySettings, in_custody
from app.envelope import Closes
from app.formats import HOME_FORMAT
from app.hub import Hub
from app.last_backup import LastBackup, write_last_backup
from kernel.digest import digest
from kernel.durable import PRIVATE, PUBLIC, flush_directory, locked, make_folder, replace_file
from kernel.errors import Conflict, MianzhengError
from kernel.sealing import new_key

PARTIAL = ".partial"
TAKEN_APART = frozenset({"exchange", "audit", "keys", "pki", "evidence"})
"""Folders of the home that are taken in a way of their own."""
NOT_TAKEN = frozenset({"deliveries", "airflow", "logs"})
"""Folders that are not taken: what departments deliver again, and what is made anew."""
_IN_CLEAR = ("FORMAT", "trust.json")
_SIDE_FILES = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a file in use: its content comes along when the file is copied through SQLite."""


class BackupFailed(MianzhengError):
    """The backup could not be taken; nothing is left that could pass for one."""

    code = "backup_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A backup that stands. `linked` of its files are those of the backup before, under a second name."""

    folder: Path
    contents: Contents
    size: int
    linked: int


def take_backup(
    hub: Hub,
    target: Path,
    closes: Closes,
    settings: CustodySettings,
    *,
    evidence: bool = False,
    whole: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> Taken:
    """Take a backup into a folder of backups; `whole` copies what the one before holds, too.

    Raises BackupFailed where a file cannot be read or written, Conflict where another one is under way, Damaged where a
    log is not what was signed. Snapshots that are damaged are left out, and named.
    """
    if target.resolve().is_relative_to(hub.paths.home.resolve()):
        raise BackupFailed("the target lies inside of the home", field=str(target), remedy="choose another disk")
    with ExitStack() as held:
        held.enter_context(in_custody(hub.paths))
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            make_folder(target)
            held.enter_context(_target_alone(target))
            return _Taking(hub, target, settings, tell).take(closes, evidence=evidence, whole=whole)
        except OSError as error:
            raise BackupFailed(
                f"{error.strerror}", field=str(error.filename or target), remedy="make room, or choose another disk"
            ) from error


@contextmanager
def _target_alone(target: Path) -> Iterator[None]:
    with ExitStack() as held:
        try:
            held.enter_context(locked(target / ".lock", wait=False))
        except Conflict as error:
            raise Conflict("another backup is being taken there", field=str(target)) from error
        yield


class _Taking:
    """One backup on its way."""

    def __init__(self, hub: Hub, target: Path, settings: CustodySettings, tell: Callable[[str], None]) -> None:
        self._hub = hub
        self._target = target
        self._settings = settings
        self._tell = tell

    def take(self, closes: Closes, *, evidence: bool, whole: bool) -> Taken:
        now = self._hub.clock.now()
        name = f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        for left in self._target.glob(f".*{PARTIAL}"):
            shutil.rmtree(left)
        before = None if whole else self._before()
        partial = self._target / f".{name}{PARTIAL}"
        content_key = new_key()
        make_folder(partial)
        try:
            writer = BackupWriter(partial, content_key, chunk=self._settings.chunk_bytes, before=before)
            contents = self._fill(writer, name, now, evidence=evidence)
            self._finish(writer, contents, content_key, closes)
            partial.rename(self._target / name)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        flush_directory(self._target)
        write_last_backup(self._hub.paths, LastBackup(folder=self._target / name, taken_at=now))
        size = sum(each.size for each in contents.files)
        return Taken(folder=self._target / name, contents=contents, size=size, linked=writer.linked)

    def _before(self) -> tuple[Path, dict[str, StoredFile]] | None:
        """The newest backup that stands in the target and is of this hub; None where there is none to build on."""
        for folder in reversed(list_backups(self._target)):
            with suppress(MianzhengError):
                found = open_backup(folder, self._settings)
                if found.contents.hub == self._hub.settings.name:
                    return folder, found.contents.by_path
        return None

    def _fill(self, writer: BackupWriter, name: str, now: datetime, *, evidence: bool) -> Contents:
        """Copy everything, in the order in which the parts fit together."""
        hub, paths = self._hub, self._hub.paths
        datasets = DatasetCopy(paths.exchange, hub.index_keys, writer)
        datasets.copy_all(self._tell)
        self._tell("audit")
        logs = copy_logs(paths.audit, hub.trust, writer)
        for path, source in self._private(evidence=evidence):
            self._tell(path)
            # Files that others write may go meanwhile; those that a home cannot be without are missed on restoring.
            with suppress(FileNotFoundError):
                writer.seal_whatever(path, source)
        for path in _IN_CLEAR:
            writer.put(path, [(paths.home / path).read_bytes()], mode=PUBLIC)
        self._copy_agreements(writer)
        return Contents(
            id=name,
            hub=hub.settings.name,
            home_format=HOME_FORMAT,
            taken_at=now,
            logs=logs,
            files=tuple(writer.files.values()),
            left_out=datasets.left_out,
        )

    def _private(self, *, evidence: bool) -> Iterator[tuple[str, Path]]:
        """Every file that is sealed under the content key: its path in the home, and where it is."""
        paths = self._hub.paths
        home = paths.home
        yield "audit/detail-keys.sqlite", paths.detail_keys
        for each in sorted(home.iterdir()):
            if each.name.startswith(".") or each.name in {*_IN_CLEAR, *NOT_TAKEN, *TAKEN_APART}:
                continue
            if each.is_file() and not each.name.endswith(_SIDE_FILES):
                yield each.name, each
            elif each.is_dir():
                yield from _below(home, each)
        if evidence:
            yield from _below(home, paths.evidence)
        yield from _below(home, paths.pki)
        yield from _below(home, paths.keys)

    def _copy_agreements(self, writer: BackupWriter) -> None:
        """Copy the city's agreements where they lie outside of us and of the home."""
        root = self._hub.paths.agreed(self._hub.settings.agreements)
        if root is None or root.resolve().is_relative_to(self._hub.paths.home.resolve()):
            return
        for each in sorted(root.rglob("*")):
            if each.is_file():
                writer.put(f"agreements-in-force/{each.relative_to(root).as_posix()}", [each.read_bytes()], mode=PUBLIC)

    def _finish(self, writer: BackupWriter, contents: Contents, content_key: bytes, closes: Closes) -> None:
        """Write the two files at the top, last and durably."""
        self._tell(CONTENTS_FILE)
        writer.finish()
        raw = contents.to_bytes()
        replace_file(writer.folder / CONTENTS_FILE, raw, mode=PRIVATE)
        cover = Cover(
            id=contents.id,
            hub=contents.hub,
            taken_at=contents.taken_at,
            contents=digest(raw),
            mac=contents_mac(content_key, digest(raw)),
            envelope=closes.close(content_key),
        )
        replace_file(writer.folder / BACKUP_FILE, cover.to_bytes(), mode=PRIVATE)
        self._tell(BACKUP_FILE)


def _below(home: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    for each in sorted(folder.rglob("*")):
        if each.is_file() and not each.name.startswith(".") and not each.name.endswith(_SIDE_FILES):
            yield each.relative_to(home).as_posix(), each
