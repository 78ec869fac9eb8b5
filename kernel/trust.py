"""The trust file: what an outsider must hold to check a hub's evidence.

It names the hub's offline root key, and holds the key history that this root signed: answer keys, and the logs' keys as
C2SP verifier keys, each with the time in which it may sign. Format: docs/specs/trust.md.
"""

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kernel.clock import parse_instant
from kernel.digest import digest, digest_text
from kernel.errors import Malformed
from kernel.signing import KEY_HISTORY_TYPE, SigningKey, VerifyKey, pae

FORMAT = "mianzheng.trust/1"
TRUST_SIZE_MAX = 1 << 20
FIRST_NUMBER = 1
ANSWER = "answer"
LOG = "log"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedKey:
    """One key of the history. `origin` is a log's; `until` None means: still in use."""

    use: str
    key: VerifyKey
    valid_from: datetime
    valid_until: datetime | None = None
    origin: str = ""

    def held_at(self, instant: datetime) -> bool:
        """Whether the key might sign at an instant."""
        return self.valid_from <= instant and (self.valid_until is None or instant < self.valid_until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """A hub's keys, as its root vouches for them.

    `history` is what the root signed, `number` counts its changes from 1, `previous` is the digest of the one before.
    """

    hub: str
    root: VerifyKey
    keys: tuple[TrustedKey, ...]
    number: int = FIRST_NUMBER
    history: bytes = b""
    previous: str = ""

    def answer_key(self, key_id: str, issued: datetime, logged: datetime) -> VerifyKey:
        """The answer key with this id, if it might sign when the statement was issued and when it was logged.

        Both: whoever has stolen a key can date a statement back, and not its entry. Raises Malformed.
        """
        for trusted in self.keys:
            if trusted.use == ANSWER and trusted.key.id == key_id and trusted.held_at(issued):
                if not trusted.held_at(logged):
                    raise Malformed("its answer key had ended when the statement was logged", field="key_id")
                return trusted.key
        raise Malformed("no trusted answer key has this id at that time", field="key_id")

    def log_keys(self, origin: str, logged: datetime | None = None) -> tuple[VerifyKey, ...]:
        """The keys of the log with this origin; empty where the root vouches for no such log.

        With `logged`, only those that might still sign for an entry of that time.
        """
        return tuple(
            t.key
            for t in self.keys
            if t.use == LOG
            and t.origin == origin
            and (logged is None or t.valid_until is None or logged < t.valid_until)
        )

    def check_follows(self, held: "Trust") -> None:
        """Return if this may take the place of the trust file that is held; raises Malformed.

        It is of the same hub and root, and not older; the next number names the history that is held.
        """
        if (self.hub, self.root.raw) != (held.hub, held.root.raw):
            raise Malformed("is of another hub or another root", field="trust", remedy="ask the hub by a way you trust")
        if self.number < held.number or (self.number == held.number and self.history != held.history):
            raise Malformed("is older than the one that is held, or another of its number", field="trust.number")
        if self.number == held.number + 1 and self.previous != digest_text(digest(held.history)):
            raise Malformed("does not follow the one that is held", field="trust.previous")

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins of every log that the root vouches for."""
        return tuple(dict.fromkeys(t.origin for t in self.keys if t.use == LOG))

    @classmethod
    def parse(cls, raw: bytes) -> "Trust":
        """The trust file's content, its signature checked; raises Malformed or BadSignature."""
        if len(raw) > TRUST_SIZE_MAX:
            raise Malformed("is too large", field="trust")
        try:
            outer = json.loads(raw)
            if outer["format"] != FORMAT:
                raise Malformed(f"is not {FORMAT}", field="trust.format")
            root = VerifyKey(base64.b64decode(outer["root"], validate=True))
            history = base64.b64decode(outer["history"], validate=True)
            signature = base64.b64decode(outer["signature"], validate=True)
            root.check(signature, pae(KEY_HISTORY_TYPE, history))
            inner = json.loads(history)
            return cls(
                hub=str(inner["hub"]),
                root=root,
                keys=tuple(_read_key(each) for each in inner["keys"]),
                number=int(inner.get("number", FIRST_NUMBER)),
                history=history,
                previous=str(inner.get("previous", "")),
            )
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise Malformed("is no trust file", field="trust") from error


def propose(hub: str, keys: Iterable[TrustedKey], *, now: datetime, after: Trust | None = None) -> bytes:
    """The key history that the root is asked to sign; `after` is the trust file whose place it will take."""
    inner = {
        "hub": hub,
        "number": after.number + 1 if after else FIRST_NUMBER,
        "previous": digest_text(digest(after.history)) if after else "",
        "issued_at": now.astimezone(UTC).isoformat(timespec="seconds"),
        "keys": [_write_key(each) for each in keys],
    }
    return json.dumps(inner, ensure_ascii=False, indent=1).encode()


def issue(
    root: SigningKey, hub: str, keys: Iterable[TrustedKey], *, now: datetime, after: Trust | None = None
) -> bytes:
    """The trust file in which `root` vouches for these keys."""
    return sign_history(root, propose(hub, keys, now=now, after=after))


def sign_history(root: SigningKey, history: bytes) -> bytes:
    """The trust file with a key history as it was proposed."""
    outer = {
        "format": FORMAT,
        "root": base64.b64encode(root.public.raw).decode(),
        "history": base64.b64encode(history).decode(),
        "signature": base64.b64encode(root.sign(pae(KEY_HISTORY_TYPE, history))).decode(),
    }
    return json.dumps(outer, indent=1).encode() + b"\n"


def log_verifier_key(origin: str, key: VerifyKey) -> str:
    """A log's key as a C2SP signed-note verifier key: `<name>+<hash>+<base64>`."""
    algorithm = b"\x01"
    ident = digest(origin.encode() + b"\n" + algorithm + key.raw)[:4]
    return f"{origin}+{ident.hex()}+{base64.b64encode(algorithm + key.raw).decode()}"


def parse_log_verifier_key(text: str) -> tuple[str, VerifyKey]:
    """Origin and key of a C2SP verifier key; raises Malformed."""
    try:
        origin, ident, encoded = text.split("+", 2)
        raw = base64.b64decode(encoded, validate=True)
        if raw[:1] != b"\x01":
            raise Malformed("is no Ed25519 verifier key", field="vkey")
        key = VerifyKey(raw[1:])
    except ValueError as error:
        raise Malformed("is no verifier key", field="vkey") from error
    if log_verifier_key(origin, key) != f"{origin}+{ident}+{encoded}":
        raise Malformed("has a wrong key hash", field="vkey")
    return origin, key


def _write_key(trusted: TrustedKey) -> dict[str, Any]:
    until = trusted.valid_until
    row: dict[str, Any] = {
        "use": trusted.use,
        "id": trusted.key.id,
        "public": base64.b64encode(trusted.key.raw).decode(),
        "from": trusted.valid_from.astimezone(UTC).isoformat(),
        "until": until.astimezone(UTC).isoformat() if until else None,
    }
    if trusted.use == LOG:
        row["vkey"] = log_verifier_key(trusted.origin, trusted.key)
    return row


def _read_key(row: dict[str, Any]) -> TrustedKey:
    key = VerifyKey(base64.b64decode(row["public"], validate=True))
    origin = ""
    if row["use"] == LOG:
        origin, noted = parse_log_verifier_key(row["vkey"])
        if noted.raw != key.raw:
            raise Malformed("public and vkey differ", field="trust.keys")
    elif row["use"] != ANSWER:
        raise Malformed("is no known use of a key", field="trust.keys.use")
    return TrustedKey(
        use=row["use"],
        key=key,
        valid_from=parse_instant(row["from"]),
        valid_until=parse_instant(row["until"]) if row["until"] else None,
        origin=origin,
    )
