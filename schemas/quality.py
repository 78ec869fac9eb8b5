"""A contract's quality rules: those written in it, and those that follow from types, `required` and the primary key."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from schemas.contract import Check, Property, PropertyType, Rule
from schemas.document import Document, Place
from schemas.odcs_shape import RuleShape

TODAY = "today"
"""A range's end that moves: the day of the check in Asia/Shanghai."""

ENGINE = "mianzheng"
_RANGED = frozenset({PropertyType.DATE, PropertyType.TIMESTAMP, PropertyType.INTEGER, PropertyType.NUMBER})
_TEXT = frozenset({PropertyType.STRING})
_DAYS = frozenset({PropertyType.DATE, PropertyType.TIMESTAMP})
_WORDS = frozenset({"and", "or", "not", "is", "null", "in", "between", "like", "length", "true", "false", "date"})
_TOKEN = re.compile(r"\s+|'[^']*'|[0-9]+(?:\.[0-9]+)?|[A-Za-z_][A-Za-z0-9_]*|<>|<=|>=|[=<>(),+*-]")
_COMMENT = "--"


def derived_rules(properties: Iterable[Property], primary_key: tuple[str, ...], tolerance: float) -> Iterator[Rule]:
    """The rules that nobody need write: required values are there, values are of their type, keys are unique."""
    for each in properties:
        if each.required:
            yield Rule(
                id=f"{each.name}_present",
                check=Check.PRESENT,
                properties=(each.name,),
                tolerance=tolerance,
                dimension="completeness",
                description=f"{each.title.zh}不得为空。 {each.title.en} is there.",
            )
        if each.type is not PropertyType.STRING:
            yield Rule(
                id=f"{each.name}_typed",
                check=Check.TYPED,
                properties=(each.name,),
                tolerance=tolerance,
                dimension="conformity",
                description=f"{each.title.zh}须为有效的{_TYPE_ZH[each.type]}。 {each.title.en} is a valid {each.type}.",
            )
    yield Rule(
        id="primary_key_unique",
        check=Check.UNIQUE,
        properties=primary_key,
        tolerance=tolerance,
        dimension="uniqueness",
        description="同一主键只能有一条记录。 One record a primary key.",
    )


_TYPE_ZH = {
    PropertyType.INTEGER: "整数",
    PropertyType.NUMBER: "数值",
    PropertyType.DATE: "日期",
    PropertyType.TIMESTAMP: "时间",
    PropertyType.IDENTITY: "证件号码",
    PropertyType.ORGANISATION: "统一社会信用代码",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleReader:
    """Reads the rules written in one contract, noting what the hub would not run as written."""

    document: Document
    properties: Mapping[str, Property]
    seen: dict[str, Place] = field(default_factory=dict)

    def of_property(self, written: Sequence[object], at: Place, held: Property) -> Iterator[Rule]:
        """The rules of one property."""
        for index, each in enumerate(written):
            shape = self.document.shaped(RuleShape, each, (*at, index))
            if shape:
                self._note_id(shape.id, (*at, index))
            rule = self._of_property(shape, (*at, index), held) if shape else None
            if rule is not None:
                yield rule

    def of_rows(self, written: Sequence[object], at: Place) -> Iterator[Rule]:
        """The rules of the dataset as a whole."""
        for index, each in enumerate(written):
            shape = self.document.shaped(RuleShape, each, (*at, index))
            if shape:
                self._note_id(shape.id, (*at, index))
            rule = self._of_rows(shape, (*at, index)) if shape else None
            if rule is not None:
                yield rule

    def _note_id(self, name: str, at: Place) -> None:
        if name in self.seen:
            self.document.fault(f"two rules are called {name}", "give each its own id", *at)
        self.seen.setdefault(name, at)

    def _of_property(self, shape: RuleShape, at: Place, held: Property) -> Rule | None:
        if shape.metric != "invalidValues":
            self._not_run(shape, at, "invalidValues")
            return None
        tolerance = self._tolerance(shape, at)
        told = shape.arguments
        types = _TEXT
        if told.valid_values is not None:
            check = Check.VALUES
        elif told.pattern is not None:
            check = Check.PATTERN
            self._check_pattern(told.pattern, at)
        elif told.minimum is not None or told.maximum is not None:
            check, types = Check.RANGE, _RANGED
            self._check_ends((told.minimum, told.maximum), held, at)
        else:
            self._not_run(shape, at, "validValues, pattern, minimum or maximum")
            return None
        if held.type not in types:
            self.document.fault(f"rule {shape.id} does not fit a {held.type}", "correct rule or type", *at)
            return None
        return Rule(
            id=shape.id,
            check=check,
            properties=(held.name,),
            values=tuple(told.valid_values or ()),
            pattern=told.pattern or "",
            minimum=_end(told.minimum),
            maximum=_end(told.maximum),
            tolerance=tolerance,
            dimension=shape.dimension,
            description=shape.description,
        )

    def _of_rows(self, shape: RuleShape, at: Place) -> Rule | None:
        if shape.metric == "rowCount" and shape.must_be_greater_than is not None:
            return Rule(
                id=shape.id,
                check=Check.ROW_COUNT,
                minimum=str(int(shape.must_be_greater_than)),
                dimension=shape.dimension,
                description=shape.description,
            )
        if shape.metric == "duplicateValues" and shape.arguments.properties:
            self._known(shape.arguments.properties, (*at, "arguments", "properties"))
            return Rule(
                id=shape.id,
                check=Check.UNIQUE,
                properties=tuple(shape.arguments.properties),
                tolerance=self._tolerance(shape, at),
                dimension=shape.dimension,
                description=shape.description,
            )
        if shape.type == "custom" and shape.engine == ENGINE and shape.implementation is not None:
            place = (*at, "implementation", "rowHolds")
            used = self._condition(shape.implementation.row_holds, place)
            return Rule(
                id=shape.id,
                check=Check.HOLDS,
                properties=used,
                predicate=shape.implementation.row_holds,
                tolerance=shape.implementation.tolerated_percent / 100,
                dimension=shape.dimension,
                description=shape.description,
            )
        self._not_run(shape, at, f"rowCount, duplicateValues, or engine {ENGINE} with rowHolds")
        return None

    def _not_run(self, shape: RuleShape, at: Place, wanted: str) -> None:
        self.document.fault(f"rule {shape.id} is none that the hub runs", f"use {wanted}", *at)

    def _tolerance(self, shape: RuleShape, at: Place) -> float:
        if shape.must_be_at_most is None or shape.unit != "percent":
            self.document.fault(
                f"rule {shape.id} does not say how many rows may fail",
                "say mustBeLessOrEqualTo and unit: percent",
                *at,
            )
            return 0.0
        return shape.must_be_at_most / 100

    def _known(self, names: Collection[str], at: Place) -> None:
        for name in names:
            if name not in self.properties:
                self.document.fault(f"{name} is no property of the dataset", "name a property", *at)

    def _check_pattern(self, pattern: str, at: Place) -> None:
        try:
            re.compile(pattern)
        except re.error:
            self.document.fault("the pattern is no regular expression", "mend it", *at, "arguments", "pattern")

    def _check_ends(self, ends: Iterable[str | float | None], held: Property, at: Place) -> None:
        for end in ends:
            if end is None:
                continue
            if held.type in _DAYS and not (isinstance(end, str) and (end == TODAY or _is_day(end))):
                self.document.fault(f"{end} is no day", "write 'YYYY-MM-DD' in quotes, or today", *at, "arguments")
            elif held.type in _RANGED - _DAYS and not isinstance(end, int | float):
                self.document.fault(f"{end} is no number", "write a number", *at, "arguments")

    def _condition(self, text: str, at: Place) -> tuple[str, ...]:
        """The properties that a condition names; notes whatever is no plain condition over them."""
        used: dict[str, None] = {}
        place = 0
        while place < len(text):
            token = _TOKEN.match(text, place)
            if token is None or text.startswith(_COMMENT, place):
                self.document.fault("the condition is no plain SQL condition", "use and, or, not, is, =", *at)
                return tuple(used)
            word = token[0]
            place = token.end()
            if not (word[0].isalpha() or word[0] == "_") or word.lower() in _WORDS:
                continue
            if word not in self.properties:
                self.document.fault(f"{word} in the condition is no property", "name a property", *at)
            used[word] = None
        return tuple(used)


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _end(end: str | float | None) -> str:
    return "" if end is None else str(end)
