"""Reads an item's file, and holds it against the claims that it needs."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints, ValidationError

from schemas.beside import base, split
from schemas.claim import Claim
from schemas.document import Document, Place
from schemas.item import Binding, CoveredBy, Input, Item, Material, Role, Source
from schemas.odcs_shape import Name, Standard
from schemas.parameter import Parameter, ParameterType
from schemas.title import Shape, TitleShape, Words

_INPUT = "input."


class _RoleShape(Shape):
    title: TitleShape
    required: bool


class _InputShape(Shape):
    title: TitleShape
    required: bool
    pattern: Words
    length_max: Annotated[int, Field(ge=1, le=1000)] = Field(alias="lengthMax")


class _MaterialShape(Shape):
    id: Name
    title: TitleShape
    role: Name
    claim: Words | None = None
    with_: dict[Name, str | int] = Field(alias="with", default={})
    without: list[Name] = Field(default=[])
    covered_by: Literal["assistance", "paper"] | None = Field(alias="coveredBy", default=None)


class _PartsShape(Standard):
    """What an item's materials are checked with, whatever else is wrong in the file. They are shaped one by one."""

    roles: Annotated[dict[Name, _RoleShape], Field(min_length=1)]
    inputs: dict[Name, _InputShape] = Field(default={})
    materials: Annotated[list[dict[str, Any]], Field(min_length=1)]


class _ItemShape(_PartsShape):
    model_config = ConfigDict(extra="forbid")

    id: Name
    version: Annotated[int, Field(ge=1, lt=1 << 31)]
    title: TitleShape
    department: TitleShape
    legal_basis: Annotated[str, StringConstraints(min_length=2)] = Field(alias="legalBasis")
    handled_where: TitleShape = Field(alias="handledWhere")


def read_item(document: Document, claims: Mapping[str, Claim], known: Collection[str]) -> Item | None:
    """The item in a file; None after noting every fault.

    `claims` are the sound ones by every reference to them, `known` the names of every claim's file, faulty ones too.
    """
    before = len(document.faults.found)
    shape = document.shaped(_ItemShape)
    parts = shape or _parts(document)
    if parts is None:
        return None
    _check_parts(document, parts)
    materials = []
    shapes: dict[int, _MaterialShape] = {}
    for index, raw in enumerate(parts.materials):
        at: Place = ("materials", index)
        each = document.shaped(_MaterialShape, raw, at)
        if each is not None:
            shapes[index] = each
            _check_material(document, parts, each, at)
            bindings = tuple(_bindings(document, parts, each, at, claims, known))
            materials.append(_material(each, bindings))
    _check_twice(document, shapes)
    if len(shapes) == len(parts.materials):
        _check_used(document, parts, shapes.values())
    if shape is None or len(document.faults.found) > before:
        return None
    return Item(
        id=shape.id,
        version=shape.version,
        digest=document.digest,
        title=shape.title.value(),
        department=shape.department.value(),
        legal_basis=shape.legal_basis,
        handled_where=shape.handled_where.value(),
        roles={
            name: Role(name=name, title=each.title.value(), required=each.required)
            for name, each in shape.roles.items()
        },
        inputs={
            name: Input(
                name=name,
                title=each.title.value(),
                required=each.required,
                pattern=each.pattern,
                length_max=each.length_max,
            )
            for name, each in shape.inputs.items()
        },
        materials=tuple(materials),
    )


def _parts(document: Document) -> _PartsShape | None:
    try:
        return _PartsShape.model_validate(document.data)
    except ValidationError:
        return None


def _material(shape: _MaterialShape, bindings: tuple[Binding, ...]) -> Material:
    return Material(
        id=shape.id,
        title=shape.title.value(),
        role=shape.role,
        covered_by=CoveredBy(shape.covered_by or CoveredBy.CLAIM),
        claim=base(shape.claim or ""),
        claim_version=max(split(shape.claim or "")[1], 0),
        bindings=bindings,
        without=frozenset(shape.without),
    )


def _check_parts(document: Document, shape: _PartsShape) -> None:
    if not any(each.required for each in shape.roles.values()):
        document.fault("no role is required", "say required: true of the applicant", "roles")
    for name, declared in shape.inputs.items():
        try:
            re.compile(declared.pattern)
        except re.error:
            document.fault("the pattern is no regular expression", "mend it", "inputs", name, "pattern")


def _check_twice(document: Document, shapes: Mapping[int, _MaterialShape]) -> None:
    """A client names a question by claim and role, so that an item asks each pair once."""
    ids: set[str] = set()
    asked: set[tuple[str, str]] = set()
    for index, each in shapes.items():
        if each.id in ids:
            document.fault(f"two materials are called {each.id}", "give each its own id", "materials", index, "id")
        claim = base(each.claim or "")
        if claim and (claim, each.role) in asked:
            document.fault(f"asks {claim} about {each.role} twice", "keep one of the materials", "materials", index)
        ids.add(each.id)
        asked.add((claim, each.role))


def _check_material(document: Document, shape: _PartsShape, material: _MaterialShape, at: Place) -> None:
    if material.role not in shape.roles:
        document.fault(f"{material.role} is no role of the item", "name one of its roles", *at, "role")
    if (material.claim is None) == (material.covered_by is None):
        document.fault("needs either a claim or coveredBy", "say one of the two", *at)
    for index, name in enumerate(material.without):
        if name not in shape.roles or shape.roles[name].required:
            document.fault(f"{name} is no optional role of the item", "name one", *at, "without", index)


def _bindings(
    document: Document,
    shape: _PartsShape,
    material: _MaterialShape,
    at: Place,
    claims: Mapping[str, Claim],
    known: Collection[str],
) -> Iterator[Binding]:
    """The parameters of the material's claim with their sources; each must be given, and no other."""
    if material.claim is None:
        if material.with_:
            document.fault("gives parameters to no claim", "remove with", *at, "with")
        return
    # Which version a faulty file is of, nobody can tell.
    name = base(material.claim)
    if material.claim not in claims and material.claim not in known and (name not in known or name in claims):
        document.fault(f"no claim has the id {material.claim}", "name a claim that there is", *at, "claim")
    if material.claim not in claims:
        return
    parameters = {each.name: each for each in claims[material.claim].parameters}
    for name in parameters.keys() - material.with_.keys():
        document.fault(f"does not say what {name} is", f"write with: {{{name}: …}}", *at, "claim")
    for name, value in material.with_.items():
        if name not in parameters:
            document.fault(f"{name} is no parameter of {material.claim}", "remove it", *at, "with", name)
            continue
        binding = _binding(shape, material, parameters[name], value)
        if isinstance(binding, Binding):
            yield binding
        else:
            document.fault(*binding, *at, "with", name)


def _binding(
    shape: _PartsShape, material: _MaterialShape, parameter: Parameter, value: str | int
) -> Binding | tuple[str, str]:
    """The binding, or what is wrong with it and its remedy."""
    source = Source.CONSTANT
    match parameter.type, value:
        case ParameterType.IDENTITY, str() if value in shape.roles and value != material.role:
            source = Source.ROLE
        case ParameterType.IDENTITY, _:
            return f"{parameter.name} names no other party", "name another role of the item"
        case ParameterType.INTEGER, int():
            pass
        case ParameterType.INTEGER, _:
            return f"{parameter.name} is no whole number", "write the number: clients never send thresholds"
        case ParameterType.STRING, str() if value.startswith(_INPUT):
            source, value = Source.INPUT, value.removeprefix(_INPUT)
            if value not in shape.inputs:
                return f"{value} is no input of the item", "declare it under inputs"
        case ParameterType.STRING, int():
            return f"{parameter.name} is no text", "quote it"
    return Binding(parameter=parameter.name, source=source, value=value)


def _check_used(document: Document, shape: _PartsShape, materials: Collection[_MaterialShape]) -> None:
    """Nothing is declared in vain. What `with` names counts as used even where its claim has faults of its own."""
    named = {str(value) for each in materials for value in each.with_.values()}
    roles = named | {each.role for each in materials}
    inputs = {value.removeprefix(_INPUT) for value in named if value.startswith(_INPUT)}
    for name in shape.roles:
        if name not in roles:
            document.fault(f"nothing is asked about the role {name}", "remove it", "roles", name)
    for name in shape.inputs:
        if name not in inputs:
            document.fault(f"nothing needs the input {name}", "remove it", "inputs", name)
