"""One server of each kind for the session: modules that use them say the group `databases`, and share a worker."""

from collections.abc import Iterator

import pytest

from tests.adapters import database_servers
from tests.adapters.database_servers import DatabaseServer


@pytest.fixture(scope="session")
def postgresql() -> Iterator[DatabaseServer]:
    """A real PostgreSQL."""
    with database_servers.postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[DatabaseServer]:
    """A real MariaDB."""
    with database_servers.mariadb() as server:
        yield server


@pytest.fixture(params=["postgresql", "mariadb"])
def server(request: pytest.FixtureRequest) -> DatabaseServer:
    """Either server."""
    found: DatabaseServer = request.getfixturevalue(request.param)
    return found
