"""The roll: clients that the hub entered or revoked while it runs, and the keys of operators. One file, one seal.

Format: docs/specs/roll.md. Every worker looks at the file again after `check_seconds` at the latest. One that is not as
it was written tells nothing about who is revoked: then nobody is let in.
"""

import base64
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any, Self

from kernel.clock import parse_instant
from kernel.errors import Damaged, Unavailable
from kernel.plain_file import read_bounded
from kernel.sealing import keyed_hash
from schemas.client import Client
from schemas.title import Title

FORMAT = "mianzheng.roll/1"
CHECK_SECONDS = 0.25
ROLL_BYTES_MAX = 8 << 20
_PURPOSE = b"mianzheng.roll/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """When something was revoked, and why."""

    at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """A person at a client: their Ed25519 public key (32 bytes), and the client groups in which they work."""

    id: str
    groups: tuple[str, ...]
    key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """The roll as it stands. `number` counts its changes; serials are hexadecimal."""

    number: int = 0
    entered: Mapping[str, Client] = field(default_factory=dict)
    clients: Mapping[str, Revoked] = field(default_factory=dict)
    serials: Mapping[str, Revoked] = field(default_factory=dict)
    operators: Mapping[str, Operator] = field(default_factory=dict)

    def encode(self, key: bytes) -> bytes:
        """The file: one line of JSON, one line of its HMAC-SHA256 under a key derived from the hub's secret."""
        data = {
            "format": FORMAT,
            "number": self.number,
            "entered": [
                {
                    "id": each.id,
                    "group": each.group,
                    "title": {"zh": each.title.zh, "en": each.title.en},
                    "place": each.place,
                }
                for each in self.entered.values()
            ],
            "revoked_clients": _revoked_data(self.clients),
            "revoked_serials": _revoked_data(self.serials),
            "operators": [
                {"id": each.id, "groups": list(each.groups), "key": base64.b64encode(each.key).decode()}
                for each in self.operators.values()
            ],
        }
        body = json.dumps(data, ensure_ascii=False, sort_keys=True).encode() + b"\n"
        return body + _mac(key, body).encode() + b"\n"

    @classmethod
    def parse(cls, raw: bytes, key: bytes) -> Self:
        """Read what `encode` wrote; raises Damaged."""
        body, _, rest = raw.partition(b"\n")
        body += b"\n"
        if rest != _mac(key, body).encode() + b"\n":
            raise _damaged()
        try:
            data = json.loads(body)
            if data["format"] != FORMAT:
                raise _damaged()
            return cls(
                number=int(data["number"]),
                entered={each["id"]: _client(each) for each in data["entered"]},
                clients=_revoked(data["revoked_clients"]),
                serials=_revoked(data["revoked_serials"]),
                operators={each["id"]: _operator(each) for each in data["operators"]},
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise _damaged() from error


class Rolls:
    """The roll in force, for any thread of a worker."""

    def __init__(self, path: Path, secret: bytes, *, check_seconds: float = CHECK_SECONDS) -> None:
        """Name the file, the hub's secret (32 bytes), and how long one look is good for. Nothing is read yet."""
        self._path, self._secret, self._check_seconds = path, secret, check_seconds
        self._lock = threading.Lock()
        self._current = Roll()
        self._state: tuple[int, int, int] | None = None
        self._look_again = 0.0

    def current(self) -> Roll:
        """The roll, as it was `check_seconds` ago at the earliest; raises Unavailable where that cannot be told.

        Where no file ever was, nobody has been entered or revoked.
        """
        if monotonic() >= self._look_again:
            self._refresh()
        return self._current

    def read(self) -> Roll:
        """The roll as the file has it now; raises Damaged."""
        try:
            return Roll.parse(read_bounded(self._path, ROLL_BYTES_MAX), self._secret)
        except FileNotFoundError:
            return Roll()

    def _refresh(self) -> None:
        with self._lock:
            now = monotonic()
            if now < self._look_again:
                return
            try:
                state = _state(self._path)
                if state != self._state:
                    # What was there once and is gone says nothing about who is revoked.
                    found = Roll.parse(read_bounded(self._path, ROLL_BYTES_MAX), self._secret)
                    if found.number < self._current.number:
                        # One from before: it would let in whoever has been revoked since.
                        raise _damaged()
                    self._current, self._state = found, state
            except (Damaged, OSError) as error:
                raise Unavailable("it cannot be told which clients are revoked", remedy="ask again later") from error
            self._look_again = now + self._check_seconds


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - four times a second, on the hot path
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _mac(key: bytes, body: bytes) -> str:
    return keyed_hash(keyed_hash(key, _PURPOSE), body).hex()


def _revoked_data(revoked: Mapping[str, Revoked]) -> dict[str, Any]:
    return {name: {"at": each.at.isoformat(), "reason": each.reason} for name, each in revoked.items()}


def _revoked(data: Mapping[str, Any]) -> dict[str, Revoked]:
    return {name: Revoked(at=parse_instant(each["at"]), reason=str(each["reason"])) for name, each in data.items()}


def _client(data: Mapping[str, Any]) -> Client:
    channel, device = str(data["id"]).split("/")[-2:]
    title = Title(zh=data["title"]["zh"], en=data["title"]["en"])
    return Client(id=data["id"], group=data["group"], channel=channel, device=device, title=title, place=data["place"])


def _operator(data: Mapping[str, Any]) -> Operator:
    return Operator(id=data["id"], groups=tuple(data["groups"]), key=base64.b64decode(data["key"], validate=True))


def _damaged() -> Damaged:
    return Damaged("is not as it was written", field="roll.json", remedy="restore it from the backup")
