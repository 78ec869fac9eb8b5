"""One run of publishing: what it works on, and the files in which its steps hand over to each other."""

import json
import shutil
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from adapters.credentials import Connections
from adapters.port import AdapterSettings
from exchange.extract import Extracted
from exchange.keys import IndexKeys
from exchange.layout import Layout
from exchange.recorder import Recorder
from exchange.settings import DEFAULTS, ExchangeSettings
from exchange.verdict import Verdict
from kernel.clock import Clock
from kernel.durable import PRIVATE, replace_file
from kernel.errors import Conflict
from schemas.contract import Contract

_PRIVATE_FOLDER = 0o700


class Next(StrEnum):
    """What follows a step: the next one, or nothing, since the delivery is in force already or was held."""

    GO_ON = "go_on"
    UNCHANGED = "unchanged"
    HELD = "held"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run of publishing one dataset.

    `force` publishes a delivery again that is in force already, and one that is smaller or older than that. `run_id` is
    the scheduler's or the person's, and stands in manifest and audit log.
    """

    contract: Contract
    delivery_root: Path
    store: Path
    keys: IndexKeys
    recorder: Recorder
    clock: Clock
    run_id: str
    settings: ExchangeSettings = DEFAULTS
    adapter_settings: AdapterSettings = field(default_factory=AdapterSettings)
    connections: Connections | None = None
    force: bool = False

    @property
    def layout(self) -> Layout:
        """Where the dataset lies."""
        return Layout.of(self.store, self.contract.id)

    @property
    def folder(self) -> Path:
        """The run's own folder."""
        return self.layout.run(self.run_id)

    @property
    def delivery(self) -> Path:
        """The extracted delivery."""
        return self.folder / "delivery.csv"

    @property
    def staged(self) -> Path:
        """The staging file."""
        return self.folder / "staged.duckdb"

    @property
    def version_folder(self) -> Path:
        """Where the version is written before it is renamed in."""
        return self.folder / "version"

    def begin(self) -> None:
        """Make an empty folder for the run."""
        for folder in (self.layout.versions, self.layout.runs, self.layout.held):
            folder.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(mode=_PRIVATE_FOLDER)

    def keep(self, name: str, data: dict[str, Any]) -> None:
        """Keep a step's result for the next one, durably."""
        replace_file(self.folder / f"{name}.json", json.dumps(data, ensure_ascii=False).encode(), mode=PRIVATE)

    def kept(self, name: str) -> dict[str, Any] | None:
        """A step's result; None where the step has not run."""
        try:
            found: dict[str, Any] = json.loads((self.folder / f"{name}.json").read_bytes())
        except FileNotFoundError:
            return None
        return found

    def required(self, name: str) -> dict[str, Any]:
        """A step's result; raises Conflict where it is gone or was never made."""
        found = self.kept(name)
        if found is None:
            raise Conflict(
                f"run {self.run_id} of {self.contract.id} has no result of the step {name}",
                remedy="a newer run may have taken over; start again from the first step",
            )
        return found

    def extracted(self) -> Extracted:
        """What the first step brought; raises Conflict."""
        return Extracted.of_data(self.delivery, self.required("extract"))

    def verdict(self) -> Verdict:
        """What the gate said; raises Conflict."""
        return Verdict.of_data(self.required("validate"))
