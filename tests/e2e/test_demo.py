"""The demonstration does the main job, twice, and leaves no personal data where none may be."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from samples.city import load

pytestmark = [
    pytest.mark.airflow,
    # One Airflow at a time: two would take each other's cores.
    pytest.mark.xdist_group("airflow"),
    pytest.mark.timeout(900),
]

RESIDENTS = 2_000
MAY_HOLD_PERSONAL_DATA = {
    "deliveries": "the departments' own files",
    "evidence": "what the requester keeps says about whom it speaks",
    "data.duckdb": "the registry's rows: docs/threat-model.md says that the volume must be encrypted",
}
NUMBERS = re.compile(rb"[0-9]{15,}[Xx]?|[A-Z]{3}[0-9]{12}")
CHINESE = re.compile(r"[㐀-鿿\U00020000-\U0003ffff·]{2,}")
NAME_LENGTH_MIN = 3
"""A name of two characters may be a word of any report."""


def run(home: Path, *words: str) -> str:
    command = [sys.executable, "-m", "cli.main", *words]
    environ = {**os.environ, "MIANZHENG_HOME": str(home), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A home, and what two demonstrations in it printed."""
    home = tmp_path_factory.mktemp("demo") / "hub"
    words = ("demo", "--residents", str(RESIDENTS))
    return home, run(home, *words), run(home, *words)


def test_the_demo_does_the_main_job_and_works_when_run_again(shown: tuple[Path, str, str]) -> None:
    home, first, second = shown
    for printed in (first, second):
        assert printed.count("已核实") > 8, "the answers are shown as a clerk reads them"
        assert "结婚登记" in printed
        assert "老年优待证" in printed
        assert "完成，用时" in printed
    # Two cases a run: each left its evidence.
    assert len(list((home / "evidence").glob("*.evidence.json"))) == 4


def test_the_scheduler_published_every_snapshot_and_its_run_stands_in_the_manifest(
    shown: tuple[Path, str, str],
) -> None:
    manifests = sorted((shown[0] / "exchange").glob("*/versions/*/manifest.json"))
    # The second demonstration delivered the same files: it published nothing again.
    assert len(manifests) == 7
    for manifest in manifests:
        assert '"run":"manual__' in manifest.read_text("utf-8").replace('": "', '":"')


def test_the_demo_leaves_no_number_and_no_name_where_none_may_be(shown: tuple[Path, str, str]) -> None:
    home = shown[0]
    world = load(home / "deliveries")
    numbers = {text.encode() for person in world.people.values() for text in person.every_number}
    names = {person.name for person in world.people.values() if len(person.name) >= NAME_LENGTH_MIN}
    searched, found = 0, []
    for path in sorted(home.rglob("*")):
        where = path.relative_to(home)
        if MAY_HOLD_PERSONAL_DATA.keys() & set(where.parts):
            continue
        searched += path.is_file()
        found += [f"{where}: a number" for _ in _numbers(str(where).encode(), numbers)]
        if path.is_file():
            raw = path.read_bytes()
            found += [f"{where}: a number" for _ in _numbers(raw, numbers)]
            found += [f"{where}: a name" for _ in _names(raw.decode("utf-8", "ignore"), names)]
    assert searched > 100
    assert not found


def test_the_search_finds_what_it_searches_for() -> None:
    assert list(_numbers(b"..332623198801180016..", {b"332623198801180016"}))
    assert list(_names("经办：欧阳小明，", {"欧阳小明"}))


def _numbers(raw: bytes, numbers: set[bytes]) -> Iterator[bytes]:
    for run_of_digits in NUMBERS.findall(raw):
        for size in (15, 18):
            for at in range(len(run_of_digits) - size + 1):
                if run_of_digits[at : at + size].upper() in numbers:
                    yield run_of_digits


def _names(text: str, names: set[str]) -> Iterator[str]:
    for run_of_characters in CHINESE.findall(text):
        for size in range(NAME_LENGTH_MIN, 9):
            for at in range(len(run_of_characters) - size + 1):
                if run_of_characters[at : at + size] in names:
                    yield run_of_characters
