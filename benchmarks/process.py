"""Processes that a bench starts: pinned to a core, measured from /proc, always stopped."""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
STOP_SECONDS = 10.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cores:
    """Which core serves and which one asks; the same where a machine has one only."""

    server: int
    load: int

    @classmethod
    def of_this_machine(cls) -> "Cores":
        """The first and the last core that this process may use."""
        usable = sorted(os.sched_getaffinity(0))
        return cls(server=usable[0], load=usable[-1])


@contextmanager
def running(
    command: Sequence[str], *, core: int, environ: Mapping[str, str], log: Path, talks: bool = True
) -> Iterator["subprocess.Popen[str]"]:
    """A process on one core for the length of a block. What it says goes to `log`.

    Where it `talks` to us, standard input and output are pipes, and only errors go there.
    """
    with log.open("ab") as said:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
            stdout=subprocess.PIPE if talks else said,
            stderr=said,
            env=environ,
            cwd=ROOT,
            text=True,
            start_new_session=True,
        )
    try:
        # The interpreter has hardly begun: every thread that it will start inherits the core.
        set_core(process.pid, core)
        yield process
    finally:
        _stop(process)


def cpu_seconds(pid: int, *, ended_children: bool = False) -> float:
    """The CPU time that a process has used so far, user and system, all threads; to a hundredth of a second.

    With `ended_children`, also that of the children which it has outlived.
    """
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return sum(map(int, fields[11 : 15 if ended_children else 13])) / _TICKS


def set_core(pid: int, core: int) -> None:
    """Keep a process, and whatever it will start, on one core."""
    os.sched_setaffinity(pid, {core})


def memory_mb(pid: int, *, without: Path) -> float:
    """The memory that a process holds, in MB of a million bytes, beyond the files below a folder that it has mapped.

    It is the proportional set size (Pss) of every mapping in /proc/<pid>/smaps, so that pages shared with other
    processes (libraries) count by their share.
    """
    total = 0
    counted = True
    for line in Path(f"/proc/{pid}/smaps").read_text("utf-8", "replace").splitlines():
        name, _, rest = line.partition(" ")
        if not name.endswith(":"):
            counted = f" {without}/" not in line
        elif counted and name == "Pss:":
            total += int(rest.split()[0])
    return total * 1024 / 1e6


def _stop(process: "subprocess.Popen[str]") -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
