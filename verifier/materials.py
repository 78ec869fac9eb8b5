"""What a case is asked: the item's materials that claims cover, about which party, with which parameters bound.

What depends only on the item, the roles and the inputs that are there is worked out once and kept.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from kernel.errors import ClaimOutsideItem, Invalid, Malformed, UnknownClaim
from kernel.identity import Identity
from schemas.beside import beside
from schemas.catalogue import Catalogue
from schemas.claim import Claim
from schemas.item import Binding, Item, Material, Source
from schemas.joint import Joint, merged
from schemas.parameter import ParameterType, Value
from schemas.wire.v1 import statement_pb2
from verifier.call import Named, Opening
from verifier.cases import Case

_WHOLE = re.compile(r"-?[0-9]{1,18}")
PLANS_MAX = 4096
"""Plans kept: items times the combinations of their optional roles and inputs that occur."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """One claim asked for one material. `answer` is the part of its answer that is known beforehand.

    `doubles` are the roles that identity parameters name.
    """

    material: str
    role: str
    claim: Claim
    bindings: tuple[Binding, ...]
    doubles: tuple[str, ...]
    answer: statement_pb2.Answer

    @cached_property
    def constant(self) -> Mapping[str, object] | None:
        """The parameters as expressions see them, where the item alone says what they are; else None."""
        if all(each.source is Source.CONSTANT for each in self.bindings):
            return self.claim.asked(self.ask({}, {}))
        return None

    def seen(self, numbers: Mapping[str, tuple[Identity, ...]], inputs: Mapping[str, str]) -> Mapping[str, object]:
        """The parameters as expressions see them; raises Malformed as `ask` does."""
        constant = self.constant
        return constant if constant is not None else self.claim.asked(self.ask(numbers, inputs))

    def ask(self, numbers: Mapping[str, tuple[Identity, ...]], inputs: Mapping[str, str]) -> dict[str, Value]:
        """The claim's parameters; `numbers` are the parties' by role. Raises Malformed where an input is no number."""
        types = {parameter.name: parameter.type for parameter in self.claim.parameters}
        return {each.parameter: _value(each, types[each.parameter], numbers, inputs) for each in self.bindings}

    def parameters(self, inputs: Mapping[str, str]) -> dict[str, str]:
        """The parameters as the statement shows them: a role for a party, else the value itself."""
        return {
            each.parameter: inputs[str(each.value)] if each.source is Source.INPUT else str(each.value)
            for each in self.bindings
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """All that an item asks about the roles and inputs that are there."""

    asked: tuple[Asked, ...]

    @cached_property
    def claims(self) -> tuple[str, ...]:
        """The claims, once each."""
        return tuple(dict.fromkeys(each.claim.id for each in self.asked))

    @cached_property
    def takes_inputs(self) -> bool:
        """Whether a parameter of some claim is what the client wrote."""
        return any(each.source is Source.INPUT for asked in self.asked for each in asked.bindings)

    @cached_property
    def together(self) -> Mapping[str, Joint]:
        """The claims about each role that can be evaluated at once, where there is more than one."""
        found = {}
        for role in dict.fromkeys(each.role for each in self.asked):
            claims = [each.claim for each in self.asked if each.role == role]
            joint = Joint.of(claims) if len(claims) > 1 else None
            if joint is not None:
                found[role] = joint
        return found

    @cached_property
    def constants(self) -> Mapping[str, Mapping[str, object] | None]:
        """The parameters of each role's claims as one (`merged`), where the item alone says what all of them are."""
        found = {}
        for role in self.together:
            asks = [each.constant for each in self.asked if each.role == role]
            if all(each is not None for each in asks):
                found[role] = merged([each for each in asks if each is not None])
        return found

    @cached_property
    def sheets(self) -> dict[object, Any]:
        """Where `verifier.sheet` keeps what it has encoded of the plan."""
        return {}

    @cached_property
    def datasets(self) -> tuple[str, ...]:
        """The datasets that the claims read, once each."""
        return tuple(dict.fromkeys(dataset for each in self.asked for dataset in each.claim.datasets))


class Plans:
    """Plans by item, roles and inputs."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Take the agreements."""
        self._catalogue = catalogue
        self._plan = lru_cache(maxsize=PLANS_MAX)(self._make)
        self._narrowed = lru_cache(maxsize=PLANS_MAX)(self._narrow)

    def of(self, item: Item, case: Case, named: tuple[Named, ...] | None) -> Plan:
        """What a question asks of a case: all that the item needs, or the named claims.

        Raises UnknownClaim, or ClaimOutsideItem where the item does not ask a claim about that party.
        """
        plan = self.whole(item, [party.role for party in case.parties], case.inputs)
        return plan if named is None else self._narrowed(plan, named)

    def whole(self, item: Item, roles: Iterable[str], inputs: Iterable[str]) -> Plan:
        """Everything that the item asks where these roles and inputs are there."""
        return self._plan(item.id, item.version, frozenset(roles), frozenset(inputs))

    def _narrow(self, plan: Plan, named: tuple[Named, ...]) -> Plan:
        if any(each.claim not in self._catalogue.claims for each in named):
            # The id is not repeated: it is the client's text, and may be anything.
            raise UnknownClaim("no claim has this id", field="questions")
        there = {Named(claim=each.claim.id, role=each.role) for each in plan.asked}
        outside = tuple(dict.fromkeys(each.claim for each in named if each not in there))
        if outside:
            raise ClaimOutsideItem("the item does not ask this of this party", field="questions", claims=outside)
        wanted = frozenset(named)
        return Plan(asked=tuple(e for e in plan.asked if Named(claim=e.claim.id, role=e.role) in wanted))

    def _make(self, item_id: str, version: int, roles: frozenset[str], inputs: frozenset[str]) -> Plan:
        materials = self._catalogue.item_versions[beside(item_id, version)].asked(roles, inputs)
        return Plan(asked=tuple(self._asked(each) for each in materials if each.claim))

    def _asked(self, material: Material) -> Asked:
        claim = self._catalogue.claim(material.claim, material.claim_version)
        answer = statement_pb2.Answer(
            material=material.id,
            claim=claim.id,
            claim_version=claim.version,
            claim_digest=claim.digest,
            role=material.role,
        )
        return Asked(
            material=material.id,
            role=material.role,
            claim=claim,
            bindings=material.bindings,
            doubles=tuple(str(each.value) for each in material.bindings if each.source is Source.ROLE),
            answer=answer,
        )


def check_opening(item: Item, plans: Plans, opening: Opening) -> Plan:
    """What the case will be asked, if the item allows such a case; raises Invalid, or Malformed for a parameter."""
    _check_roles(item, opening)
    _check_inputs(item, opening)
    numbers = {party.role: (party.identity,) for party in opening.parties}
    plan = plans.whole(item, numbers, opening.inputs)
    for asked in plan.asked:
        asked.claim.asked(asked.ask(numbers, opening.inputs))
    return plan


def _check_roles(item: Item, opening: Opening) -> None:
    for at, party in enumerate(opening.parties):
        if party.role not in item.roles:
            raise Invalid("the item has no such role", field=f"parties[{at}].role")
    there = {party.role for party in opening.parties}
    for role in item.roles.values():
        if role.required and role.name not in there:
            raise Invalid(f"the item needs the role {role.name}", field="parties")
    if len({party.identity for party in opening.parties}) != len(opening.parties):
        raise Invalid("one person stands in two roles", field="parties")


def _check_inputs(item: Item, opening: Opening) -> None:
    if opening.inputs.keys() - item.inputs.keys():
        raise Invalid("the item has no such input", field="inputs")
    for each in item.inputs.values():
        if each.name in opening.inputs:
            each.check(opening.inputs[each.name])
        elif each.required:
            raise Invalid(f"the item needs the input {each.name}", field="inputs")


def _value(
    binding: Binding, kind: ParameterType, numbers: Mapping[str, tuple[Identity, ...]], inputs: Mapping[str, str]
) -> Value:
    match binding.source:
        case Source.ROLE:
            return numbers[str(binding.value)]
        case Source.CONSTANT:
            return binding.value
        case Source.INPUT:
            text = inputs[str(binding.value)]
            return _integer(text, str(binding.value)) if kind is ParameterType.INTEGER else text


def _integer(text: str, name: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise Malformed("is no whole number of at most 18 digits", field=f"inputs.{name}")
    return int(text)
