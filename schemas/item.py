"""An item: a government service, its roles, its inputs, and the materials that it once demanded."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from kernel.errors import Invalid
from schemas.title import Title


class CoveredBy(StrEnum):
    """How a material is covered, so that the applicant need not bring it; paper is brought."""

    CLAIM = "claim"
    ASSISTANCE = "assistance"
    PAPER = "paper"


class Source(StrEnum):
    """Where a parameter's value comes from: a party of the case, an input of the case, or the item itself."""

    ROLE = "role"
    INPUT = "input"
    CONSTANT = "constant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A party that the item knows. A case without an optional role is not asked the materials that need it."""

    name: str
    title: Title
    required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A value that a case is opened with, e.g. a certificate number. The whole text matches `pattern`."""

    name: str
    title: Title
    required: bool
    pattern: str
    length_max: int

    def check(self, value: str) -> str:
        """The value, if the input allows it; raises Invalid."""
        if len(value) > self.length_max or not re.fullmatch(self.pattern, value):
            raise Invalid("does not have the form that the item asks for", field=f"inputs.{self.name}")
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One parameter of a claim and where its value comes from: `value` is a role, an input, or the constant itself."""

    parameter: str
    source: Source
    value: str | int


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Something that an applicant once had to bring. `claim` is empty unless a claim covers it.

    `claim_version` is the one that the item names; 0: the one in force.
    `without` names roles whose presence makes the material needless: who brings a spouse need not be single.
    """

    id: str
    title: Title
    role: str
    covered_by: CoveredBy
    claim: str
    bindings: tuple[Binding, ...]
    without: frozenset[str] = frozenset()
    claim_version: int = 0

    @property
    def roles(self) -> frozenset[str]:
        """Every role that must be in the case for the material to be asked: its own, and those it is bound to."""
        return frozenset({self.role, *(str(b.value) for b in self.bindings if b.source is Source.ROLE)})

    @property
    def inputs(self) -> frozenset[str]:
        """Every input that must be in the case for the material to be asked."""
        return frozenset(str(b.value) for b in self.bindings if b.source is Source.INPUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One government service. `digest` is SHA-256 of the file's bytes."""

    id: str
    version: int
    digest: bytes
    title: Title
    department: Title
    legal_basis: str
    handled_where: Title
    roles: Mapping[str, Role]
    inputs: Mapping[str, Input]
    materials: tuple[Material, ...]

    def asked(self, roles: Collection[str], inputs: Collection[str]) -> tuple[Material, ...]:
        """The materials of a case with these roles and inputs, in the item's order."""
        there, given = frozenset(roles), frozenset(inputs)
        return tuple(m for m in self.materials if m.roles <= there and m.inputs <= given and not (m.without & there))

    @property
    def claims(self) -> tuple[str, ...]:
        """Every claim that the item may need, once each, in the item's order."""
        return tuple(dict.fromkeys(m.claim for m in self.materials if m.claim))
