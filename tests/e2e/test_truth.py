"""The hub says what is true, or that it cannot verify: for everybody in a city, and at every boundary."""

from collections import Counter
from collections.abc import Callable
from datetime import date

import pytest

from app.hub import Hub
from exchange.publish import Published
from kernel.identity import parse_person
from samples.boundary import boundaries, deliver_boundary
from samples.city import build
from samples.deliveries import deliver_city, deliver_world
from samples.handmade import Boundary
from samples.manifest import Manifest
from samples.world import World
from tests.e2e.conftest import TODAY, Asker, Compared, compare, plain, publish_all

NewHub = Callable[[date], Hub]
IDENTITIES = ("spouse", "parent")
"""The parameters that name a person."""


def test_over_clean_registries_every_answer_is_the_truth(new_hub: NewHub) -> None:
    world = build(3_000, 5, TODAY)
    hub = new_hub(TODAY)
    deliver_world(hub.paths.deliveries, world)
    assert all(isinstance(each, Published) for each in publish_all(hub).values())
    wrong, said = [], Counter[str]()
    for each in compare(Asker.of(hub), world, every_number=True):
        said[each.said] += 1
        if each.said != each.true:
            wrong.append(str(each))
    assert not wrong, wrong[:20]
    assert said.keys() == {"CONFIRMED", "NOT_CONFIRMED", "NO_RECORD", "OUT_OF_COVERAGE"}
    assert min(said.values()) > 10


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_over_dirty_registries_every_answer_about_20000_residents_is_true_or_cannot_verify(new_hub: NewHub) -> None:
    hub = new_hub(TODAY)
    manifest = deliver_city(hub.paths.deliveries, residents=20_000, seed=1, today=TODAY)
    world = build(20_000, 1, TODAY)
    assert all(isinstance(each, Published) for each in publish_all(hub).values())
    datasets = {claim.id: claim.datasets for claim in hub.catalogue.claims.values()}
    wrong, needless, said = [], [], Counter[str]()
    for each in compare(Asker.of(hub), world):
        said[each.said] += 1
        if each.said == "QUALITY":
            if not _excused(manifest, datasets[each.question.claim], each, world):
                needless.append(str(each))
        elif each.said != each.true:
            wrong.append(str(each))
    assert not wrong, wrong[:20]
    assert not needless, needless[:20]
    # Dirt must be there, or nothing was tried; and it must not silence the hub.
    assert 0 < said["QUALITY"] < 0.1 * sum(said.values())


def _excused(manifest: Manifest, datasets: tuple[str, ...], each: Compared, world: World) -> bool:
    """Whether dirt was planted that may be about the subject, or about a person whom the question names."""
    named = (each.question.parameters[name] for name in IDENTITIES if name in each.question.parameters)
    people = [each.person, *(world.holder(str(number)) for number in named)]
    return any(manifest.touches(world, dataset, person) for dataset in datasets for person in people)


@pytest.mark.parametrize("boundary", tuple(boundaries()), ids=lambda each: each.name)
def test_at_a_boundary_the_answer_is_what_is_written_by_hand(boundary: Boundary, new_hub: NewHub) -> None:
    hub = new_hub(boundary.world.today)
    deliver_boundary(hub.paths.deliveries, boundary)
    assert all(isinstance(each, Published) for each in publish_all(hub).values())
    asker = Asker.of(hub)
    wrong = []
    for case in boundary.cases:
        assert case.today == boundary.world.today
        said = plain(asker.ask(case.claim, parse_person(case.number), case.parameters))
        want = case.reason or case.outcome
        if said != want:
            wrong.append(f"{case.what}: {case.claim} said {said}, written is {want}")
    assert boundary.cases
    assert not wrong
