"""Restoring a hub's home from a backup.

Everything is unpacked, checked and continued in a folder beside (`.<home>.restoring`), which is renamed to the home
when it is whole: whoever is interrupted has no home, and runs it again. What goes on after it: app/continuation.py.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.backup_check import CheckedBackup, check_backup, check_sealed
from app.backup_contents import StoredFile
from app.backup_logs import CHECKPOINT
from app.backup_read import Unpacking, find_backup, open_backup
from app.continuation import Continuation, continue_logs, merged
from app.custody import CustodySettings
from app.envelope import Opens
from app.formats import upgrade
from app.hub import Hub
from app.paths import Paths
from audit.verify_hub import verify_hub
from audit.witness import Comparison, Promise, Standing, compare
from kernel.clock import Clock
from kernel.durable import PRIVATE, PRIVATE_FOLDER, PUBLIC, flush_directory, locked
from kernel.errors import Conflict, Damaged, Malformed, MianzhengError
from kernel.signing import SigningKey
from kernel.trust import Trust

_FOLDERS = ("deliveries", "evidence", "exchange", "logs", "audit", "keys/logs", "pki/clients")


class RestoreFailed(MianzhengError):
    """The home could not be restored; nothing stands where it should have been."""

    code = "restore_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoredHome:
    """A home that stands again (or, after a dry run, could), and how its logs stand to what others hold."""

    home: Path
    checked: CheckedBackup
    continuation: Continuation | None
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoring:
    """What a restore works on. `root` is the hub's root key, where the backup does not hold it.

    `newest` is a newer trust file than the backup's, if there is one; `promises` are receipts and checkpoints that the
    logs are known to have signed.
    """

    backup: Path
    home: Path
    opens: Opens
    settings: CustodySettings
    clock: Clock
    root: SigningKey | None = None
    newest: Trust | None = None
    promises: tuple[Promise, ...] = ()
    tell: Callable[[str], None] = lambda _: None

    def rehearse(self) -> RestoredHome:
        """Check everything that a restore checks, and put nothing anywhere; raises as `restore` does."""
        self._refuse_place()
        checked, unpacking = self._checked()
        check_sealed(unpacking, checked.backup.contents.files, self.tell)
        self._known(merged(checked.trust, self.newest))
        self._root(lambda: _whole(unpacking, "keys/root.key"))
        return RestoredHome(home=self.home, checked=checked, continuation=None, comparisons=())

    def restore(self) -> RestoredHome:
        """Put the home in place, whole or not at all.

        Raises Conflict where something stands there, Damaged where the backup is not as it was written, CannotOpen,
        Malformed for a root key, trust file or receipt that is not this hub's, RestoreFailed where files cannot be
        written.
        """
        self._refuse_place()
        staging = self.home.with_name(f".{self.home.name}.restoring")
        try:
            self.home.parent.mkdir(parents=True, exist_ok=True)
            staging.with_name(f"{staging.name}.lock").touch(PRIVATE)
        except OSError as error:
            raise RestoreFailed(
                f"{error.strerror}", field=str(self.home), remedy="name a place that can be written to"
            ) from error
        with _beside(staging):
            try:
                checked, unpacking = self._checked()
                restored = self._fill(Paths(home=staging), checked, unpacking)
                _refuse_what_stands(self.home)
                staging.replace(self.home)
                flush_directory(self.home.parent)
            except OSError as error:
                raise RestoreFailed(
                    f"{error.strerror}", field=str(error.filename or self.home), remedy="make room, then run it again"
                ) from error
            finally:
                shutil.rmtree(staging, ignore_errors=True)
        return restored

    def _refuse_place(self) -> None:
        try:
            _refuse_what_stands(self.home)
            place = self.home.resolve()
            around = (place, *place.parents)
            if find_backup(self.backup).resolve() in around:
                raise Conflict("this is within the backup", field=str(self.home), remedy="name a place outside of it")
            for each in place.parents:
                if (each / "trust.json").exists() and (each / "FORMAT").exists():
                    raise Conflict(f"this is within the home {each}", field=str(self.home), remedy="name another place")
        except OSError as error:
            raise RestoreFailed(f"{error.strerror}", field=str(self.home), remedy="name another place") from error

    def _checked(self) -> tuple[CheckedBackup, Unpacking]:
        backup = open_backup(find_backup(self.backup), self.settings)
        unpacking = Unpacking(backup, self.opens, chunk=self.settings.chunk_bytes)
        return check_backup(backup, self.settings, tell=self.tell), unpacking

    def _fill(self, paths: Paths, checked: CheckedBackup, unpacking: Unpacking) -> RestoredHome:
        trust = merged(checked.trust, self.newest)
        known = self._known(trust)
        for folder in _FOLDERS:
            (paths.home / folder).mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        for stored in checked.backup.contents.files:
            self.tell(stored.path)
            _unpack(paths.home, stored, unpacking.pieces(stored))
        _settle_folders(paths.home)
        hub = Hub(paths.home, self.clock)
        upgrade(paths, tag_epoch=hub.settings.tag_epoch)
        root = self._root(lambda: (paths.keys / "root.key").read_bytes() if (paths.keys / "root.key").exists() else b"")
        self.tell("audit")
        continuation = continue_logs(paths, checked, trust, root=root, known=known, clock=self.clock)
        comparisons = self._compare(paths)
        _settle_folders(paths.home)
        return RestoredHome(home=self.home, checked=checked, continuation=continuation, comparisons=comparisons)

    def _compare(self, paths: Paths) -> tuple[Comparison, ...]:
        """How the restored logs stand to the promises; raises Damaged where they are not the logs that made those."""
        trust = Trust.parse(paths.trust.read_bytes())
        restored = verify_hub(paths.audit, trust, only="").restored
        found = tuple(compare(paths.audit, trust, restored, each) for each in self.promises)
        for each in found:
            if each.standing is Standing.FORKED:
                raise Damaged("the backup's log is not the one that signed this", field=each.origin)
        return found

    def _known(self, trust: Trust) -> dict[str, int]:
        """The largest size that each log, by origin, is known to have signed; raises Malformed."""
        known: dict[str, int] = {}
        for each in self.promises:
            checkpoint = each.check(trust)
            known[checkpoint.origin] = max(checkpoint.size, known.get(checkpoint.origin, 0))
        return known

    def _root(self, kept: Callable[[], bytes]) -> SigningKey:
        if self.root is not None:
            return self.root
        raw = kept()
        if not raw:
            raise Malformed(
                "the root key must vouch for the new logs, and is not in the backup",
                field="root key",
                remedy="bring it: --root-key FILE",
            )
        try:
            return SigningKey(bytes.fromhex(raw.decode("ascii")))
        except ValueError as error:
            raise Malformed("is no key", field="root key") from error


def _refuse_what_stands(home: Path) -> None:
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise Conflict("something stands here already", field=str(home), remedy="name an empty place")


@contextmanager
def _beside(staging: Path) -> Iterator[None]:
    """Have an empty folder for the length of a block; raises Conflict where another restore has it."""
    lock = staging.with_name(f"{staging.name}.lock")
    with locked(lock, wait=False):
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(mode=PRIVATE_FOLDER)
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


def _unpack(home: Path, stored: StoredFile, pieces: Iterable[bytes]) -> None:
    target = home / stored.path
    if target.name == CHECKPOINT and stored.path.startswith("audit/"):
        target = target.parent / "public" / CHECKPOINT
    target.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    with os.fdopen(handle, "wb") as file:
        for piece in pieces:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    private = stored.mode == PRIVATE or stored.path.endswith((".key", ".sqlite"))
    target.chmod(PRIVATE if private else PUBLIC)
    if stored.modified:
        os.utime(target, (stored.modified, stored.modified))


def _settle_folders(home: Path) -> None:
    """Keep every folder private, and make all names durable."""
    for folder, _, _ in os.walk(home, topdown=False):
        Path(folder).chmod(PRIVATE_FOLDER)
        flush_directory(Path(folder))


def _whole(unpacking: Unpacking, path: str) -> bytes:
    stored = unpacking.backup.contents.by_path.get(path)
    return unpacking.whole(stored) if stored else b""
