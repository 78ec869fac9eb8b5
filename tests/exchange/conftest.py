"""What the exchange's tests share."""

import shutil
from pathlib import Path

import pytest

from tests.exchange.registry import Registry, alias, number, resident


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """An empty hub's exchange."""
    return Registry(tmp_path)


@pytest.fixture(scope="session")
def _registers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    registry = Registry(tmp_path_factory.mktemp("registers"))
    registry.publish("person_aliases", [alias(1, number(90), number(91))])
    registry.publish("population", [resident(place) for place in range(10)])
    return registry.root


@pytest.fixture
def published(_registers: Path, tmp_path: Path) -> Registry:
    """The registers that every look-up leans on are in force: aliases, and ten residents."""
    shutil.copytree(_registers, tmp_path, dirs_exist_ok=True)
    return Registry(tmp_path)
