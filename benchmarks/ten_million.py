"""A registry of ten million rows: published whole, changed by a hundredth, looked up.

Each part runs in a process of its own, so that none inherits another's memory. The parts that only measure (DuckDB's
own load of the same rows, the index's rows without the index) stand beside the product's own run.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.harness import Bench, Result, Setting
from benchmarks.report import figure
from exchange.publish import STEPS

RATE, PEAK, DUCKDB = "publish.rows_per_s_10m", "publish.peak_mb_10m", "publish.duckdb_ratio_10m"
ALL_IN_DUCKDB = "publish.duckdb_ratio_with_keys_10m"
SHARE, WARM, COLD = "incremental.share_of_full", "lookup.warm_us_10m", "lookup.cold_us_10m"
HUNDREDTH = 100


def measure(setting: Setting) -> Iterator[Result]:
    """Deliver, publish, change, look up."""
    rows = setting.scale.judged_rows
    folder = setting.work / "ten-million"
    folder.mkdir()
    done = {}
    for part, what in PARTS.items():
        with setting.report.doing(what.format(rows=f"{rows:,}")):
            done[part] = _run(part, folder, rows)
    _tell(setting, done)
    whole = done["publish"]["seconds"]
    of = f"{rows:,} rows × 12 columns"
    yield Result.of(
        RATE, [rows / whole], "rows/s", f"{of} from a GB18030 CSV to a published, sealed snapshot, all steps"
    )
    yield Result.of(
        PEAK, [done["publish"]["peak_mb"]], "MB", f"most anonymous memory of the process that published {of}"
    )
    own = done["own_load"]["seconds"]
    yield Result.of(
        DUCKDB,
        [(_staged(done) + done["sort"]["sorted"]) / own],
        "ratio",
        f"stage, checks, store and sort of {of}, over DuckDB's own load of the same as UTF-8 with a unique index",
    )
    yield Result.of(
        ALL_IN_DUCKDB,
        [(_staged(done) + done["sort"]["sorted"] + done["sort"]["keyed"]) / own],
        "ratio",
        "the same with what else is done in SQL: every row's protobuf bytes and its subject's keyed hash",
    )
    yield Result.of(
        SHARE,
        [done["change"]["seconds"] / whole],
        "ratio",
        f"publishing a delivery of what changed, {rows // HUNDREDTH:,} rows, over publishing all {rows:,}",
    )
    looked = done["look_up"]
    yield Result.of(WARM, looked["warm_us"], "µs", f"key, look-up, unseal, parse at {rows:,} rows, the file in memory")
    yield Result.of(COLD, looked["cold_us"], "µs", "the same with the file's pages dropped before")


def _staged(done: Mapping[str, Any]) -> float:
    steps = done["publish"]["steps"]
    return float(steps["stage"] + steps["validate"])


def _run(part: str, folder: Path, rows: int) -> Any:
    command = [sys.executable, "-m", "benchmarks.ten_million_parts", part, str(folder), str(rows)]
    began = time.perf_counter()
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"{part} failed: {ended.stderr[-4000:]}")
    return {"took": time.perf_counter() - began, **json.loads(ended.stdout.splitlines()[-1])}


def _tell(setting: Setting, done: Mapping[str, Any]) -> None:
    for part in ("publish", "change"):
        found = done[part]
        setting.report.table(
            f"Ten million rows, {part}: step by step",
            ("step", "seconds", "share %"),
            [
                (step, figure(found["steps"][step]), figure(100 * found["steps"][step] / found["seconds"]))
                for step in STEPS
            ],
        )
    made = done["sort"]
    setting.report.say(
        f"DuckDB's own load {figure(done['own_load']['seconds'])} s; of the step build: the index's rows and keys "
        f"{figure(made['keyed'])} s, put in order {figure(made['sorted'])} s, the rest sealing and writing; files "
        + ", ".join(f"{name} {size / 1e6:,.0f} MB" for name, size in done["publish"]["files"].items())
    )


PARTS: Mapping[str, str] = {
    "deliver": "delivering {rows} rows",
    "publish": "publishing {rows} rows",
    "own_load": "DuckDB's own load of {rows} rows",
    "sort": "the index's rows alone",
    "look_up": "looking people up among {rows} rows",
    "change": "publishing what changed",
}

BENCH = Bench(name="ten_million", keys=(RATE, PEAK, DUCKDB, ALL_IN_DUCKDB, SHARE, WARM, COLD), run=measure)
