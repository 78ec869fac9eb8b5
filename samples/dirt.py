"""Dirt: a known share of records spoilt on their way from a registry, and each of them noted.

Dirt changes deliveries, never the world. A person is touched once in the whole city at most, so that what taints them
stays readable elsewhere; people whom the demo needs are spared. Where a number is lost, the name still tells whose the
record is; a record that tells nothing is delivered beside the proper one, so that no planted loss goes unattributed.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from random import Random

from kernel.identity import Identity, near, parse_person
from kernel.names import match_name
from samples.manifest import Foldable, Kind, Manifest, Planted, canonical
from samples.registry import Record
from samples.settings import SampleSettings
from samples.spoil import Spoilt, spoil
from samples.tables import Table
from samples.world import World
from samples.writer import Values

_FULL_WIDTH = str.maketrans("0123456789X", "０１２３４５６７８９Ｘ")
_FLIPPING_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Spared:
    """People whose answers no dirt may touch: canonical identities and match forms of their names."""

    identities: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()


@dataclass(slots=True, kw_only=True)
class Soiler:
    """Plants the dirt of one city, delivery by delivery, and notes it."""

    seed: int
    settings: SampleSettings
    spared: Spared
    planted: list[Planted] = field(default_factory=list)
    records: Counter[str] = field(default_factory=Counter)
    foldable: Counter[str] = field(default_factory=Counter)
    _touched: set[int] = field(default_factory=set)
    _owed: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    _used: Counter[tuple[str, Kind]] = field(default_factory=Counter)
    _portion: int = 0

    def soil(self, world: World, table: Table, records: Iterable[Record]) -> Iterator[Values]:
        """One delivery's records of one block, some of them spoilt."""
        self._portion += 1
        rng = Random(f"mianzheng dirt {self.seed} {self._portion} {table.dataset}")
        clean = list(records)
        spoilt = dict(self._choose(world, table, clean, rng))
        extra = self._unattributable(table, clean, rng)
        for at, record in enumerate(clean):
            rows = spoilt[at].rows if at in spoilt else (self._fold(world, table, record, rng),)
            self.records[table.dataset] += len(rows)
            yield from rows
        self.records[table.dataset] += len(extra)
        yield from extra

    def manifest(self) -> Manifest:
        """What was planted so far."""
        return Manifest(planted=tuple(self.planted), records=dict(self.records), foldable=dict(self.foldable))

    def _choose(self, world: World, table: Table, records: list[Record], rng: Random) -> Iterator[tuple[int, Spoilt]]:
        """Spoil the wanted share of the records: half of them such that a claim turns round where they are lost."""
        # What is less than a record is owed to the next block: in a large city small deliveries get their share too.
        self._owed[table.dataset] += len(records) * self.settings.dirty_share
        wanted = int(self._owed[table.dataset])
        self._owed[table.dataset] -= wanted
        flipping = [at for at, record in enumerate(records) if record.flips]
        rng.shuffle(flipping)
        anything = rng.sample(range(len(records)), len(records)) if wanted else []
        left = {True: round(wanted * _FLIPPING_SHARE), False: wanted - round(wanted * _FLIPPING_SHARE)}
        for flips, order in ((True, flipping), (False, anything)):
            for at in order:
                if not left[flips]:
                    break
                spoilt = self._spoil(world, table, records[at], rng)
                if spoilt is not None:
                    left[flips] -= 1
                    yield at, spoilt

    def _spoil(self, world: World, table: Table, record: Record, rng: Random) -> Spoilt | None:
        """Spoil one record in one way; None where it must stay clean."""
        if not self._touched.isdisjoint(record.people) or not world.residences.keys() >= set(record.people):
            return None
        subjects = canonical(world.people[key] for key in record.people)
        if not self.spared.identities.isdisjoint(subjects):
            return None
        kinds = (kind for kind in Kind if kind is not Kind.UNATTRIBUTABLE)
        # The rarest so far goes first, so that each kind befalls every delivery that it can befall.
        for kind in sorted(kinds, key=lambda each: self._used[table.dataset, each]):
            spoilt = spoil(kind, table, record.values, rng)
            if spoilt is None:
                continue
            around, names = _neighbours(spoilt.bad_number), frozenset(map(match_name, spoilt.lost_names))
            if not (self.spared.identities.isdisjoint(around) and self.spared.names.isdisjoint(names)):
                continue
            self._touched.update(record.people)
            self._used[table.dataset, kind] += 1
            self.planted.append(
                Planted(
                    dataset=table.dataset, kind=kind, columns=spoilt.columns, subjects=subjects, near=around,
                    names=tuple(sorted(names)), rows=spoilt.bad_rows, flips=record.flips, extra=spoilt.extra,
                )
            )  # fmt: skip
            return spoilt
        return None

    def _unattributable(self, table: Table, records: list[Record], rng: Random) -> list[Values]:
        """A few more records, without any number and name."""
        if not all(name for _, name in table.subjects):
            return []
        found: list[Values] = []
        for record in records:
            if rng.random() < self.settings.unattributable_share:
                lost = {column: None for pair in table.subjects for column in pair}
                keys = {column: f"{record.values[column]}-1" for column in table.key if column not in lost}
                found.append({**record.values, **lost, **keys})
                self.planted.append(
                    Planted(dataset=table.dataset, kind=Kind.UNATTRIBUTABLE, columns=tuple(lost), extra=True)
                )
        return found

    def _fold(self, world: World, table: Table, record: Record, rng: Random) -> Values:
        """A clean record, its numbers now and then written oddly."""
        if rng.random() > self.settings.foldable_share:
            return record.values
        if not self.spared.identities.isdisjoint(canonical(world.people[key] for key in record.people)):
            return record.values
        column = rng.choice(table.subjects)[0]
        kind, text = _oddly(str(record.values[column]), rng)
        self.foldable[kind] += 1
        return {**record.values, column: text}


def _oddly(number: str, rng: Random) -> tuple[Foldable, str]:
    if number.endswith("X"):
        return Foldable.LOWER_X, number.lower()
    if rng.random() < _FLIPPING_SHARE:
        return Foldable.FULL_WIDTH, number.translate(_FULL_WIDTH)
    cut = rng.randrange(1, len(number))
    return Foldable.STRAY_SPACES, f" {number[:cut]} {number[cut:]}\u3000"


def _neighbours(number: str) -> tuple[str, ...]:
    found: frozenset[Identity] = near(number) if number else frozenset()
    return tuple(sorted(each.canonical for each in found))


def spare(people: Iterable[tuple[str, str]]) -> Spared:
    """Spare people, given by number and name."""
    chosen = list(people)
    return Spared(
        identities=frozenset(parse_person(number).canonical for number, _ in chosen),
        names=frozenset(match_name(name) for _, name in chosen),
    )
