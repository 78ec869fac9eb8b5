"""Publish a dataset: extract → stage → validate → build → record → promote.

Each step works on a job; what passes between them lies in the run's folder, so that a scheduler can run them as tasks
of their own that pass ids only, and each can run twice. `publish` runs all of them.

Whatever is killed in between, `current` names a whole snapshot whose publication is recorded: files are flushed before
a version is renamed in, the entry is durable before its receipt is written, and the receipt is there before `current`
moves.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from exchange import steps
from exchange.job import Job, Next
from exchange.last_run import Ending, note_ending, note_failure
from exchange.manifest import Counts
from exchange.snapshot import read_current, read_manifest
from exchange.storage import told_plainly
from kernel.durable import locked
from kernel.errors import Conflict

STEPS: Mapping[str, Callable[[Job], Next]] = {
    "extract": steps.extract,
    "stage": steps.stage,
    "validate": steps.validate,
    "build": steps.build,
    "record": steps.record,
    "promote": steps.promote,
}
"""The steps by name, in order."""

_ENDINGS = {
    ("extract", Next.UNCHANGED): Ending.UNCHANGED,
    ("validate", Next.HELD): Ending.HELD,
    ("promote", Next.GO_ON): Ending.PUBLISHED,
}
"""What a run has come to with a step that said what follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A snapshot is in force. `unchanged`: it was already, made from this very delivery. `seconds` by step."""

    dataset: str
    version: str
    manifest_digest: bytes
    counts: Counts
    absence_allowed: bool
    unchanged: bool
    report: Path
    seconds: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBack:
    """The delivery failed its quality gate; what was in force stays in force. `reasons` are the rules' ids."""

    dataset: str
    run_id: str
    counts: Counts
    reasons: tuple[str, ...]
    report: Path
    seconds: Mapping[str, float]


def step(name: str, job: Job) -> Next:
    """Run one step of a job, alone; raises Conflict while somebody else publishes the dataset."""
    with alone(job):
        return take(name, job)


def publish(job: Job, *, progress: Callable[[str], None] = lambda _: None) -> Published | HeldBack:
    """Run a job's steps, telling `progress` the name of each as it begins.

    Raises Malformed where the delivery cannot be read, Conflict where somebody else publishes the dataset, and
    LogUnavailable where the publication cannot be recorded; then what was in force stays in force.
    """
    seconds: dict[str, float] = {}
    following = Next.GO_ON
    with alone(job):
        for name in STEPS:
            progress(name)
            began = perf_counter()
            following = take(name, job)
            seconds[name] = perf_counter() - began
            if following is not Next.GO_ON:
                break
    result = outcome(job, following, seconds)
    if result is None:
        raise Conflict(f"{job.contract.id} was published by somebody else meanwhile", remedy="look at what is in force")
    return result


def outcome(job: Job, following: Next, seconds: Mapping[str, float] | None = None) -> Published | HeldBack | None:
    """What a job has come to, after a step that said what follows; None while steps remain."""
    if following is Next.HELD:
        verdict = job.verdict()
        return HeldBack(
            dataset=job.contract.id,
            run_id=job.run_id,
            counts=verdict.counts,
            reasons=verdict.reasons,
            report=steps.report_page(job, None),
            seconds=seconds or {},
        )
    current = read_current(job.layout)
    built = job.kept("build") or {}
    if current is None or (following is Next.GO_ON and built.get("version") != current.version):
        return None
    manifest = read_manifest(job.layout, current, bytes_max=job.settings.manifest_bytes_max)
    return Published(
        dataset=job.contract.id,
        version=manifest.version,
        manifest_digest=current.manifest_digest,
        counts=manifest.counts,
        absence_allowed=manifest.absence_allowed,
        unchanged=following is Next.UNCHANGED,
        report=steps.report_page(job, manifest.version),
        seconds=seconds or {},
    )


def take(name: str, job: Job) -> Next:
    """Run a step of a job whose dataset the caller keeps to itself, and note how the run ended where it did."""
    note, run_id = job.layout.last_run, job.run_id
    try:
        with told_plainly(job.contract.id, name):
            following = STEPS[name](job)
    except Conflict:
        # Somebody else moved the dataset, and notes what came of it.
        raise
    except BaseException as error:
        longest = job.settings.run_message_characters_max
        note_failure(note, run_id, name, error, job.clock.now(), longest=longest)
        raise
    ending = _ENDINGS.get((name, following))
    if ending is not None:
        released = ending is Ending.PUBLISHED and job.kept("released") is not None
        note_ending(note, run_id, Ending.RELEASED if released else ending, job.clock.now())
    return following


@contextmanager
def alone(job: Job) -> Iterator[None]:
    """Keep everybody else off the dataset for the length of a block; raises Conflict where somebody publishes it."""
    job.layout.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    held = False
    try:
        with locked(job.layout.lock, wait=False):
            held = True
            yield
    except Conflict as error:
        if held:
            raise
        raise Conflict(
            f"{job.contract.id} is being published by another process", remedy="wait until it has finished"
        ) from error
