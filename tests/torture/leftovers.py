"""What may lie in a dataset's folder once a run has come to its end: all that docs/specs/snapshot.md names."""

from pathlib import Path

from exchange.decision import Fate
from exchange.holding import all_held
from exchange.last_run import read_last_run
from exchange.layout import DATA, INDEX, MANIFEST, REPORT, REPORT_PAGE, Layout
from exchange.taken_back import rollbacks

ALWAYS = ("current", ".current.lock", ".publish.lock", "last-run.json")
VERSION_FILES = (DATA, INDEX, MANIFEST, REPORT, REPORT_PAGE)
HELD_FILES = (REPORT, REPORT_PAGE, "receipt", "held.json")
DECIDED_FILES = ("decision.json", "decision.receipt")
KEPT_FILES = ("extract.json", "drift.json", "stage.json", "validate.json", REPORT, REPORT_PAGE, "staged.duckdb")
RUN_FILES = ("extract.json", "drift.json")
"""What every run that has ended has kept; `FURTHER` is what the longer ones have beside."""
FURTHER = (
    "stage.json",
    "validate.json",
    REPORT,
    REPORT_PAGE,
    "build.json",
    "recording.json",
    "released.json",
    "held.json",
)
PERSONAL = {".csv", ".duckdb", ".wal", ".mdb"}


def left_behind(layout: Layout, *, strict: bool) -> set[str]:
    """What lies there and should not, or should and does not.

    Where it is not strict, what the next run clears away may still lie there, but nothing with rows in it.
    """
    wanted = wanted_in(layout)
    found = {str(path.relative_to(layout.folder)) for path in layout.folder.rglob("*") if not path.is_dir()}
    found |= {f"{path.relative_to(layout.folder)}/" for path in layout.folder.rglob("*") if path.is_dir()}
    missing, more = wanted - found, found - wanted - allowed_in(layout)
    if not strict:
        more = {each for each in more if not next_run_clears(layout, each)}
    return missing | more


def wanted_in(layout: Layout) -> set[str]:
    """What must lie in a dataset's folder."""
    wanted = {*ALWAYS, "versions/", "runs/", "held/"}
    if rollbacks(layout):
        wanted.add("rollbacks.json")
    for receipt in layout.versions.glob("*.receipt"):
        version = f"versions/{receipt.name.removesuffix('.receipt')}"
        wanted |= {f"{version}.receipt", f"{version}.key", f"{version}/"}
        wanted |= {f"{version}/{name}" for name in VERSION_FILES}
    for held in all_held(layout):
        folder = f"held/{held.run_id}"
        wanted |= {f"{folder}/", *(f"{folder}/{name}" for name in HELD_FILES)}
        if held.fate is not Fate.WAITING:
            wanted |= {f"{folder}/{name}" for name in DECIDED_FILES}
        if held.undecided:
            wanted |= {f"{folder}/kept/", *(f"{folder}/kept/{name}" for name in KEPT_FILES)}
    return wanted


def allowed_in(layout: Layout) -> set[str]:
    """The small files of the last run, in which its steps have handed over to each other."""
    last = read_last_run(layout.last_run)
    if last is None:
        return set()
    folder = f"runs/{last.run_id}"
    return {f"{folder}/", *(f"{folder}/{name}" for name in (*RUN_FILES, *FURTHER))}


def next_run_clears(layout: Layout, left: str) -> bool:
    """Whether the next run takes this away, and it holds nobody's rows meanwhile."""
    path = Path(left)
    if path.parts[0] == "versions":
        version = path.parts[1].removesuffix(".key")
        return not layout.receipt(version).is_file() and path.suffix not in PERSONAL
    if path.suffix == ".tmp":
        return len(path.parts) == 1 or path.parts[0] in {"runs", "held"}
    return path.parts[0] == "runs" and path.suffix not in PERSONAL
