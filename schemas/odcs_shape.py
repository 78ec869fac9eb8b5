"""The parts of an Open Data Contract Standard file that the hub reads, as it wants them.

The standard's own JSON schema is checked first (`odcs`); what stands here is narrower: the hub's classes, rules and
custom properties. Keys of the standard that the hub does not read are left alone.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from schemas.title import Shape, TitleShape, Words

NAME = r"[a-z][a-z0-9_]{0,62}"
Name = Annotated[str, StringConstraints(pattern=f"^{NAME}$")]
Share = Annotated[float, Field(ge=0, le=1)]
Percent = Annotated[float, Field(ge=0, le=100)]
FIELD_NUMBER_MAX = 18_999
"""Protobuf keeps the numbers from 19000 for itself."""


class Standard(BaseModel):
    """A part of the standard: what the hub does not read may stand there."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True, populate_by_name=True)


class CustomProperty(Standard):
    """One custom property. With a vendor it is somebody else's, and ignored."""

    property: Words
    value: Any
    vendor: str = ""


class PropertyExtras(Shape):
    """What the standard has no field for, of one property."""

    field_number: Annotated[int, Field(ge=1, le=FIELD_NUMBER_MAX)] = Field(alias="fieldNumber")
    identity_type: Literal["person", "organisation"] | None = Field(alias="identityType", default=None)
    absence_means: Words | None = Field(alias="absenceMeans", default=None)


class SubjectKeyShape(Shape):
    """A property that names a subject."""

    property: Name
    name: Name | None = None


class AliasesShape(Shape):
    """The two numbers of one person."""

    former: Name
    current: Name


class ContractExtras(Shape):
    """What the standard has no field for, of the dataset."""

    title: TitleShape
    subject_keys: Annotated[list[SubjectKeyShape], Field(min_length=1)] = Field(alias="subjectKeys")
    complete_for: Words | None = Field(alias="completeFor", default=None)
    unattributable_bound: Share = Field(alias="unattributableBound")
    tolerance: Share
    name_register: Name | None = Field(alias="nameRegister", default=None)
    identity_aliases: AliasesShape | None = Field(alias="identityAliases", default=None)


class TypeOptions(Standard):
    """What the standard says more of a type."""

    format: str = ""
    pattern: str = ""


class PropertyShape(Standard):
    """One column. Its rules are shaped one by one."""

    name: Name
    physical_name: Words = Field(alias="physicalName")
    business_name: Words = Field(alias="businessName")
    description: Words
    logical_type: Literal["string", "integer", "number", "date", "timestamp"] = Field(alias="logicalType")
    options: TypeOptions = Field(alias="logicalTypeOptions", default=TypeOptions())
    required: bool = False
    primary_key: bool = Field(alias="primaryKey", default=False)
    position: int = Field(alias="primaryKeyPosition", default=-1)
    classification: Literal["internal", "personal", "restricted"]
    quality: list[Any] = Field(default=[])
    custom: list[CustomProperty] = Field(alias="customProperties", default=[])


class ObjectShape(Standard):
    """The dataset's one schema object. Its properties and rules are shaped one by one, so that each is checked."""

    name: Name
    physical_name: Words = Field(alias="physicalName")
    properties: Annotated[list[dict[str, Any]], Field(min_length=1)]
    quality: list[Any] = Field(default=[])


class MemberShape(Standard):
    """Somebody of the department, by the name that they log in with."""

    username: Words
    name: str = ""
    date_out: str | None = Field(alias="dateOut", default=None)


class TeamShape(Standard):
    """The department that answers for the dataset, and who of it decides about held deliveries."""

    name: Words
    description: Words
    members: list[MemberShape] = Field(default=[])


class SlaShape(Standard):
    """One service level."""

    property: str
    value: str | int | float | bool | None
    unit: str = ""
    scheduler: str = ""
    schedule: str = ""


class ContractShape(Standard):
    """The whole file."""

    id: Name
    version: Annotated[str, StringConstraints(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")]
    domain: Name
    team: TeamShape
    servers: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=1)]
    objects: Annotated[list[ObjectShape], Field(min_length=1, max_length=1)] = Field(alias="schema")
    sla: list[SlaShape] = Field(alias="slaProperties", default=[])
    custom: list[CustomProperty] = Field(alias="customProperties", default=[])
