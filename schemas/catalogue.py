"""Everything that the city has agreed on, loaded, cross-checked and frozen."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, TypeVar

from kernel.digest import digest
from kernel.errors import Faulty
from schemas.access import GrantsRead, read_grants, read_group
from schemas.beside import base, beside, major, split
from schemas.claim import Claim, read_claim
from schemas.client import Client, Group
from schemas.contract import Contract
from schemas.document import Document, Faults, read_document
from schemas.expression import Compiler
from schemas.grant import Grant
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

    `digest` is SHA-256 over every file's path, a zero byte and its digest, in the order of paths. `contract_versions`
    and `claim_versions` hold every version that stands here, in force or beside it, by its reference (`marriages@1`).
    `files` are the digests by path. `aliases` is the contract of the dataset that links the numbers of one person,
    `name_register` the one whose names count for the city; None where no contract says so. `granted` is by group, item
    and claim.
    """

    contracts: Mapping[str, Contract]
    claims: Mapping[str, Claim]
    items: Mapping[str, Item]
    groups: Mapping[str, Group]
    clients: Mapping[str, Client]
    grants: tuple[Grant, ...]
    granted: Mapping[tuple[str, str, str], Grant]
    digest: bytes
    files: Mapping[str, bytes]
    aliases: Contract | None
    name_register: Contract | None
    contract_versions: Mapping[str, Contract]
    claim_versions: Mapping[str, Claim]

    @property
    def readable(self) -> Mapping[str, Contract]:
        """Every contract that a claim may name, by each reference to it."""
        return {**self.contracts, **self.contract_versions}

    def claim(self, name: str, version: int = 0) -> Claim:
        """The claim in force with this id, or its version of this number; KeyError where there is none."""
        return self.claim_versions[beside(name, version)] if version else self.claims[name]

    def grant(self, group: str, item: str, claim: str) -> Grant | None:
        """The grant that lets a group ask a claim for an item; None: denied."""
        return self.granted.get((group, item, claim))


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
        group_files = self.documents("clients", f"*{_YAML}")
        groups, clients = self._groups(group_files, item_files.keys())
        read = self._grants(group_files, items, item_files.keys())
        self._check_needs(group_files, groups, items, read)
        if self.faults.found:
            return None
        grants = tuple(grant for each in read.values() for grant in each.grants.values())
        contracts, claims = _in_force(contracts), _in_force(claims)
        return Catalogue(
            contracts=MappingProxyType(contracts),
            claims=MappingProxyType(claims),
            items=MappingProxyType(items),
            groups=MappingProxyType(groups),
            clients=MappingProxyType(clients),
            grants=grants,
            granted=MappingProxyType({(g.group, g.item, claim): g for g in grants for claim in g.claims}),
            digest=digest_of(self.digests),
            files=MappingProxyType(dict(self.digests)),
            contract_versions=MappingProxyType(_numbered(readable)),
            claim_versions=MappingProxyType(_numbered(askable)),
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

    def _grants(
        self, groups: Mapping[str, Document | None], items: Mapping[str, Item], known: Collection[str]
    ) -> dict[str, GrantsRead]:
        """The grants by group."""
        found: dict[str, GrantsRead] = {}
        seen: dict[str, str] = {}
        for name, document in self.documents("grants", f"*{_YAML}").items():
            if document is None:
                found[name] = GrantsRead(grants={}, whole=False)
                continue
            found[name] = read_grants(document, name, groups, items, known)
            for index, grant in found[name].grants.items():
                if grant.id in seen:
                    what = f"{grant.id} is a grant in {seen[grant.id]} too"
                    document.fault(what, "rename it", "grants", index, "id")
                seen[grant.id] = document.path
        return found

    def _check_needs(
        self,
        documents: Mapping[str, Document | None],
        groups: Mapping[str, Group],
        items: Mapping[str, Item],
        grants: Mapping[str, GrantsRead],
    ) -> None:
        """A group holds every grant that its items need, or its clients would only ever be refused; and no other."""
        for name, group in groups.items():
            document = documents[name]
            read = grants.get(name, GrantsRead(grants={}, whole=True))
            if document is None or not read.whole:
                continue
            granted = {(each.item, claim) for each in read.grants.values() for claim in each.claims}
            for index, item in enumerate(group.items):
                missing = [c for c in items[item].claims if (item, c) not in granted] if item in items else []
                if missing:
                    document.fault(
                        f"may handle {item}, but holds no grant for {', '.join(missing)}",
                        f"grant them in grants/{name}{_YAML}, or remove {item} here",
                        "items",
                        index,
                    )
            for item in sorted({item for item, _ in granted if item in items} - set(group.items)):
                document.fault(f"holds grants for {item}, which it may not handle", f"add {item} to items", "items")
