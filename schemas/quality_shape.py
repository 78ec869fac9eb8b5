"""A quality rule and a relationship of an Open Data Contract Standard file, as the hub wants them."""

from typing import Annotated

from pydantic import Field

from schemas.allowed import PERCENT, ROWS
from schemas.odcs_shape import CustomProperty, Name, Percent, Standard
from schemas.title import Shape, Words

UNITS = (ROWS, PERCENT)
SEVERITIES = {"error": False, "warning": True, "info": True}
"""The severities of a rule, and whether it only warns."""
Number = Annotated[int | float, Field(allow_inf_nan=False)]


class RuleArguments(Shape):
    """What a rule of the standard's library is told."""

    valid_values: Annotated[list[Words | int], Field(min_length=1)] | None = Field(alias="validValues", default=None)
    missing_values: list[str | None] | None = Field(alias="missingValues", default=None)
    pattern: Words | None = None
    minimum: str | Number | None = None
    maximum: str | Number | None = None
    properties: Annotated[list[Name], Field(min_length=1)] | None = None


class RowHolds(Shape):
    """The hub's own rule: a SQL condition over property names that every row fulfils."""

    row_holds: Words = Field(alias="rowHolds")
    tolerated_percent: Percent = Field(alias="toleratedPercent")


class RuleShape(Standard):
    """One quality rule. Its operator is read from the file itself: exactly one is there, the standard says."""

    id: Words
    type: str = "library"
    metric: str | None = None
    engine: str | None = None
    implementation: RowHolds | None = None
    arguments: RuleArguments = RuleArguments()
    unit: str = ROWS
    severity: str = "error"
    dimension: str = ""
    description: str = ""


class EnumShape(Standard):
    """One of the values that a property may have."""

    value: Words | int


class RelationshipShape(Standard):
    """Where the values of one property, or of several together, must be found; `from` goes without saying in one."""

    id: Words | None = None
    type: str = "foreignKey"
    source: str | list[str] | None = Field(alias="from", default=None)
    to: str | list[str]
    custom: list[CustomProperty] = Field(alias="customProperties", default=[])


class RelationshipExtras(Shape):
    """What the standard has no field for, of a relationship."""

    tolerated_percent: Percent | None = Field(alias="toleratedPercent", default=None)


class Options(Standard):
    """What the standard says more of a type, as far as it bounds values. Whatever else bounds them is a fault."""

    format: str = ""
    pattern: Words | None = None
    min_length: int | None = Field(alias="minLength", default=None)
    max_length: int | None = Field(alias="maxLength", default=None)
    minimum: str | Number | None = None
    maximum: str | Number | None = None
    exclusive_minimum: str | Number | None = Field(alias="exclusiveMinimum", default=None)
    exclusive_maximum: str | Number | None = Field(alias="exclusiveMaximum", default=None)
    multiple_of: Number | None = Field(alias="multipleOf", default=None)


class BoundedProperty(Standard):
    """What a column's own section says of its values, beside its quality rules."""

    options: Options = Field(alias="logicalTypeOptions", default=Options())
    unique: bool = False
    values: Annotated[list[EnumShape], Field(min_length=1)] | None = Field(alias="enum", default=None)
