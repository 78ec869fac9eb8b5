"""A claim's parameters: values that the item gives the claim, never the client."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from kernel.errors import Malformed
from kernel.identity import Identity
from schemas.title import Title


class ParameterType(StrEnum):
    """What a parameter's value is."""

    IDENTITY = "identity"
    STRING = "string"
    INTEGER = "integer"


Value = str | int | Identity | Sequence[Identity]
"""A parameter's value. A person may be given as every number linked to them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One typed parameter."""

    name: str
    type: ParameterType
    title: Title

    def cel(self, value: Value) -> str | int | list[str]:
        """The value as expressions see it: an identity is the list of its numbers. Raises Malformed."""
        match self.type, value:
            case ParameterType.IDENTITY, Identity():
                return [value.number]
            case ParameterType.IDENTITY, [*numbers] if numbers and all(isinstance(n, Identity) for n in numbers):
                return [n.number for n in numbers if isinstance(n, Identity)]
            case ParameterType.STRING, str():
                return value
            case ParameterType.INTEGER, int() if not isinstance(value, bool):
                return value
        raise Malformed(f"is no {self.type}", field=self.name)
