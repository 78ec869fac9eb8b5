"""`mianzheng sample-city`, as people call it."""

import json
from pathlib import Path

import typer
from typer.testing import CliRunner

from cli.sample_city import sample_city
from samples.city import load
from samples.manifest import Manifest
from samples.tables import TABLES

app = typer.Typer()
app.command()(sample_city)


def test_the_command_delivers_a_city_and_says_what_it_did(tmp_path: Path) -> None:
    arguments = ["--residents", "300", "--seed", "4", "--out", str(tmp_path), "--today", "2026-11-24"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    for table in TABLES:
        assert (tmp_path / table.path).is_file()
        assert table.path in done.output
    assert json.loads((tmp_path / "truth" / "city.json").read_text())["seed"] == 4
    assert len(load(tmp_path).people) > 300
    assert Manifest.read(tmp_path).records["population"] > 300


def test_the_command_prints_no_number_and_no_name(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["--residents", "300", "--out", str(tmp_path), "--today", "2026-11-24"])
    for person in load(tmp_path).people.values():
        assert person.number not in done.output
        assert len(person.name) < 3 or person.name not in done.output


def test_a_day_that_is_none_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["--out", str(tmp_path), "--today", "2026-02-30"])
    assert done.exit_code == 2
    assert not any(tmp_path.iterdir())
