"""Datasets of a hub: how each stands, and what two versions of one differ in."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.hub import Hub
from app.publishing import contracts_of, publishing_job
from app.standing import dataset_statuses
from exchange.compare import Comparison, Side, compare
from exchange.history import Standing, history, read_version, standing
from exchange.job import Job
from exchange.layout import REPORT, Layout
from exchange.manifest import Manifest
from exchange.snapshot import check_file
from exchange.status import DatasetStatus
from kernel.errors import Damaged, Invalid
from kernel.ids import new_version
from schemas.changes import Change
from schemas.contract import Contract
from schemas.diff import compare as compare_contracts


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Two versions of a dataset beside each other.

    `contract` are the changes between the contracts that they were made under, `quality` how many rows each rule held
    back in either, where that differs, `drift` how the columns of each delivery differed from its contract.
    """

    dataset: str
    before: Manifest
    after: Manifest
    rows: Comparison
    contract: tuple[Change, ...]
    quality: Mapping[str, tuple[int, int]]
    drift: tuple[Mapping[str, Any], Mapping[str, Any]]


def layout_of(hub: Hub, dataset: str) -> Layout:
    """Where a dataset's snapshots lie."""
    return Layout.of(hub.paths.exchange, dataset)


def job_of(hub: Hub, dataset: str) -> Job:
    """A job of a dataset, for what is decided by hand; raises Invalid where no contract has this id."""
    return publishing_job(hub, dataset, f"cli-{new_version(hub.clock.now())}", publishes=False)


def statuses(hub: Hub) -> tuple[DatasetStatus, ...]:
    """How every dataset stands."""
    return dataset_statuses(hub)


def status_of(hub: Hub, dataset: str) -> DatasetStatus:
    """How one dataset stands; raises Invalid where no contract has this id."""
    contracts = contracts_of(hub)
    if dataset not in contracts:
        raise Invalid(f"no contract has the id {dataset}", field="dataset", remedy=f"one of {', '.join(contracts)}")
    return dataset_statuses(hub, {dataset: contracts[dataset]})[0]


def difference(hub: Hub, dataset: str, before: str = "", after: str = "") -> Difference:
    """What differs between two versions: by default what is in force, and what was before it.

    Raises Invalid where a version is not kept, Damaged where one is not as it was published, NotKept where the
    contract that it was made under is not in the archive.
    """
    job = job_of(hub, dataset)
    layout, bytes_max = job.layout, job.settings.manifest_bytes_max
    names = _chosen(layout, job.contract, before, after, bytes_max=bytes_max)
    manifests = [read_version(layout, name, bytes_max=bytes_max) for name in names]
    sides = [Side(manifest=each, contract=hub.archive.contract(each.contract_digest)) for each in manifests]
    reports = [_report(layout, each) for each in manifests]
    return Difference(
        dataset=dataset,
        before=manifests[0],
        after=manifests[1],
        rows=compare(layout, sides[0], sides[1], job.keys, job.settings),
        contract=compare_contracts(sides[0].contract, sides[1].contract),
        quality=_quality(*reports),
        drift=(reports[0].get("drift", {}), reports[1].get("drift", {})),
    )


def _chosen(layout: Layout, contract: Contract, before: str, after: str, *, bytes_max: int) -> tuple[str, str]:
    """The two versions that are meant; raises Invalid."""
    kept = [
        each
        for each in history(layout, contract, bytes_max=bytes_max)
        if each.standing in {Standing.KEPT, Standing.IN_FORCE}
    ]
    after = after or next((each.version for each in kept if each.standing is Standing.IN_FORCE), "")
    before = before or next((each.version for each in kept if each.version < after), "")
    for name in (before, after):
        if name not in {each.version for each in kept}:
            what = standing(layout, name).words if name.replace("-", "").isalnum() else Standing.UNKNOWN.words
            raise Invalid(
                f"{contract.id} {name or '?'}: {what.zh} {what.en}",
                field="version",
                remedy="choose two of `mianzheng datasets history`",
            )
    return before, after


def _report(layout: Layout, manifest: Manifest) -> dict[str, Any]:
    path = layout.version(manifest.version) / REPORT
    check_file(manifest, path, REPORT)
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise Damaged("is no report", field=f"{manifest.dataset}/{manifest.version}/{REPORT}") from error
    return found


def _quality(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """Rows that each rule held back, before and after, where those differ; a rule that is not there held back none."""
    seen = [{each["rule"]: int(each["seen"]) for each in report.get("rules", ())} for report in (before, after)]
    names = dict.fromkeys([*seen[0], *seen[1]])
    found = {name: (seen[0].get(name, 0), seen[1].get(name, 0)) for name in names}
    return {name: counts for name, counts in found.items() if counts[0] != counts[1] and ":" not in name}
