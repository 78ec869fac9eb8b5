"""A claim: a question that datasets can answer about one party of a case."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from google.protobuf.message import Message

from kernel.errors import Malformed
from kernel.identity import Identity
from schemas.contract import Contract
from schemas.expression import Expression
from schemas.title import Title


class ParameterType(StrEnum):
    """What a parameter's value is."""

    IDENTITY = "identity"
    STRING = "string"
    INTEGER = "integer"


class NoRow(StrEnum):
    """What it means that none of the claim's datasets holds a row of the subject.

    `EVALUATE`: the expression is evaluated over no rows, an answer from absence.
    """

    NO_RECORD = "NO_RECORD"
    OUT_OF_COVERAGE = "OUT_OF_COVERAGE"
    EVALUATE = "evaluate"


class RowsExpected(StrEnum):
    """How many rows of one dataset a claim can be judged on."""

    ONE = "one"
    ANY = "any"


class Fallback(StrEnum):
    """What covers the material where the claim cannot: 协查, 告知承诺, or paper."""

    ASSISTANCE = "assistance"
    COMMITMENT = "commitment"
    PAPER = "paper"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A value that the item gives the claim, never the client."""

    name: str
    type: ParameterType
    title: Title


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosable:
    """A property whose value may be disclosed with a confirmed claim, where the grant lets values be seen."""

    dataset: str
    property: str


ParameterValue = str | int | Identity | Sequence[Identity]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One claim. `digest` is SHA-256 of the file's bytes.

    `coverage`, where there is one, must hold over the rows, or the registry does not answer for this subject.
    `from_absence`: CONFIRMED may rest on rows that are not there.
    """

    id: str
    version: int
    digest: bytes
    title: Title
    datasets: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    expression: Expression
    coverage: Expression | None
    no_row: NoRow
    from_absence: bool
    rows: RowsExpected
    max_age: timedelta
    disclose: tuple[Disclosable, ...]
    fallback: tuple[Fallback, ...]
    contracts: Mapping[str, Contract]

    def variables(
        self, rows: Mapping[str, Sequence[Message]], ask: Mapping[str, ParameterValue], today: date
    ) -> dict[str, Any]:
        """What the expressions see: each dataset's rows (present fields only), the parameters as `ask`, and `today`.

        An identity parameter is every number linked to that person (the expression says `x in ask.spouse`), given as
        one Identity or several. Raises Malformed naming a parameter that is missing, unknown, or of another type.
        """
        raise NotImplementedError
