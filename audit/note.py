"""A note: text signed by one or more keys (C2SP signed-note v1), with Ed25519 signatures.

A key is known by its name and a short id; signatures by unknown keys are ignored, a bad one by a known key spoils the
note. Key ids are SHA-256(name || 0x0A || 0x01 || public key)[:4].
"""

from collections.abc import Iterable
from dataclasses import dataclass

from audit import text as plain
from kernel.digest import digest
from kernel.errors import Malformed
from kernel.signing import SigningKey, VerifyKey
from kernel.trust import parse_log_verifier_key

NOTE_SIZE_MAX = 1 << 20
SIGNATURES_MAX = 100
KEY_ID_SIZE = 4
_DASH = "\u2014 "
_ED25519 = b"\x01"


class Unsigned(Malformed):
    """No key that we know has signed the note."""

    code = "unsigned"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteKey:
    """A key that may sign notes, with its name."""

    name: str
    key: VerifyKey

    @property
    def id(self) -> bytes:
        """The 4 bytes that stand before its signatures."""
        return key_hash(self.name, self.key)

    @classmethod
    def parse(cls, text: str) -> "NoteKey":
        """The key of a C2SP verifier key, `<name>+<hex id>+<base64>`; raises Malformed."""
        name, key = parse_log_verifier_key(text)
        if not is_key_name(name):
            raise Malformed("has no key name", field="vkey")
        return cls(name=name, key=key)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteSignature:
    """One signature line."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A parsed note. Its text, which ends in a newline, must not be believed before `check` has returned."""

    text: str
    signatures: tuple[NoteSignature, ...]

    @classmethod
    def parse(cls, raw: bytes) -> "Note":
        """A note from its bytes; raises Malformed."""
        if len(raw) > NOTE_SIZE_MAX:
            raise Malformed("is too large", field="note")
        try:
            whole = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Malformed("is no UTF-8", field="note") from error
        if any(byte < ord(" ") and byte != ord("\n") for byte in raw):
            raise Malformed("holds a control character", field="note")
        text, blank, lines = whole.rpartition("\n\n")
        if not blank or not lines.endswith("\n"):
            raise Malformed("is not text, a blank line and signatures", field="note")
        signatures = lines[:-1].split("\n")
        if len(signatures) > SIGNATURES_MAX:
            raise Malformed("has too many signatures", field="note")
        return cls(text=text + "\n", signatures=tuple(_parse_signature(line) for line in signatures))

    def encode(self) -> bytes:
        """The note's bytes; `parse` gives the note back."""
        lines = (f"{_DASH}{s.name} {plain.encode(s.key_id + s.signature)}\n" for s in self.signatures)
        return f"{self.text}\n{''.join(lines)}".encode()

    def check(self, keys: Iterable[NoteKey]) -> tuple[NoteKey, ...]:
        """The keys that have signed; raises BadSignature where one's signature is wrong, Unsigned where none has."""
        known = {(key.name, key.id): key for key in keys}
        signers: dict[tuple[str, bytes], NoteKey] = {}
        for each in self.signatures:
            who = (each.name, each.key_id)
            if who in known and who not in signers:
                known[who].key.check(each.signature, self.text.encode())
                signers[who] = known[who]
        if not signers:
            raise Unsigned("is not signed by a known key", field="note")
        return tuple(signers.values())


def sign(text: str, name: str, signer: SigningKey) -> bytes:
    """The bytes of a note with one signature. The text ends in a newline, and is ours: it is not checked again."""
    signature = signer.sign(text.encode())
    line = plain.encode(key_hash(name, signer.public) + signature)
    return f"{text}\n{_DASH}{name} {line}\n".encode()


def key_hash(name: str, key: VerifyKey) -> bytes:
    """A key's id in notes; 4 bytes."""
    return digest(name.encode() + b"\n" + _ED25519 + key.raw)[:KEY_ID_SIZE]


def is_key_name(name: str) -> bool:
    """Whether a text may name a key: not empty, no spaces, no plus sign."""
    return bool(name) and "+" not in name and not any(character.isspace() for character in name)


def _parse_signature(line: str) -> NoteSignature:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not is_key_name(name):
        raise Malformed("has a line that is no signature", field="note")
    data = plain.decode(encoded, "note")
    if len(data) <= KEY_ID_SIZE:
        raise Malformed("has an empty signature", field="note")
    return NoteSignature(name=name, key_id=data[:KEY_ID_SIZE], signature=data[KEY_ID_SIZE:])
