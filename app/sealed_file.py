"""A file of any length, sealed piece by piece: what a backup keeps of everything that must not lie there in clear.

Format: docs/specs/backup.md. A head of 20 bytes, then pieces of 1 MiB of the plain file and a shorter last one, each
under AES-256-GCM. The nonce is the piece's number and a byte that says whether it is the last, so pieces cannot be
dropped, doubled, swapped or cut off; the purpose (which file of what) is associated data and goes into the key.
"""

from collections.abc import Iterator
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kernel.sealing import BadSeal, keyed_hash

HEAD = b"mianzheng sealed 1\r\n"
PIECE_SIZE = 1 << 20
"""Plain bytes of a piece. Part of the format: equal files under equal keys give equal sealed files."""
SUFFIX = ".sealed"

_TAG_SIZE = 16
_COUNTER_SIZE = 11


class Reads(Protocol):
    """A file, as far as sealing needs one."""

    def read(self, size: int, /) -> bytes:
        """The next bytes; none at the end."""


def seal_file(source: Reads, key: bytes, purpose: bytes) -> Iterator[bytes]:
    """The sealed file, piece by piece.

    One key (32 bytes) and purpose seal one content only, for ever: the nonces are counted.
    """
    cipher = AESGCM(_file_key(key, purpose))
    yield HEAD
    number, piece = 0, source.read(PIECE_SIZE)
    while True:
        following = source.read(PIECE_SIZE) if len(piece) == PIECE_SIZE else b""
        yield cipher.encrypt(_nonce(number, last=not following), piece, purpose)
        if not following:
            return
        number, piece = number + 1, following


def unseal_file(source: Reads, key: bytes, purpose: bytes) -> Iterator[bytes]:
    """The plain file, piece by piece; raises BadSeal, at the latest after the last piece.

    Nothing may be believed before the end has come without an error.
    """
    cipher = AESGCM(_file_key(key, purpose))
    if source.read(len(HEAD)) != HEAD:
        raise BadSeal("is no sealed file", field=_name(purpose))
    number, piece = 0, source.read(PIECE_SIZE + _TAG_SIZE)
    while True:
        following = source.read(PIECE_SIZE + _TAG_SIZE)
        try:
            yield cipher.decrypt(_nonce(number, last=not following), piece, purpose)
        except (InvalidTag, ValueError) as error:
            raise BadSeal("cannot be unsealed", field=_name(purpose)) from error
        if not following:
            return
        number, piece = number + 1, following


def _file_key(key: bytes, purpose: bytes) -> bytes:
    return keyed_hash(key, b"mianzheng.sealed-file/1:" + purpose)


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(_COUNTER_SIZE, "big") + (b"\x01" if last else b"\x00")


def _name(purpose: bytes) -> str:
    return purpose.decode("utf-8", "replace")
