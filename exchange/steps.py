"""The steps of publishing. Each reads what the step before it left, can run twice, and says what follows."""

import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from adapters.cursor import since
from adapters.registry import open_delivery
from exchange.current import Current
from exchange.drift import Drift
from exchange.extract import Extracted, write_delivery
from exchange.holding import drop_kept, keep_held, lapse
from exchange.job import Job, Next
from exchange.layout import REPORT, REPORT_PAGE
from exchange.manifest import Counts, Manifest
from exchange.merge import rows_after
from exchange.recorder import HELD, PUBLISHED, record_once
from exchange.references import references_of
from exchange.report import make_report
from exchange.report_page import write_report
from exchange.retire import retire
from exchange.snapshot import check_files, read_current_bytes, read_data_key, read_manifest
from exchange.stage import stage_delivery
from exchange.taken_back import check_not_taken_back, settle
from exchange.trend import earlier_runs
from exchange.validate import Gate, validate_delivery
from exchange.verdict import Verdict
from exchange.version import write_version
from kernel.digest import digest, digest_text
from kernel.durable import clear_unfinished, create_file, flush_directory, replace_file, swap_file
from kernel.errors import Conflict, Damaged, Malformed, MianzhengError


def extract(job: Job) -> Next:
    """Read the delivery down into the run's folder, after clearing away what killed runs have left."""
    _clear_leftovers(job)
    job.begin()
    in_force = read_current_bytes(job.layout)
    extracted = _extract(job, in_force=in_force, begin=_since(job, _manifest_in_force(job, in_force)))
    job.keep("extract", extracted.to_data())
    if not job.force and _in_force_already(job, extracted):
        _drop_personal_data(job)
        return Next.UNCHANGED
    if not job.force:
        try:
            check_not_taken_back(job.layout, digest_text(extracted.digest))
        except MianzhengError:
            _drop_personal_data(job)
            raise
    return Next.GO_ON


def stage(job: Job) -> Next:
    """Load the delivery into the staging file and clean its values."""
    extracted = job.extracted()
    try:
        rows = stage_delivery(job.contract, extracted.text, job.staged, job.settings)
    except Malformed:
        if not extracted.text.as_delivered:
            raise
        # Its adapter reads the delivery row by row, and either manages or says exactly which record is wrong.
        again = _extract(job, in_force=extracted.in_force, begin="", by_row=True)
        if again.source != extracted.source:
            raise Conflict(f"another delivery of {job.contract.id} came meanwhile", remedy="start again") from None
        job.keep("extract", replace(again, digest=extracted.digest).to_data())
        rows = stage_delivery(job.contract, again.text, job.staged, job.settings)
    job.keep("stage", {"rows": rows, "rows_after": _rows_after(job, job.extracted())})
    return Next.GO_ON


def validate(job: Job) -> Next:
    """Judge the delivery and write its report; a held one is recorded, reported, and goes no further."""
    if job.kept("held") is not None:
        return Next.HELD
    extracted = job.extracted()
    staged = job.required("stage")
    gate = Gate(
        contract=job.contract,
        data_as_of=extracted.data_as_of,
        in_force=_manifest_in_force(job, extracted.in_force),
        clock=job.clock,
        settings=job.settings,
        lenient=job.force,
        changes=extracted.changes,
        rows_after=staged["rows_after"],
        references=references_of(job.contract, store=job.store, keys=job.keys, settings=job.settings),
    )
    verdict = validate_delivery(gate, job.staged)
    report = make_report(
        job.contract,
        job.run_id,
        verdict,
        job.staged,
        data_as_of=extracted.data_as_of,
        clock=job.clock,
        settings=job.settings,
    )
    drift = Drift.of_data(job.kept("drift") or {}).typed(job.contract, verdict, job.settings)
    write_report(report.after(earlier_runs(job.layout, job.settings)).drifted(drift), job.folder)
    job.keep("validate", verdict.to_data())
    if not verdict.held:
        return Next.GO_ON
    _hold(job, verdict, extracted)
    return Next.HELD


def build(job: Job) -> Next:
    """Write the snapshot beside the others, flushed and then renamed in."""
    extracted, verdict = job.extracted(), job.verdict()
    if verdict.held and job.kept("released") is None:
        raise Conflict(f"run {job.run_id} of {job.contract.id} was held", remedy="correct the delivery, or release it")
    built = job.kept("build")
    if built is not None and job.layout.version(built["version"]).is_dir():
        return Next.GO_ON
    manifest = write_version(job, extracted, verdict, in_force=_manifest_in_force(job, extracted.in_force))
    # Said before the rename: a version that no run speaks of is cleared away by the next one.
    job.keep("build", {"version": manifest.version, "manifest": manifest.digest.hex()})
    job.version_folder.rename(job.layout.version(manifest.version))
    flush_directory(job.layout.versions)
    return Next.GO_ON


def record(job: Job) -> Next:
    """Write the publication into the audit log, and keep the receipt beside the snapshot."""
    manifest = _built(job)
    receipt = job.layout.receipt(manifest.version)
    if receipt.is_file():
        return Next.GO_ON
    begun = job.kept("recording") is not None
    # Said before it is done: whoever takes this step again looks in the log first.
    job.keep("recording", {"version": manifest.version})
    attributes = {**_attributes(job, manifest.counts), **_published(manifest)}
    create_file(receipt, record_once(job.recorder, PUBLISHED, attributes, begun=begun))
    return Next.GO_ON


def promote(job: Job) -> Next:
    """Move `current` to the snapshot, if nobody else has moved it since the run began; raises Conflict."""
    manifest = _built(job)
    if not job.layout.receipt(manifest.version).is_file():
        raise Conflict(
            f"the publication of {job.contract.id} {manifest.version} is not recorded", remedy="record it first"
        )
    moved = Current(version=manifest.version, manifest_digest=manifest.digest).to_bytes()
    if read_current_bytes(job.layout) != moved:
        check_files(job.layout, manifest)
        _settle_roll_back(job)
        swap_file(job.layout.current, moved, expected=job.extracted().in_force)
    _settle_roll_back(job)
    retire(job.layout, in_force=manifest.version, now=job.clock.now(), days=job.contract.retention_days)
    _drop_personal_data(job)
    drop_kept(job.layout, job.run_id)
    return Next.GO_ON


def _extract(job: Job, *, in_force: bytes | None, begin: str, by_row: bool = False) -> Extracted:
    delivery = open_delivery(
        job.contract, job.delivery_root, settings=job.adapter_settings, connections=job.connections, since=begin
    )
    extracted = write_delivery(delivery, job.delivery, in_force=in_force, settings=job.adapter_settings, by_row=by_row)
    job.keep("drift", Drift.of(job.contract, delivery.header).to_data())
    return extracted


def _since(job: Job, in_force: Manifest | None) -> str:
    """Where in its registry's changes a delivery begins; empty where the whole registry must be read.

    That is so the first time and from time to time, and whenever what is in force was made in another way, or is not
    whole.
    """
    server = job.contract.server
    if not server.cursor or job.force or in_force is None or not in_force.watermark:
        return ""
    made_alike = (in_force.contract_digest, in_force.index_key_id) == (job.contract.digest, job.keys.index_key_id)
    if not made_alike or job.clock.now() - in_force.full_at >= server.full_every:
        return ""
    with suppress(Malformed):
        return since(job.contract, in_force.watermark)
    return ""


def _rows_after(job: Job, extracted: Extracted) -> int | None:
    """How many rows the dataset has after the changes are merged; None where the delivery is the whole of it."""
    base = _manifest_in_force(job, extracted.in_force) if extracted.changes else None
    if base is None:
        return None
    data_key = read_data_key(job.layout, base, job.keys)
    return rows_after(job.staged, job.contract, job.layout.version(base.version), data_key, job.settings)


def _clear_leftovers(job: Job) -> None:
    """Remove what killed runs left, and what was held too long: folders, and versions that were never recorded."""
    layout = job.layout
    for folder in (layout.folder, *(layout.held.iterdir() if layout.held.is_dir() else ())):
        clear_unfinished(folder)
    _settle_roll_back(job)
    lapse(job, begun_again=True)
    if layout.runs.is_dir():
        for folder in layout.runs.iterdir():
            shutil.rmtree(folder, ignore_errors=True)
    if not layout.versions.is_dir():
        return
    for path in layout.versions.iterdir():
        version = path.name.removesuffix(".key").removesuffix(".receipt")
        if layout.receipt(version).is_file():
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _settle_roll_back(job: Job) -> None:
    """Finish what a killed roll-back left; what cannot be read keeps nobody from publishing by force."""
    with suppress(Damaged):
        settle(job.layout)


def _in_force_already(job: Job, extracted: Extracted) -> bool:
    """Whether the snapshot in force was made from this very delivery, under this very contract and index key."""
    with suppress(Damaged):
        manifest = _manifest_in_force(job, extracted.in_force)
        return manifest is not None and (
            (manifest.delivery_digest, manifest.contract_digest, manifest.data_as_of, manifest.index_key_id)
            == (extracted.digest, job.contract.digest, extracted.data_as_of, job.keys.index_key_id)
        )
    return False


def _manifest_in_force(job: Job, current: bytes | None) -> Manifest | None:
    """The manifest of the snapshot in force; None where there is none, or it is too damaged to compare with."""
    if current is None:
        return None
    try:
        return read_manifest(job.layout, Current.parse(current), bytes_max=job.settings.manifest_bytes_max)
    except Damaged:
        return None


def _hold(job: Job, verdict: Verdict, extracted: Extracted) -> None:
    """Keep the report where the department finds it and what a release needs, and record that it was held."""
    folder = job.layout.held / job.run_id
    folder.mkdir(mode=0o700, exist_ok=True)
    keep_held(job, extracted, verdict)
    for name in (REPORT, REPORT_PAGE):
        replace_file(folder / name, (job.folder / name).read_bytes())
    reasons = {"reasons": " ".join(verdict.reasons), "report": digest_text(digest((folder / REPORT).read_bytes()))}
    delivery = {"delivery": digest_text(extracted.digest), "data_as_of": extracted.data_as_of.isoformat()}
    receipt = job.recorder.record(HELD, {**_attributes(job, verdict.counts), **delivery, **reasons})
    replace_file(folder / "receipt", receipt)
    job.keep("held", {"reasons": list(verdict.reasons)})
    _drop_personal_data(job)
    lapse(job)


def _built(job: Job) -> Manifest:
    """The manifest of the version that the run has built; raises Conflict where it is gone, Damaged where changed."""
    built = job.required("build")
    current = Current(version=built["version"], manifest_digest=bytes.fromhex(built["manifest"]))
    if not job.layout.version(current.version).is_dir():
        raise Conflict(
            f"version {current.version} of {job.contract.id} is gone", remedy="a newer run took over; start again"
        )
    return read_manifest(job.layout, current, bytes_max=job.settings.manifest_bytes_max)


def _attributes(job: Job, counts: Counts) -> dict[str, str]:
    return {
        "dataset": job.contract.id,
        "run": job.run_id,
        "contract_version": job.contract.version,
        "contract": digest_text(job.contract.digest),
        "rows_delivered": str(counts.delivered),
        "rows_quarantined": str(counts.quarantined),
        "rows_unattributable": str(counts.unattributable),
    }


def _published(manifest: Manifest) -> dict[str, str]:
    return {
        "version": manifest.version,
        "manifest": digest_text(manifest.digest),
        "delivery": digest_text(manifest.delivery_digest),
        "data_as_of": manifest.data_as_of.isoformat(),
        "rows_published": str(manifest.counts.published),
        "absence_allowed": str(manifest.absence_allowed).lower(),
    }


def _drop_personal_data(job: Job) -> None:
    """What a run needed on the way is not kept: small files that its steps may still ask for are."""
    for path in (job.delivery, job.staged):
        path.unlink(missing_ok=True)
    for folder in (job.version_folder, job.folder / "spill"):
        shutil.rmtree(folder, ignore_errors=True)


def report_page(job: Job, version: str | None) -> Path:
    """Where the report of a run lies: in its version, or among the held ones."""
    folder = job.layout.held / job.run_id if version is None else job.layout.version(version)
    return folder / REPORT_PAGE
