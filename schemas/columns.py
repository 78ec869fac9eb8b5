"""Reads a contract's columns, each with the custom properties that the standard has no field for."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from schemas.contract import Property, PropertyType, Sensitivity
from schemas.document import Document, Place
from schemas.odcs_shape import CustomProperty, PropertyExtras, PropertyShape
from schemas.reserved import RESERVED_NAMES
from schemas.title import Shape, Title

DELIVERED = "raw_"
"""How the columns begin in which the exchange keeps text as it was delivered."""
COLUMNS: Place = ("schema", 0, "properties")
_Extras = TypeVar("_Extras", bound=Shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A sound property, the shape it was read from, and where it stands."""

    property: Property
    shape: PropertyShape
    at: Place


def custom_values(
    document: Document, custom: Sequence[CustomProperty], at: Place, shape: type[_Extras]
) -> _Extras | None:
    """Custom properties as one shape; faults stand at the line of each."""
    places: dict[str, int] = {}
    for index, each in enumerate(custom):
        if each.vendor:
            continue
        if each.property in places:
            document.fault(f"says {each.property} twice", "keep one of them", *at, index)
        else:
            places[each.property] = index
    values = {name: custom[index].value for name, index in places.items()}
    return document.shaped(shape, values, at, lambda name: (places[name], "value") if name in places else ())


def read_columns(document: Document, written: Sequence[Mapping[str, Any]]) -> list[Column]:
    """The sound properties; what is wrong with the others is noted."""
    found: list[Column] = []
    seen: dict[str, set[Any]] = {"name": set(), "physicalName": set(), "fieldNumber": set()}
    for index, raw in enumerate(written):
        at = (*COLUMNS, index)
        shape = document.shaped(PropertyShape, raw, at)
        if shape is None:
            continue
        extras = custom_values(document, shape.custom, (*at, "customProperties"), PropertyExtras)
        number = extras.field_number if extras else None
        for key, value in (("name", shape.name), ("physicalName", shape.physical_name), ("fieldNumber", number)):
            if value is not None and value in seen[key]:
                document.fault(f"{key} {value} stands for two properties", "give each its own", *at)
            seen[key].add(value)
        if shape.name in RESERVED_NAMES:
            document.fault(f"{shape.name} means something else in expressions", "choose another", *at, "name")
        if shape.name.startswith(DELIVERED):
            document.fault(f"{shape.name} begins as the hub keeps for delivered text", "choose another", *at, "name")
        if extras is not None:
            found.append(Column(property=_property(document, shape, extras, at), shape=shape, at=at))
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
    if kind is PropertyType.IDENTITY and made.sensitivity is not Sensitivity.RESTRICTED:
        document.fault("a person's number is not restricted", "say classification: restricted", *at, "classification")
    return made
