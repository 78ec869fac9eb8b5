"""The soak in short: a minute in `make torture`, some seconds elsewhere; `make soak` is the whole."""

import os
from pathlib import Path

import pytest

from tests.torture.soak import Soaked, soaked, wrong
from tests.torture.town import Town

FULL = os.environ.get("MIANZHENG_TORTURE") == "full"
SECONDS = 60.0 if FULL else 6.0


@pytest.mark.timeout(600)
@pytest.mark.xdist_group("torture")
def test_mixed_load_is_answered_recorded_and_refused_as_it_must_be(
    town: Town, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []
    result: Soaked = soaked(town.copied(tmp_path / "town"), SECONDS, said.append)
    assert wrong(result) == []
    assert result.answers > 20 * SECONDS
    assert result.refusals["case_closed"]
    assert result.refusals["INVALID_ARGUMENT"]
    with capsys.disabled():
        print("", *said, sep="\n")  # noqa: T201 - what was measured is told
