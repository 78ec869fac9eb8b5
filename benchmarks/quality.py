"""What the quality gate costs beside the same checks as one query, and the memory that it takes.

The gate finds rows that share a key, sets failing rows aside with the names of their rules, counts each rule, works out
whom those rows may be about, and has the counts judged by Great Expectations. The raw query counts the failures of the
same rules and nothing more. Both run alone in a process of their own, over one staged delivery of twelve columns.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from benchmarks.harness import Bench, Result, Setting
from benchmarks.large import NOW, Large, people
from benchmarks.report import figure
from kernel.clock import FixedClock
from schemas.contract import Check, Contract

RATIO = "gx.ratio_to_raw_10m"
PEAK = "gx.peak_mb_10m"
ROUNDS = 3
TENTH = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What one run took: seconds by part, and the most memory that its process held, in MB."""

    seconds: Mapping[str, float]
    peak_mb: float

    @property
    def whole(self) -> float:
        """All parts together."""
        return sum(self.seconds.values())


def measure(setting: Setting) -> Iterator[Result]:
    """Stage a delivery, and a tenth of it; then the gate and the raw query over each in turn."""
    rows = setting.scale.judged_rows
    contract = Large.made(setting.work / "large").contract
    with setting.report.doing(f"staging {rows:,} rows"):
        large = _staged(contract, setting.work / "judged", rows)
        small = _staged(contract, setting.work / "judged-tenth", rows // TENTH)
    gates, raws = [], []
    for number in range(1, ROUNDS + 1):
        with setting.report.doing(f"judging, round {number} of {ROUNDS}"):
            raws.append(_run("raw", large))
            gates.append(_run("gate", large))
    with setting.report.doing("judging a tenth of the rows"):
        less = _run("gate", small)
    _tell(setting, gates, raws)
    yield Result.of(
        RATIO,
        [gate.whole / raw.whole for gate, raw in zip(gates, raws, strict=True)],
        "×",
        f"quality gate over {rows:,} rows × {len(contract.properties)} columns, {len(contract.rules)} rules, beside "
        f"the same rules counted by one raw query ({figure(min(each.whole for each in raws))} s at best)",
    )
    yield Result.of(
        PEAK,
        [each.peak_mb for each in gates],
        "MB",
        f"most memory of the gate's process at {rows:,} rows; {figure(less.peak_mb)} MB at a tenth, raw query "
        f"{figure(max(each.peak_mb for each in raws))} MB",
    )


def _staged(contract: Contract, folder: Path, rows: int) -> Path:
    import duckdb  # noqa: PLC0415 - heavy

    from exchange.settings import DEFAULTS  # noqa: PLC0415 - with it
    from exchange.stage import stage_delivery  # noqa: PLC0415
    from exchange.text import Text  # noqa: PLC0415

    folder.mkdir()
    path = folder / "delivery.csv"
    with duckdb.connect() as connection:
        connection.execute(f"copy ({people(rows)}) to '{path}' (header false, delimiter ',')")
    width = len(contract.properties)
    text = Text(path=path, delimiter=",", width=width, places=tuple(range(width)), rows=None)
    stage_delivery(contract, text, folder / "staged.duckdb", DEFAULTS)
    path.unlink()
    return folder / "staged.duckdb"


def _run(what: str, staged: Path) -> Taken:
    command = [sys.executable, "-m", __spec__.name, what, str(staged)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout.splitlines()[-1])
    return Taken(seconds=found["seconds"], peak_mb=found["peak_mb"])


def _tell(setting: Setting, gates: list[Taken], raws: list[Taken]) -> None:
    parts = {name: [each.seconds[name] for each in gates] for name in gates[0].seconds}
    setting.report.table(
        "The quality gate, part by part, and the same rules as one raw query",
        ("part", "seconds"),
        [
            *((name, figure(min(seconds))) for name, seconds in parts.items()),
            ("raw query", figure(min(each.whole for each in raws))),
        ],
    )


def _gate(contract: Contract, staged: Path) -> dict[str, float]:
    """Run the gate; seconds by part."""
    import exchange.judge  # noqa: F401, PLC0415 - loaded first: it takes seconds, whatever the rows
    from exchange.database import database  # noqa: PLC0415
    from exchange.settings import DEFAULTS  # noqa: PLC0415
    from exchange.stage import find_doubles  # noqa: PLC0415
    from exchange.validate import Gate, validate_delivery  # noqa: PLC0415

    began = perf_counter()
    with database(staged, DEFAULTS) as connection:
        find_doubles(connection, contract)
    found = perf_counter()
    gate = Gate(
        contract=contract, data_as_of=NOW, in_force=None, clock=FixedClock(instant=datetime.now(UTC)), settings=DEFAULTS
    )
    verdict = validate_delivery(gate, staged)
    done = perf_counter()
    if verdict.held or not verdict.counts.quarantined:
        raise ValueError(f"the delivery is not as it was made: {verdict.reasons}")
    return {"rows that share a key": found - began, "set aside, count, taint, judge": done - found}


def _raw(contract: Contract, staged: Path) -> dict[str, float]:
    """Count the failures of every rule in one query; seconds."""
    from exchange.database import database, quoted  # noqa: PLC0415
    from exchange.rules import row_checks  # noqa: PLC0415
    from exchange.settings import DEFAULTS  # noqa: PLC0415

    checks = row_checks(contract, today=NOW.date(), settings=DEFAULTS)
    counts = [f"count(*) filter (where {each.fails})" for each in checks if each.kind != Check.UNIQUE]
    key = ", ".join(quoted(name) for name in contract.primary_key)
    counts.append(f"count(*) - count(distinct {key if len(contract.primary_key) == 1 else f'({key})'})")
    began = perf_counter()
    with database(staged, DEFAULTS) as connection:
        found = connection.execute(f"select {', '.join(counts)} from staged").fetchone()  # noqa: S608 (SQL of ours)
    if not found or not any(found):
        raise ValueError("nothing was found")
    return {"raw": perf_counter() - began}


def main(what: str, staged: str) -> None:
    """Run one of the two in this process and print what it took, as JSON."""
    contract = Large.made(Path(staged).parent).contract
    seconds = (_gate if what == "gate" else _raw)(contract, Path(staged))
    # The high water of this process's own memory: what getrusage tells would begin with that of its parent.
    status = Path("/proc/self/status").read_text("utf-8")
    (peak,) = (int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
    print(json.dumps({"seconds": seconds, "peak_mb": peak / 1024}))


BENCH = Bench(name="gx", keys=(RATIO, PEAK), run=measure)

if __name__ == "__main__":
    main(*sys.argv[1:])
