"""Starting the load client, and reading its rounds as they end."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.load import Identity, Load, Round, Target
from benchmarks.process import running


class LoadFailed(Exception):
    """The load client ended before its work was done; the message is what it said."""


def drive(targets: Sequence[Target], load: Load, identity: Identity, *, core: int, log: Path) -> Iterator[Round]:
    """Run the load on one core, and give its rounds as they end; raises LoadFailed."""
    told = {"targets": [asdict(t) for t in targets], "load": asdict(load), "identity": asdict(identity)}
    with running((sys.executable, "-m", "benchmarks.load"), core=core, environ=os.environ, log=log) as process:
        if process.stdin is None or process.stdout is None:
            raise LoadFailed("the load client has no pipes")
        process.stdin.write(json.dumps(told))
        process.stdin.close()
        for line in process.stdout:
            yield Round(**json.loads(line))
        if process.wait() != 0:
            raise LoadFailed(log.read_text("utf-8", "replace")[-4000:])
