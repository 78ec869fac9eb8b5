"""Appends under load until it is killed, telling its parent what was signed and what was acknowledged.

Usage: appender.py DIRECTORY WINDOW AT. WINDOW is where the process ends itself: before the write of a group, between
write and flush, between flush and checkpoint, before the reply; or `outside`, where the parent kills it.
"""

import base64
import os
import signal
import sys
import threading
from pathlib import Path

from audit.detail import DetailKey
from audit.faulty_files import FaultyFiles
from audit.files import Files, RealFiles
from audit.log import AuditLog
from audit.record import Record
from audit.settings import AuditSettings
from kernel.clock import SystemClock
from kernel.signing import SigningKey
from schemas.wire.v1 import audit_pb2

ORIGIN = "wenling.mianzheng.example/audit/worker-0"
WINDOWS = {
    "before-write": ("write", False, 0),
    "half-written": ("write", False, 300),
    "write-to-flush": ("flush", False, 0),
    "flush-to-checkpoint": ("flush", True, 0),
}


def end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def tell(kind: str, *parts: bytes) -> None:
    """One line to the parent, with one write: whole or absent."""
    line = " ".join([kind, *(base64.b64encode(part).decode() for part in parts)])
    os.write(1, line.encode() + b"\n")


class TellingSigner(SigningKey):
    """Tells the parent every checkpoint before it can be used; ends the process at one of them if asked."""

    left = -1

    def sign(self, message: bytes) -> bytes:
        tell("signed", message)
        self.left -= 1
        if self.left == 0:
            end()
        return super().sign(message)


def load(log: AuditLog) -> None:
    """As many questions as a busy worker has at once, without an end."""
    key = DetailKey(id=b"k" * 16, key=b"s" * 32)

    def ask(number: int) -> None:
        while True:
            detail = audit_pb2.Detail(client="c", request=b"r%d" % number)
            logged = log.append(Record(kind=1, detail=detail, seal=key, statement=b"s%d" % number))
            tell("acknowledged", logged.entry, logged.receipt)

    asking = [threading.Thread(target=ask, args=(number,)) for number in range(32)]
    for each in asking:
        each.start()
    for each in asking:
        each.join()


def main() -> None:
    directory, window, at = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    signer = TellingSigner(bytes(range(32)))
    files: Files = RealFiles()
    if window in WINDOWS:
        operation, lands, partial = WINDOWS[window]
        files = FaultyFiles(operation=operation, at=at, only="journal", lands=lands, partial=partial, act=end)
    if window == "before-reply":
        signer.left = at
    settings = AuditSettings(publish_pause_ms=1)
    log = AuditLog.open(directory, origin=ORIGIN, signer=signer, clock=SystemClock(), settings=settings, files=files)
    tell("opened")
    load(log)


if __name__ == "__main__":
    main()
