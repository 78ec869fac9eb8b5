"""Rotates the master key of a home, and ends itself at a step. Usage: rotator.py HOME STEP; STEP may be a prefix."""

import os
import signal
import sys
from pathlib import Path

from app.custody import CustodySettings
from app.hub import open_hub
from app.rotation import rotate_master


def main() -> None:
    home, step = Path(sys.argv[1]), sys.argv[2]

    def reached(name: str) -> None:
        if name.startswith(step):
            os.kill(os.getpid(), signal.SIGKILL)

    rotate_master(open_hub(home), CustodySettings(), reached=reached)


if __name__ == "__main__":
    main()
