"""What is tortured: a town that all tests share, which they copy before they break it."""

import pytest

from tests.torture.town import Town


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """A published town whose worker has answered on a quiet day. Copied, never used."""
    return Town.made(tmp_path_factory.mktemp("torture") / "town")
