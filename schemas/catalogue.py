"""Everything that the city has agreed on, loaded, cross-checked and frozen."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from schemas.claim import Claim
from schemas.client import Client, Group
from schemas.contract import Contract
from schemas.grant import Grant
from schemas.item import Item

ROOT = Path(__file__).parent
"""The agreements that the product comes with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The agreements in force. `clients` is by SPIFFE id, everything else by id. `digest` covers every file's bytes.

    `aliases` is the contract of the dataset that links the numbers of one person, `name_register` the one whose names
    count for the city; None where no contract says so.
    """

    contracts: Mapping[str, Contract]
    claims: Mapping[str, Claim]
    items: Mapping[str, Item]
    groups: Mapping[str, Group]
    clients: Mapping[str, Client]
    grants: tuple[Grant, ...]
    granted: Mapping[tuple[str, str, str], Grant]
    digest: bytes
    aliases: Contract | None
    name_register: Contract | None

    def grant(self, group: str, item: str, claim: str) -> Grant | None:
        """The grant that lets a group ask a claim for an item; None: denied."""
        return self.granted.get((group, item, claim))


def load_catalogue(root: Path | None = None) -> Catalogue:
    """The agreements under `root` (default: those shipped); raises Faulty with every fault in every file."""
    raise NotImplementedError


def load_contracts(root: Path | None = None) -> Mapping[str, Contract]:
    """The contracts alone, for those who need no claims (the DAG factory); raises Faulty with every fault in them."""
    raise NotImplementedError
