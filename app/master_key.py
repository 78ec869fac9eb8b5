"""The master key, as its files have it at this moment.

Whatever else must be kept secret on disk is wrapped under the master key: the data key of every snapshot, the key of
every sealed detail. Rotation replaces it while everything runs, so nobody keeps it: who wraps looks which key is in
force, and who unwraps tries those that there are.

| file in `keys/` | is |
|---|---|
| `master.key` | in force: everything new is wrapped under it |
| `master.next.key` | only while a rotation prepares: nothing is wrapped under it yet |
| `master.old.key` | only while a rotation rewraps: what has not been rewrapped yet is under it |
"""

import os
from pathlib import Path

from app.secret_file import read_secret
from kernel.errors import Malformed
from kernel.sealing import BadSeal, Sealer, keyed_hash

CURRENT, NEXT, OLD = "master.key", "master.next.key", "master.old.key"

_ID_SIZE = 8
_ATTEMPTS = 3
"""A file may be renamed between two looks; thrice in a row it is not."""


class MasterKey:
    """Seals under the master key in force, and unseals under any that there is. For any thread of any process."""

    def __init__(self, folder: Path) -> None:
        """Name the folder of the hub's keys; nothing is read yet."""
        self._folder = folder
        self._kept: tuple[tuple[int, int, int], Sealer] | None = None

    def seal(self, plain: bytes, purpose: bytes) -> bytes:
        """Nonce and ciphertext under the key in force; raises Malformed where there is none."""
        return self._in_force().seal(plain, purpose)

    def unseal(self, sealed: bytes, purpose: bytes) -> bytes:
        """The plain bytes; raises BadSeal where none of the keys opens them."""
        try:
            return self._in_force().unseal(sealed, purpose)
        except BadSeal:
            return self._unseal_under_any(sealed, purpose)

    def _unseal_under_any(self, sealed: bytes, purpose: bytes) -> bytes:
        for _ in range(_ATTEMPTS):
            # In this order: what is renamed between two reads is then read twice, never missed.
            for name in (NEXT, CURRENT, OLD):
                try:
                    return Sealer(read_secret(self._folder / name)).unseal(sealed, purpose)
                except (BadSeal, Malformed):
                    continue
        raise BadSeal("no master key unseals it", field=purpose.decode("ascii", "replace"))

    def _in_force(self) -> Sealer:
        path = self._folder / CURRENT
        try:
            found = path.stat()
        except OSError:
            return Sealer(read_secret(path))
        state = found.st_ino, found.st_size, found.st_mtime_ns
        if self._kept is None or self._kept[0] != state:
            self._kept = state, Sealer(read_secret(path))
        return self._kept[1]


def secret_id(secret: bytes) -> str:
    """Names a secret without telling it; 16 hex digits."""
    return keyed_hash(secret, b"mianzheng.key-id/1")[:_ID_SIZE].hex()


def standing(folder: Path) -> frozenset[str]:
    """Which of the master key's files there are."""
    return frozenset(name for name in (CURRENT, NEXT, OLD) if os.path.lexists(folder / name))
