"""A claim: a question that datasets can answer about one party of a case."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

from google.protobuf.message import Message
from pydantic import ConfigDict, Field, StringConstraints, ValidationError

from kernel.errors import Malformed
from schemas.beside import base
from schemas.contract import Contract, Sensitivity
from schemas.document import Document
from schemas.expression import Compiler, Expression
from schemas.odcs_shape import Name, Standard
from schemas.parameter import Parameter, ParameterType, Value
from schemas.reserved import ASK, RESERVED_NAMES, TODAY
from schemas.rows import day_timestamp
from schemas.settings import DEFAULTS, SchemaSettings
from schemas.title import Shape, Title, TitleShape, Words

_ID = r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*"
_AGE = re.compile(r"([1-9][0-9]{0,3})([hd])")


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
class Disclosable:
    """A property whose value may be disclosed with a confirmed claim, where the grant lets values be seen."""

    dataset: str
    property: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One claim. `digest` is SHA-256 of the file's bytes.

    `datasets` are as the claim names them, with a version (`marriages@1`) where it wants another than the one in force.
    `coverage`, where there is one, must hold over the rows, or the registry does not answer for this subject.
    `from_absence`: CONFIRMED may rest on rows that are not there. `reads` names the properties of each dataset that the
    expressions look at: they are given no others.
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
    reads: Mapping[str, tuple[str, ...]] = field(compare=False)
    contracts: Mapping[str, Contract] = field(repr=False, compare=False)
    rows_max: int = DEFAULTS.rows_max

    def variables(self, rows: Mapping[str, Sequence[Message]], ask: Mapping[str, Value], today: date) -> dict[str, Any]:
        """What the expressions see: of each dataset's rows the present fields that they read, `ask`, and `today`.

        An identity parameter is every number linked to that person (the expression says `x in ask.spouse`), given as
        one Identity or several. Raises Malformed naming a parameter that is missing, unknown or of another type, or a
        dataset with more rows than a claim is evaluated over.
        """
        seen: dict[str, Any] = {ASK: self.asked(ask), TODAY: day_timestamp(today)}
        for dataset in self.datasets:
            held = rows[dataset]
            if len(held) > self.rows_max:
                raise Malformed(f"has more than {self.rows_max} rows of one subject", field=dataset)
            mapping, names = self.contracts[dataset].row.mapping, self.reads[dataset]
            seen[base(dataset)] = [mapping(row, names) for row in held]
        return seen

    def asked(self, ask: Mapping[str, Value]) -> dict[str, Any]:
        """The parameters as expressions see them; raises Malformed."""
        if ask.keys() != {each.name for each in self.parameters}:
            raise Malformed("are not the claim's parameters", field=self.id)
        return {each.name: each.cel(ask[each.name]) for each in self.parameters}


class _ParameterShape(Shape):
    type: Literal["identity", "string", "integer"]
    title: TitleShape


class _QuestionShape(Standard):
    """What a claim's expressions are checked with, whatever else is wrong in the file."""

    id: Annotated[str, StringConstraints(pattern=f"^{_ID}$")]
    datasets: Annotated[list[str], Field(min_length=1)]
    parameters: dict[Name, _ParameterShape] = Field(default={})
    expression: Words
    coverage: Words | None = None


class _ClaimShape(_QuestionShape):
    model_config = ConfigDict(extra="forbid")

    version: Annotated[int, Field(ge=1, lt=1 << 31)]
    title: TitleShape
    no_row: Literal["NO_RECORD", "OUT_OF_COVERAGE", "evaluate"] = Field(alias="noRow")
    from_absence: bool = Field(alias="fromAbsence", default=False)
    rows: Literal["one", "any"]
    max_age: Annotated[str, StringConstraints(pattern=f"^{_AGE.pattern}$")] = Field(alias="maxAge")
    disclose: list[str] = Field(default=[])
    fallback: Annotated[list[Literal["assistance", "commitment", "paper"]], Field(min_length=1)]


def read_claim(
    document: Document,
    contracts: Mapping[str, Contract],
    known: Collection[str],
    compiler: Compiler,
    settings: SchemaSettings = DEFAULTS,
) -> Claim | None:
    """The claim in a file; None after noting every fault.

    `contracts` are the sound ones by every reference to them. `known` are the names of every contract's file, faulty
    ones too: a fault in a contract is noted there, not here again.
    """
    before = len(document.faults.found)
    shape = document.shaped(_ClaimShape)
    question = shape or _question(document)
    if question is None or not _datasets_sound(document, question, contracts, known):
        return None
    parameters = tuple(
        Parameter(name=name, type=ParameterType(each.type), title=each.title.value())
        for name, each in question.parameters.items()
    )
    expression = _compiled(document, compiler, question, parameters, "expression")
    coverage = _compiled(document, compiler, question, parameters, "coverage") if question.coverage else None
    if expression is not None and (coverage is not None or not question.coverage):
        _check_parameters(document, question, expression, coverage)
    if shape is None:
        return None
    disclose = _disclosable(document, shape, contracts)
    _check_absence(document, shape, contracts, expression)
    if expression is None or len(document.faults.found) > before:
        return None
    return Claim(
        id=shape.id,
        version=shape.version,
        digest=document.digest,
        title=shape.title.value(),
        datasets=tuple(shape.datasets),
        parameters=parameters,
        expression=expression,
        coverage=coverage,
        no_row=NoRow(shape.no_row),
        from_absence=shape.from_absence,
        rows=RowsExpected(shape.rows),
        max_age=_duration(shape.max_age),
        disclose=disclose,
        fallback=tuple(Fallback(each) for each in shape.fallback),
        reads=_reads(shape.datasets, expression, coverage),
        contracts={each: contracts[each] for each in shape.datasets},
        rows_max=settings.rows_max,
    )


def _reads(
    datasets: Sequence[str], expression: Expression, coverage: Expression | None
) -> Mapping[str, tuple[str, ...]]:
    read = expression.reads | (coverage.reads if coverage else frozenset())
    return {each: tuple(sorted(name for dataset, name in read if dataset == base(each))) for each in datasets}


def _question(document: Document) -> _QuestionShape | None:
    try:
        return _QuestionShape.model_validate(document.data)
    except ValidationError:
        return None


def _datasets_sound(
    document: Document, shape: _QuestionShape, contracts: Mapping[str, Contract], known: Collection[str]
) -> bool:
    for at, dataset in enumerate(shape.datasets):
        # Which version a faulty file is of, nobody can tell.
        if (
            dataset not in contracts
            and dataset not in known
            and (base(dataset) not in known or base(dataset) in contracts)
        ):
            document.fault(f"no contract has the id {dataset}", "name a dataset that there is", "datasets", at)
        elif [base(each) for each in shape.datasets].index(base(dataset)) != at:
            document.fault(f"names {dataset} twice", "name it once", "datasets", at)
    return all(dataset in contracts for dataset in shape.datasets)


def _compiled(
    document: Document, compiler: Compiler, shape: _QuestionShape, parameters: Sequence[Parameter], key: str
) -> Expression | None:
    compiled = compiler.compile(document.data[key], shape.id, shape.datasets, parameters)
    if isinstance(compiled, Expression):
        return compiled
    for each in compiled:
        line = document.text_line((key,), each.line)
        document.faults.add(document.path, line, f"{key}: {each.what}", each.remedy)
    return None


def _disclosable(document: Document, shape: _ClaimShape, contracts: Mapping[str, Contract]) -> tuple[Disclosable, ...]:
    found = []
    for at, text in enumerate(shape.disclose):
        named, _, name = text.partition(".")
        dataset = next((each for each in shape.datasets if base(each) == named), "")
        held = contracts[dataset].by_name.get(name) if dataset else None
        if held is None:
            document.fault(f"discloses {text}, which is no property", "write dataset.property", "disclose", at)
        elif held.sensitivity is Sensitivity.RESTRICTED:
            document.fault(f"discloses {text}, which is restricted", "remove it", "disclose", at)
        else:
            found.append(Disclosable(dataset=dataset, property=name))
    return tuple(found)


def _check_absence(
    document: Document, shape: _ClaimShape, contracts: Mapping[str, Contract], expression: Expression | None
) -> None:
    """An answer from absence needs a registry that is complete, and must be declared."""
    if shape.no_row != NoRow.OUT_OF_COVERAGE:
        for dataset in shape.datasets:
            if not contracts[dataset].complete_for:
                document.fault(
                    f"answers {shape.no_row} over {dataset}, whose contract has no completeFor",
                    "say noRow: OUT_OF_COVERAGE, or completeFor in the contract",
                    "noRow",
                )
    if expression is None or expression.confirms_from_absence == shape.from_absence:
        return
    if shape.from_absence:
        document.fault("says fromAbsence, but no missing row could confirm it", "remove fromAbsence", "fromAbsence")
    else:
        document.fault("may be confirmed by a missing row", "say fromAbsence: true", "expression")


def _check_parameters(
    document: Document, shape: _QuestionShape, expression: Expression, coverage: Expression | None
) -> None:
    asks = expression.asks | (coverage.asks if coverage else frozenset())
    for name in shape.parameters:
        if name in RESERVED_NAMES:
            document.fault(f"{name} means something else in expressions", "choose another", "parameters", name)
        elif name not in asks:
            document.fault(f"parameter {name} is not used", "use it or remove it", "parameters", name)


def _duration(text: str) -> timedelta:
    match = _AGE.fullmatch(text)
    if match is None:
        raise ValueError(text)
    count = int(match[1])
    return timedelta(hours=count) if match[2] == "h" else timedelta(days=count)
