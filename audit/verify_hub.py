"""Verifying a hub: the root log first, then every log that it records, then whatever else stands there.

After a restore the newest root log begins with the closings of all logs that were put back, the older root log among
them; from there the way goes back through the generations, each root log checked against what the next one says of it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from audit.detail_keys import DetailKeys
from audit.finding import Fault, Finding
from audit.generation import FIRST, generation_of, log_name, split_name
from audit.journal import has_frames
from audit.logs import origin_of
from audit.place import LogPlace
from audit.root_log import ROOT, Milestone, Restored
from audit.verify import LogReport, verify_log
from kernel.errors import Malformed
from kernel.trust import Trust
from schemas.wire.v1 import audit_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class HubReport:
    """What a verification of a hub's logs found: each log's report, and what is wrong about logs as a whole.

    `restored` tells, by name, which logs were put back from a backup and closed.
    """

    logs: tuple[LogReport, ...]
    findings: tuple[Finding, ...]
    restored: Mapping[str, Restored] = field(default_factory=dict)

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
    newest = _place(directory, trust, log_name(ROOT, generation_of(trust)))
    if not newest.directory.exists():
        # Every hub has one from its first day: with nothing beside it, everything has vanished.
        return HubReport(logs=(), findings=(Finding(log=ROOT, fault=Fault.ROOT_LOG_MISSING, place=ROOT),))
    records = _Records(directory, trust)
    reports = [each for each in records.read() if only in {None, each.name}]
    for name in records.names:
        if name in records.roots or only not in {None, name}:
            continue
        each = _place(directory, trust, name)
        if not each.directory.exists():
            records.findings.append(Finding(log=name, fault=Fault.LOG_MISSING, place=name))
            continue
        report = verify_log(each, trust.log_keys(each.origin), detail_keys=detail_keys, milestones=records.of(name))
        if any(found.fault is Fault.GREW_AFTER_CLOSING for found in report.findings):
            # It may have been opened again since the root log was read: look once more.
            again = _Records(directory, trust)
            again.read()
            keys = trust.log_keys(each.origin)
            report = verify_log(each, keys, detail_keys=detail_keys, milestones=again.of(name))
        reports.append(report)
    strangers = sorted(standing - set(records.names))
    unrecorded = [Finding(log=name, fault=Fault.LOG_UNRECORDED, place=name) for name in strangers]
    return HubReport(logs=tuple(reports), findings=(*records.findings, *unrecorded), restored=records.restored())


class _Records:
    """What the root logs of all generations say, gathered as their details are opened."""

    def __init__(self, directory: Path, trust: Trust) -> None:
        self.findings: list[Finding] = []
        self.roots: list[str] = []
        self._directory = directory
        self._trust = trust
        self._milestones: dict[str, list[Milestone]] = {}

    @property
    def names(self) -> Iterable[str]:
        return tuple(self._milestones)

    def of(self, name: str) -> list[Milestone]:
        return self._milestones[name]

    def restored(self) -> dict[str, Restored]:
        """Why each log was closed for good that was."""
        return {name: found[-1].restored for name, found in self._milestones.items() if found and found[-1].restored}

    def read(self) -> list[LogReport]:
        """Check the root logs, from the newest one back, and take in what they say; gives their reports."""
        reports = []
        name: str | None = log_name(ROOT, generation_of(self._trust))
        while name is not None:
            self.roots.append(name)
            place = _place(self._directory, self._trust, name)
            if not place.directory.exists():
                self.findings.append(Finding(log=name, fault=Fault.LOG_MISSING, place=name))
                break
            said = _Said(self._trust, name)
            known = self._milestones.get(name, [])
            keys = self._trust.log_keys(place.origin)
            reports.append(verify_log(place, keys, on_detail=said.take, milestones=known))
            self.findings += said.findings
            self._prepend(said.milestones)
            name = self._before(name, said)
        return reports

    def _prepend(self, older: dict[str, list[Milestone]]) -> None:
        """Put what an older root log says in front of what the newer ones say."""
        for name, found in older.items():
            self._milestones[name] = [*found, *self._milestones.get(name, [])]

    def _before(self, name: str, said: "_Said") -> str | None:
        """The root log of the generation before, which each but the first must name."""
        if split_name(name)[1] == FIRST:
            return None
        older = [each for each in said.milestones if split_name(each)[0] == ROOT and each < name]
        if len(older) == 1 and said.milestones[older[0]][-1].restored:
            return older[0]
        self.findings.append(Finding(log=name, fault=Fault.PREDECESSOR_UNNAMED, place=name))
        return None


class _Said:
    """What one root log says of logs; its own name is always among them."""

    def __init__(self, trust: Trust, root: str) -> None:
        self.findings: list[Finding] = []
        self.milestones: dict[str, list[Milestone]] = {root: []}
        self._trust = trust
        self._root = root

    def take(self, index: int, detail: audit_pb2.Detail) -> None:
        try:
            milestone = Milestone.of(detail)
            if milestone is None:
                return
            split_name(milestone.name)
        except Malformed:
            self._unclear(index)
            return
        origin = milestone.checkpoint.origin
        if origin != origin_of(self._trust.hub, milestone.name):
            self._unclear(index)
            return
        if milestone.key.raw not in {key.raw for key in self._trust.log_keys(origin)}:
            self.findings.append(Finding(log=milestone.name, fault=Fault.KEY_UNTRUSTED, place=self._root, entry=index))
        self.milestones.setdefault(milestone.name, []).append(milestone)

    def _unclear(self, index: int) -> None:
        self.findings.append(Finding(log=self._root, fault=Fault.ROOT_LOG_UNCLEAR, place=self._root, entry=index))


def _place(directory: Path, trust: Trust, name: str) -> LogPlace:
    return LogPlace(directory=directory / name, origin=origin_of(trust.hub, name))


def _standing(directory: Path) -> set[str]:
    """The names of the logs that stand there with entries."""
    if not directory.exists():
        return set()
    places = (LogPlace(directory=each, origin="") for each in directory.iterdir() if each.is_dir())
    return {each.directory.name for each in places if has_frames(each.journal) or (each.public / "tile").exists()}
