"""What the tests of a home's custody share: a small hub with published snapshots."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.custody import CustodySettings
from app.envelope import Passphrase
from app.home import make_home
from app.hub import Hub, open_hub
from app.publishing import publishing_job
from audit.logs import DESK
from exchange.publish import Published, publish
from kernel.clock import SHANGHAI
from samples.deliveries import deliver_city
from tests.app.small_hub import CLEAN, DATASETS, QUICK, WORDS


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with keys, certificates and a clean, published city of a few people. Copied, never used."""
    hub = open_hub(tmp_path_factory.mktemp("pristine") / "hub")
    now = datetime.now(UTC)
    make_home(hub.paths, hub.settings, hub.catalogue.clients, now=now - timedelta(hours=1))
    hub.logs.shared(DESK)
    deliver_city(hub.paths.deliveries, residents=120, seed=5, today=now.astimezone(SHANGHAI).date(), settings=CLEAN)
    for dataset in DATASETS:
        assert isinstance(publish(publishing_job(hub, dataset, "tests")), Published)
    hub.detail_keys.close()
    return hub.paths.home


@pytest.fixture
def hub(pristine: Path, tmp_path: Path) -> Iterator[Hub]:
    """A copy of the small hub, to do anything with."""
    shutil.copytree(pristine, tmp_path / "hub")
    hub = open_hub(tmp_path / "hub")
    yield hub
    # Not opened only to be closed: the home may be gone.
    if "detail_keys" in vars(hub):
        hub.detail_keys.close()


@pytest.fixture
def settings() -> CustodySettings:
    return QUICK


@pytest.fixture
def passphrase() -> Passphrase:
    return Passphrase(text=WORDS, settings=QUICK)
