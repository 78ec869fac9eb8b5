"""Rotating the master key, while everything runs: every key that is wrapped under it is wrapped again under a new one.

Nothing that a digest covers is touched. Both keys lie there until nothing is wrapped under the old one, and whoever
unwraps tries both; so it may be killed at any point, and running it again finishes it:

1. the new key is written beside (`master.next.key`);
2. that it will come into force is recorded: a change without its entry would be worse than an entry without one;
3. the key in force gets a second name (`master.old.key`);
4. the new one takes its place (`master.key`): from here on whoever wraps, wraps under it;
5. what is wrapped under the old one is wrapped again: dataset by dataset, each under its lock; detail keys in batches;
6. the end is recorded, and the old key removed.

What a rotation does not do: the keys *inside* stay the same. Whoever had the old master key and a copy of the wrapped
keys can read what those opened. After such a loss, publish every dataset again as well.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from app.custody import CustodySettings, in_custody
from app.hub import Hub
from app.master_key import CURRENT, NEXT, OLD, secret_id, standing
from app.secret_file import read_secret
from exchange.keys import IndexKeys
from exchange.layout import Layout
from kernel.durable import PRIVATE, create_file, flush_directory, locked, replace_file
from kernel.errors import Conflict, Damaged
from kernel.plain_file import read_bounded
from kernel.sealing import Sealer, new_key

KEY_CHANGED = "KEY_CHANGED"
_KEY_BYTES_MAX = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """A finished rotation: the ids of both keys, and how many keys were wrapped again now.

    `resumed`: it had been begun before, and what was wrapped again then is not counted.
    """

    old: str
    new: str
    snapshots: int
    details: int
    resumed: bool


def rotate_master(hub: Hub, settings: CustodySettings, *, reached: Callable[[str], None] = lambda _: None) -> Rotation:
    """Put a new master key in force, or finish the rotation that was interrupted; tells `reached` each step's name.

    Raises Conflict where a backup or another rotation is under way, or a dataset is being published for too long (then
    everything stays readable; run it again), Damaged where a key is wrapped under neither, LogUnavailable.
    """
    folder = hub.paths.keys
    with in_custody(hub.paths):
        resumed = bool(standing(folder) & {NEXT, OLD})
        if OLD not in standing(folder):
            _prepare(hub, folder, reached)
        if NEXT in standing(folder):
            (folder / NEXT).replace(folder / CURRENT)
            flush_directory(folder)
            reached("switched")
        old, new = read_secret(folder / OLD), read_secret(folder / CURRENT)
        snapshots = sum(
            _rewrap_dataset(dataset, hub.index_keys, new, settings, reached)
            for dataset in _datasets(hub.paths.exchange)
        )
        details = hub.detail_keys.rewrap(Sealer(new), batch=settings.rewrap_batch)
        reached("rewrapped")
        _check_all(hub.paths.exchange, hub.index_keys.index, new)
        rotation = Rotation(
            old=secret_id(old), new=secret_id(new), snapshots=snapshots, details=details, resumed=resumed
        )
        counts = {"snapshots": str(snapshots), "details": str(details)}
        hub.recorder.record(KEY_CHANGED, {**_attributes(old, new, "finished"), **counts})
        reached("told")
        (folder / OLD).unlink()
        flush_directory(folder)
        reached("finished")
        return rotation


def _prepare(hub: Hub, folder: Path, reached: Callable[[str], None]) -> None:
    """Write the new key beside, record it, and give the one in force its second name."""
    # What an interruption left of an attempt to write one.
    for left in folder.glob(f".{NEXT}.*.tmp"):
        left.unlink()
    if NEXT not in standing(folder):
        create_file(folder / NEXT, new_key().hex().encode(), mode=PRIVATE)
    reached("prepared")
    old, new = read_secret(folder / CURRENT), read_secret(folder / NEXT)
    hub.recorder.record(KEY_CHANGED, _attributes(old, new, "begun"))
    reached("recorded")
    os.link(folder / CURRENT, folder / OLD)
    flush_directory(folder)
    reached("linked")


def _attributes(old: bytes, new: bytes, step: str) -> dict[str, str]:
    return {"key": "master", "step": step, "old": secret_id(old), "new": secret_id(new)}


def _datasets(store: Path) -> list[Layout]:
    """Every dataset that has versions."""
    folders = sorted(store.iterdir()) if store.is_dir() else []
    return [layout for folder in folders if (layout := Layout(folder=folder)).versions.is_dir()]


def wrapped_keys(layout: Layout) -> Iterator[tuple[str, Path]]:
    """Every wrapped data key of a dataset: its version, and its file."""
    for path in sorted(layout.versions.glob("*.key")):
        if not path.name.startswith("."):
            yield path.name.removesuffix(".key"), path


def _rewrap_dataset(
    layout: Layout, keys: IndexKeys, new: bytes, settings: CustodySettings, reached: Callable[[str], None]
) -> int:
    count = 0
    under_new = IndexKeys(index=keys.index, master=new)
    with _alone(layout, settings):
        for version, path in wrapped_keys(layout):
            raw = read_bounded(path, _KEY_BYTES_MAX)
            if _opens(under_new, raw, layout.folder.name, version):
                continue
            data_key = keys.unwrap(raw, layout.folder.name, version)
            replace_file(path, under_new.wrap(data_key, layout.folder.name, version), mode=PRIVATE)
            count += 1
            reached(f"rewrapped {layout.folder.name}/{version}")
    return count


def _check_all(store: Path, index: bytes, new: bytes) -> None:
    """Return if the new key opens every snapshot's; raises Conflict: then the old one must not go."""
    under_new = IndexKeys(index=index, master=new)
    for layout in _datasets(store):
        for version, path in wrapped_keys(layout):
            # Retention may take a version, and its key first, at any time.
            with suppress(FileNotFoundError):
                if not _opens(under_new, read_bounded(path, _KEY_BYTES_MAX), layout.folder.name, version):
                    raise Conflict(
                        "a data key was wrapped under the old key meanwhile",
                        field=f"{layout.folder.name}/{path.name}",
                        remedy="run `mianzheng keys rotate master` again",
                    )


def _opens(keys: IndexKeys, raw: bytes, dataset: str, version: str) -> bool:
    try:
        keys.unwrap(raw, dataset, version)
    except Damaged:
        return False
    return True


@contextmanager
def _alone(layout: Layout, settings: CustodySettings) -> Iterator[None]:
    """Hold a dataset's lock; raises Conflict where it is being published for too long."""
    deadline = time.monotonic() + settings.publishing_wait_s
    while True:
        held = False
        try:
            with locked(layout.lock, wait=False):
                held = True
                yield
                return
        except Conflict as error:
            if held:
                raise
            if time.monotonic() >= deadline:
                raise Conflict(
                    f"{layout.folder.name} is being published",
                    field="dataset",
                    remedy="both master keys stay; run `mianzheng keys rotate master` again afterwards",
                ) from error
            time.sleep(settings.look_again_s)
