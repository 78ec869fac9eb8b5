"""Reads a delivery in a process of its own and tells what that took: `python -m tests.adapters.measured '<JSON>'`."""

import json
import resource
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from adapters.port import AdapterSettings
from kernel.errors import MianzhengError
from schemas.contract import ServerKind
from tests.adapters.sources import opened, source

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """How reading ended: the rows, or the error; and the most memory that it took, in MB, with its own processes."""

    rows: int
    error: str
    memory_mb: float


def measured(root: Path, kind: ServerKind, path: str, *, settings: dict[str, int], **server: object) -> Measured:
    """Read every batch of a delivery, holding one at a time."""
    asked = json.dumps({"root": str(root), "kind": kind, "path": path, "settings": settings, "server": server})
    command = [sys.executable, "-m", "tests.adapters.measured", asked]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=60)
    return Measured(**json.loads(done.stdout))


def _peak_mb() -> float:
    # `ru_maxrss` of a process begins with what its parent had; the high-water mark is its own.
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    own = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    return (own + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024


def _main(asked: dict[str, Any]) -> None:
    settings = replace(AdapterSettings(), **asked["settings"])
    what = source(ServerKind(asked["kind"]), asked["path"], **asked["server"])
    rows, error = 0, ""
    try:
        for batch in opened(what, Path(asked["root"]), settings).batches:
            rows += len(batch)
    except MianzhengError as caught:
        error = str(caught)
    sys.stdout.write(json.dumps({"rows": rows, "error": error, "memory_mb": _peak_mb()}))


if __name__ == "__main__":
    _main(json.loads(sys.argv[1]))
