"""Reading a backup: which there are, what is in one, and its files with every byte checked."""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from app.backup_contents import (
    BACKUP_BYTES_MAX,
    BACKUP_FILE,
    CONTENTS_FILE,
    IN_CLEAR,
    UNDER_CONTENT,
    Contents,
    Cover,
    StoredFile,
    contents_mac,
)
from app.backup_writer import stored_path
from app.custody import CustodySettings
from app.envelope import Opens
from app.sealed_file import unseal_file
from exchange.keys import IndexKeys
from kernel.digest import digest
from kernel.errors import Damaged, Malformed
from kernel.plain_file import open_plain, read_bounded
from kernel.sealing import KEY_SIZE, BadSeal, Sealer

_KEY_FILE_MAX = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A backup, as far as it can be read without its key."""

    folder: Path
    cover: Cover
    contents: Contents

    def pieces(self, stored: StoredFile, *, chunk: int) -> Iterator[bytes]:
        """A file's bytes as they lie here; raises Damaged, at the latest after the last, where they were changed."""
        with self.reading(stored) as file:
            while piece := file.read(chunk):
                yield piece

    def reading(self, stored: StoredFile) -> "_Checked":
        """A file as it lies here, checked while it is read; raises Damaged."""
        try:
            return _Checked(open_plain(self.folder / stored_path(stored)), stored)
        except FileNotFoundError as error:
            raise Damaged("is missing", field=stored.path) from error


class _Checked:
    """A file of the backup that is checked against its digest when its end is reached."""

    def __init__(self, file: BinaryIO, stored: StoredFile) -> None:
        self._file = file
        self._stored = stored
        self._found = hashlib.sha256()
        self._size = 0

    def read(self, size: int, /) -> bytes:
        """The next bytes; raises Damaged at the end of a file that is not as it was written."""
        piece = self._file.read(size)
        self._found.update(piece)
        self._size += len(piece)
        stored = self._stored
        if self._size > stored.size or (len(piece) < size and self._differs()):
            raise Damaged("is not as it was written", field=stored.path)
        return piece

    def _differs(self) -> bool:
        return self._size != self._stored.size or self._found.hexdigest() != self._stored.sha256

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def list_backups(target: Path) -> list[Path]:
    """The backups in a folder of backups, oldest first: whole ones only."""
    found = [each for each in target.iterdir() if each.is_dir() and not each.name.startswith(".")]
    return sorted(each for each in found if (each / BACKUP_FILE).is_file())


def find_backup(path: Path) -> Path:
    """The backup at a path, or the newest one in a folder of backups; raises Malformed."""
    if (path / BACKUP_FILE).is_file() and not path.name.startswith("."):
        return path
    found = list_backups(path) if path.is_dir() else []
    if not found:
        raise Malformed("there is no whole backup here", field=str(path), remedy="name a backup, or a folder of some")
    return found[-1]


def open_backup(folder: Path, settings: CustodySettings) -> Backup:
    """Read the two files at a backup's top; raises OtherFormat, Damaged, or Malformed where there are none."""
    try:
        cover = Cover.parse(read_bounded(folder / BACKUP_FILE, BACKUP_BYTES_MAX))
        raw = read_bounded(folder / CONTENTS_FILE, settings.manifest_bytes_max)
    except FileNotFoundError as error:
        raise Malformed("there is no whole backup here", field=str(folder)) from error
    if digest(raw) != cover.contents:
        raise Damaged("is not what the backup commits to", field=CONTENTS_FILE)
    contents = Contents.parse(raw)
    if (contents.id, contents.hub, contents.taken_at) != (cover.id, cover.hub, cover.taken_at):
        raise Damaged("is another backup's", field=CONTENTS_FILE)
    return Backup(folder=folder, cover=cover, contents=contents)


class Unpacking:
    """A backup whose content key is at hand: every file in clear."""

    def __init__(self, backup: Backup, opens: Opens, *, chunk: int) -> None:
        """Open the envelope; raises CannotOpen, Malformed, or Damaged where the contents are not its maker's."""
        self.backup = backup
        self._chunk = chunk
        self._key = opens.open(dict(backup.cover.envelope))
        if contents_mac(self._key, backup.cover.contents) != backup.cover.mac:
            raise Damaged("was not made by who made the backup", field=CONTENTS_FILE)
        files = backup.contents.by_path
        masters = [self.whole(files[name]) for name in files if name.startswith("keys/master")]
        index = self.whole(files["keys/index.key"]) if "keys/index.key" in files else b""
        self._keys = IndexKeys(index=_secret(index), master=_AnyOf([_secret(each) for each in masters]))

    def pieces(self, stored: StoredFile) -> Iterator[bytes]:
        """A file in clear; raises Damaged or BadSeal, at the latest after the last piece."""
        if stored.sealed == IN_CLEAR:
            yield from self.backup.pieces(stored, chunk=self._chunk)
            return
        plain = hashlib.sha256()
        with self.backup.reading(stored) as file:
            for piece in unseal_file(file, self._key_of(stored), stored.path.encode()):
                plain.update(piece)
                yield piece
        if plain.hexdigest() != stored.plain:
            raise Damaged("is not what was sealed", field=stored.path)

    def whole(self, stored: StoredFile) -> bytes:
        """A small file in clear; raises Damaged."""
        if stored.size > _KEY_FILE_MAX:
            raise Damaged("is too large for a key", field=stored.path)
        return b"".join(self.pieces(stored))

    def _key_of(self, stored: StoredFile) -> bytes:
        if stored.sealed == UNDER_CONTENT:
            return self._key
        # exchange/<dataset>/versions/<version>/<file>
        parts = stored.path.split("/")
        wrapped = self.backup.contents.by_path.get("/".join(parts[:-1]) + ".key")
        if len(parts) != 5 or wrapped is None:  # noqa: PLR2004 - the five parts above
            raise Damaged("has no key here", field=stored.path)
        return self._keys.unwrap(self.whole(wrapped), parts[1], parts[3])


class _AnyOf:
    """Unseals under any of several keys: a backup taken while a rotation was interrupted holds two."""

    def __init__(self, keys: list[bytes]) -> None:
        self._sealers = [Sealer(key) for key in keys]

    def seal(self, plain: bytes, purpose: bytes) -> bytes:
        """Nothing is sealed while a backup is read."""
        raise NotImplementedError

    def unseal(self, sealed: bytes, purpose: bytes) -> bytes:
        """The plain bytes; raises BadSeal."""
        for each in self._sealers:
            with suppress(BadSeal):
                return each.unseal(sealed, purpose)
        raise BadSeal("no master key of the backup unseals it", field=purpose.decode("ascii", "replace"))


def _secret(raw: bytes) -> bytes:
    try:
        secret = bytes.fromhex(raw.decode("ascii"))
    except ValueError as error:
        raise Damaged("is no key", field="keys") from error
    if len(secret) != KEY_SIZE:
        raise Damaged("is no key", field="keys")
    return secret
