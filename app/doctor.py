"""`mianzheng doctor`: is this hub well, and what to do where it is not. One examination a subject, each on its own.

An examination looks and changes nothing; one that fails itself is a finding, not the end of the others.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from app import examine_data, examine_home, examine_roll
from app.custody import CustodySettings
from app.diagnosis import Diagnosis, Level
from app.hub import Hub
from kernel.errors import MianzhengError


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What is looked at: a stable code, its name, and how."""

    code: str
    zh: str
    en: str
    look: Callable[[Hub, CustodySettings], Iterable[Diagnosis]]


QUICK = (
    Examination(code="format", zh="格式", en="formats", look=examine_home.formats),
    Examination(code="permissions", zh="权限", en="permissions", look=examine_home.permissions),
    Examination(code="keys", zh="密钥", en="keys", look=examine_home.keys),
    Examination(code="disk", zh="磁盘", en="disk", look=examine_home.disk),
    Examination(code="clock", zh="时钟", en="clock", look=examine_home.clock),
    Examination(code="certificates", zh="证书", en="certificates", look=examine_home.certificates),
    Examination(code="roll", zh="接入名册", en="roll of clients", look=examine_roll.roll),
    Examination(code="backup", zh="备份", en="backup", look=examine_home.backups),
    Examination(code="snapshots", zh="快照", en="snapshots in force", look=examine_data.snapshots),
    Examination(code="encryption", zh="加密", en="encryption", look=examine_data.encryption),
    Examination(code="logs", zh="日志", en="logs", look=examine_data.logs),
    Examination(code="airflow", zh="调度", en="Airflow", look=examine_home.airflow),
    Examination(code="versions", zh="版本", en="versions", look=examine_home.versions),
)
"""Seconds, whatever the size of the data."""

DEEP = (
    Examination(
        code="snapshots_deep", zh="快照全检", en="every file of every snapshot", look=examine_data.snapshots_deep
    ),
    Examination(code="logs_deep", zh="日志全检", en="every log, recomputed", look=examine_data.logs_deep),
)
"""What reads everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """One examination's findings."""

    examination: Examination
    findings: tuple[Diagnosis, ...]

    @property
    def level(self) -> Level:
        """The worst of them."""
        return max((each.level for each in self.findings), key=lambda each: each.value, default=Level.WELL)


def examine(hub: Hub, settings: CustodySettings, *, deep: bool = False) -> Iterator[Examined]:
    """Examine a hub, in order."""
    for each in (*QUICK, *(DEEP if deep else ())):
        yield Examined(examination=each, findings=tuple(_look(each, hub, settings)))


def is_well(found: Iterable[Examined]) -> bool:
    """Whether nothing is ill; warnings, and what cannot be known, are no illness."""
    return all(each.level is not Level.ILL for each in found)


def _look(examination: Examination, hub: Hub, settings: CustodySettings) -> Iterator[Diagnosis]:
    try:
        yield from examination.look(hub, settings)
    except MianzhengError as error:
        yield Diagnosis(level=Level.ILL, zh="不能检查", en=f"cannot be examined: {error.code}: {error}")
    except OSError as error:
        yield Diagnosis(
            level=Level.ILL, zh="不能检查", en=f"cannot be examined: {error.strerror}: {error.filename or ''}"
        )
