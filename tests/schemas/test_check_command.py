"""`mianzheng check`: a summary and 0, or every fault and 1."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest
import typer
from typer.testing import CliRunner

from cli.check import check


class Agreements(Protocol):
    """The agreements that a fixture lays out."""

    root: Path
    change: Callable[[str, str, str], None]


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer()
    made.command()(check)
    return made


def test_sound_agreements_are_counted_in_chinese_then_english(app: typer.Typer) -> None:
    done = CliRunner().invoke(app, [])
    assert done.exit_code == 0
    zh, en = done.stdout.splitlines()
    assert "核验项 21" in zh
    assert "21 claims" in en


def test_every_fault_is_printed_with_file_and_line(app: typer.Typer, agreements: Agreements) -> None:
    agreements.change("claims/person.alive.yaml", "p.status", "p.statsu")
    agreements.change("clients/bank.yaml", "spiffe://", "https://")
    done = CliRunner().invoke(app, ["--root", str(agreements.root)])
    assert done.exit_code == 1
    assert f"{agreements.root / 'claims/person.alive.yaml'}:7: " in done.stderr
    assert f"{agreements.root / 'clients/bank.yaml'}:10: " in done.stderr
    assert "2 faults found" in done.stderr
