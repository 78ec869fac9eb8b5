"""Sealing bytes under a key: AES-256-GCM, a fresh 12-byte nonce in front, the purpose as associated data."""

import hashlib
import os
from functools import lru_cache
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kernel.errors import Malformed

KEY_SIZE = 32
NONCE_SIZE = 12
BLOCK_SIZE = 64
"""Bytes that SHA-256 takes at a time."""
KEYS_MAX = 64
"""Keys whose states `keyed_hash` keeps: a hub has a handful."""
OVERHEAD = NONCE_SIZE + 16


class BadSeal(Malformed):
    """The bytes were not sealed under this key for this purpose, or were changed since."""

    code = "bad_seal"


class Seals(Protocol):
    """Whatever seals and unseals bytes: one key, or a key that is replaced from time to time."""

    def seal(self, plain: bytes, purpose: bytes) -> bytes:
        """Nonce and ciphertext; unseal with the same purpose."""

    def unseal(self, sealed: bytes, purpose: bytes) -> bytes:
        """The plain bytes; raises BadSeal."""


class Sealer:
    """Seals and unseals bytes under one 32-byte key."""

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        """Take a 32-byte key."""
        if len(key) != KEY_SIZE:
            raise Malformed("a sealing key has 32 bytes", field="key")
        self._cipher = AESGCM(key)

    def seal(self, plain: bytes, purpose: bytes) -> bytes:
        """Nonce and ciphertext; unseal with the same purpose."""
        nonce = os.urandom(NONCE_SIZE)
        return nonce + self._cipher.encrypt(nonce, plain, purpose)

    def unseal(self, sealed: bytes, purpose: bytes) -> bytes:
        """The plain bytes; raises BadSeal."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_SIZE], sealed[NONCE_SIZE:], purpose)
        except (InvalidTag, ValueError) as error:
            raise BadSeal("cannot be unsealed", field=purpose.decode("ascii", "replace")) from error


def sealer(key: bytes | Seals) -> Seals:
    """What seals under a key, given as its 32 bytes or as what seals already."""
    return Sealer(key) if isinstance(key, bytes) else key


def new_key() -> bytes:
    """32 random bytes."""
    return os.urandom(KEY_SIZE)


def keyed_hash(key: bytes, data: bytes) -> bytes:
    """HMAC-SHA256 (RFC 2104); 32 bytes. The only way in which an identity number becomes a key or a tag.

    From states that are kept for each key: `hmac.digest` gives up the interpreter lock for every few bytes, and a busy
    worker waits longer to get it back than the hash takes.
    """
    inner, outer = _pads(key)
    inner, outer = inner.copy(), outer.copy()
    inner.update(data)
    outer.update(inner.digest())
    return outer.digest()


def hmac_blocks(key: bytes) -> tuple[bytes, bytes]:
    """A key's inner and outer block (RFC 2104), 64 bytes each: for who computes `keyed_hash` elsewhere."""
    if len(key) > BLOCK_SIZE:
        key = hashlib.sha256(key).digest()
    block = key.ljust(BLOCK_SIZE, b"\x00")
    return bytes(b ^ 0x36 for b in block), bytes(b ^ 0x5C for b in block)


@lru_cache(maxsize=KEYS_MAX)
def _pads(key: bytes) -> tuple["hashlib._Hash", "hashlib._Hash"]:
    """The states of SHA-256 after the key's inner and outer block."""
    inner, outer = hmac_blocks(key)
    return hashlib.sha256(inner), hashlib.sha256(outer)
