"""A rehearsal: a delivery is read and judged as publishing would, and nothing is published, recorded or kept."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from adapters.port import MissingColumns
from adapters.registry import open_delivery
from exchange.drift import Drift
from exchange.extract import Extracted, write_delivery
from exchange.job import Job
from exchange.manifest import Manifest
from exchange.references import references_of
from exchange.report import Report, make_report
from exchange.snapshot import manifest_in_force
from exchange.stage import stage_delivery
from exchange.trend import earlier_runs
from exchange.validate import Gate, validate_delivery
from exchange.verdict import Verdict
from kernel.durable import PRIVATE_FOLDER, locked
from kernel.errors import Conflict, Damaged, Malformed

_FOLDER, _LOCK = ".rehearsal", ".rehearsal.lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """What publishing a delivery would come to. Without a verdict it would be refused, and `refusal` says why."""

    dataset: str
    data_as_of: datetime | None
    drift: Drift
    verdict: Verdict | None
    report: Report | None
    refusal: str

    @property
    def publishable(self) -> bool:
        """Whether the delivery would come into force."""
        return self.verdict is not None and not self.verdict.held


def rehearse(job: Job) -> Rehearsed:
    """Read and judge a job's delivery, the whole registry, beside what is in force.

    What cannot be read is told, not raised. Raises Conflict where somebody else rehearses the dataset, and Unavailable
    where its registry cannot be reached.
    """
    with _folder(job) as folder:
        try:
            extracted, drift = _read(job, folder / "delivery")
            return _judged(job, folder, extracted, drift)
        except MissingColumns as error:
            drift = replace(Drift.of(job.contract, error.header), missing=error.missing)
            return _refused(job, drift, str(error))
        except Malformed as error:
            return _refused(job, Drift(), str(error))


def _read(job: Job, path: Path, *, by_row: bool = False) -> tuple[Extracted, Drift]:
    delivery = open_delivery(
        job.contract, job.delivery_root, settings=job.adapter_settings, connections=job.connections
    )
    extracted = write_delivery(delivery, path, in_force=None, settings=job.adapter_settings, by_row=by_row)
    return extracted, Drift.of(job.contract, delivery.header)


def _judged(job: Job, folder: Path, extracted: Extracted, drift: Drift) -> Rehearsed:
    staged = folder / "staged.duckdb"
    try:
        stage_delivery(job.contract, extracted.text, staged, job.settings)
    except Malformed:
        if not extracted.text.as_delivered:
            raise
        # Row by row it is either managed, or its adapter says exactly which record is wrong.
        extracted, drift = _read(job, folder / "delivery", by_row=True)
        stage_delivery(job.contract, extracted.text, staged, job.settings)
    gate = Gate(
        contract=job.contract,
        data_as_of=extracted.data_as_of,
        in_force=_in_force(job),
        clock=job.clock,
        settings=job.settings,
        lenient=job.force,
        references=references_of(job.contract, store=job.store, keys=job.keys, settings=job.settings),
    )
    verdict = validate_delivery(gate, staged)
    drift = drift.typed(job.contract, verdict, job.settings)
    report = make_report(
        job.contract,
        job.run_id,
        verdict,
        staged,
        data_as_of=extracted.data_as_of,
        clock=job.clock,
        settings=job.settings,
    )
    return Rehearsed(
        dataset=job.contract.id,
        data_as_of=extracted.data_as_of,
        drift=drift,
        verdict=verdict,
        report=report.after(earlier_runs(job.layout, job.settings)).drifted(drift),
        refusal="",
    )


def _refused(job: Job, drift: Drift, why: str) -> Rehearsed:
    return Rehearsed(dataset=job.contract.id, data_as_of=None, drift=drift, verdict=None, report=None, refusal=why)


def _in_force(job: Job) -> Manifest | None:
    """What is in force; None also where it is too damaged to compare with."""
    with suppress(Damaged):
        return manifest_in_force(job.layout, bytes_max=job.settings.manifest_bytes_max)
    return None


@contextmanager
def _folder(job: Job) -> Iterator[Path]:
    """A folder for the length of a block, on the volume of the snapshots; what a killed rehearsal left is removed."""
    place = job.layout.folder
    place.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    folder = place / _FOLDER
    held = False
    try:
        with locked(place / _LOCK, wait=False):
            held = True
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=PRIVATE_FOLDER)
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    except Conflict as error:
        if held:
            raise
        raise Conflict(f"{job.contract.id} is being checked by another process", remedy="wait for it") from error
