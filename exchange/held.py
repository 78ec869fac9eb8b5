"""Deciding about held deliveries: a department releases one as it is, or rejects it.

A release puts in force exactly what was held: the rows that failed stay held back, and whoever they may be about stays
tainted. It is recorded, with who and why, before anything is built. Each decision can be asked again after a crash, and
goes on where it was; what was decided stays decided.
"""

import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from time import perf_counter

from exchange import publish
from exchange.decision import Fate
from exchange.held_report import moment, say_released
from exchange.holding import (
    HeldDelivery,
    all_held,
    decide,
    drop_kept,
    is_in_force,
    never_released,
    read_held,
    take_up,
)
from exchange.job import Job, Next
from exchange.last_run import Ending, note_ending, read_last_run
from exchange.layout import Layout
from exchange.snapshot import manifest_in_force, read_current_bytes
from exchange.taken_back import taken_back
from kernel.digest import digest_text
from kernel.errors import Conflict, Damaged, Malformed, MianzhengError

RELEASE_STEPS = ("build", "record", "promote")
"""What remains to be done of the run once its delivery is released."""

BY_CHARACTERS_MAX = 100
_NUMBER = re.compile(r"\d{15}")
_SEPARATORS = re.compile(r"[\s\-‐-―－·.,，、]")
"""What people write within a number."""


class NoSuchDelivery(MianzhengError):
    """No delivery of this dataset was held by this run, or its report is gone."""

    code = "no_such_delivery"


class Decided(MianzhengError):
    """Somebody has decided about the held delivery already, or nobody did in time."""

    code = "already_decided"


class NotReleasable(MianzhengError):
    """The held delivery cannot be put in force, whoever wants it; the message says why."""

    code = "not_releasable"


def list_held(layout: Layout) -> tuple[HeldDelivery, ...]:
    """Every held delivery of a dataset whose report is still kept, the oldest first; raises Damaged."""
    return all_held(layout)


def find_held(layout: Layout, run_id: str) -> HeldDelivery:
    """What a run held; raises NoSuchDelivery."""
    held = read_held(layout, run_id)
    if held is None:
        raise NoSuchDelivery(
            f"run {run_id} of {layout.folder.name} holds no delivery", field="run", remedy="list what is held"
        )
    return held


def barred(job: Job, held: HeldDelivery) -> str:
    """Why a held delivery cannot be released now; empty where it can. Its fate is another matter."""
    never = never_released(held.reasons, held.counts)
    if never:
        return never
    bars = {
        "the time to decide about it is over": held.lapses_at(job.settings.held_days_max) <= job.clock.now(),
        "the contract has changed since: it was judged by another one": held.contract_digest != job.contract.digest,
        "the hub's index key has changed since": held.index_key_id != job.keys.index_key_id,
        "this very delivery was taken out of force by a roll-back": digest_text(held.delivery_digest)
        in taken_back(job.layout),
        "its data is gone": not held.kept.is_dir(),
    }
    return next((why for why, bars_it in bars.items() if bars_it), "") or _behind(job, held)


def release(
    job: Job, run_id: str, by: str, reason: str, *, progress: Callable[[str], None] = lambda _: None
) -> publish.Published:
    """Put a held delivery in force as it is, on somebody's word, and tell `progress` each step as it begins.

    `job` may be any job of the dataset: the run is the one that held the delivery. Where a release was recorded and
    then cut short, asking again completes it; the first one's name and reason stand. Raises NoSuchDelivery, Decided,
    NotReleasable, Malformed where `by` or `reason` cannot be recorded, and what publishing raises.
    """
    job = replace(job, run_id=run_id)
    seconds: dict[str, float] = {}
    with publish.alone(job):
        if _begin(job, by, reason):
            for name in RELEASE_STEPS:
                progress(name)
                began = perf_counter()
                publish.take(name, job)
                seconds[name] = perf_counter() - began
        result = publish.outcome(job, Next.UNCHANGED, seconds)
    if not isinstance(result, publish.Published):
        raise Conflict(f"{job.contract.id} has nothing in force", remedy="look at what is in force")
    return replace(result, unchanged=False)


def begin_release(job: Job, by: str, reason: str) -> bool:
    """Record the release of what `job.run_id` held, and lay it out for the steps `build`, `record` and `promote`.

    For a scheduler that runs those as tasks of their own. False: it is in force already, and nothing remains to be
    done. Raises what `release` raises.
    """
    with publish.alone(job):
        return _begin(job, by, reason)


def reject(job: Job, run_id: str, by: str, reason: str) -> HeldDelivery:
    """Record that a held delivery is rejected, and drop its data. Raises NoSuchDelivery, Decided, Malformed.

    A release that was recorded and could not be carried out can be rejected too.
    """
    check_words(job, by, reason)
    return _drop(replace(job, run_id=run_id), Fate.REJECTED, by=by, reason=reason)


def let_lapse(job: Job, run_id: str) -> HeldDelivery:
    """Record that nobody decided about a held delivery in time, and drop its data; raises what `reject` raises."""
    return _drop(replace(job, run_id=run_id), Fate.LAPSED, by="", reason="nobody decided in time")


def _begin(job: Job, by: str, reason: str) -> bool:
    held = find_held(job.layout, job.run_id)
    if held.fate is Fate.RELEASING and is_in_force(job, held):
        _drop_data(job)
        note_ending(job.layout.last_run, held.run_id, Ending.RELEASED, job.clock.now())
        return False
    _check_undecided(job, held)
    why = barred(job, held)
    if why:
        raise NotReleasable(
            f"what run {held.run_id} of {held.dataset} held cannot be released: {why}",
            remedy="have it corrected and delivered again",
        )
    if held.fate is Fate.WAITING:
        check_words(job, by, reason)
        decide(job, held, Fate.RELEASED, by=by, reason=reason)
    current = read_current_bytes(job.layout)
    in_force = current.decode("ascii", "replace") if current is not None else None
    if job.kept("released") is None or job.required("extract")["in_force"] != in_force:
        take_up(job, held)
        say_released(job)
        job.keep("extract", {**job.required("extract"), "in_force": in_force})
        # Said last: a folder that does not say it is laid out anew.
        job.keep("released", {"delivery": held.delivery_digest.hex()})
    return True


def _behind(job: Job, held: HeldDelivery) -> str:
    """Why a held delivery is not the newest, or does not fit what is in force; empty where it is and does."""
    unmoved = read_current_bytes(job.layout) == held.in_force
    if held.changes and not unmoved:
        return "it brings changes to a snapshot that is not in force any more"
    try:
        manifest = manifest_in_force(job.layout, bytes_max=job.settings.manifest_bytes_max)
    except Damaged:
        # What is in force answers nothing; only what was compared with it then may take its place.
        return "" if unmoved else "what is in force is damaged, and nobody can tell which is newer"
    if manifest is None:
        return ""
    if manifest.data_as_of > held.data_as_of:
        return f"what is in force is newer: version {manifest.version}, data as of {manifest.data_as_of.isoformat()}"
    if manifest.data_as_of == held.data_as_of and not unmoved:
        return f"version {manifest.version} of the same instant has come into force meanwhile"
    return ""


def _drop(job: Job, fate: Fate, *, by: str, reason: str) -> HeldDelivery:
    with publish.alone(job):
        held = find_held(job.layout, job.run_id)
        _check_undecided(job, held)
        if held.fate is Fate.RELEASING and is_in_force(job, held):
            _drop_data(job)
            raise Decided(f"what run {held.run_id} of {held.dataset} held is in force", remedy="roll it back")
        decide(job, held, fate, by=by, reason=reason)
        last = read_last_run(job.layout.last_run)
        if last is not None and last.run_id == held.run_id:
            note_ending(job.layout.last_run, held.run_id, Ending.REJECTED, job.clock.now())
        return find_held(job.layout, job.run_id)


def _drop_data(job: Job) -> None:
    """Drop what a killed process still meant to drop."""
    shutil.rmtree(job.folder, ignore_errors=True)
    drop_kept(job.layout, job.run_id)


def _check_undecided(job: Job, held: HeldDelivery) -> None:
    if held.fate is Fate.BARRED:
        raise NotReleasable(
            f"what run {held.run_id} of {held.dataset} held can never be released: "
            f"{never_released(held.reasons, held.counts)}",
            remedy="have it corrected and delivered again",
        )
    if not held.undecided:
        _drop_data(job)
        when = f" on {moment(held.decision.at)}" if held.decision else ""
        raise Decided(f"what run {held.run_id} of {held.dataset} held was {held.fate}{when}", remedy="deliver again")


def speakable(job: Job, by: str, reason: str) -> bool:
    """Whether somebody's name and reason can stand in the log."""
    with suppress(Malformed):
        check_words(job, by, reason)
        return True
    return False


def check_words(job: Job, by: str, reason: str) -> None:
    """Return if somebody's name and reason can stand in the log, which holds no subject's data; raises Malformed."""
    check_reason(by, reason, longest=job.settings.reason_characters_max)


def check_reason(by: str, reason: str, *, longest: int) -> None:
    """The same with a bound on the reason's length, in characters."""
    for name, text, most in (("by", by, BY_CHARACTERS_MAX), ("reason", reason, longest)):
        if not text.strip() or not text.isprintable() or len(text) > most:
            raise Malformed("is no line of text", field=name, remedy=f"write 1 to {most} characters")
        if _NUMBER.search(_SEPARATORS.sub("", text)):
            raise Malformed("holds a number that may be a person's", field=name, remedy="say it without the number")
