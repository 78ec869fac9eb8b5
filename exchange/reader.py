"""Look-ups: pin the snapshots in force for the length of one call, then read subjects' rows from them.

Nothing here loads DuckDB: a look-up is a keyed hash, a get from a memory-mapped file, an unsealing and a parse.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic

from google.protobuf.message import Message

from exchange.current import Current
from exchange.in_force import InForce
from exchange.index import IndexEntry
from exchange.keys import IndexKeys
from exchange.layout import Layout
from exchange.settings import DEFAULTS, ExchangeSettings
from exchange.snapshot import OpenSnapshot, Snapshot, open_snapshot
from kernel.errors import Damaged, MalformedIdentity
from kernel.identity import Identity, parse_person
from kernel.names import match_name
from schemas.contract import Contract

VIEWS_MAX = 256
"""Sets of datasets that are asked for together, of which what was in force is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a dataset holds about a subject, under all of the subject's numbers.

    `tainted`: a row that is about the subject may have been held back, so nothing may be concluded from these rows.
    """

    rows: tuple[Message, ...]
    tainted: bool


@dataclass(slots=True, kw_only=True)
class _Person:
    """A subject under all of their numbers, the one in use first, with what was read about them in this call.

    `sure` is false where a link between numbers may have been held back. `name_keys` are the index keys of the names
    that the register knows and of those that were given, by those.
    """

    identities: tuple[Identity, ...]
    keys: tuple[bytes, ...]
    sure: bool
    entries: dict[str, IndexEntry] = field(default_factory=dict)
    name_keys: dict[tuple[str, ...], tuple[bytes, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Some snapshots, open; the same object as long as the same ones are in force."""

    opened: Mapping[str, OpenSnapshot]
    snapshots: Mapping[str, Snapshot]

    @classmethod
    def of(cls, opened: Mapping[str, OpenSnapshot]) -> "View":
        """These."""
        return cls(opened=opened, snapshots={dataset: each.snapshot for dataset, each in opened.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looked:
    """What was in force when it was looked up, and until when (on the monotonic clock) that is good enough."""

    view: View
    until: float


class Exchange:
    """The snapshots in force. One serves a whole process; `pin` may be called from any thread."""

    def __init__(
        self, root: Path, keys: IndexKeys, contracts: Mapping[str, Contract], settings: ExchangeSettings = DEFAULTS
    ) -> None:
        """Take the store's folder, the index keys and the contracts by dataset.

        A contract that stands beside the one in force is known by its reference (`marriages@1`): the snapshot in force
        is then read under it, where it can be.
        """
        self._root = root
        self._keys = keys
        self._contracts = contracts
        self._settings = settings
        self._layouts = {name: Layout.of(root, contract.id) for name, contract in contracts.items()}
        self._in_force = {
            contract.id: InForce(self._layouts[name], contract, keys, settings) for name, contract in contracts.items()
        }
        self._beside: dict[str, tuple[OpenSnapshot, OpenSnapshot]] = {}
        self._views: dict[tuple[str, ...], _Looked] = {}
        self.aliases = next((each.id for each in contracts.values() if each.identity_aliases), None)
        self.name_register = next((each.id for each in contracts.values() if each.name_register), None)
        self._supporting = tuple(each for each in (self.aliases, self.name_register) if each)

    def under(self, contracts: Mapping[str, Contract]) -> "Exchange":
        """The same store under newer contracts. Snapshots that are open are read under them, not opened twice."""
        newer = Exchange(self._root, self._keys, contracts, self._settings)
        newer._in_force |= {name: kept for name, kept in self._in_force.items() if name in newer._in_force}
        return newer

    def pin(self, datasets: Iterable[str]) -> "Pinned":
        """The snapshots in force now, of these datasets and of the registers of aliases and names.

        They stay readable as long as the Pinned lives, whatever is published meanwhile. What is in force is looked up
        anew after some milliseconds (`look_again_ms`). While a large snapshot is being proved, the one before is
        pinned, for a bounded time. Raises Damaged where a snapshot is not as it was published; KeyError where no
        contract describes a dataset.
        """
        wanted = tuple(datasets)
        known, now = self._views.get(wanted), monotonic()
        if known is not None and now < known.until:
            return self._pinned(known.view)
        opened = {}
        for dataset in dict.fromkeys((*wanted, *self._supporting)):
            found = self._found(dataset)
            if found is not None and found.serves:
                opened[dataset] = found
        view = known.view if known is not None and known.view.opened == opened else View.of(opened)
        if len(self._views) >= VIEWS_MAX:
            self._views.clear()
        self._views[wanted] = _Looked(view=view, until=now + self._settings.look_again_ms / 1000)
        return self._pinned(view)

    def pin_versions(self, datasets: Iterable[str], versions: Mapping[str, Current]) -> "Pinned":
        """The same over given versions, by their datasets' ids, whatever is in force now: for old answers.

        A dataset without a version given is not pinned, nor one whose version the contract cannot read. Raises Damaged
        where a version is not as it was published, or gone.
        """
        opened = {}
        for dataset in dict.fromkeys((*datasets, *self._supporting)):
            contract, layout = self._contracts[dataset], self._layouts[dataset]
            if contract.id in versions:
                bytes_max = self._settings.manifest_bytes_max
                found = open_snapshot(layout, versions[contract.id], contract, self._keys, bytes_max=bytes_max)
                if found.serves:
                    opened[dataset] = found
        return self._pinned(View.of(opened))

    def refresh(self) -> tuple[str, ...]:
        """Open whatever was published since, so that no call has to; returns the datasets that nobody may ask.

        Those are never published, damaged, or made under a contract that no longer reads them.
        """
        missing = []
        for dataset, contract in self._contracts.items():
            if dataset != contract.id:
                # A version that stands beside may have no snapshot that it can read: its time is over, or to come.
                continue
            with suppress(Damaged):
                found = self._found(dataset)
                if found is not None and found.serves:
                    continue
            missing.append(dataset)
        return tuple(missing)

    def _pinned(self, view: View) -> "Pinned":
        return Pinned(view, self._keys, self._settings, aliases=self.aliases, name_register=self.name_register)

    def _found(self, name: str) -> OpenSnapshot | None:
        """What is in force, under the contract of this name. A snapshot is proved once, whoever reads it."""
        contract = self._contracts[name]
        found = self._in_force[contract.id].get()
        if found is None or found.contract is contract:
            return found
        known = self._beside.get(name)
        if known is None or known[0] is not found:
            known = self._beside[name] = (found, found.under(contract))
        return known[1]


class Pinned:
    """Some snapshots, held for the length of one call. Used by one thread; what was looked up once is remembered."""

    def __init__(
        self,
        view: View,
        keys: IndexKeys,
        settings: ExchangeSettings,
        *,
        aliases: str | None,
        name_register: str | None,
    ) -> None:
        """Take the open snapshots, and which of them hold aliases and names."""
        self._opened = view.opened
        self.snapshots: Mapping[str, Snapshot] = view.snapshots
        """The pinned snapshots by dataset, as it was named; one that has none in force is not there."""
        self._keys = keys
        self._settings = settings
        self._aliases = aliases
        self._register = name_register
        self._people: dict[str, _Person] = {}

    def held(self, dataset: str, subject: Identity, names: Iterable[str] = ()) -> Held:
        """Everything that a dataset holds about a subject, under every number of theirs.

        `names` are the subject's names as the case gives them; they only ever make the answer more careful. Raises
        Damaged, and KeyError where the dataset is not pinned.
        """
        opened = self._opened[dataset]
        person = self._person(subject)
        entry = self._entry(opened, person)
        tainted = entry.tainted or not person.sure
        if not tainted and opened.snapshot.name_tainted:
            tainted = self._tainted_by_name(opened, person, names)
        parse = opened.contract.row.parse
        return Held(rows=tuple([parse(row) for row in entry.rows]), tainted=tainted)

    def linked(self, subject: Identity) -> tuple[Identity, ...]:
        """Every number of the person with this one, the number in use first; only this one where no link is known."""
        return self._person(subject).identities

    def _person(self, subject: Identity) -> _Person:
        canonical = subject.canonical
        person = self._people.get(canonical)
        if person is None:
            person = self._people[canonical] = self._follow(subject, self._keys.subject(canonical))
        return person

    def _entry(self, opened: OpenSnapshot, person: _Person) -> IndexEntry:
        """What a dataset holds under all of a person's numbers."""
        dataset = opened.snapshot.dataset
        entry = person.entries.get(dataset)
        if entry is None:
            found = [opened.index.get(key) for key in person.keys]
            entry = found[0] if len(found) == 1 else _joined(found)
            person.entries[dataset] = entry
        return entry

    def _tainted_by_name(self, opened: OpenSnapshot, person: _Person, names: Iterable[str]) -> bool:
        """Whether a row was held back that only a name attributes, and the name is the subject's or nobody knows it."""
        names = tuple(names)
        keys = person.name_keys.get(names)
        if keys is None:
            given = {match_name(name) for name in names if name.strip()}
            known = self._registered_names(person) | given
            keys = person.name_keys[names] = tuple([self._keys.name(name) for name in known])
        return not keys or any(opened.index.get(key).tainted for key in keys)

    def _registered_names(self, person: _Person) -> frozenset[str]:
        """The person's names as the register of names has them."""
        opened = self._opened.get(self._register or "")
        if opened is None:
            return frozenset()
        row = opened.contract.row
        name_property = str(opened.contract.name_register)
        named = [row.text(row.parse(raw), name_property) for raw in self._entry(opened, person).rows]
        return frozenset(match_name(name) for name in named if name)

    def _follow(self, subject: Identity, key: bytes) -> _Person:
        """Follow the register of aliases both ways until no new number turns up."""
        alone = _Person(identities=(subject,), keys=(key,), sure=True)
        if self._aliases is None:
            return alone
        opened = self._opened.get(self._aliases)
        # Without its register, or with rows of it that nobody can be named for, a link may always be unknown.
        if opened is None or not opened.snapshot.absence_allowed:
            return replace(alone, sure=False)
        entry = opened.index.get(key)
        if not entry.rows:
            return replace(alone, sure=not entry.tainted)
        return self._follow_links(opened, alone)

    def _follow_links(self, opened: OpenSnapshot, alone: _Person) -> _Person:
        found = dict(zip(alone.identities, alone.keys, strict=True))
        former: set[Identity] = set()
        waiting = list(alone.identities)
        sure = True
        while waiting:
            entry = opened.index.get(found[waiting.pop()])
            sure = sure and not entry.tainted
            for old, new in _pairs(opened.contract, entry):
                former.add(old)
                for each in (old, new):
                    if each not in found:
                        found[each] = self._keys.identity(each)
                        waiting.append(each)
            if len(found) > self._settings.links_max:
                return replace(alone, sure=False)
        ordered = sorted(found, key=lambda each: (each in former, each))
        return _Person(identities=tuple(ordered), keys=tuple(found[each] for each in ordered), sure=sure)


def _joined(entries: list[IndexEntry]) -> IndexEntry:
    """Several numbers' entries as one; a row that names two numbers of one person is one row."""
    rows = dict.fromkeys(row for entry in entries for row in entry.rows)
    return IndexEntry(rows=tuple(rows), tainted=any(entry.tainted for entry in entries))


def _pairs(contract: Contract, entry: IndexEntry) -> list[tuple[Identity, Identity]]:
    """The links in an entry's rows: a former number and the current one."""
    aliases = contract.identity_aliases
    if aliases is None or not entry.rows:
        return []
    pairs = []
    for raw in entry.rows:
        row = contract.row.parse(raw)
        try:
            pairs.append((parse_person(getattr(row, aliases.former)), parse_person(getattr(row, aliases.current))))
        except MalformedIdentity:
            raise Damaged("an alias is no number", field="index.mdb", remedy="publish the dataset again") from None
    return pairs
