"""Ed25519 signatures (RFC 8032) over DSSE's pre-authentication encoding."""

import hashlib
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from kernel.curve import PUBLIC_KEY_SIZE, check_public_key
from kernel.durable import PRIVATE, create_file
from kernel.errors import Malformed

SIGNATURE_SIZE = 64
STATEMENT_TYPE = "application/vnd.mianzheng.statement.v1+protobuf"
KEY_HISTORY_TYPE = "application/vnd.mianzheng.keyhistory.v1+json"


class BadSignature(Malformed):
    """The signature is not this key's over these bytes."""

    code = "bad_signature"


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE v1 pre-authentication encoding: what is signed for a payload of a type."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def key_id(public: bytes) -> str:
    """A key's id: the first 16 hex digits of SHA-256 of its raw public bytes."""
    return hashlib.sha256(public).hexdigest()[:16]


class VerifyKey:
    """An Ed25519 public key."""

    __slots__ = ("_key", "id", "raw")

    def __init__(self, raw: bytes) -> None:
        """Take 32 raw bytes; raises Malformed for what is no sound key (kernel.curve)."""
        check_public_key(raw)
        self.raw = raw
        self.id = key_id(raw)
        self._key = Ed25519PublicKey.from_public_bytes(raw)

    def check(self, signature: bytes, message: bytes) -> None:
        """Return if the signature holds; raises BadSignature."""
        try:
            self._key.verify(signature, message)
        except InvalidSignature as error:
            raise BadSignature("the signature does not hold", field="signature") from error


class SigningKey:
    """An Ed25519 private key."""

    __slots__ = ("_key", "public")

    def __init__(self, seed: bytes) -> None:
        """Take the 32-byte seed; raises Malformed."""
        if len(seed) != PUBLIC_KEY_SIZE:
            raise Malformed("an Ed25519 seed has 32 bytes", field="seed")
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = VerifyKey(self._key.public_key().public_bytes_raw())

    @classmethod
    def generate(cls) -> "SigningKey":
        """A new key."""
        return cls(Ed25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def read(cls, path: Path) -> "SigningKey":
        """The key whose seed a private file holds in hex; raises Malformed."""
        try:
            return cls(bytes.fromhex(path.read_text("ascii")))
        except (ValueError, UnicodeDecodeError) as error:
            raise Malformed(f"{path.name} holds no key", field=str(path)) from error

    def write(self, path: Path) -> None:
        """Keep the seed in a new private file; raises Conflict where one stands."""
        create_file(path, self._key.private_bytes_raw().hex().encode(), mode=PRIVATE)

    def sign(self, message: bytes) -> bytes:
        """64 bytes."""
        return self._key.sign(message)

    def current(self) -> "SigningKey":
        """Itself: a signer whose key never changes."""
        return self

    @property
    def known(self) -> "tuple[VerifyKey, ...]":
        """Its public half."""
        return (self.public,)


class Signer(Protocol):
    """Whoever signs under keys that may change meanwhile."""

    def current(self) -> SigningKey:
        """The key that signs now; raises Unavailable where none may."""

    @property
    def known(self) -> tuple[VerifyKey, ...]:
        """Every key that may have signed until now, or may sign later."""
