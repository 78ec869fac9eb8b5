"""A delivery that was held, on disk: what was found, what is kept of it, and what was decided.

`held/<run>/` has the report, the receipt of the HELD entry, `held.json`, and, once somebody has decided,
`decision.json` with the receipt of that entry. `kept/` in it is what the run would need to go on. It holds personal
data, and goes when it is decided that it does not, when it has, or when nobody decides in time.
"""

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from exchange.decision import Decision, Fate
from exchange.extract import Extracted
from exchange.job import Job
from exchange.layout import Layout
from exchange.manifest import Counts
from exchange.recorder import REJECTED, RELEASED
from exchange.snapshot import manifest_in_force
from exchange.verdict import Verdict
from kernel.clock import parse_instant
from kernel.digest import digest_text
from kernel.durable import PRIVATE, PRIVATE_FOLDER, flush_directory, flush_file, replace_file
from kernel.errors import Damaged, Unreadable
from kernel.plain_file import read_bounded

FORMAT = "mianzheng.held/1"
FACTS = "held.json"
DECISION = "decision.json"
RECEIPT = "receipt"
DECISION_RECEIPT = "decision.receipt"
KEPT = "kept"
FILE_BYTES_MAX = 1 << 16
_REMEDY = "remove the held delivery's folder, and have it delivered again"

NEVER_RELEASED: Mapping[str, str] = {
    "delivery:hours_ahead": "its data_as_of lies in the future, and would keep it from ever being stale",
    "delivery:seconds_older": "it is older than what is in force",
}
"""Results that no decision overrides, each with the reason: docs/decisions has it in full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldDelivery:
    """One held delivery: what it was, why it was held, and what has become of it. Instants are in UTC.

    `reasons` are the ids of the results that did not pass. `in_force` is what `current` held when the run began;
    `changes` says that the delivery brings only what changed since that.
    `folder` is private; `report.html` in it may be shown to the department.
    """

    dataset: str
    run_id: str
    held_at: datetime
    data_as_of: datetime
    delivery_digest: bytes
    changes: bool
    contract_version: str
    contract_digest: bytes
    index_key_id: str
    in_force: bytes | None
    counts: Counts
    reasons: tuple[str, ...]
    fate: Fate
    decision: Decision | None
    folder: Path = field(repr=False)

    @property
    def kept(self) -> Path:
        """What the run would need to go on; holds personal data, and is gone once it is not needed any more."""
        return self.folder / KEPT

    @property
    def undecided(self) -> bool:
        """Whether something remains to be done about it."""
        return self.fate in {Fate.WAITING, Fate.RELEASING}

    def lapses_at(self, days: float) -> datetime:
        """When nobody can decide about it any more."""
        return self.held_at + timedelta(days=days)


def keep_held(job: Job, extracted: Extracted, verdict: Verdict) -> None:
    """Keep what a decision needs; and, where it may be released at all, what the run needs to go on. Runs twice."""
    folder = job.layout.held / job.run_id
    # A run that is started again may be held again: what was said of the delivery before goes first.
    for name in (RECEIPT, DECISION, DECISION_RECEIPT):
        (folder / name).unlink(missing_ok=True)
    drop_kept(job.layout, job.run_id)
    if not never_released(verdict.reasons, verdict.counts):
        _keep_run(job, folder)
    facts = {
        "format": FORMAT,
        "dataset": job.contract.id,
        "held_at": job.clock.now().isoformat(),
        "data_as_of": extracted.data_as_of.isoformat(),
        "delivery": extracted.digest.hex(),
        "changes": extracted.changes,
        "contract": {"version": job.contract.version, "digest": job.contract.digest.hex()},
        "index_key_id": job.keys.index_key_id,
        "in_force": extracted.in_force.decode("ascii", "replace") if extracted.in_force is not None else None,
        "counts": asdict(verdict.counts),
        "reasons": list(verdict.reasons),
    }
    replace_file(folder / FACTS, json.dumps(facts, ensure_ascii=False).encode() + b"\n", mode=PRIVATE)


def never_released(reasons: tuple[str, ...], counts: Counts) -> str:
    """Why no decision can put such a delivery in force; empty where one can."""
    if counts.published == 0:
        return "no row of it is fit to be published"
    return next((why for result, why in NEVER_RELEASED.items() if result in reasons), "")


def read_held(layout: Layout, run_id: str) -> HeldDelivery | None:
    """A held delivery; None where none is recorded of this run. Raises Damaged, and Malformed where this is no id."""
    folder = layout.held / layout.run(run_id).name
    if not (folder / RECEIPT).is_file() or not (folder / FACTS).is_file():
        return None
    try:
        return _read(layout.folder.name, folder, json.loads(_bytes(folder / FACTS)))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged("tells of no held delivery", FACTS) from error


def all_held(layout: Layout) -> tuple[HeldDelivery, ...]:
    """Every held delivery of a dataset whose report is still kept, the oldest first. Raises Damaged."""
    if not layout.held.is_dir():
        return ()
    found = [read_held(layout, folder.name) for folder in sorted(layout.held.iterdir()) if folder.is_dir()]
    return tuple(sorted((each for each in found if each is not None), key=lambda each: (each.held_at, each.run_id)))


def drop_kept(layout: Layout, run_id: str) -> None:
    """Drop what was kept of a held delivery's data, if anything was."""
    kept = layout.held / run_id / KEPT
    if kept.is_dir():
        shutil.rmtree(kept)
        flush_directory(kept.parent)


def lapse(job: Job, *, begun_again: bool = False) -> None:
    """Let lapse what nobody decided about in time and what is too much to keep; and what a run held that begins again.

    Also finishes what a killed process left half done. Raises LogUnavailable where it cannot be recorded.
    """
    # What this run has held is the newest of all, also where the clock was set back meanwhile.
    undecided = sorted(_cleared(job), key=lambda held: held.run_id == job.run_id)
    newest = {each.run_id for each in undecided[max(0, len(undecided) - job.settings.held_max) :]}
    for held in undecided:
        if held.lapses_at(job.settings.held_days_max) <= job.clock.now():
            decide(job, held, Fate.LAPSED, reason="nobody decided in time")
        elif held.run_id not in newest:
            decide(job, held, Fate.LAPSED, reason="newer deliveries were held")
        elif begun_again and held.run_id == job.run_id:
            decide(job, held, Fate.LAPSED, reason="its run was begun again")


def is_in_force(job: Job, held: HeldDelivery) -> bool:
    """Whether what is in force was made from this very delivery by the run that held it."""
    with suppress(Damaged):
        manifest = manifest_in_force(job.layout, bytes_max=job.settings.manifest_bytes_max)
        made_from = (manifest.run, manifest.delivery_digest) if manifest else None
        return made_from == (held.run_id, held.delivery_digest)
    return False


def decide(job: Job, held: HeldDelivery, fate: Fate, *, by: str = "", reason: str) -> None:
    """Record a decision and keep it; the data of what is not released is dropped. Raises LogUnavailable."""
    kind = RELEASED if fate is Fate.RELEASED else REJECTED
    receipt = job.recorder.record(kind, attributes(held, decision=str(fate), by=by, reason=reason))
    replace_file(held.folder / DECISION_RECEIPT, receipt)
    decision = Decision(fate=fate, by=by, reason=reason, at=job.clock.now())
    replace_file(held.folder / DECISION, decision.to_bytes(), mode=PRIVATE)
    if fate is not Fate.RELEASED:
        drop_kept(job.layout, held.run_id)
        # A release that had begun must find nothing to go on with.
        shutil.rmtree(job.layout.run(held.run_id), ignore_errors=True)


def take_up(job: Job, held: HeldDelivery) -> None:
    """Lay out the run's folder as it was when the delivery was held, from copies, durably."""
    job.begin()
    for source in held.kept.iterdir():
        target = job.folder / source.name
        # A copy: a build that is killed must find the delivery whole when it runs again.
        shutil.copyfile(source, target)
        target.chmod(PRIVATE)
        flush_file(target)


def _cleared(job: Job) -> tuple[HeldDelivery, ...]:
    """Every held delivery, the oldest first, after clearing away what killed processes left.

    That is what was never recorded as held, what no decision needs any more, and what tells of no held delivery. Raises
    Unreadable where that cannot be told.
    """
    found = []
    for folder in list(job.layout.held.iterdir()) if job.layout.held.is_dir() else ():
        if not (folder / RECEIPT).is_file():
            shutil.rmtree(folder)
            continue
        try:
            held = read_held(job.layout, folder.name)
        except Unreadable:
            # A disk that fails for a moment must not cost the department its delivery.
            raise
        except Damaged:
            held = None
        if held is None or not held.undecided or (held.fate is Fate.RELEASING and is_in_force(job, held)):
            drop_kept(job.layout, folder.name)
        else:
            found.append(held)
    return tuple(sorted(found, key=lambda each: (each.held_at, each.run_id)))


def _keep_run(job: Job, folder: Path) -> None:
    """Give the run's files a second name, which outlives the run."""
    kept = folder / KEPT
    kept.mkdir(mode=PRIVATE_FOLDER)
    for path in job.folder.iterdir():
        # What a killed step wrote beside its place is no result of any.
        if path.is_file() and path != job.delivery and not path.name.startswith("."):
            path.chmod(PRIVATE)
            flush_file(path)
            os.link(path, kept / path.name)
    flush_directory(kept)


def _read(dataset: str, folder: Path, facts: dict[str, Any]) -> HeldDelivery:
    if facts["format"] != FORMAT or facts["dataset"] != dataset:
        raise ValueError(FORMAT)
    decision = Decision.parse(_bytes(folder / DECISION)) if (folder / DECISION).is_file() else None
    counts, reasons = Counts(**facts["counts"]), tuple(str(each) for each in facts["reasons"])
    return HeldDelivery(
        dataset=dataset,
        run_id=folder.name,
        held_at=parse_instant(facts["held_at"]),
        data_as_of=parse_instant(facts["data_as_of"]),
        delivery_digest=bytes.fromhex(facts["delivery"]),
        changes=bool(facts["changes"]),
        contract_version=facts["contract"]["version"],
        contract_digest=bytes.fromhex(facts["contract"]["digest"]),
        index_key_id=facts["index_key_id"],
        in_force=facts["in_force"].encode("ascii") if facts["in_force"] is not None else None,
        counts=counts,
        reasons=reasons,
        fate=_fate(decision, folder, barred=bool(never_released(reasons, counts))),
        decision=decision,
        folder=folder,
    )


def _fate(decision: Decision | None, folder: Path, *, barred: bool) -> Fate:
    if decision is None:
        return Fate.BARRED if barred else Fate.WAITING
    if decision.fate is Fate.RELEASED and (folder / KEPT).is_dir():
        return Fate.RELEASING
    return decision.fate


def attributes(held: HeldDelivery, **more: str) -> dict[str, str]:
    """What the audit log says of a held delivery."""
    return {
        "dataset": held.dataset,
        "run": held.run_id,
        "contract_version": held.contract_version,
        "contract": digest_text(held.contract_digest),
        "delivery": digest_text(held.delivery_digest),
        "data_as_of": held.data_as_of.isoformat(),
        "held_for": " ".join(held.reasons),
        **more,
    }


def _bytes(path: Path) -> bytes:
    return read_bounded(path, FILE_BYTES_MAX, remedy=_REMEDY)


def _damaged(what: str, name: str) -> Damaged:
    return Damaged(what, field=name, remedy=_REMEDY)
