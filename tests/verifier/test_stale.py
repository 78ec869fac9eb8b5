"""A run that fails or is held leaves what is in force answering, until the claim's own limit makes it stale."""

from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from exchange.freshness import State
from exchange.publish import HeldBack
from exchange.status import dataset_status
from kernel.errors import Malformed
from schemas.catalogue import Catalogue, load_catalogue
from tests.exchange.registry import Registry, alias, number, person, resident
from verifier.evaluate import evaluate

SECOND = timedelta(seconds=1)
LATER = "2026-11-24T03:00:00+08:00"


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def said(registry: Registry, catalogue: Catalogue) -> str:
    """What is answered about a resident now."""
    claim = catalogue.claims["person.alive"]
    pinned = registry.exchange().pin(claim.datasets)
    held = {"population": pinned.held("population", person(1), ())}
    verdict = evaluate(claim, held, {}, snapshots=pinned.snapshots, now=registry.clock.now())
    return f"{verdict.outcome.name} {verdict.reason.name}"


def fail(registry: Registry) -> None:
    path = registry.deliveries / registry.contracts["population"].server.path
    path.write_bytes(b"\xff\xff")
    with suppress(Malformed):
        registry.run("population")


def hold(registry: Registry) -> None:
    registry.deliver("population", [resident(place, sex="?") for place in range(10)], as_of=LATER)
    assert isinstance(registry.run("population"), HeldBack)


@pytest.mark.parametrize(("run", "state"), [(fail, State.FAILED), (hold, State.HELD)])
def test_what_is_in_force_answers_until_it_is_stale(
    tmp_path: Path, catalogue: Catalogue, run: object, state: State
) -> None:
    registry = Registry(tmp_path)
    registry.publish("person_aliases", [alias(1, number(90), number(91))])
    registry.publish("population", [resident(place) for place in range(10)])
    assert callable(run)
    run(registry)
    contract, layout = registry.contracts["population"], registry.layout("population")
    found = dataset_status(layout, contract, now=registry.clock.now(), bytes_max=1 << 20)
    assert (found.freshness.state, found.manifest is not None) == (state, True)
    assert said(registry, catalogue) == "CONFIRMED NONE"
    assert found.manifest is not None
    limit = found.manifest.data_as_of + catalogue.claims["person.alive"].max_age
    registry.clock.advance(limit - registry.clock.now())
    assert said(registry, catalogue) == "CONFIRMED NONE"
    registry.clock.advance(SECOND)
    assert said(registry, catalogue) == "CANNOT_VERIFY STALE"
