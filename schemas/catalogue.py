"""Everything that the city has agreed on, loaded, cross-checked and frozen."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, TypeVar

from kernel.digest import digest
from kernel.errors import Faulty
from schemas.access import read_group
from schemas.beside import base, beside, major, split
from schemas.claim import Claim, read_claim
from schemas.client import Client, Group
from schemas.contract import Contract
from schemas.document import Document, Faults, read_document
from schemas.expression import Compiler
from schemas.grant import NOTHING, Grant, Rights, RightsKey, compiled
from schemas.grant_file import NO_GRANTS, GrantsRead, Known, check_needs, read_grants
from schemas.item import Item
from schemas.item_file import read_item
from schemas.odcs import SUFFIX, read_contract
from schemas.relationship import check_relationships
from schemas.settings import DEFAULTS, SchemaSettings

ROOT = Path(__file__).parent
"""The agreements that the product comes with."""

_YAML = ".yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The agreements in force. `clients` is by SPIFFE id, everything else by id.

    `digest` is SHA-256 over every file's path, a zero byte and its digest, in the order of paths. `contract_versions`,
    `claim_versions` and `item_versions` hold every version that stands here, in force or beside it, by its reference
    (`marriages@1`). `files` are the digests by path. `aliases` is the contract of the dataset that links the numbers of
    one person, `name_register` the one whose names count for the city; None where no contract says so. `rights` is what
    the grants come to, by group, item and channel.
    """

    contracts: Mapping[str, Contract]
    claims: Mapping[str, Claim]
    items: Mapping[str, Item]
    groups: Mapping[str, Group]
    clients: Mapping[str, Client]
    grants: tuple[Grant, ...]
    rights: Mapping[RightsKey, Rights]
    digest: bytes
    files: Mapping[str, bytes]
    aliases: Contract | None
    name_register: Contract | None
    contract_versions: Mapping[str, Contract]
    claim_versions: Mapping[str, Claim]
    item_versions: Mapping[str, Item]

    @property
    def readable(self) -> Mapping[str, Contract]:
        """Every contract that a claim may name, by each reference to it."""
        return {**self.contracts, **self.contract_versions}

    def claim(self, name: str, version: int = 0) -> Claim:
        """The claim in force with this id, or its version of this number; KeyError where there is none."""
        return self.claim_versions[beside(name, version)] if version else self.claims[name]

    def item(self, name: str, version: int) -> Item | None:
        """The version of an item of this number, in force or beside it; None where none stands here."""
        return self.item_versions.get(beside(name, version))

    def right(self, group: str, item: str, channel: str) -> Rights:
        """What a group may ask for an item on a channel; nothing where no grant says so."""
        return self.rights.get((group, item, channel), NOTHING)


class _Identified(Protocol):
    @property
    def id(self) -> str: ...


class _Versioned(_Identified, Protocol):
    @property
    def version(self) -> str | int: ...


_T = TypeVar("_T", bound=_Identified)
_V = TypeVar("_V", bound=_Versioned)


def load_catalogue(root: Path | None = None, settings: SchemaSettings = DEFAULTS) -> Catalogue:
    """The agreements under `root` (default: those shipped); raises Faulty with every fault in every file."""
    loading = _Loading(root=root or ROOT, settings=settings)
    catalogue = loading.catalogue()
    if catalogue is None:
        raise Faulty(loading.faults.found)
    return catalogue


def load_contracts(root: Path | None = None, settings: SchemaSettings = DEFAULTS) -> Mapping[str, Contract]:
    """The contracts alone, for those who need no claims (the DAG factory); raises Faulty with every fault in them."""
    loading = _Loading(root=root or ROOT, settings=settings)
    contracts = loading.contracts(loading.documents("datasets", f"*/*{_YAML}"))
    if loading.faults.found:
        raise Faulty(loading.faults.found)
    return {name: each for name, each in contracts.items() if name == each.id}


def digest_of(files: Mapping[str, bytes]) -> bytes:
    """The digest of agreements from those of their files, by path."""
    return digest(b"".join(path.encode() + b"\0" + files[path] for path in sorted(files)))


def _in_force(found: Mapping[str, _V]) -> dict[str, _V]:
    return {name: each for name, each in found.items() if name == each.id}


def _numbered(found: Mapping[str, _V]) -> dict[str, _V]:
    return {name: each for name, each in found.items() if name != each.id}


@dataclass(slots=True, kw_only=True)
class _Loading:
    """One pass over all files, in the order in which they refer to each other."""

    root: Path
    settings: SchemaSettings
    faults: Faults = field(default_factory=Faults)
    digests: dict[str, bytes] = field(default_factory=dict)

    def catalogue(self) -> Catalogue | None:
        """The catalogue, or None where there are faults."""
        datasets = self.documents("datasets", f"*/*{_YAML}")
        contracts = self.contracts(datasets)
        readable = self._by_reference(datasets, contracts)
        compiler = Compiler(readable, self.settings)
        claim_files = self.documents("claims", f"*{_YAML}")
        claims = self._each(
            claim_files, lambda each: read_claim(each, readable, datasets.keys(), compiler, self.settings)
        )
        askable = self._by_reference(claim_files, claims)
        item_files = self.documents("items", f"*{_YAML}")
        items = self._each(item_files, lambda each: read_item(each, askable, claim_files.keys()))
        handled = self._by_reference(item_files, items)
        group_files = self.documents("clients", f"*{_YAML}")
        in_force = {name for name in item_files if base(name) == name}
        groups, clients = self._groups(group_files, in_force)
        known = Known(
            groups=group_files.keys(),
            items=in_force,
            sound_groups=groups,
            sound_items=items,
            needs=_needs(item_files, items),
        )
        grants = self._grants(group_files, known)
        if self.faults.found:
            return None
        contracts, claims, items = _in_force(contracts), _in_force(claims), _in_force(items)
        return Catalogue(
            contracts=MappingProxyType(contracts),
            claims=MappingProxyType(claims),
            items=MappingProxyType(items),
            groups=MappingProxyType(groups),
            clients=MappingProxyType(clients),
            grants=grants,
            rights=compiled(grants),
            digest=digest_of(self.digests),
            files=MappingProxyType(dict(self.digests)),
            contract_versions=MappingProxyType(_numbered(readable)),
            claim_versions=MappingProxyType(_numbered(askable)),
            item_versions=MappingProxyType(_numbered(handled)),
            aliases=next((each for each in contracts.values() if each.identity_aliases), None),
            name_register=next((each for each in contracts.values() if each.name_register), None),
        )

    def documents(self, folder: str, pattern: str) -> dict[str, Document | None]:
        """The files of a folder by the id that their names say; None where a file cannot be read."""
        place = self.root / folder
        if not place.is_dir():
            self.faults.add(folder, 1, "is missing", "make the folder")
            return {}
        files = sorted(each for each in place.glob(pattern) if each.is_file())
        if len(files) > self.settings.files_max:
            self.faults.add(folder, 1, f"holds more than {self.settings.files_max} files", "remove some")
            return {}
        for stray in sorted(each for each in place.rglob("*") if each.is_file() and each not in files):
            path = stray.relative_to(self.root).as_posix()
            self.faults.add(path, 1, "is read by nobody", f"name it {folder}/{pattern}, or remove it")
        found: dict[str, Document | None] = {}
        for file in files:
            name = file.name.removesuffix(_YAML).removesuffix(SUFFIX.removesuffix(_YAML))
            document = read_document(self.root, file, self.faults, self.settings)
            if name in found:
                path = file.relative_to(self.root).as_posix()
                self.faults.add(path, 1, f"{name} stands in two files", "keep one of them")
            found[name] = document
            if document is not None:
                self.digests[document.path] = document.digest
        return found

    def contracts(self, documents: Mapping[str, Document | None]) -> dict[str, Contract]:
        """The sound contracts; at most one of them links numbers, at most one is the register of names."""
        contracts = self._each(documents, lambda each: read_contract(each, self.root, self.settings))
        for what, having in (
            ("identityAliases", [each for each in _in_force(contracts).values() if each.identity_aliases]),
            ("nameRegister", [each for each in _in_force(contracts).values() if each.name_register]),
        ):
            for extra in having[1:]:
                document = documents[extra.id]
                if document is not None:
                    document.fault(f"says {what}, as {having[0].id} does", "keep one", "customProperties")
        check_relationships(contracts, documents)
        return contracts

    def _each(self, documents: Mapping[str, Document | None], read: Callable[[Document], _T | None]) -> dict[str, _T]:
        """The sound ones by the file's name, which must be the id, with a version behind it or without."""
        found = {}
        for name, document in documents.items():
            made = read(document) if document is not None else None
            if document is None or made is None:
                continue
            if made.id != base(name):
                document.fault(f"id {made.id} is not the file's name {name}", "make them the same", "id")
            found[name] = made
        return found

    def _by_reference(self, documents: Mapping[str, Document | None], sound: Mapping[str, _V]) -> dict[str, _V]:
        """Every version by each reference to it; a version stands in one file, beside the one in force."""
        found = dict(sound)
        for name, each in sound.items():
            document = documents[name]
            number, own = split(name)[1], beside(each.id, major(each.version))
            if document is None:
                continue
            if number and each.id not in documents:
                document.fault(f"stands beside no {each.id}", f"name the file after {each.id} alone", "id")
            elif number and number != major(each.version):
                document.fault(f"version {each.version} is not the file's", f"say {number}", "version")
            elif not number and own in sound:
                document.fault(f"version {major(each.version)} stands in two files", "keep one of them", "version")
            if not number:
                found[own] = each
        return found

    def _groups(
        self, documents: Mapping[str, Document | None], items: Collection[str]
    ) -> tuple[dict[str, Group], dict[str, Client]]:
        groups: dict[str, Group] = {}
        clients: dict[str, Client] = {}
        for name, document in documents.items():
            made = read_group(document, items) if document is not None else None
            if document is None or made is None:
                continue
            group, members = made
            if group.id != name:
                document.fault(f"group {group.id} is not the file's name", "make them the same", "group")
            groups[name] = group
            for index, member in members.items():
                if member.id in clients:
                    document.fault(f"{member.id} is a client twice", "keep one of them", "clients", index)
                clients[member.id] = member
        return groups, clients

    def _grants(self, groups: Mapping[str, Document | None], known: Known) -> tuple[Grant, ...]:
        """Every grant, held against the groups and what their items need."""
        found: dict[str, GrantsRead] = {}
        seen: dict[str, str] = {}
        for name, document in self.documents("grants", f"*{_YAML}").items():
            if document is None:
                found[name] = GrantsRead(grants={}, whole=False)
                continue
            found[name] = read_grants(document, name, known)
            for index, grant in found[name].grants.items():
                if grant.id in seen:
                    what = f"{grant.id} is a grant in {seen[grant.id]} too"
                    document.fault(what, "rename it", "grants", index, "id")
                seen[grant.id] = document.path
        for name, group in known.sound_groups.items():
            document = groups[name]
            if document is not None and group.channels:
                check_needs(document, group, found.get(name, NO_GRANTS), known)
        return tuple(grant for each in found.values() for grant in each.grants.values())


def _needs(documents: Mapping[str, Document | None], sound: Mapping[str, Item]) -> dict[str, tuple[str, ...]]:
    """The claims that any standing version of an item needs, by the ids of those without a faulty one.

    A case that was opened under a version that now stands beside goes on under it: its claims stay granted.
    """
    faulty = {base(name) for name in documents if name not in sound}
    needs: dict[str, dict[str, None]] = {}
    for name, each in sound.items():
        if base(name) not in faulty:
            needs.setdefault(base(name), {}).update(dict.fromkeys(each.claims))
    return {name: tuple(claims) for name, claims in needs.items()}
