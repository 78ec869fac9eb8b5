"""A log whose process is killed under load, in every window of a commit: nothing signed is ever lost."""

import base64
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from audit.checkpoint import Checkpoint
from audit.log import AuditLog
from audit.merkle import root_of
from audit.place import LogPlace
from audit.receipt import Receipt
from audit.record import Record
from audit.tiles import TileReader
from audit.verify import verify_log
from kernel.signing import SigningKey

APPENDER = Path(__file__).with_name("appender.py")
ROOT = Path(__file__).parents[2]
ORIGIN = "wenling.mianzheng.example/audit/worker-0"
ROUNDS = 2


def run_until_killed(directory: Path, window: str, at: int, seconds: float | None = None) -> list[list[bytes]]:
    """What a killed process had told: lists of the word and its parts."""
    command = [sys.executable, str(APPENDER), str(directory), window, str(at)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}) as process:
        assert process.stdout is not None
        if seconds is not None:
            while (line := process.stdout.readline()) and line != b"opened\n":
                pass
            time.sleep(seconds)
            process.kill()
        told = process.stdout.read()
        assert process.wait(30) == -9
    lines = told.splitlines()
    return [[line.split()[0], *map(base64.b64decode, line.split()[1:])] for line in lines]


def check_nothing_lost(told: list[list[bytes]], directory: Path, size: int, signer: SigningKey) -> None:
    """Every acknowledged receipt and every signed checkpoint is of a prefix of the recovered log."""
    reader = TileReader(directory=directory / "public", size=size)
    for kind, *parts in told:
        if kind == b"acknowledged":
            entry, raw = parts
            receipt = Receipt.parse(raw)
            checkpoint = receipt.check(entry, ORIGIN, [signer.public])
            assert reader.entry(receipt.index) == entry
        elif kind == b"signed":
            checkpoint = Checkpoint.parse(parts[0].decode())
        else:
            continue
        assert checkpoint.size <= size
        assert root_of(checkpoint.size, reader.node) == checkpoint.root


@pytest.mark.parametrize(
    "window", ["before-write", "half-written", "write-to-flush", "flush-to-checkpoint", "before-reply", "outside"]
)
def test_a_killed_log_comes_back_with_all_that_it_ever_said(
    window: str, tmp_path: Path, open_log: Callable[..., AuditLog], record: Callable[..., Record], signer: SigningKey
) -> None:
    directory = tmp_path / "worker-0"
    chance = random.Random(window)
    told: list[list[bytes]] = []
    for _ in range(ROUNDS):
        pause = chance.uniform(0.05, 0.25) if window == "outside" else None
        told += run_until_killed(directory, window, chance.randint(3, 40), pause)
        log = open_log()
        log.append(record())
        size = log.signed.checkpoint.size
        log.close()
        check_nothing_lost(told, directory, size, signer)
    assert sum(each[0] == b"acknowledged" for each in told) > 30
    report = verify_log(LogPlace(directory=directory, origin=ORIGIN), [signer.public])
    assert report.findings == ()
    assert report.size == size
