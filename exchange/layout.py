"""Where a dataset's snapshots lie on disk. docs/specs/snapshot.md is the specification."""

import re
from dataclasses import dataclass
from pathlib import Path

from kernel.errors import Malformed

_RUN_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:+~-]{0,199}")

DATA = "data.duckdb"
INDEX = "index.mdb"
MANIFEST = "manifest.json"
REPORT = "report.json"
REPORT_PAGE = "report.html"
FILES = (DATA, INDEX, REPORT, REPORT_PAGE)
"""The files that a manifest lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The folder of one dataset."""

    folder: Path

    @classmethod
    def of(cls, store: Path, dataset: str) -> "Layout":
        """The folder of a dataset in an exchange's store."""
        return cls(folder=store / dataset)

    @property
    def current(self) -> Path:
        """The small file that names the snapshot in force."""
        return self.folder / "current"

    @property
    def last_run(self) -> Path:
        """How the last run ended."""
        return self.folder / "last-run.json"

    @property
    def rolling_back(self) -> Path:
        """A roll-back that is recorded, until it is carried out."""
        return self.folder / "rolling-back.json"

    @property
    def rollbacks(self) -> Path:
        """Every roll-back that was carried out."""
        return self.folder / "rollbacks.json"

    @property
    def lock(self) -> Path:
        """Held by whoever publishes."""
        return self.folder / ".publish.lock"

    @property
    def versions(self) -> Path:
        """Published snapshots, a folder each, with key and receipt beside it."""
        return self.folder / "versions"

    @property
    def runs(self) -> Path:
        """Work in progress, a folder a run."""
        return self.folder / "runs"

    @property
    def held(self) -> Path:
        """Deliveries that were held, a folder a run: reports, decisions, and the data of those that wait for one."""
        return self.folder / "held"

    def version(self, version: str) -> Path:
        """A snapshot's folder."""
        return self.versions / version

    def key(self, version: str) -> Path:
        """A snapshot's wrapped data key."""
        return self.versions / f"{version}.key"

    def receipt(self, version: str) -> Path:
        """The receipt of a snapshot's publication entry."""
        return self.versions / f"{version}.receipt"

    def run(self, run_id: str) -> Path:
        """A run's folder; raises Malformed where the id is no safe file name."""
        if not _RUN_ID.fullmatch(run_id):
            raise Malformed("is no run id", field="run", remedy="use letters, digits and _ . : + ~ -")
        return self.runs / run_id
