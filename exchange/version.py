"""A version as it is written beside the others, before it is renamed in: its files, wrapped key and manifest."""

import shutil

from exchange.build import Build, Built, file_digests
from exchange.current import version_named
from exchange.extract import Extracted
from exchange.job import Job
from exchange.layout import DATA, MANIFEST, REPORT, REPORT_PAGE
from exchange.manifest import Manifest, Shape
from exchange.merge import Merge
from exchange.snapshot import read_data_key
from exchange.verdict import Verdict
from kernel.durable import PRIVATE, create_file, replace_file
from kernel.errors import Conflict
from kernel.ids import new_version
from kernel.sealing import new_key


def write_version(job: Job, extracted: Extracted, verdict: Verdict, *, in_force: Manifest | None) -> Manifest:
    """Write a new version into the run's folder, flushed; returns its manifest.

    What was delivered becomes a version of its own, and what changed is merged into the snapshot in force. A merge goes
    on under that snapshot's data key, wrapped for the new version. Raises Damaged, and Conflict where it is gone.
    """
    base = in_force if extracted.changes else None
    if extracted.changes and base is None:
        raise Conflict(f"the snapshot that {job.contract.id} changes is gone", remedy="start again from the first step")
    version = new_version(job.clock.now(), after=version_named(extracted.in_force))
    folder = job.version_folder
    if not job.staged.exists() and (folder / DATA).exists():
        # A build was killed after it had taken the staging file over.
        (folder / DATA).rename(job.staged)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    data_key = new_key() if base is None else read_data_key(job.layout, base, job.keys)
    built = _merged(job, base, data_key) if base is not None else _built(job, verdict, data_key)
    for name in (REPORT, REPORT_PAGE):
        replace_file(folder / name, (job.folder / name).read_bytes())
    manifest = _manifest(job, version, extracted, built, base)
    replace_file(folder / MANIFEST, manifest.to_bytes())
    create_file(job.layout.key(version), job.keys.wrap(data_key, job.contract.id, version), mode=PRIVATE)
    return manifest


def _built(job: Job, verdict: Verdict, data_key: bytes) -> Built:
    return Build(
        contract=job.contract,
        staged=job.staged,
        verdict=verdict,
        folder=job.version_folder,
        keys=job.keys,
        data_key=data_key,
        settings=job.settings,
    ).write()


def _merged(job: Job, base: Manifest, data_key: bytes) -> Built:
    return Merge(
        contract=job.contract,
        staged=job.staged,
        base=base,
        base_folder=job.layout.version(base.version),
        folder=job.version_folder,
        keys=job.keys,
        data_key=data_key,
        settings=job.settings,
    ).write()


def _manifest(job: Job, version: str, extracted: Extracted, built: Built, base: Manifest | None) -> Manifest:
    now = job.clock.now()
    return Manifest(
        dataset=job.contract.id,
        version=version,
        contract_version=job.contract.version,
        contract_digest=job.contract.digest,
        run=job.run_id,
        built_at=now,
        data_as_of=extracted.data_as_of,
        # Changes that bring nothing leave off where those before them did.
        watermark=extracted.watermark or (base.watermark if base is not None else ""),
        delivery_digest=extracted.digest,
        counts=built.counts,
        absence_allowed=built.absence_allowed,
        name_tainted=built.name_tainted,
        index_key_id=job.keys.index_key_id,
        shape=Shape.of(job.contract),
        files=file_digests(job.version_folder),
        full_at=now if base is None else base.full_at,
        base="" if base is None else base.version,
    )
