"""Every bench runs for real at the smallest size: a city, its snapshots, a worker, questions, checked receipts."""

import os
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.__main__ import BENCHES
from benchmarks.harness import Setting, run
from benchmarks.report import Report
from benchmarks.scale import Scale

TINY = Scale(
    residents=400,
    publish_rounds=1,
    cases=4,
    rounds=1,
    round_seconds=0.5,
    warm_up_seconds=0.1,
    judged_rows=4_000,
    growth_questions=200,
    in_flight=8,
    connections=2,
)


FULL = os.environ.get("MIANZHENG_TORTURE") == "full"
MANY_SERVERS = {"flavours", "disk", "growth", "flatness"}
"""Benches that start one server after another: run with the others by `make torture`."""


@pytest.mark.slow
def test_every_bench_measures_what_it_promises(tmp_path: Path) -> None:
    benches = [each for each in BENCHES if FULL or each.name not in MANY_SERVERS]
    console = Console(record=True, width=200, quiet=False, file=(tmp_path / "told").open("w", encoding="utf-8"))
    with console.file:
        outcome = run(benches, "", Setting(scale=TINY, work=tmp_path / "work", report=Report(console)))
        told = console.export_text()
    assert not outcome.failed, told
    found = {each.key: each.value for each in outcome.results}
    assert set(found) == {key for bench in benches for key in bench.keys}
    assert found["publish.rows_per_s"] > 10
    assert found["ask.unary.per_s"] > 10
    assert 0 < found["ask.unary.ratio_to_noop"] < 1, "a question costs more than nothing"
    assert found["ask.own_us"] > 50
    assert 20 < found["memory.worker_mb"] < 250
    assert "receipts and signatures checked, all hold" in told
    assert "draw up the statement" in told
    for folder in tmp_path.rglob("worker.log"):
        assert "Traceback" not in folder.read_text("utf-8")
