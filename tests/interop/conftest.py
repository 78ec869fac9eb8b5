"""What the tests of others' clients share: those clients, installed, and a town that answers."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.verifier.conftest import new_station, station, town

__all__ = ["new_station", "station", "town"]

HERE = Path(__file__).parent
INSTALL_S = 300.0
"""How long a slow network may take."""


@pytest.fixture(scope="session")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clients of package.json, in the versions that package-lock.json holds; skips where they cannot be had."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not on this machine")
    folder = tmp_path_factory.mktemp("modules")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder / name)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(
            command, cwd=folder, env=dict(os.environ), capture_output=True, text=True, timeout=INSTALL_S, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip("the packages could not be had in time")
    if done.returncode:
        pytest.skip(f"the packages cannot be had here: {done.stderr.strip().splitlines()[-1:]}")
    return folder
