"""The parts of `ten_million`, one a process: `python -m benchmarks.ten_million_parts PART FOLDER ROWS` prints JSON."""

import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

from adapters.registry import open_delivery
from benchmarks.large import DATASET, Large
from exchange.database import database, literal
from exchange.extract import write_delivery
from exchange.index import IndexReader
from exchange.index_rows import keyed_rows
from exchange.layout import DATA, INDEX, Layout
from exchange.manifest import Manifest
from exchange.publish import STEPS
from exchange.row_bytes import prepare_row_bytes
from exchange.settings import DEFAULTS
from exchange.snapshot import read_current, read_current_bytes, read_data_key, read_manifest
from kernel.identity import parse_person
from kernel.sealing import new_key

PEOPLE = 20_000
BATCHES = 20
SEED = 1
SALT = 9
LOOK_SECONDS = 0.02
Steps = Mapping[str, Callable[[Any], object]]


def deliver(large: Large, rows: int) -> Mapping[str, Any]:
    """Write the delivery."""
    large.deliver(rows)
    return {}


def publish(large: Large, rows: int) -> Mapping[str, Any]:
    """Publish it, step by step."""
    import exchange.judge  # noqa: F401, PLC0415 - it takes seconds to load, whatever the rows

    with watching_memory() as peak:
        took = _take(large, STEPS, "whole")
    manifest = _in_force(large)
    if manifest.counts.delivered != rows or not manifest.counts.quarantined:
        raise ValueError(f"not what was delivered: {manifest.counts}")
    files = {name: manifest.files[name].size for name in (DATA, INDEX)}
    return {"seconds": sum(took.values()), "steps": took, "peak_mb": max(peak), "files": files}


def change(large: Large, rows: int) -> Mapping[str, Any]:
    """Publish what a registry's cursor would give: a hundredth of the rows, in some places changed."""
    import exchange.judge  # noqa: F401, PLC0415 - it takes seconds to load, whatever the rows

    large.deliver(rows // 100, salt=SALT, first=rows // 2)

    def extract(job: Any) -> None:
        job.begin()
        delivery = open_delivery(job.contract, job.delivery_root, settings=job.adapter_settings)
        in_force = read_current_bytes(job.layout)
        extracted = write_delivery(delivery, job.delivery, in_force=in_force, settings=job.adapter_settings)
        job.keep("extract", replace(extracted, changes=True).to_data())

    before = _in_force(large)
    took = _take(large, {**STEPS, "extract": extract}, "changes")
    after = _in_force(large)
    if after.base != before.version or after.counts.subjects != before.counts.subjects:
        raise ValueError(f"not merged as it should be: {before.counts}, {after.counts}")
    return {"seconds": sum(took.values()), "steps": took}


def own_load(large: Large, rows: int) -> Mapping[str, Any]:
    """DuckDB's own load of the same rows, as text, with a unique index over the numbers."""
    path = large.folder / "own.duckdb"
    columns = ", ".join(f"{literal(each.physical_name)}: 'VARCHAR'" for each in large.contract.properties)
    key = large.contract.by_name[large.contract.primary_key[0]].physical_name
    began = time.perf_counter()
    with database(path, DEFAULTS) as connection:
        connection.execute(
            f"create table own as select * from read_csv({literal(str(large.plain))}, header = true, "  # noqa: S608 (ours)
            f"auto_detect = false, columns = {{{columns}}}, delim = ',', quote = '\"', new_line = '\\n')"
        )
        connection.execute(f'create unique index own_key on own ("{key}")')
        (count,) = connection.execute("select count(*) from own").fetchone() or (0,)
        connection.execute("checkpoint")
    seconds = time.perf_counter() - began
    path.unlink()
    if count != rows:
        raise ValueError(f"{count} of {rows} rows were loaded")
    return {"seconds": seconds}


def sort(large: Large, rows: int) -> Mapping[str, Any]:
    """What DuckDB does of the step build: make the index's rows and their keys, and put them in order."""
    manifest = _in_force(large)
    path = large.folder / "exchange" / DATASET / "versions" / manifest.version / DATA
    with database(path, DEFAULTS, spill=large.folder / "spill", read_only=True) as connection:
        prepare_row_bytes(connection, large.contract.properties, "records", batch=DEFAULTS.batch_rows)
        began = time.perf_counter()
        made = f"create temp table made as {keyed_rows(large.contract)}"
        connection.execute(made, list(large.keys.index_blocks))
        keyed = time.perf_counter() - began
        began = time.perf_counter()
        connection.execute("select key, value from made order by key").fetchmany(1)
        in_order = time.perf_counter() - began
        (count,) = connection.execute("select count(*) from made").fetchone() or (0,)
    if count != manifest.counts.published:
        raise ValueError(f"{count} of {rows} rows came")
    return {"keyed": keyed, "sorted": in_order}


def look_up(large: Large, _rows: int) -> Mapping[str, Any]:
    """Look people up at random, in batches: first with the file's pages dropped, then again."""
    manifest = _in_force(large)
    layout = Layout.of(large.folder / "exchange", DATASET)
    folder = layout.version(manifest.version)
    with database(folder / DATA, DEFAULTS, spill=large.folder / "spill", read_only=True) as connection:
        found = connection.execute(f"select person_id from records using sample {PEOPLE} rows").fetchall()  # noqa: S608 (a number of ours)
    people = [parse_person(number) for (number,) in found]
    random.Random(SEED).shuffle(people)
    size = len(people) // BATCHES
    batches = [people[at : at + size] for at in range(0, size * BATCHES, size)]
    descriptor = os.open(folder / INDEX, os.O_RDONLY)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)
    reader = IndexReader(folder / INDEX, read_data_key(layout, manifest, large.keys))
    parse = large.contract.row.parse
    identity = large.keys.identity

    def timed(batch: list[Any]) -> float:
        began = time.perf_counter()
        for person in batch:
            (row,) = reader.get(identity(person)).rows
            parse(row)
        return (time.perf_counter() - began) / len(batch) * 1e6

    cold = [timed(batch) for batch in batches]
    warm = [timed(batch) for batch in batches]
    return {"cold_us": cold, "warm_us": warm}


def _take(large: Large, taken: Steps, run: str) -> dict[str, float]:
    job = large.job(run)
    seconds = {}
    for name, step in taken.items():
        began = time.perf_counter()
        step(job)
        seconds[name] = time.perf_counter() - began
    return seconds


def _in_force(large: Large) -> Manifest:
    layout = Layout.of(large.folder / "exchange", DATASET)
    current = read_current(layout)
    if current is None:
        raise ValueError("nothing is in force")
    return read_manifest(layout, current, bytes_max=DEFAULTS.manifest_bytes_max)


@contextmanager
def watching_memory() -> Iterator[list[float]]:
    """The process's anonymous memory in MB, looked at many times a second: mapped files are not in it."""
    seen = [0.0]
    over = Event()

    def look() -> None:
        while not over.wait(LOOK_SECONDS):
            for line in Path("/proc/self/status").read_text("utf-8").splitlines():
                if line.startswith("RssAnon:"):
                    seen[0] = max(seen[0], int(line.split()[1]) / 1024)

    watcher = Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


_PARTS: Mapping[str, Callable[[Large, int], Mapping[str, Any]]] = {
    each.__name__: each for each in (deliver, publish, change, own_load, sort, look_up)
}


def main(part: str, folder: str, rows: str) -> None:
    """Run one part and print what it took."""
    print(json.dumps(_PARTS[part](_opened(Path(folder)), int(rows))))


def _opened(folder: Path) -> Large:
    """The registry in this folder, under the same keys in every part."""
    large = Large.made(folder)
    kept = folder / "keys"
    if not kept.exists():
        kept.write_bytes(new_key() + new_key())
    raw = kept.read_bytes()
    return replace(large, keys=replace(large.keys, index=raw[:32], master=raw[32:]))


if __name__ == "__main__":
    main(*sys.argv[1:])
