"""A contract's quality rules as they are written in it, and which of those that follow by themselves stand beside."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from schemas.allowed import PERCENT, Allowed, operators
from schemas.condition import Unreadable, read_condition
from schemas.document import Document, Place
from schemas.property import Property, PropertyType
from schemas.quality_shape import SEVERITIES, UNITS, RuleShape
from schemas.range_end import RANGED, check_ends, end_text
from schemas.rule import Check, Rule

ENGINE = "mianzheng"
_LISTED = frozenset({PropertyType.STRING, PropertyType.INTEGER})
_TEXT = frozenset({PropertyType.STRING})
_BEYOND_RE2 = re.compile(r"\(\?(?![:imsU-])(?!P<)|\\[1-9Z]|[*+?}]\+|\{[0-9,]*[0-9]{4}")
"""What patterns have elsewhere, and RE2, with which DuckDB matches, has not: looking around or back, possession."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleReader:
    """Reads the rules written in one contract, noting what the hub would not run as written."""

    document: Document
    properties: Mapping[str, Property]
    seen: dict[str, Place] = field(default_factory=dict)

    def of_property(self, written: Sequence[object], at: Place, held: Property) -> Iterator[Rule]:
        """The rules of one property."""
        for shape, raw, place in self._shapes(written, at):
            rule = self._of_property(shape, raw, place, held)
            if rule is not None:
                yield replace(rule, properties=(held.name,))

    def of_rows(self, written: Sequence[object], at: Place) -> Iterator[Rule]:
        """The rules of the dataset as a whole."""
        for shape, raw, place in self._shapes(written, at):
            rule = self._of_rows(shape, raw, place)
            if rule is not None:
                yield rule

    def note_id(self, name: str, at: Place) -> None:
        """Note where a rule is named; two of one name are a fault."""
        if name in self.seen:
            self.document.fault(f"two rules are called {name}", "give each its own id", *at)
        self.seen.setdefault(name, at)

    def check_pattern(self, pattern: str, at: Place) -> None:
        """Note a pattern that cannot be matched as it was meant."""
        try:
            re.compile(pattern)
        except re.error:
            self.document.fault("the pattern is no regular expression", "mend it", *at)
            return
        if _BEYOND_RE2.search(re.sub(r"\\\\|\[[^\]]*\]", "", pattern)):
            self.document.fault("the pattern looks around or back", "write it without (?=…), (?!…), \\1", *at)

    def _shapes(self, written: Sequence[object], at: Place) -> Iterator[tuple[RuleShape, Mapping[str, Any], Place]]:
        for index, each in enumerate(written):
            place = (*at, index)
            shape = self.document.shaped(RuleShape, each, place)
            if shape is not None and isinstance(each, Mapping):
                self.note_id(shape.id, place)
                yield shape, each, place

    def _of_property(self, shape: RuleShape, raw: Mapping[str, Any], at: Place, held: Property) -> Rule | None:
        told = shape.arguments
        types: Collection[PropertyType] = frozenset(PropertyType)
        base = self._checked(shape, raw, at)
        if shape.metric in {"nullValues", "missingValues"}:
            found = replace(
                base,
                # Only what is required is held back for being absent; what is optional may be, up to a point.
                check=Check.PRESENT if held.required else Check.COMPLETE,
                values=tuple(text for each in told.missing_values or () if (text := (each or "").strip())),
            )
        elif shape.metric == "duplicateValues":
            found = replace(base, check=Check.UNIQUE)
        elif shape.metric != "invalidValues":
            self._not_run(shape, at, "invalidValues, missingValues, nullValues or duplicateValues")
            return None
        elif told.valid_values is not None:
            types = _LISTED
            found = replace(base, check=Check.VALUES, values=tuple(str(each) for each in told.valid_values))
        elif told.pattern is not None:
            types = _TEXT
            self.check_pattern(told.pattern, (*at, "arguments", "pattern"))
            found = replace(base, check=Check.PATTERN, pattern=told.pattern)
        elif told.minimum is not None or told.maximum is not None:
            types = RANGED
            check_ends(self.document, (told.minimum, told.maximum), held, (*at, "arguments"))
            found = replace(base, check=Check.RANGE, minimum=end_text(told.minimum), maximum=end_text(told.maximum))
        else:
            self._not_run(shape, at, "validValues, pattern, minimum or maximum")
            return None
        if held.type not in types:
            self.document.fault(f"rule {shape.id} does not fit a {held.type}", "correct rule or type", *at)
            return None
        return found

    def _of_rows(self, shape: RuleShape, raw: Mapping[str, Any], at: Place) -> Rule | None:
        if shape.metric == "rowCount":
            return replace(self._checked(shape, raw, at), check=Check.ROW_COUNT)
        if shape.metric == "duplicateValues" and shape.arguments.properties:
            self.known(shape.arguments.properties, (*at, "arguments", "properties"))
            base = self._checked(shape, raw, at)
            return replace(base, check=Check.UNIQUE, properties=tuple(shape.arguments.properties))
        if shape.type == "custom" and shape.engine == ENGINE and shape.implementation is not None:
            place = (*at, "implementation", "rowHolds")
            try:
                condition = read_condition(shape.implementation.row_holds, self.properties)
            except Unreadable as why:
                self.document.fault(str(why), "use properties, constants, and, or, not, is null, in, =", *place)
                return None
            return replace(
                _base(shape, Allowed.share(shape.implementation.tolerated_percent / 100)),
                check=Check.HOLDS,
                properties=condition.properties,
                predicate=condition.sql,
            )
        self._not_run(shape, at, f"rowCount, duplicateValues, or engine {ENGINE} with rowHolds")
        return None

    def _not_run(self, shape: RuleShape, at: Place, wanted: str) -> None:
        self.document.fault(f"rule {shape.id} is none that the hub runs", f"use {wanted}", *at)

    def _checked(self, shape: RuleShape, raw: Mapping[str, Any], at: Place) -> Rule:
        """The rule named and bounded, its check still to be said; notes a severity that is none."""
        if shape.severity not in SEVERITIES:
            known = ", ".join(SEVERITIES)
            self.document.fault(f"{shape.severity} is no severity", f"say one of {known}", *at, "severity")
        return _base(shape, self._allowed(shape, raw, at))

    def _allowed(self, shape: RuleShape, raw: Mapping[str, Any], at: Place) -> Allowed:
        """What the rule's one operator allows; anything after noting that there is none that can be kept."""
        if shape.unit not in UNITS:
            self.document.fault(f"{shape.unit} is no unit that the hub counts in", "say rows or percent", *at, "unit")
        for name in operators():
            if name not in raw:
                continue
            try:
                return Allowed.operator(name, raw[name], percent=shape.unit == PERCENT)
            except ValueError as why:
                self.document.fault(
                    f"rule {shape.id} does not say how many rows are right: {why}",
                    "say for instance mustBeLessOrEqualTo: 5 and unit: percent",
                    *at,
                    name,
                )
                return Allowed()
        self.document.fault(
            f"rule {shape.id} does not say how many rows may fail", "say mustBeLessOrEqualTo and unit", *at
        )
        return Allowed()

    def known(self, names: Collection[str], at: Place) -> None:
        """Note every name that is no property's."""
        for name in names:
            if name not in self.properties:
                self.document.fault(f"{name} is no property of the dataset", "name a property", *at)


def unsaid(written: Sequence[Rule], derived: Iterable[Rule]) -> Iterator[Rule]:
    """The derived rules that no written rule says already; a written one says how much of it is allowed."""
    said = {_gist(rule) for rule in written}
    for rule in derived:
        if _gist(rule) not in said:
            said.add(_gist(rule))
            yield rule


def _gist(rule: Rule) -> tuple[object, ...]:
    """What a rule checks, whatever it is called and however much of it is allowed."""
    if rule.check in {Check.PRESENT, Check.COMPLETE}:
        return (rule.check, rule.properties)
    same = replace(rule, id="", description="", dimension="", allowed=Allowed())
    return (same,) if rule.check is not Check.UNIQUE else (rule.check, frozenset(rule.properties))


def _base(shape: RuleShape, allowed: Allowed) -> Rule:
    """A rule named and bounded, whose check is still to be said."""
    return Rule(
        id=shape.id,
        check=Check.ROW_COUNT,
        allowed=allowed,
        warns=SEVERITIES.get(shape.severity, False),
        dimension=shape.dimension,
        description=shape.description,
    )
