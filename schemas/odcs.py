"""Reads a contract: Open Data Contract Standard v3.1 YAML (bitol-io.github.io/open-data-contract-standard).

The standard's own JSON schema comes first, then what the hub wants beyond it, so that departments can use any tool that
speaks the standard.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path, PurePosixPath

from jsonschema import Draft201909Validator
from jsonschema.exceptions import best_match

from schemas.beside import major, split
from schemas.columns import COLUMNS, Column, custom_values, read_columns
from schemas.contract import (
    NUMBERS,
    Check,
    Contract,
    IdentityAliases,
    Property,
    PropertyType,
    Rule,
    SubjectKey,
)
from schemas.derived import bound_rules, key_rules
from schemas.document import Document, Place
from schemas.odcs_server import check_server, read_server
from schemas.odcs_shape import ContractExtras, ContractShape
from schemas.quality import RuleReader, unsaid
from schemas.quality_shape import BoundedProperty
from schemas.relationship import read_relationships
from schemas.reserved import RESERVED_NAMES
from schemas.service_level import read_service_levels
from schemas.settings import DEFAULTS, SchemaSettings
from schemas.title import Title

VERSION = "v3.1.0"
SUFFIX = ".odcs.yaml"

_MESSAGE_MAX = 160
_SAYING = frozenset({Check.VALUES, Check.PATTERN, Check.RANGE})
"""The checks that say what a property's values are like."""


def read_contract(document: Document, root: Path, settings: SchemaSettings = DEFAULTS) -> Contract | None:
    """The contract in a file; None after noting every fault."""
    before = len(document.faults.found)
    _check_standard(document)
    shape = document.shaped(ContractShape)
    if shape is None:
        return None
    extras = custom_values(document, shape.custom, ("customProperties",), ContractExtras)
    _check_names(document, shape)
    columns = read_columns(document, shape.objects[0].properties)
    properties = [each.property for each in columns]
    server = read_server(document, shape)
    levels = read_service_levels(document, shape.sla, settings)
    whole = len(columns) == len(shape.objects[0].properties)
    key = _primary_key(document, columns) if whole else ()
    rules = _rules(document, shape, columns, key, extras.tolerance if extras else 0.0)
    if extras is not None and whole:
        by_name = {each.name: each for each in properties}
        _check_extras(document, extras, by_name)
        check_server(document, server, by_name)
    if extras is None or len(document.faults.found) > before:
        return None
    aliases = extras.identity_aliases
    return Contract(
        id=shape.id,
        version=shape.version,
        digest=document.digest,
        title=extras.title.value(),
        department=shape.domain,
        department_title=Title(zh=shape.team.name, en=shape.team.description),
        deciders=tuple(each.username for each in shape.team.members if each.date_out is None),
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
        latency=levels.latency,
        retention_days=levels.retention_days,
        name_register=extras.name_register,
        identity_aliases=IdentityAliases(former=aliases.former, current=aliases.current) if aliases else None,
        raw_path=root / document.path,
        settings=settings,
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


def _check_names(document: Document, shape: ContractShape) -> None:
    path = PurePosixPath(document.path)
    name, number = split(path.name.removesuffix(SUFFIX))
    if name != shape.id or not path.name.endswith(SUFFIX):
        document.fault(f"id {shape.id} is not the file's name", f"name the file {shape.id}{SUFFIX}", "id")
    elif number not in {0, major(shape.version)}:
        document.fault(f"version {shape.version} is not the file's", f"name it after {major(shape.version)}", "version")
    if path.parent.name != shape.domain:
        document.fault(f"domain {shape.domain} is not the folder's name", "move the file", "domain")
    if shape.objects[0].name != shape.id:
        document.fault("the schema object is not named like the dataset", f"name it {shape.id}", "schema", 0, "name")
    if shape.id in RESERVED_NAMES:
        document.fault(f"{shape.id} means something else in expressions", "choose another id", "id")


def _with_rules(held: Property, rules: Sequence[Rule]) -> Property:
    """The property with what its rules say about its values."""
    for rule in rules:
        if rule.properties == (held.name,) and rule.check in _SAYING:
            held = replace(
                held,
                valid_values=rule.values or held.valid_values,
                pattern=rule.pattern or held.pattern,
                minimum=rule.minimum or held.minimum,
                maximum=rule.maximum or held.maximum,
            )
    return held


def _rules(
    document: Document, shape: ContractShape, columns: Sequence[Column], key: tuple[str, ...], tolerance: float
) -> tuple[Rule, ...]:
    """Every rule, written or derived. Rules over several properties are read where all properties are sound."""
    properties = {each.property.name: each.property for each in columns}
    reader = RuleReader(document=document, properties=properties)
    written: list[Rule] = []
    bounds: list[Rule] = []
    for each in columns:
        written += reader.of_property(each.shape.quality, (*each.at, "quality"), each.property)
        bounded = document.shaped(BoundedProperty, shape.objects[0].properties[int(each.at[-1])], each.at)
        if bounded is not None:
            bounds += bound_rules(document, each.at, each.property, bounded, tolerance)
            reader.check_pattern(bounded.options.pattern or "", (*each.at, "logicalTypeOptions"))
    if len(columns) == len(shape.objects[0].properties):
        written += reader.of_rows(shape.objects[0].quality, ("schema", 0, "quality"))
        for rule, at in read_relationships(document, columns, tolerance):
            reader.note_id(rule.id, at)
            written.append(rule)
    derived = list(unsaid(written, [*key_rules(properties.values(), key, tolerance), *bounds]))
    for rule in derived:
        if rule.id in reader.seen:
            document.fault(
                f"{rule.id} is the name of a rule that follows by itself", "rename it", *reader.seen[rule.id]
            )
    return (*derived, *written)


def _primary_key(document: Document, columns: Sequence[Column]) -> tuple[str, ...]:
    keys = sorted((each for each in columns if each.shape.primary_key), key=lambda each: each.shape.position)
    if not keys:
        document.fault("has no primary key", "say primaryKey: true and primaryKeyPosition: 1", *COLUMNS)
    elif [each.shape.position for each in keys] != list(range(1, len(keys) + 1)):
        document.fault("primaryKeyPosition does not count from 1", "number the key's properties", *COLUMNS)
    for each in keys:
        if not each.shape.required:
            document.fault(f"{each.shape.name} is a key but not required", "say required: true", *each.at)
    return tuple(each.shape.name for each in keys)


def _check_extras(document: Document, extras: ContractExtras, properties: Mapping[str, Property]) -> None:
    """Every property that the contract names elsewhere is one, and of the right type."""
    named: list[tuple[str, str, frozenset[PropertyType]]] = []
    text = frozenset({PropertyType.STRING})
    for key in extras.subject_keys:
        named.append(("subjectKeys", key.property, NUMBERS))
        if key.name:
            named.append(("subjectKeys", key.name, text))
    if extras.name_register:
        named.append(("nameRegister", extras.name_register, text))
    if extras.identity_aliases:
        person = frozenset({PropertyType.IDENTITY})
        aliases = extras.identity_aliases
        named += [("identityAliases", each, person) for each in (aliases.former, aliases.current)]
    for where, name, kinds in named:
        at = _custom_place(document, where)
        if name not in properties:
            document.fault(f"{where} names {name}, which is no property", "name a property", *at)
        elif properties[name].type not in kinds:
            document.fault(f"{where} names {name}, no {' or '.join(sorted(kinds))}", "name another property", *at)


def _custom_place(document: Document, name: str) -> Place:
    written = document.data["customProperties"]
    return ("customProperties", next(at for at, each in enumerate(written) if each["property"] == name))
