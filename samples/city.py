"""The whole city, made block by block, so that a million people need no more memory than ten thousand."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from random import Random

from kernel.errors import Invalid
from samples.draft import Draft
from samples.families import grow
from samples.livelihood import provide
from samples.numbers import NEW_FOREIGN_SINCE, Serials
from samples.property import build_up
from samples.settings import DEFAULTS, SampleSettings
from samples.settle import settle
from samples.world import World

PARAMETERS = "truth/city.json"
RESIDENTS_PER_FOUNDERS = 6.2
"""One founding couple has about 4.3 descendants alive; two residents in three are of the old families."""


def blocks(residents: int, seed: int, today: date, settings: SampleSettings = DEFAULTS) -> Iterator[World]:
    """The city in blocks that share no family; equal arguments give equal blocks. Raises Invalid."""
    if not settings.residents_min <= residents <= settings.residents_max:
        bounds = f"from {settings.residents_min} to {settings.residents_max}"
        raise Invalid("the sample city cannot be of this size", field="residents", remedy=f"choose {bounds}")
    if today <= NEW_FOREIGN_SINCE:
        raise Invalid("the sample city is younger than that", field="today", remedy=f"choose after {NEW_FOREIGN_SINCE}")
    serials = Serials()
    key = 0
    for number, size in enumerate(_sizes(residents, settings)):
        draft = Draft(today=today, rng=Random(f"mianzheng city {seed} block {number}"), serials=serials, key=key)
        yield _block(draft, size)
        key = draft.key


def build(residents: int, seed: int, today: date, settings: SampleSettings = DEFAULTS) -> World:
    """The whole city at once."""
    return World.joined(today, blocks(residents, seed, today, settings))


def load(out: Path) -> World:
    """The whole city whose deliveries stand in a directory."""
    found = json.loads((out / PARAMETERS).read_text("utf-8"))
    settings = SampleSettings(**found["settings"])
    return build(found["residents"], found["seed"], date.fromisoformat(found["today"]), settings)


def _sizes(residents: int, settings: SampleSettings) -> Iterator[int]:
    """Full blocks; what is left over makes the last one larger if it would be too small for a city of its own."""
    full, rest = divmod(residents, settings.block_residents)
    if full and 0 < rest < settings.residents_min:
        full, rest = full - 1, rest + settings.block_residents
    yield from [settings.block_residents] * full
    if rest:
        yield rest


def _block(draft: Draft, residents: int) -> World:
    grow(draft, max(1, round(residents / RESIDENTS_PER_FOUNDERS)))
    outsiders = settle(draft, residents)
    titles = build_up(draft, outsiders)
    livelihood = provide(draft)
    return World(
        today=draft.today, first_block=draft.key, people=draft.people, residences=draft.residences,
        marriages=tuple(draft.marriages),
        titles=tuple(titles), insurances=tuple(livelihood.insurances), covers=tuple(livelihood.covers),
        accounts=tuple(livelihood.accounts),
    )  # fmt: skip
