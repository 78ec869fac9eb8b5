"""How the last run of a dataset ended: one small file beside `current`, replaced whole.

What is in force does not say that a run has failed since, nor why: this does. It holds no personal data, since errors
of ours carry none, and of any other error only its kind is kept.
"""

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from kernel.clock import parse_instant
from kernel.durable import PRIVATE, replace_file
from kernel.errors import Damaged, MianzhengError
from kernel.plain_file import read_bounded

FORMAT = "mianzheng.last-run/1"
FILE_BYTES_MAX = 16_384


class Ending(StrEnum):
    """How a run ended, or what was decided about the delivery that it held."""

    PUBLISHED = "published"
    UNCHANGED = "unchanged"
    HELD = "held"
    FAILED = "failed"
    RELEASED = "released"
    REJECTED = "rejected"


SUCCESSES = frozenset({Ending.PUBLISHED, Ending.UNCHANGED, Ending.RELEASED})
"""Endings after which what the department last delivered is in force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRun:
    """One dataset's last run. Instants are in UTC.

    `step`, `code` and `message` say where and why it failed, else they are empty. `succeeded_at` is when a run last
    ended in one of `SUCCESSES`; None where none ever did.
    """

    run_id: str
    ending: Ending
    at: datetime
    succeeded_at: datetime | None
    step: str = ""
    code: str = ""
    message: str = ""

    def to_bytes(self) -> bytes:
        """One JSON object."""
        data = {
            "format": FORMAT,
            "run": self.run_id,
            "ending": str(self.ending),
            "at": self.at.isoformat(),
            "succeeded_at": self.succeeded_at.isoformat() if self.succeeded_at else None,
            "step": self.step,
            "code": self.code,
            "message": self.message,
        }
        return json.dumps(data, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def parse(cls, raw: bytes) -> "LastRun":
        """What `to_bytes` made; raises Damaged."""
        try:
            return cls._read(json.loads(raw))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise Damaged("tells of no run", field="last-run.json", remedy="the next run writes it anew") from error

    @classmethod
    def _read(cls, data: dict[str, Any]) -> "LastRun":
        texts = [data[name] for name in ("run", "step", "code", "message")]
        if data["format"] != FORMAT or not all(isinstance(each, str) for each in texts):
            raise ValueError(FORMAT)
        run_id, step, code, message = texts
        return cls(
            run_id=run_id,
            ending=Ending(data["ending"]),
            at=parse_instant(data["at"]),
            succeeded_at=parse_instant(data["succeeded_at"]) if data["succeeded_at"] is not None else None,
            step=step,
            code=code,
            message=message,
        )


def read_last_run(path: Path) -> LastRun | None:
    """How the last run ended; None where none has. Raises Damaged."""
    try:
        return LastRun.parse(read_bounded(path, FILE_BYTES_MAX, remedy="the next run writes it anew"))
    except FileNotFoundError:
        return None


def note_ending(path: Path, run_id: str, ending: Ending, now: datetime) -> None:
    """Note how a run ended. A note that cannot be written is left out: it must not undo what was done."""
    succeeded = now if ending in SUCCESSES else _succeeded_before(path)
    _write(path, LastRun(run_id=run_id, ending=ending, at=now, succeeded_at=succeeded))


def note_failure(path: Path, run_id: str, step: str, error: BaseException, now: datetime, *, longest: int) -> None:
    """Note that a step of a run failed, in so many characters; left out where it cannot be written."""
    # The text of an error that is not ours may hold a value of the delivery.
    code, message = "internal", type(error).__name__
    if isinstance(error, MianzhengError):
        code, message = error.code, str(error)
    last = LastRun(
        run_id=run_id,
        ending=Ending.FAILED,
        at=now,
        succeeded_at=_succeeded_before(path),
        step=step,
        code=code,
        message=message[:longest],
    )
    _write(path, last)


def _write(path: Path, last: LastRun) -> None:
    with suppress(OSError):
        replace_file(path, last.to_bytes(), mode=PRIVATE)


def _succeeded_before(path: Path) -> datetime | None:
    with suppress(Damaged, OSError):
        before = read_last_run(path)
        return before.succeeded_at if before else None
    return None
