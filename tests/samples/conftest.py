"""One city, delivered once, for all tests of the sample city."""

import pytest

from samples.city import load
from samples.deliveries import deliver_city
from samples.manifest import Manifest
from samples.personas import Personas
from tests.samples.delivered import RESIDENTS, SEED, SETTINGS, TODAY, City


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    out = tmp_path_factory.mktemp("city")
    deliver_city(out, residents=RESIDENTS, seed=SEED, today=TODAY, settings=SETTINGS)
    return City(out=out, world=load(out), manifest=Manifest.read(out), personas=Personas.read(out))
