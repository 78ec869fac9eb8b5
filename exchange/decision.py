"""What is decided about a held delivery, and the file in which the decision lies beside the delivery's report."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from kernel.clock import parse_instant
from kernel.errors import Damaged

FORMAT = "mianzheng.decision/1"


class Fate(StrEnum):
    """What has become of a held delivery.

    BARRED: nobody can release it, so nothing of its data is kept. RELEASING: its release is recorded, and has not been
    carried out yet.
    """

    BARRED = "barred"
    WAITING = "waiting"
    RELEASING = "releasing"
    RELEASED = "released"
    REJECTED = "rejected"
    LAPSED = "lapsed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided about a held delivery, by whom, why and when. Nobody decided what lapsed: `by` is empty."""

    fate: Fate
    by: str
    reason: str
    at: datetime

    def to_bytes(self) -> bytes:
        """One JSON object."""
        data = {**asdict(self), "fate": str(self.fate), "at": self.at.isoformat(), "format": FORMAT}
        return json.dumps(data, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def parse(cls, raw: bytes) -> "Decision":
        """What `to_bytes` made; raises Damaged."""
        try:
            return cls._read(json.loads(raw))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise Damaged("tells of no decision", field="decision.json", remedy="have it delivered again") from error

    @classmethod
    def _read(cls, data: dict[str, Any]) -> "Decision":
        by, reason, at = data["by"], data["reason"], parse_instant(data["at"])
        if data["format"] != FORMAT or not isinstance(by, str) or not isinstance(reason, str):
            raise ValueError(FORMAT)
        return cls(fate=Fate(data["fate"]), by=by, reason=reason, at=at)
