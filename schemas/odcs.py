"""Reads a contract: Open Data Contract Standard v3.1 YAML (bitol-io.github.io/open-data-contract-standard).

The standard's own JSON schema comes first, then what the hub wants beyond it, so that departments can use any tool that
speaks the standard.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from jsonschema import Draft201909Validator
from jsonschema.exceptions import best_match

from schemas.contract import (
    NUMBERS,
    Contract,
    IdentityAliases,
    Property,
    PropertyType,
    Rule,
    Sensitivity,
    Server,
    ServerKind,
    SubjectKey,
)
from schemas.document import Document, Place
from schemas.odcs_shape import (
    ContractExtras,
    ContractShape,
    CustomProperty,
    PropertyExtras,
    PropertyShape,
    ServerExtras,
)
from schemas.quality import RuleReader, derived_rules
from schemas.reserved import RESERVED_NAMES
from schemas.service_level import read_service_levels
from schemas.title import Shape, Title

VERSION = "v3.1.0"
SUFFIX = ".odcs.yaml"

_PROPERTIES: Place = ("schema", 0, "properties")
_MESSAGE_MAX = 160
_Extras = TypeVar("_Extras", bound=Shape)


def read_contract(document: Document, root: Path) -> Contract | None:
    """The contract in a file; None after noting every fault."""
    before = len(document.faults.found)
    _check_standard(document)
    shape = document.shaped(ContractShape)
    if shape is None:
        return None
    extras = _extras(document, shape.custom, ("customProperties",), ContractExtras)
    _check_names(document, shape)
    properties = _properties(document, shape.objects[0].properties)
    server = _server(document, shape)
    levels = read_service_levels(document, shape.sla)
    if extras is None or len(properties) < len(shape.objects[0].properties):
        return None
    by_name = {each.name: each for each in properties}
    _check_extras(document, extras, by_name)
    key = _primary_key(document, shape.objects[0].properties)
    rules = _rules(document, shape, by_name, key, extras.tolerance)
    if server.as_of and server.as_of not in by_name:
        document.fault(f"asOf names {server.as_of}, which is no property", "name a property", "servers", 0)
    if len(document.faults.found) > before:
        return None
    aliases = extras.identity_aliases
    return Contract(
        id=shape.id,
        version=shape.version,
        digest=document.digest,
        title=extras.title.value(),
        department=shape.domain,
        department_title=Title(zh=shape.team.name, en=shape.team.description),
        properties=tuple(_with_rules(each, rules) for each in properties),
        primary_key=key,
        subject_keys=tuple(SubjectKey(property=k.property, name_property=k.name) for k in extras.subject_keys),
        complete_for=extras.complete_for or "",
        unattributable_bound=extras.unattributable_bound,
        tolerance=extras.tolerance,
        rules=rules,
        server=server,
        schedule=levels.schedule,
        freshness=levels.freshness,
        retention_days=levels.retention_days,
        name_register=extras.name_register,
        identity_aliases=IdentityAliases(former=aliases.former, current=aliases.current) if aliases else None,
        raw_path=root / document.path,
    )


@cache
def _standard() -> Draft201909Validator:
    source = files("open_data_contract_standard") / "schema.json"
    return Draft201909Validator(json.loads(source.read_text("utf-8")))


def _check_standard(document: Document) -> None:
    for error in _standard().iter_errors(document.data):
        cause = best_match([error]) or error
        place = tuple(cause.absolute_path)
        what = cause.message if len(cause.message) <= _MESSAGE_MAX else cause.message[:_MESSAGE_MAX] + "…"
        document.fault(f"breaks the standard: {what}", f"see ODCS {VERSION}", *place)
    if document.data.get("apiVersion") not in {None, VERSION}:
        document.fault("is written in another version of the standard", f"say {VERSION}", "apiVersion")


def _extras(document: Document, custom: Sequence[CustomProperty], at: Place, shape: type[_Extras]) -> _Extras | None:
    """Custom properties as one shape; faults stand at the line of each."""
    places = {each.property: index for index, each in enumerate(custom) if not each.vendor}
    values = {each.property: each.value for each in custom if not each.vendor}
    for index, each in enumerate(custom):
        if not each.vendor and places[each.property] != index:
            document.fault(f"says {each.property} twice", "keep one of them", *at, index)
    return document.shaped(shape, values, at, lambda name: (places[name], "value") if name in places else ())


def _check_names(document: Document, shape: ContractShape) -> None:
    path = PurePosixPath(document.path)
    if path.name != shape.id + SUFFIX:
        document.fault(f"id {shape.id} is not the file's name", f"name the file {shape.id}{SUFFIX}", "id")
    if path.parent.name != shape.domain:
        document.fault(f"domain {shape.domain} is not the folder's name", "move the file", "domain")
    if shape.objects[0].name != shape.id:
        document.fault("the schema object is not named like the dataset", f"name it {shape.id}", "schema", 0, "name")
    if shape.id in RESERVED_NAMES:
        document.fault(f"{shape.id} means something else in expressions", "choose another id", "id")


def _properties(document: Document, shapes: Sequence[PropertyShape]) -> list[Property]:
    found: list[Property] = []
    seen: dict[str, set[Any]] = {"name": set(), "physicalName": set(), "fieldNumber": set()}
    for index, shape in enumerate(shapes):
        at = (*_PROPERTIES, index)
        extras = _extras(document, shape.custom, (*at, "customProperties"), PropertyExtras)
        number = extras.field_number if extras else None
        for key, value in (("name", shape.name), ("physicalName", shape.physical_name), ("fieldNumber", number)):
            if value is not None and value in seen[key]:
                document.fault(f"{key} {value} stands for two properties", "give each its own", *at)
            seen[key].add(value)
        if shape.name in RESERVED_NAMES:
            document.fault(f"{shape.name} means something else in expressions", "choose another", *at, "name")
        if extras is not None:
            found.append(_property(document, shape, extras, at))
    return found


def _property(document: Document, shape: PropertyShape, extras: PropertyExtras, at: Place) -> Property:
    kind = PropertyType(shape.logical_type)
    if extras.identity_type is not None:
        if kind is not PropertyType.STRING:
            document.fault("an identity is no string", "say logicalType: string", *at, "logicalType")
        kind = PropertyType.IDENTITY if extras.identity_type == "person" else PropertyType.ORGANISATION
    if extras.absence_means and shape.required:
        document.fault("is required, yet says what absence means", "keep one of the two", *at)
    made = Property(
        name=shape.name,
        physical_name=shape.physical_name,
        type=kind,
        title=Title(zh=shape.business_name, en=shape.description),
        number=extras.field_number,
        required=shape.required,
        absence_means=extras.absence_means or "",
        sensitivity=Sensitivity(shape.classification),
        pattern=shape.options.pattern,
        format=shape.options.format if kind in {PropertyType.DATE, PropertyType.TIMESTAMP} else "",
    )
    if re.sub(r"%[YmdHMS]|[ :T/.年月日-]", "", made.strptime):
        document.fault("the format has unknown letters", "use yyyy, MM, dd, HH, mm, ss", *at, "logicalTypeOptions")
    if kind in NUMBERS and made.sensitivity is not Sensitivity.RESTRICTED and kind is PropertyType.IDENTITY:
        document.fault("a person's number is not restricted", "say classification: restricted", *at, "classification")
    return made


def _with_rules(held: Property, rules: Sequence[Rule]) -> Property:
    """The property with what its rules say about its values."""
    for rule in rules:
        if rule.properties == (held.name,):
            held = replace(
                held,
                valid_values=rule.values or held.valid_values,
                pattern=rule.pattern or held.pattern,
                minimum=rule.minimum or held.minimum,
                maximum=rule.maximum or held.maximum,
            )
    return held


def _rules(
    document: Document,
    shape: ContractShape,
    properties: Mapping[str, Property],
    key: tuple[str, ...],
    tolerance: float,
) -> tuple[Rule, ...]:
    reader = RuleReader(document=document, properties=properties)
    written: list[Rule] = []
    for index, each in enumerate(shape.objects[0].properties):
        written += reader.of_property(each.quality, (*_PROPERTIES, index, "quality"), each.name)
    written += reader.of_rows(shape.objects[0].quality, ("schema", 0, "quality"))
    unique = {rule.properties for rule in written if rule.check == "unique"}
    derived = [
        rule
        for rule in derived_rules(properties.values(), key, tolerance)
        if rule.check != "unique" or rule.properties not in unique
    ]
    seen: set[str] = set()
    for rule in (*derived, *written):
        if rule.id in seen:
            document.fault(f"two rules are called {rule.id}", "give each its own id", "schema", 0, "quality")
        seen.add(rule.id)
    return (*derived, *written)


def _primary_key(document: Document, shapes: Sequence[PropertyShape]) -> tuple[str, ...]:
    keys = sorted((shape.position, shape.name) for shape in shapes if shape.primary_key)
    if not keys:
        document.fault("has no primary key", "say primaryKey: true and primaryKeyPosition: 1", *_PROPERTIES)
    elif [position for position, _ in keys] != list(range(1, len(keys) + 1)):
        document.fault("primaryKeyPosition does not count from 1", "number the key's properties", *_PROPERTIES)
    for index, shape in enumerate(shapes):
        if shape.primary_key and not shape.required:
            document.fault(f"{shape.name} is a key but not required", "say required: true", *_PROPERTIES, index)
    return tuple(name for _, name in keys)


def _check_extras(document: Document, extras: ContractExtras, properties: Mapping[str, Property]) -> None:
    named: list[tuple[str, frozenset[PropertyType]]] = []
    text = frozenset({PropertyType.STRING})
    for key in extras.subject_keys:
        named.append((key.property, NUMBERS))
        if key.name:
            named.append((key.name, text))
    if extras.name_register:
        named.append((extras.name_register, text))
    if extras.identity_aliases:
        person = frozenset({PropertyType.IDENTITY})
        named += [(extras.identity_aliases.former, person), (extras.identity_aliases.current, person)]
    at = ("customProperties",)
    for name, kinds in named:
        if name not in properties:
            document.fault(f"customProperties name {name}, which is no property", "name a property", *at)
        elif properties[name].type not in kinds:
            document.fault(f"{name} is no {' or '.join(sorted(kinds))}", "name another property", *at)


def _server(document: Document, shape: ContractShape) -> Server:
    served = shape.servers[0]
    raw = document.data["servers"][0].get("customProperties", [])
    custom = [CustomProperty.model_validate(each) for each in raw]
    extras = _extras(document, custom, ("servers", 0, "customProperties"), ServerExtras) or ServerExtras()
    kind = ServerKind(served.format)
    if kind is ServerKind.SQL:
        if not served.location:
            document.fault("a SQL server has no location", "write an SQLAlchemy URL", "servers", 0)
    elif not served.path or ".." in PurePosixPath(served.path).parts or served.path.startswith("/"):
        document.fault("the path is not inside the delivery root", "write a relative path", "servers", 0)
    try:
        "".encode(served.encoding)
    except LookupError:
        document.fault(f"{served.encoding} is no encoding", "name it as Python does", "servers", 0, "encoding")
    return Server(
        kind=kind,
        path=served.path or "",
        url=served.location or "",
        table=shape.objects[0].physical_name if kind is ServerKind.SQL else "",
        encoding=served.encoding,
        sheet=extras.sheet,
        header_row=extras.header_row,
        fill_merged=extras.merged_cells == "fill",
        as_of=extras.as_of or "",
    )
