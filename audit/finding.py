"""What a verification finds wrong, in words: Chinese first, English beside."""

from dataclasses import dataclass
from enum import Enum

FINDINGS_MAX = 1000
"""More faults than this in one log are counted, not listed."""


class Worded(Enum):
    """Members whose values are their words: Chinese, English."""

    @property
    def zh(self) -> str:
        """In Chinese."""
        return str(self.value[0])

    @property
    def en(self) -> str:
        """In English."""
        return str(self.value[1])


class Fault(Worded):
    """A kind of fault; the name is its stable code."""

    CHECKPOINT_BAD = ("检查点无效", "the checkpoint is not one that the log signed")
    CHECKPOINT_MISSING = ("检查点缺失", "the checkpoint is missing")
    ROOT_DIFFERS = ("条目与已签名的根不符", "the entries do not lead to the signed root")
    JOURNAL_MISSING = ("日志本缺失", "the journal is missing")
    JOURNAL_FOREIGN = ("日志本不属于此日志", "the journal is not this log's")
    JOURNAL_BROKEN = ("日志本此处被改动", "the journal was changed here")
    JOURNAL_GAP = ("日志本缺少条目", "the journal lacks entries")
    JOURNAL_SHORT = ("日志本短于已公布的检查点", "the journal ends before the published checkpoint")
    ENTRY_IN_JOURNAL = ("日志本中的条目被改动", "the entry in the journal was changed")
    ENTRY_IN_BUNDLE = ("公开条目包中的条目被改动", "the entry in the public bundle was changed")
    ENTRY_MALFORMED = ("条目格式错误", "the entry is malformed")
    ENTRY_LOST = ("条目已不可得", "the entry is nowhere to be had")
    HASH_IN_TILE = ("哈希块中的哈希被改动", "the hash in the tile was changed")
    TILE_UNREADABLE = ("公开文件缺失或损坏", "the public file is missing or malformed")
    FILE_STRAY = ("公开目录中有不该有的文件", "a file that does not belong in the public directory")
    DETAIL_CHANGED = ("详情被改动", "the detail was changed")
    DETAIL_DIFFERS = ("详情与条目不符", "the detail is not what the entry commits to")
    DETAIL_KEY_UNKNOWN = ("详情的密钥从未登记", "the detail is sealed under a key that never was in the store")
    OPEN_DETAIL_DIFFERS = ("公开的详情缺失或被改动", "the public detail is missing or was changed")
    MILESTONE_DIFFERS = ("与根日志所记的根不符", "the log does not have the root that the root log records")
    MILESTONE_BEYOND = ("短于根日志所记的大小", "the log is shorter than the root log records")
    GREW_AFTER_CLOSING = ("关闭之后又有条目", "the log has grown after its closing was recorded")
    LOG_MISSING = ("整个日志缺失", "the whole log is missing")
    LOG_UNRECORDED = ("根日志未记载此日志", "the root log does not record this log")
    KEY_UNTRUSTED = ("日志密钥不在信任文件中", "the trust file does not hold the log's key")
    ROOT_LOG_MISSING = ("根日志缺失", "the root log is missing")
    PREDECESSOR_UNNAMED = ("根日志未写明其前身", "the root log does not name the root log before it")
    ROOT_LOG_UNCLEAR = ("根日志的记录无法理解", "a record of the root log cannot be understood")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fault: in which log, where in it, and at which entry if it is at one."""

    log: str
    fault: Fault
    place: str
    entry: int | None = None

    def __str__(self) -> str:
        """One line: log, place, entry, fault."""
        at = "" if self.entry is None else f" 条目 entry {self.entry}"
        return f"{self.log} {self.place}{at}: {self.fault.zh} {self.fault.en}"

    def as_json(self) -> dict[str, object]:
        """As `--json` shows it."""
        return {
            "log": self.log,
            "place": self.place,
            "entry": self.entry,
            "code": self.fault.name.lower(),
            "zh": self.fault.zh,
            "en": self.fault.en,
        }


class Findings:
    """The faults of one log as they are found; the first ones are kept, all are counted."""

    __slots__ = ("count", "kept", "log")

    def __init__(self, log: str) -> None:
        """Begin without faults."""
        self.log = log
        self.kept: list[Finding] = []
        self.count = 0

    def add(self, fault: Fault, place: str, entry: int | None = None) -> None:
        """Note a fault."""
        self.count += 1
        if len(self.kept) < FINDINGS_MAX:
            self.kept.append(Finding(log=self.log, fault=fault, place=place, entry=entry))
