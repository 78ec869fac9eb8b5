"""Rotates a hub's answer key, or its logs' keys, and kills itself at a step: `key_rotator.py HOME STEP answer|log`."""

import os
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from app import key_rotation
from app.hub import DeskRecorder, open_hub
from kernel.signing import SigningKey


def end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def ends(run: Callable[..., Any], *, before: bool) -> Callable[..., Any]:
    """The same, killed before or after."""

    def killed(*args: Any, **kwargs: Any) -> Any:
        if not before:
            run(*args, **kwargs)
        end()

    return killed


def main() -> None:
    home, step, use = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    hub = open_hub(home)
    root = SigningKey.read(hub.paths.keys / "root.key")
    match step:
        case "before-the-key":
            SigningKey.write = ends(SigningKey.write, before=True)  # type: ignore[method-assign]
        case "after-the-key":
            SigningKey.write = ends(SigningKey.write, before=False)  # type: ignore[method-assign]
        case "before-the-entry":
            DeskRecorder.record = ends(DeskRecorder.record, before=True)  # type: ignore[method-assign]
        case "after-the-entry":
            DeskRecorder.record = ends(DeskRecorder.record, before=False)  # type: ignore[method-assign]
        case "after-the-history":
            key_rotation.replace_file = ends(key_rotation.replace_file, before=False)  # type: ignore[attr-defined]
    rotate = key_rotation.rotate_logs if use == "log" else key_rotation.rotate_answer
    rotate(hub, root=root, announce=timedelta(0), overlap=timedelta(hours=1))


if __name__ == "__main__":
    main()
