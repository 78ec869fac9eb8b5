"""One property of a dataset: a column of the registry, under an ASCII name."""

from dataclasses import dataclass
from enum import StrEnum

from schemas.title import Title


class PropertyType(StrEnum):
    """What a property's value is. Identities are numbers of persons, organisations are credit codes."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    DATE = "date"
    TIMESTAMP = "timestamp"
    IDENTITY = "identity"
    ORGANISATION = "organisation"


NUMBERS = frozenset({PropertyType.IDENTITY, PropertyType.ORGANISATION})
"""Types whose values name a subject."""


class Sensitivity(StrEnum):
    """Who may see a property's value. Restricted values never leave the hub, whatever a grant says."""

    INTERNAL = "internal"
    PERSONAL = "personal"
    RESTRICTED = "restricted"


_STRPTIME = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """A column. `format` is the JDK date pattern of the standard; empty means ISO 8601.

    `absence_means` is what an empty value says where it says something; only then may a claim ask `has()`.
    `number` is the field's number in the row's protobuf message, and never changes.
    """

    name: str
    physical_name: str
    type: PropertyType
    title: Title
    number: int
    required: bool = False
    absence_means: str = ""
    sensitivity: Sensitivity = Sensitivity.RESTRICTED
    valid_values: tuple[str, ...] = ()
    pattern: str = ""
    minimum: str = ""
    maximum: str = ""
    format: str = ""

    @property
    def strptime(self) -> str:
        """The format in the notation of C and DuckDB, e.g. `%Y%m%d`; empty means ISO 8601."""
        text = self.format
        for jdk, posix in _STRPTIME.items():
            text = text.replace(jdk, posix)
        return text
