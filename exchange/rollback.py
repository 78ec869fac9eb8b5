"""Rolling back: an older version that is still kept comes into force again, recorded before `current` moves.

Asked again after a crash, it finishes: one that is recorded lies in `rolling-back.json` until it is carried out.
"""

from typing import Protocol

from exchange.current import Current
from exchange.held import check_words
from exchange.history import Standing, as_current, read_version, standing
from exchange.job import Job
from exchange.manifest import Manifest
from exchange.publish import alone
from exchange.recorder import ROLLED_BACK
from exchange.snapshot import check_files, open_snapshot, read_current_bytes
from exchange.taken_back import RollBack, pending, settle, write
from kernel.digest import digest_text
from kernel.durable import swap_file
from kernel.errors import Damaged, MianzhengError


class CannotRollBack(MianzhengError):
    """This version cannot come into force again; the message says why. What is in force stays so."""

    code = "cannot_roll_back"


class Published(Protocol):
    """What the audit log says of publications."""

    def manifest_of(self, dataset: str, version: str) -> bytes | None:
        """The digest of the manifest that a version was recorded with; None where no publication of it is recorded."""


def roll_back(job: Job, version: str, by: str, reason: str, *, published: Published) -> Manifest:
    """Put an older version in force on somebody's word; returns its manifest. It may be in force already.

    `job` may be any job of the dataset. Raises CannotRollBack where the version is not kept, was never recorded as
    published, or cannot be read under the contract in force; Damaged where it is not as it was published; Malformed
    where `by` or `reason` cannot be recorded; Conflict while somebody publishes the dataset; LogUnavailable. Whoever
    has the version that was in force pinned keeps reading it.
    """
    check_words(job, by, reason)
    layout = job.layout
    with alone(job):
        settle(layout)
        manifest = _target(job, version, published)
        moved = as_current(manifest).to_bytes()
        before = read_current_bytes(layout)
        if before == moved:
            return manifest
        begun = pending(layout)
        asked = (_text(before), version, by, reason)
        if begun is None or (begun.before, begun.to_version, begun.by, begun.reason) != asked:
            # Recorded before it is carried out: an entry without effect is harmless, a silent roll-back is not. Whoever
            # asks is recorded, also where somebody else's roll-back was cut short.
            write(layout.rolling_back, [_record(job, manifest, before, by, reason)])
        swap_file(layout.current, moved, expected=before)
        settle(layout)
    return manifest


def _target(job: Job, version: str, published: Published) -> Manifest:
    """The manifest of the version to come into force, proved to be whole, recorded and readable."""
    layout, dataset = job.layout, job.contract.id
    # Only a name that stands there is ever made a path.
    names = {path.name for path in layout.versions.iterdir()} if layout.versions.is_dir() else set()
    now = standing(layout, version) if version in names or f"{version}.receipt" in names else Standing.UNKNOWN
    if now not in {Standing.KEPT, Standing.IN_FORCE}:
        raise CannotRollBack(
            f"version {version} of {dataset}: {now.words.zh} {now.words.en}",
            remedy="choose one of `mianzheng datasets history`",
        )
    manifest = read_version(layout, version, bytes_max=job.settings.manifest_bytes_max)
    recorded = published.manifest_of(dataset, version)
    if recorded is None:
        raise CannotRollBack(
            f"the audit log records no publication of {dataset} {version}", remedy="run `mianzheng audit verify`"
        )
    if recorded != manifest.digest:
        raise Damaged(
            "is not the manifest whose publication is recorded",
            field=f"{dataset}/{version}/manifest.json",
            remedy="restore it from the backup",
        )
    if not manifest.shape.serves(job.contract):
        raise CannotRollBack(
            f"version {version} was made under contract {manifest.contract_version}, with which "
            f"{job.contract.version} breaks",
            remedy="put the older contract in force again, or choose a newer version",
        )
    check_files(layout, manifest)
    bytes_max = job.settings.manifest_bytes_max
    open_snapshot(layout, as_current(manifest), job.contract, job.keys, bytes_max=bytes_max)
    return manifest


def _record(job: Job, manifest: Manifest, before: bytes | None, by: str, reason: str) -> RollBack:
    from_version, taken = _named(job, before)
    attributes = {
        "dataset": manifest.dataset,
        "from_version": from_version,
        "version": manifest.version,
        "manifest": digest_text(manifest.digest),
        "contract_version": manifest.contract_version,
        "data_as_of": manifest.data_as_of.isoformat(),
        "by": by,
        "reason": reason,
    }
    receipt = job.recorder.record(ROLLED_BACK, attributes)
    return RollBack(
        dataset=manifest.dataset,
        before=_text(before),
        from_version=from_version,
        to_version=manifest.version,
        taken=taken,
        restored=digest_text(manifest.delivery_digest),
        by=by,
        reason=reason,
        at=job.clock.now(),
        receipt=receipt.decode("utf-8", "replace"),
    )


def _named(job: Job, before: bytes | None) -> tuple[str, str]:
    """Version and delivery of what is in force; empty where it is too damaged to tell."""
    try:
        current = Current.parse(before or b"")
        taken = read_version(job.layout, current.version, bytes_max=job.settings.manifest_bytes_max)
    except Damaged:
        return "", ""
    return current.version, digest_text(taken.delivery_digest)


def _text(current: bytes | None) -> str:
    return current.decode("utf-8", "replace") if current is not None else ""
