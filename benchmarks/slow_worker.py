"""A verifier worker whose disk takes longer for every flush of its log. Run as `python -m benchmarks.slow_worker`."""

import argparse
import time
from pathlib import Path

from app.hub import open_hub
from app.paths import home_from_environment
from app.verification import server_tls, verifier_worker
from audit.files import RealFiles
from audit.logs import Logs
from kernel.signing import SigningKey
from verifier.server import run_worker


class SlowFiles(RealFiles):
    """The machine's files, with a disk that takes so many seconds more for a flush."""

    def __init__(self, seconds: float) -> None:
        """Take the seconds."""
        self._seconds = seconds

    def flush(self, handle: int) -> None:
        """Flush, and take longer."""
        super().flush(handle)
        time.sleep(self._seconds)


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description="A verifier worker on a slow disk, for the benches.")
    parser.add_argument("--worker", type=int, required=True)
    parser.add_argument("--flush-ms", type=float, required=True)
    given = parser.parse_args()
    hub = open_hub(home_from_environment())
    keys: Path = hub.paths.keys / "logs"
    hub.logs = Logs(
        hub.paths.audit,
        hub=hub.settings.name,
        signers=lambda name: SigningKey.read(keys / f"{name}.key"),
        clock=hub.clock,
        settings=hub.logs.settings,
        files=SlowFiles(given.flush_ms / 1000),
    )
    with verifier_worker(hub, given.worker) as verifier:
        run_worker(verifier, tls=server_tls(hub))


if __name__ == "__main__":
    main()
