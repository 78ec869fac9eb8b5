"""Benches, their results, and the file that holds them: `benchmarks/out/bench.json`.

A bench measures one or more keys. Every value is the median of its samples, and the samples are kept beside it, so
that a reader can see how far they lie apart.
"""

import json
import statistics
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.report import Report
from benchmarks.scale import Scale
from kernel.durable import replace_file

OUT = Path(__file__).parent / "out" / "bench.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One measured figure: `value` is the median of `samples`; `what` says what was measured, in a sentence."""

    key: str
    value: float
    unit: str
    samples: tuple[float, ...]
    what: str

    @classmethod
    def of(cls, key: str, samples: Iterable[float], unit: str, what: str) -> "Result":
        """The result of these samples; raises ValueError where there is none."""
        kept = tuple(float(each) for each in samples)
        if not kept:
            raise ValueError(f"{key} has no samples")
        return cls(key=key, value=statistics.median(kept), unit=unit, samples=kept, what=what)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a bench is given: its scale, an empty folder that is removed afterwards, and where it tells how it goes."""

    scale: Scale
    work: Path
    report: Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Something that measures the figures named by `keys`. `run` gives a result for each of them."""

    name: str
    keys: tuple[str, ...]
    run: Callable[[Setting], Iterable[Result]]

    def wanted(self, only: str) -> bool:
        """Whether it measures a key that begins with the prefix, or is itself so named; all do with the empty one."""
        return any(each.startswith(only) for each in (self.name, *self.keys))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run brought: the results, and the names of the benches that failed."""

    results: tuple[Result, ...]
    failed: tuple[str, ...]


def run(benches: Sequence[Bench], only: str, setting: Setting) -> Outcome:
    """Run the wanted benches one after another. One that fails is told, and does not keep the others from running."""
    results: list[Result] = []
    failed = []
    for bench in benches:
        if not bench.wanted(only):
            continue
        try:
            found = tuple(bench.run(setting))
            _check_keys(bench, found)
        except Exception:  # noqa: BLE001 - a bench is code of any kind, and the next one can still be run
            setting.report.say(f"{bench.name} failed:\n{traceback.format_exc()}")
            failed.append(bench.name)
            continue
        named = bench.name.startswith(only)
        results += [each for each in found if named or each.key.startswith(only)]
    return Outcome(results=tuple(results), failed=tuple(failed))


def write(path: Path, results: Iterable[Result]) -> None:
    """Put the results into a file, as a JSON list of objects; the file is whole or as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [asdict(each) for each in results]
    replace_file(path, json.dumps(rows, ensure_ascii=False, indent=1).encode() + b"\n")


def _check_keys(bench: Bench, found: Sequence[Result]) -> None:
    measured = [each.key for each in found]
    if sorted(measured) != sorted(bench.keys):
        raise ValueError(f"{bench.name} promises {sorted(bench.keys)} and gave {sorted(measured)}")
