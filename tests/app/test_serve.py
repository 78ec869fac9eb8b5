"""A hub's parts run together and stop together; the one that ended by itself is named."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from app.parts import Part, members
from app.serve import Ending, ServeSettings, keep_running, last_lines

QUICK = ServeSettings(stop_within_s=2.0)

WAITS = "import time; print('up', flush=True); time.sleep(60)"
FAILS = "import sys, time; print('no disk', flush=True); time.sleep(0.3); sys.exit(7)"
IS_KILLED = "import os, signal, time; time.sleep(0.3); os.kill(os.getpid(), signal.SIGKILL)"
HEARS_NOTHING = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
)
HAS_A_CHILD_IN_A_GROUP_OF_ITS_OWN = f"""
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", {HEARS_NOTHING!r}], process_group=0)
time.sleep(60)
"""


def part(name: str, code: str) -> Part:
    """A stand-in: a Python that runs some code."""
    return Part(name=name, command=(sys.executable, "-c", code), environ=dict(os.environ))


def ask_to_stop(number: signal.Signals, after_s: float = 0.0) -> None:
    """What a person's Ctrl-C or systemd's stop does, to this very process."""
    time.sleep(after_s)
    os.kill(os.getpid(), number)


def left_over(logs: Path) -> tuple[int, ...]:
    """Live processes that still hold a part's log open."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                held = {handle.readlink() for handle in (entry / "fd").iterdir()}
            except OSError:
                continue
            if any(name.is_relative_to(logs) for name in held):
                found.append(int(entry.name))
    return tuple(found)


def test_a_part_that_fails_is_named_and_all_others_stop(tmp_path: Path) -> None:
    parts = (part("steady", WAITS), part("broken", FAILS), part("other", WAITS))
    started_at = time.monotonic()
    ending = keep_running(parts, tmp_path, QUICK)
    assert ending == Ending(part="broken", code=7)
    assert not ending.by_request
    assert ending.how == "exit code 7"
    assert time.monotonic() - started_at < 10
    assert left_over(tmp_path) == ()


def test_a_part_that_ends_well_is_missed_all_the_same(tmp_path: Path) -> None:
    ending = keep_running((part("steady", WAITS), part("leaver", "import time; time.sleep(0.3)")), tmp_path, QUICK)
    assert ending == Ending(part="leaver", code=0)
    assert not ending.by_request


def test_a_part_that_is_killed_is_named_with_its_signal(tmp_path: Path) -> None:
    ending = keep_running((part("steady", WAITS), part("killed", IS_KILLED)), tmp_path, QUICK)
    assert (ending.part, ending.how) == ("killed", "SIGKILL")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_all_parts_stop_when_asked(tmp_path: Path, number: signal.Signals) -> None:
    before = signal.getsignal(number)
    parts = (part("one", WAITS), part("two", WAITS))
    ending = keep_running(parts, tmp_path, QUICK, started=lambda: ask_to_stop(number))
    assert ending.by_request
    assert left_over(tmp_path) == ()
    assert signal.getsignal(number) is before


def test_a_request_to_stop_before_all_parts_run_is_kept(tmp_path: Path) -> None:
    threading.Timer(0.02, ask_to_stop, args=(signal.SIGTERM,)).start()
    parts = tuple(part(f"part-{number}", WAITS) for number in range(6))
    assert keep_running(parts, tmp_path, QUICK).by_request
    assert left_over(tmp_path) == ()


def test_a_part_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    def when_it_listens() -> None:
        while "up" not in last_lines(tmp_path / "deaf.log", 1):
            time.sleep(0.02)
        ask_to_stop(signal.SIGTERM)

    ending = keep_running(
        (part("deaf", HEARS_NOTHING),), tmp_path, ServeSettings(stop_within_s=0.5), started=when_it_listens
    )
    assert ending.by_request
    assert left_over(tmp_path) == ()


def test_what_a_part_started_goes_with_it_whatever_its_process_group(tmp_path: Path) -> None:
    def when_it_is_up() -> None:
        while "up" not in last_lines(tmp_path / "parent.log", 1):
            time.sleep(0.02)
        ask_to_stop(signal.SIGTERM)

    parts = (part("parent", HAS_A_CHILD_IN_A_GROUP_OF_ITS_OWN),)
    keep_running(parts, tmp_path, ServeSettings(stop_within_s=0.5), started=when_it_is_up)
    assert left_over(tmp_path) == ()


def test_what_a_part_says_is_in_its_log(tmp_path: Path) -> None:
    keep_running((part("broken", FAILS),), tmp_path, QUICK)
    assert last_lines(tmp_path / "broken.log", 5) == ("no disk",)
    assert last_lines(tmp_path / "absent.log", 5) == ()


def test_a_log_grown_too_large_is_put_aside_at_the_next_start(tmp_path: Path) -> None:
    (tmp_path / "broken.log").write_bytes(b"x" * 100)
    keep_running((part("broken", FAILS),), tmp_path, ServeSettings(stop_within_s=2.0, log_size_max=99))
    assert (tmp_path / "broken.log.1").read_bytes() == b"x" * 100
    assert (tmp_path / "broken.log").read_text("utf-8") == "no disk\n"


def test_a_parts_keys_are_not_shown() -> None:
    assert "very secret" not in repr(Part(name="p", command=("true",), environ={"KEY": "very secret"}))


def test_members_are_found_by_session() -> None:
    assert os.getpid() in members(frozenset({os.getsid(0)}))
