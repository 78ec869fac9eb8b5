"""A claim's expression in CEL, the Common Expression Language (github.com/cel-expr/cel-spec).

It is compiled twice. Against the typed messages of the datasets' rows, to check it: a misspelt field or a wrong type is
a fault of the file. Against maps, to evaluate it over the fields that are present: reading an absent one is an error,
and CEL's own logic carries it (`false && error` is false, `true || error` is true). What ends in an error is
undetermined, never false.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cel_expr_python import cel
from google.protobuf import descriptor_pb2

from kernel.errors import MianzhengError
from schemas.beside import base
from schemas.contract import Contract
from schemas.parameter import Parameter, ParameterType
from schemas.reserved import ASK, TODAY
from schemas.rows import PACKAGE, new_pool
from schemas.settings import DEFAULTS, SchemaSettings
from schemas.tree import Tree

ASK_PACKAGE = "mianzheng.ask"

_FEBRUARY, _LEAP_DAY = 2, 29
_REPORT = re.compile(r"ERROR: <input>:(\d+):\d+: (.*)")
_ABSENT = re.compile(r'Key not found in map : "(\w+)"')
_ESCAPES = {"dyn": "hides a value's type from the check", "type": "asks for a value's type"}
_FIELD = descriptor_pb2.FieldDescriptorProto


class Undetermined(MianzhengError):
    """The expression ended in an error: neither true nor false. `field` names an absent property, if one is."""

    code = "undetermined"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpressionFault:
    """One thing wrong in an expression; `line` counts from 1 within it."""

    line: int
    what: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """A checked expression.

    `reads` are the properties that it looks at, as (dataset, property), `asks` the parameters. `confirms_from_absence`:
    a further row could turn it from true to false, so its truth rests on rows that are not there.
    `denies_from_absence`: a further row could turn it from false to true.
    """

    text: str
    reads: frozenset[tuple[str, str]]
    asks: frozenset[str]
    confirms_from_absence: bool
    denies_from_absence: bool
    program: Any = field(repr=False, compare=False)

    def holds(self, variables: Mapping[str, object]) -> bool:
        """Whether it holds over these variables (`Claim.variables` makes them); raises Undetermined."""
        try:
            value = self.program.eval(data=variables).value()
        except RuntimeError as error:
            raise Undetermined("the expression cannot be evaluated") from error
        if value is True or value is False:
            return bool(value)
        absent = _ABSENT.search(str(value))
        # Only the name of a property may be repeated: other errors of CEL may quote values.
        raise Undetermined("is absent" if absent else "ended in an error", field=absent.group(1) if absent else "")


class Compiler:
    """Compiles claims' expressions against the contracts of one catalogue."""

    def __init__(self, contracts: Mapping[str, Contract], settings: SchemaSettings = DEFAULTS) -> None:
        """Know the datasets by their ids, and versions that stand beside them by their references."""
        self._contracts = contracts
        self._settings = settings
        self._pool = new_pool()
        plain = [name for name in contracts if name == base(name)]
        for name in plain:
            self._pool.Add(contracts[name].row.file)
        self._maps = new_maps(plain)

    def compile(
        self, text: str, claim: str, datasets: Sequence[str], parameters: Sequence[Parameter]
    ) -> Expression | tuple[ExpressionFault, ...]:
        """The expression of a claim over some datasets with some parameters, or everything that is wrong with it.

        A dataset may be named with its version; in the expression it is a variable of its id alone.
        """
        if len(text) > self._settings.expression_length_max:
            limit = self._settings.expression_length_max
            return (ExpressionFault(line=1, what=f"is longer than {limit} characters", remedy="shorten it"),)
        typed = self._typed(claim, datasets, parameters)
        try:
            checked = typed.compile(text)
        except RuntimeError as error:
            return tuple(_reports(str(error)))
        if checked.return_type() != cel.Type.BOOL:
            return (ExpressionFault(line=1, what="gives no yes or no", remedy="make it a condition"),)
        tree = Tree.parse(checked.serialize())
        faults = tuple(self._faults(text, tree, datasets))
        if faults:
            return faults
        turn = tree.turn([base(each) for each in datasets])
        return Expression(
            text=text,
            reads=frozenset((_dataset(use.message), use.field) for use in tree.uses if _dataset(use.message)),
            asks=frozenset(use.field for use in tree.uses if use.message.startswith(ASK_PACKAGE)),
            confirms_from_absence=turn.falls,
            denies_from_absence=turn.rises,
            program=self._maps.compile(text),
        )

    def _typed(self, claim: str, datasets: Sequence[str], parameters: Sequence[Parameter]) -> Any:
        """The environment in which a claim is checked: its own datasets and its own parameters, nothing else."""
        variables = {base(each): cel.Type.List(cel.Type(f"{PACKAGE}.{base(each)}")) for each in datasets}
        pool = self._pool
        if parameters or any(each != base(each) for each in datasets):
            pool = new_pool()
            for each in datasets:
                pool.Add(self._contracts[each].row.file)
        if parameters:
            pool.Add(_ask_file(claim, parameters))
            variables[ASK] = cel.Type(f"{ASK_PACKAGE}.{claim}")
        variables[TODAY] = cel.Type.TIMESTAMP
        return _environment(pool, variables)

    def _faults(self, text: str, tree: Tree, datasets: Sequence[str]) -> Iterable[ExpressionFault]:
        if tree.depth > self._settings.expression_depth_max:
            limit = self._settings.expression_depth_max
            yield ExpressionFault(line=1, what=f"nests more than {limit} loops", remedy="ask two claims")
        for function, offset in tree.calls:
            if function in _ESCAPES:
                what = f"{function}() {_ESCAPES[function]}"
                yield ExpressionFault(line=_line(text, offset), what=what, remedy="compare the property itself")
        for message, offset in tree.compared:
            if _dataset(message):
                # Rows are given to the expression with the fields that it reads alone: two may look alike.
                line = _line(text, offset)
                yield ExpressionFault(line=line, what="compares whole rows", remedy="compare their properties")
        for use in tree.uses:
            if not use.message:
                what = f"reads {use.field} of something whose type nobody knows"
                yield ExpressionFault(line=_line(text, use.offset), what=what, remedy="read it of a row")
            elif use.test_only and not self._absence_means(use.message, use.field, datasets):
                yield ExpressionFault(
                    line=_line(text, use.offset),
                    what=f"asks has({use.field}), whose contract does not say what absence means",
                    remedy="ask a status property, or say absenceMeans in the contract",
                )

    def _absence_means(self, message: str, name: str, datasets: Sequence[str]) -> str:
        contract = next((self._contracts[each] for each in datasets if base(each) == _dataset(message)), None)
        return contract.by_name[name].absence_means if contract else ""


def new_maps(datasets: Iterable[str]) -> Any:
    """The environment in which expressions are evaluated: each dataset a list of maps of the fields that are there."""
    rows = cel.Type.List(cel.Type.Map(cel.Type.STRING, cel.Type.DYN))
    variables = {ASK: cel.Type.Map(cel.Type.STRING, cel.Type.DYN), TODAY: cel.Type.TIMESTAMP}
    return _environment(None, {**dict.fromkeys(datasets, rows), **variables})


def age(birth: datetime, today: datetime) -> int:
    """Whole years of age on a day: whoever is born on 29 February is a year older on the 28th in common years.

    Raises ValueError where the birth lies after the day.
    """
    if birth > today:
        raise ValueError("is born after today")
    month, day = birth.month, birth.day
    if (month, day) == (_FEBRUARY, _LEAP_DAY) and not _leap(today.year):
        day -= 1
    return today.year - birth.year - ((today.month, today.day) < (month, day))


def _leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _environment(pool: Any, variables: Mapping[str, Any]) -> Any:
    overload = cel.Overload(
        "age_timestamp_timestamp",
        return_type=cel.Type.INT,
        parameters=[cel.Type.TIMESTAMP, cel.Type.TIMESTAMP],
        impl=age,
    )
    return cel.NewEnv(pool, variables=variables, functions=[cel.FunctionDecl("age", [overload])])


def _ask_file(claim: str, parameters: Sequence[Parameter]) -> descriptor_pb2.FileDescriptorProto:
    """The message type of a claim's parameters: an identity is the list of that person's numbers."""
    group, _, name = f"{ASK_PACKAGE}.{claim}".rpartition(".")
    file = descriptor_pb2.FileDescriptorProto(name="mianzheng/ask.proto", package=group, syntax="proto3")
    message = file.message_type.add(name=name)
    for number, each in enumerate(parameters, 1):
        numeric = each.type is ParameterType.INTEGER
        message.field.add(
            name=each.name,
            number=number,
            type=_FIELD.TYPE_INT64 if numeric else _FIELD.TYPE_STRING,
            label=_FIELD.LABEL_REPEATED if each.type is ParameterType.IDENTITY else _FIELD.LABEL_OPTIONAL,
        )
    return file


def _reports(error: str) -> Iterable[ExpressionFault]:
    found = False
    for line, what in _REPORT.findall(error):
        found = True
        shown = what.removesuffix("[INVALID_ARGUMENT]").replace("(in container '')", "")
        for package, word in ((PACKAGE, ""), (ASK_PACKAGE, "ask of ")):
            shown = shown.replace(f"{package}.", word)
        yield ExpressionFault(line=int(line), what=shown.strip(), remedy=_remedy(what))
    if not found:
        yield ExpressionFault(line=1, what="is no CEL expression", remedy="mend the syntax")


def _remedy(what: str) -> str:
    if "undefined field" in what:
        return "spell a property of the contract, or a parameter of the claim"
    if "no matching overload" in what:
        return "compare values of one type; an identity parameter is a list: x in ask.y"
    if "undeclared reference" in what:
        return "name one of the claim's datasets, ask, today, or a function that there is"
    return "mend the syntax"


def _dataset(message: str) -> str:
    package, _, name = message.rpartition(".")
    return name if package == PACKAGE else ""


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1
