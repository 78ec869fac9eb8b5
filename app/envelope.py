"""Who can open a backup: its content key, sealed under a passphrase or to somebody's public key.

A passphrase goes through scrypt (RFC 7914), whose cost is a setting and stands in the envelope. To a public key means
HPKE (RFC 9180: X25519, HKDF-SHA256, AES-256-GCM): the machine that takes backups then cannot open any.
"""

import base64
import hashlib
import os
from dataclasses import dataclass, field
from typing import Any, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from app.custody import CustodySettings
from kernel.errors import Invalid, Malformed
from kernel.sealing import KEY_SIZE, BadSeal, Sealer

SCRYPT, HPKE = "scrypt", "hpke-x25519-hkdf-sha256-aes-256-gcm"
PURPOSE = b"mianzheng.backup-key/1"
_SALT_SIZE = 16
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class CannotOpen(Malformed):
    """The passphrase or the private key is not the one that this backup was made for."""

    code = "cannot_open"


class Closes(Protocol):
    """Puts a content key into an envelope."""

    def close(self, content_key: bytes) -> dict[str, Any]:
        """The envelope, as JSON holds it."""


class Opens(Protocol):
    """Takes a content key out of its envelope."""

    def open(self, envelope: dict[str, Any]) -> bytes:
        """32 bytes; raises CannotOpen, or Malformed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passphrase:
    """A passphrase that people keep; raises Invalid at once where it is too short."""

    text: str = field(repr=False)
    settings: CustodySettings

    def __post_init__(self) -> None:
        """Refuse what is guessed too soon."""
        if len(self.text) < self.settings.passphrase_length_min:
            raise Invalid(
                f"a backup's passphrase has at least {self.settings.passphrase_length_min} characters",
                field="passphrase",
                remedy="choose a longer one",
            )

    def close(self, content_key: bytes) -> dict[str, Any]:
        """The envelope, as JSON holds it."""
        salt = os.urandom(_SALT_SIZE)
        cost = {"log2_n": self.settings.scrypt_log2_n, "r": self.settings.scrypt_r, "p": self.settings.scrypt_p}
        sealed = Sealer(self._key(salt, **cost)).seal(content_key, PURPOSE)
        return {"kind": SCRYPT, **cost, "salt": _text(salt), "sealed": _text(sealed)}

    def open(self, envelope: dict[str, Any]) -> bytes:
        """The content key; raises CannotOpen, or Malformed."""
        if envelope.get("kind") != SCRYPT:
            raise CannotOpen("was made for a key, not for a passphrase", field="backup", remedy="give the private key")
        try:
            cost = {name: int(envelope[name]) for name in ("log2_n", "r", "p")}
            salt, sealed = _bytes(envelope["salt"]), _bytes(envelope["sealed"])
        except (KeyError, TypeError, ValueError) as error:
            raise Malformed("is no envelope", field="backup") from error
        try:
            return Sealer(self._key(salt, **cost)).unseal(sealed, PURPOSE)
        except BadSeal as error:
            raise CannotOpen("the passphrase is not this backup's", field="backup") from error

    def _key(self, salt: bytes, *, log2_n: int, r: int, p: int) -> bytes:
        if not (0 < log2_n < 32 and 0 < r < 1024 and 0 < p < 64) or 128 * r * (1 << log2_n) > (  # noqa: PLR2004
            self.settings.scrypt_bytes_max
        ):
            raise Malformed("asks for more work than it may", field="backup envelope")
        return Scrypt(salt=salt, length=KEY_SIZE, n=1 << log2_n, r=r, p=p).derive(self.text.encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Somebody's public key."""

    key: X25519PublicKey

    @classmethod
    def parse(cls, pem: bytes) -> "Recipient":
        """The X25519 key of a PEM file; raises Malformed."""
        try:
            key = load_pem_public_key(pem)
        except ValueError as error:
            raise Malformed("is no public key in PEM", field="recipient") from error
        if not isinstance(key, X25519PublicKey):
            raise Malformed("is no X25519 key", field="recipient", remedy="openssl genpkey -algorithm X25519")
        return cls(key=key)

    def close(self, content_key: bytes) -> dict[str, Any]:
        """The envelope, as JSON holds it."""
        return {
            "kind": HPKE,
            "recipient": _key_id(self.key),
            "sealed": _text(_SUITE.encrypt(content_key, self.key, PURPOSE)),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Whoever holds the private key."""

    key: X25519PrivateKey = field(repr=False)

    @classmethod
    def parse(cls, pem: bytes) -> "Holder":
        """The X25519 key of a PEM file; raises Malformed."""
        try:
            key = load_pem_private_key(pem, None)
        except (TypeError, ValueError) as error:
            raise Malformed("is no unencrypted private key in PEM", field="private key") from error
        if not isinstance(key, X25519PrivateKey):
            raise Malformed("is no X25519 key", field="private key")
        return cls(key=key)

    def open(self, envelope: dict[str, Any]) -> bytes:
        """The content key; raises CannotOpen, or Malformed."""
        if envelope.get("kind") != HPKE:
            raise CannotOpen("was made for a passphrase, not for a key", field="backup", remedy="give the passphrase")
        if envelope.get("recipient") != _key_id(self.key.public_key()):
            raise CannotOpen("was made for another key", field="backup")
        try:
            return _SUITE.decrypt(_bytes(envelope["sealed"]), self.key, PURPOSE)
        except (InvalidTag, KeyError, TypeError, ValueError) as error:
            raise CannotOpen("the envelope was changed", field="backup") from error


def _key_id(key: X25519PublicKey) -> str:
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
