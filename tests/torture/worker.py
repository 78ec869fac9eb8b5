"""A verifier worker as `mianzheng verifier run` makes it, to which something happens in a chosen window of a commit.

Usage: worker.py HOME HAPPENS AT SIGNED SHIFT. It happens at the passage numbered AT: the process kills itself before
the write of a group, in the middle of it, between write and flush, between flush and checkpoint, before the reply;
or its disk fails. With any other word, e.g. `never`, nothing does. SIGNED is the file that gets every checkpoint as
it is signed, SHIFT the one that says how far its clock goes wrong.
"""

import base64
import errno
import faulthandler
import os
import signal
import sys
from pathlib import Path

from app.hub import open_hub
from app.verification import server_tls, verifier_worker, worker_log
from audit.faulty_files import FaultyFiles
from audit.files import Files, RealFiles
from audit.logs import Logs
from audit.pending import Pending
from audit.record import Logged
from kernel.signing import SigningKey
from tests.torture.shifted_clock import ShiftedClock
from verifier.server import run_worker

WINDOWS = {
    "before-write": ("write", False, 0),
    "half-written": ("write", False, 300),
    "write-to-flush": ("flush", False, 0),
    "flush-to-checkpoint": ("flush", True, 0),
}
FAULTS = {
    "no-room": ("write", False, 300, errno.ENOSPC),
    "read-only": ("write", False, 0, errno.EROFS),
    "flush-lost": ("flush", False, 0, errno.EIO),
    "flush-landed": ("flush", True, 0, errno.EIO),
}
LOG_STOPPED = 4
BEFORE_REPLY = "before-reply"


def end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def tell_port(port: int) -> None:
    os.write(1, b"%d\n" % port)


class TellingSigner(SigningKey):
    """Writes down what it signs before it signs: nothing signed is ever unknown to the judge."""

    out = -1

    def sign(self, message: bytes) -> bytes:
        os.write(self.out, base64.b64encode(message) + b"\n")
        return super().sign(message)


def end_before_reply(at: int) -> None:
    """Let the process end when an entry is durable and signed for, and nobody has been told."""
    ended, left = Pending.end, at

    def told(pending: Pending, logged: Logged) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            end()
        ended(pending, logged)

    Pending.end = told  # type: ignore[method-assign,assignment]


def main() -> None:
    # Where a worker hangs, its threads tell where: kill -USR1.
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    home, happens, at, signed, shift = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), *map(Path, sys.argv[4:6])
    hub = open_hub(home, ShiftedClock(shift))
    files: Files = RealFiles()
    if happens in WINDOWS:
        operation, lands, partial = WINDOWS[happens]
        files = FaultyFiles(operation=operation, at=at, only="journal", lands=lands, partial=partial, act=end)
    if happens in FAULTS:
        operation, lands, partial, error = FAULTS[happens]
        files = FaultyFiles(operation=operation, at=at, only="journal", lands=lands, partial=partial, error=error)
    if happens == BEFORE_REPLY:
        end_before_reply(at)

    def signer(name: str) -> SigningKey:
        key = TellingSigner(bytes.fromhex((hub.paths.keys / "logs" / f"{name}.key").read_text("ascii")))
        if name != worker_log(0):
            return SigningKey.read(hub.paths.keys / "logs" / f"{name}.key")
        key.out = os.open(signed, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        return key

    hub.logs = Logs(hub.paths.audit, hub=hub.settings.name, signers=signer, clock=hub.clock, files=files)
    with verifier_worker(hub, 0) as verifier:
        asked = run_worker(verifier, tls=server_tls(hub), ready=tell_port, ends_with_its_log=True)
    sys.exit(0 if asked else LOG_STOPPED)


if __name__ == "__main__":
    main()
