"""Takes a backup, or restores one, in a process that ends itself when it comes to what AT names.

Usage: backup_taker.py take HOME TARGET AT | restore BACKUP HOME AT. With a number in place of AT no file can grow
beyond so many bytes: a disk that is full.
"""

import os
import resource
import signal
import sys
from pathlib import Path

from app.backup import take_backup
from app.envelope import Passphrase
from app.hub import open_hub
from app.restore import Restoring
from kernel.clock import SystemClock
from kernel.errors import MianzhengError
from tests.app.small_hub import QUICK, WORDS


def main() -> None:
    what, source, target, at = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]

    def tell(name: str) -> None:
        if name == at:
            os.kill(os.getpid(), signal.SIGKILL)

    if at.isdigit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(at), int(at)))
    phrase = Passphrase(text=WORDS, settings=QUICK)
    try:
        if what == "take":
            take_backup(open_hub(source), target, phrase, QUICK, tell=tell)
        else:
            Restoring(
                backup=source, home=target, opens=phrase, settings=QUICK, clock=SystemClock(), tell=tell
            ).restore()
    except MianzhengError as error:
        sys.exit(f"{error.code}: {error}")


if __name__ == "__main__":
    main()
