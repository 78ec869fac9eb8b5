"""Notices: what somebody should look at, one line of JSON each, for whatever carries messages to the departments.

A notice names a dataset and its department, what has happened, and where to read more. It holds no personal data.
"""

import json
import os
from dataclasses import dataclass
from enum import StrEnum

from app.hub import Hub
from kernel.durable import PRIVATE
from schemas.contract import Contract
from schemas.title import Title

FORMAT = "mianzheng.notice/1"


class NoticeKind(StrEnum):
    """What has happened: a delivery waits for a decision, or a dataset was not renewed in time."""

    HELD = "held"
    DEADLINE_MISSED = "deadline_missed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One notice. `to` are the people whom the contract names, by the names that they log in with; `see` is a path."""

    kind: NoticeKind
    dataset: str
    department: str
    to: tuple[str, ...]
    run: str
    text: Title
    see: str = ""

    @classmethod
    def about(cls, contract: Contract, kind: NoticeKind, *, run: str, text: Title, see: str = "") -> "Notice":
        """A notice to the department that a contract names."""
        return cls(
            kind=kind,
            dataset=contract.id,
            department=contract.department,
            to=contract.deciders,
            run=run,
            text=text,
            see=see,
        )


def give_notice(hub: Hub, notice: Notice) -> None:
    """Append a notice to `logs/notices.jsonl`; a file beyond its bound is put aside as `.1` first. Raises OSError."""
    path = hub.paths.notices
    path.parent.mkdir(exist_ok=True)
    if path.exists() and path.stat().st_size > hub.settings.notices_bytes_max:
        path.replace(path.with_name(path.name + ".1"))
    line = {
        "format": FORMAT,
        "at": hub.clock.now().isoformat(),
        "kind": str(notice.kind),
        "dataset": notice.dataset,
        "department": notice.department,
        "to": list(notice.to),
        "run": notice.run,
        "zh": notice.text.zh,
        "en": notice.text.en,
        "see": notice.see,
    }
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE)
    try:
        # One write a line: lines of several processes do not mix.
        os.write(handle, json.dumps(line, ensure_ascii=False).encode() + b"\n")
    finally:
        os.close(handle)
