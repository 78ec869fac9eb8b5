"""Sealing bytes under a key: AES-256-GCM, a fresh 12-byte nonce in front, the purpose as associated data."""

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kernel.errors import Malformed

KEY_SIZE = 32
NONCE_SIZE = 12
OVERHEAD = NONCE_SIZE + 16


class BadSeal(Malformed):
    """The bytes were not sealed under this key for this purpose, or were changed since."""

    code = "bad_seal"


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


def new_key() -> bytes:
    """32 random bytes."""
    return os.urandom(KEY_SIZE)


def keyed_hash(key: bytes, data: bytes) -> bytes:
    """HMAC-SHA256; 32 bytes. The only way in which an identity number becomes a key or a tag."""
    return hmac.digest(key, data, hashlib.sha256)
