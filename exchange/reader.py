"""Look-ups: pin the snapshots in force for the length of one call, then read subjects' rows from them.

Nothing here loads DuckDB: a look-up is a keyed hash, a get from a memory-mapped file, an unsealing and a parse.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock

from google.protobuf.message import Message

from exchange.index import IndexEntry
from exchange.keys import IndexKeys
from exchange.layout import Layout
from exchange.settings import DEFAULTS, ExchangeSettings
from exchange.snapshot import FileState, OpenSnapshot, Snapshot, file_state, open_snapshot, read_current
from kernel.errors import Damaged, MalformedIdentity
from kernel.identity import Identity, parse_person
from kernel.names import match_name
from schemas.contract import Contract


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a dataset holds about a subject, under all of the subject's numbers.

    `tainted`: a row that is about the subject may have been held back, so nothing may be concluded from these rows.
    """

    rows: tuple[Message, ...]
    tainted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Links:
    """A person's numbers, the one in use first; `sure` is false where a link may have been held back."""

    identities: tuple[Identity, ...]
    sure: bool


class Exchange:
    """The snapshots in force. One serves a whole process; `pin` may be called from any thread."""

    def __init__(
        self, root: Path, keys: IndexKeys, contracts: Mapping[str, Contract], settings: ExchangeSettings = DEFAULTS
    ) -> None:
        """Take the store's folder, the index keys and the contracts by dataset."""
        self._keys = keys
        self._contracts = contracts
        self._settings = settings
        self._layouts = {dataset: Layout.of(root, dataset) for dataset in contracts}
        self._current_paths = {dataset: str(layout.current) for dataset, layout in self._layouts.items()}
        self._open: dict[str, tuple[FileState, OpenSnapshot]] = {}
        self._opening = Lock()
        self.aliases = next((each.id for each in contracts.values() if each.identity_aliases), None)
        self.name_register = next((each.id for each in contracts.values() if each.name_register), None)
        self._supporting = tuple(each for each in (self.aliases, self.name_register) if each)

    def pin(self, datasets: Iterable[str]) -> "Pinned":
        """The snapshots in force now, of these datasets and of the registers of aliases and names.

        They stay readable as long as the Pinned lives, whatever is published meanwhile. Raises Damaged where a snapshot
        is not as it was published; KeyError where no contract describes a dataset.
        """
        opened = {}
        for dataset in dict.fromkeys((*datasets, *self._supporting)):
            found = self._in_force(dataset)
            if found is not None and found.serves:
                opened[dataset] = found
        return Pinned(opened, self._keys, self._settings, aliases=self.aliases, name_register=self.name_register)

    def refresh(self) -> tuple[str, ...]:
        """Open whatever was published since, so that no call has to; returns the datasets that nobody may ask.

        Those are never published, damaged, or made under a contract that no longer reads them.
        """
        missing = []
        for dataset in self._layouts:
            with suppress(Damaged):
                found = self._in_force(dataset)
                if found is not None and found.serves:
                    continue
            missing.append(dataset)
        return tuple(missing)

    def _in_force(self, dataset: str) -> OpenSnapshot | None:
        state = file_state(self._current_paths[dataset])
        if state is None:
            return None
        known = self._open.get(dataset)
        if known is not None and known[0] == state and file_state(known[1].index_path) == known[1].index_state:
            return known[1]
        return self._open_again(dataset, state)

    def _open_again(self, dataset: str, state: FileState) -> OpenSnapshot | None:
        layout = self._layouts[dataset]
        with self._opening:
            # The state was taken before the file is read: if it moves in between, the next call opens it again.
            current = read_current(layout)
            if current is None:
                return None
            found = open_snapshot(
                layout,
                current,
                self._contracts[dataset],
                self._keys,
                bytes_max=self._settings.manifest_bytes_max,
            )
            self._open[dataset] = (state, found)
            return found


class Pinned:
    """Some snapshots, held for the length of one call. Used by one thread; what was looked up once is remembered."""

    def __init__(
        self,
        opened: Mapping[str, OpenSnapshot],
        keys: IndexKeys,
        settings: ExchangeSettings,
        *,
        aliases: str | None,
        name_register: str | None,
    ) -> None:
        """Take the open snapshots, and which of them hold aliases and names."""
        self._opened = opened
        self._keys = keys
        self._settings = settings
        self._aliases = aliases
        self._register = name_register
        self._index_keys: dict[Identity, bytes] = {}
        self._linked: dict[Identity, _Links] = {}
        self._names: dict[Identity, frozenset[str]] = {}

    @cached_property
    def snapshots(self) -> Mapping[str, Snapshot]:
        """The pinned snapshots by dataset; a dataset that has none in force is not there."""
        return {dataset: opened.snapshot for dataset, opened in self._opened.items()}

    def held(self, dataset: str, subject: Identity, names: Iterable[str] = ()) -> Held:
        """Everything that a dataset holds about a subject, under every number of theirs.

        `names` are the subject's names as the case gives them; they only ever make the answer more careful. Raises
        Damaged, and KeyError where the dataset is not pinned.
        """
        opened = self._opened[dataset]
        links = self._links(subject)
        found: dict[bytes, None] = {}
        tainted = not links.sure
        for identity in links.identities:
            entry = opened.index.get(self._key(identity))
            tainted = tainted or entry.tainted
            # A row that names two numbers of one person is one row.
            found.update(dict.fromkeys(entry.rows))
        if not tainted and opened.snapshot.name_tainted:
            tainted = self._tainted_by_name(opened, subject, names)
        parse = opened.contract.row.parse
        return Held(rows=tuple([parse(row) for row in found]), tainted=tainted)

    def linked(self, subject: Identity) -> tuple[Identity, ...]:
        """Every number of the person with this one, the number in use first; only this one where no link is known."""
        return self._links(subject).identities

    def _key(self, identity: Identity) -> bytes:
        key = self._index_keys.get(identity)
        if key is None:
            key = self._index_keys[identity] = self._keys.identity(identity)
        return key

    def _tainted_by_name(self, opened: OpenSnapshot, subject: Identity, names: Iterable[str]) -> bool:
        """Whether a row was held back that only a name attributes, and the name is the subject's or nobody knows it."""
        known = self._registered_names(subject).union(match_name(name) for name in names if name.strip())
        return not known or any(opened.index.get(self._keys.name(name)).tainted for name in known)

    def _registered_names(self, subject: Identity) -> frozenset[str]:
        known = self._names.get(subject)
        if known is None:
            known = self._names[subject] = self._read_names(subject)
        return known

    def _read_names(self, subject: Identity) -> frozenset[str]:
        opened = self._opened.get(self._register or "")
        if opened is None:
            return frozenset()
        contract = opened.contract
        found = set()
        for identity in self._links(subject).identities:
            for raw in opened.index.get(self._key(identity)).rows:
                name = contract.row.text(contract.row.parse(raw), str(contract.name_register))
                if name:
                    found.add(match_name(name))
        return frozenset(found)

    def _links(self, subject: Identity) -> _Links:
        links = self._linked.get(subject)
        if links is None:
            links = self._linked[subject] = self._follow(subject)
        return links

    def _follow(self, subject: Identity) -> _Links:
        """Follow the register of aliases both ways until no new number turns up."""
        alone = (subject,)
        if self._aliases is None:
            return _Links(identities=alone, sure=True)
        opened = self._opened.get(self._aliases)
        # Without its register, or with rows of it that nobody can be named for, a link may always be unknown.
        if opened is None or not opened.snapshot.absence_allowed:
            return _Links(identities=alone, sure=False)
        found = {subject: None}
        former: set[Identity] = set()
        waiting = [subject]
        sure = True
        while waiting:
            entry = opened.index.get(self._key(waiting.pop()))
            sure = sure and not entry.tainted
            for old, new in _pairs(opened.contract, entry):
                former.add(old)
                waiting += [each for each in (old, new) if each not in found]
                found.update({old: None, new: None})
            if len(found) > self._settings.links_max:
                return _Links(identities=alone, sure=False)
        ordered = sorted(found, key=lambda each: (each in former, each)) if len(found) > 1 else found
        return _Links(identities=tuple(ordered), sure=sure)


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
