"""Verifying a hub: the root log first, then every log that it records, then whatever else stands there."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from audit.detail_keys import DetailKeys
from audit.finding import Fault, Finding
from audit.journal import has_frames
from audit.logs import origin_of
from audit.place import LogPlace
from audit.root_log import ROOT, Milestone
from audit.verify import LogReport, verify_log
from kernel.errors import Malformed
from kernel.trust import Trust
from schemas.wire.v1 import audit_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class HubReport:
    """What a verification of a hub's logs found: each log's report, and what is wrong about logs as a whole."""

    logs: tuple[LogReport, ...]
    findings: tuple[Finding, ...]

    @property
    def faults(self) -> int:
        """The number of all faults."""
        return len(self.findings) + sum(each.faults for each in self.logs)

    @property
    def all_findings(self) -> tuple[Finding, ...]:
        """Every finding listed."""
        return (*self.findings, *(found for each in self.logs for found in each.findings))


def verify_hub(
    directory: Path, trust: Trust, detail_keys: DetailKeys | None = None, *, only: str | None = None
) -> HubReport:
    """Check every log below a hub's `audit` directory, or only one, as the root log records them."""
    # Looked at before the root log is read: by the time a log has an entry, its opening has been recorded.
    standing = _standing(directory)
    place = _place(directory, trust, ROOT)
    if not place.directory.exists():
        # Every hub has one from its first day: with nothing beside it, everything has vanished.
        return HubReport(logs=(), findings=(Finding(log=ROOT, fault=Fault.ROOT_LOG_MISSING, place=ROOT),))
    root, records = _read_root(place, trust)
    reports = [root] if only in {None, ROOT} else []
    for name in records.names:
        if name == ROOT or only not in {None, name}:
            continue
        each = _place(directory, trust, name)
        if not each.directory.exists():
            records.findings.append(Finding(log=name, fault=Fault.LOG_MISSING, place=name))
            continue
        report = verify_log(each, trust.log_keys(each.origin), detail_keys=detail_keys, milestones=records.of(name))
        if any(found.fault is Fault.GREW_AFTER_CLOSING for found in report.findings):
            # It may have been opened again since the root log was read: look once more.
            _, again = _read_root(place, trust)
            keys = trust.log_keys(each.origin)
            report = verify_log(each, keys, detail_keys=detail_keys, milestones=again.of(name))
        reports.append(report)
    strangers = sorted(standing - set(records.names))
    unrecorded = [Finding(log=name, fault=Fault.LOG_UNRECORDED, place=name) for name in strangers]
    return HubReport(logs=tuple(reports), findings=(*records.findings, *unrecorded))


def _read_root(place: LogPlace, trust: Trust) -> "tuple[LogReport, _RootRecords]":
    records = _RootRecords(trust)
    return verify_log(place, trust.log_keys(place.origin), on_detail=records.take), records


class _RootRecords:
    """What the root log says, gathered as its details are opened."""

    def __init__(self, trust: Trust) -> None:
        self.findings: list[Finding] = []
        self._trust = trust
        self._milestones: dict[str, list[Milestone]] = {ROOT: []}

    @property
    def names(self) -> Iterable[str]:
        return tuple(self._milestones)

    def of(self, name: str) -> list[Milestone]:
        return self._milestones[name]

    def take(self, index: int, detail: audit_pb2.Detail) -> None:
        try:
            milestone = Milestone.of(detail)
        except Malformed:
            milestone = None
            self.findings.append(Finding(log=ROOT, fault=Fault.ROOT_LOG_UNCLEAR, place=ROOT, entry=index))
        if milestone is None:
            return
        origin = milestone.checkpoint.origin
        if origin != origin_of(self._trust.hub, milestone.name) or milestone.name in {"", ".", ".."}:
            self.findings.append(Finding(log=ROOT, fault=Fault.ROOT_LOG_UNCLEAR, place=ROOT, entry=index))
            return
        if milestone.key.raw not in {key.raw for key in self._trust.log_keys(origin)}:
            self.findings.append(Finding(log=milestone.name, fault=Fault.KEY_UNTRUSTED, place=ROOT, entry=index))
        self._milestones.setdefault(milestone.name, []).append(milestone)


def _place(directory: Path, trust: Trust, name: str) -> LogPlace:
    return LogPlace(directory=directory / name, origin=origin_of(trust.hub, name))


def _standing(directory: Path) -> set[str]:
    """The names of the logs that stand there with entries."""
    if not directory.exists():
        return set()
    places = (LogPlace(directory=each, origin="") for each in directory.iterdir() if each.is_dir())
    return {each.directory.name for each in places if has_frames(each.journal) or (each.public / "tile").exists()}
