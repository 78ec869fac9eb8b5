"""What every room's tests share: seams that a machine may lack, and the project's root."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

# A slow machine is no fault of the code: no example is timed.
settings.register_profile("untimed", settings.get_profile("default"), deadline=None)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "untimed")

ROOT = Path(__file__).parent.parent
ON_CI = os.environ.get("CI") == "true"


def leave_out(reason: str) -> None:
    """Skip a test whose seam is absent, and say which; on CI an absent seam is a failure."""
    if ON_CI:
        pytest.fail(f"a seam is absent on CI: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root."""
    return ROOT


@pytest.fixture(scope="session")
def openssl() -> str:
    """The path of openssl, others' tool for keys and signatures."""
    found = shutil.which("openssl")
    if found is None:
        leave_out("openssl is not installed (make system)")
    return str(found)
