"""What the exchange's tests share."""

from pathlib import Path

import pytest

from tests.exchange.registry import Registry


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """An empty hub's exchange."""
    return Registry(tmp_path)
