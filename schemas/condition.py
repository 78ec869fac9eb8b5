"""The conditions that a contract may set for its rows: a small language, read as a whole before a word of it is run.

    condition  = either {"or" either}            either = denied {"and" denied}     denied = ["not"] denied | compared
    compared   = sum [("=" | "<>" | "<" | "<=" | ">" | ">=") sum | "is" ["not"] "null"
                 | ["not"] "in" "(" constant {"," constant} ")" | ["not"] "between" sum "and" sum | ["not"] "like" text]
    sum        = product {("+" | "-") product}   product = value {"*" value}
    value      = ["-"] number | text | "date" text | property | "length" "(" sum ")" | "(" condition ")"

What comes out is SQL in which every property is a quoted name, so that nothing that a contract names (a property called
`select`, or `read_text`) can be anything but a column: no function but `length`, no sub-query, no statement.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

from schemas.property import Property, PropertyType

LENGTH_MAX = 2000
DEPTH_MAX = 32

TEXT, NUMBER, DAY, TRUTH = "text", "number", "day", "truth"
_KINDS = {
    PropertyType.INTEGER: NUMBER,
    PropertyType.NUMBER: NUMBER,
    PropertyType.DATE: DAY,
    PropertyType.TIMESTAMP: DAY,
}
_TOKEN = re.compile(r"\s*(?:'(?:[^']|'')*'|[0-9]{1,18}(?:\.[0-9]{1,18})?|[A-Za-z_][A-Za-z0-9_]*|<>|<=|>=|[=<>(),+*-])")
_COMPARE = frozenset({"=", "<>", "<", "<=", ">", ">="})


class Unreadable(ValueError):
    """A condition that is none; its text says why."""


class UnknownProperty(Unreadable):
    """A condition over something that is no property."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A condition as SQL, and the properties that it names, in the order of their first mention."""

    sql: str
    properties: tuple[str, ...]


def read_condition(text: str, properties: Mapping[str, Property]) -> Condition:
    """Read a condition over properties; raises Unreadable."""
    if len(text) > LENGTH_MAX:
        raise Unreadable(f"the condition is longer than {LENGTH_MAX} characters")
    reading = _Reading(tokens=_tokens(text), properties=properties)
    sql, kind = reading.condition()
    if reading.next or kind != TRUTH:
        raise Unreadable("the condition is no plain SQL condition")
    return Condition(sql=sql, properties=tuple(reading.used))


_Part = tuple[str, str]
"""SQL and the kind of its value."""


def _tokens(text: str) -> list[str]:
    found, place, end = [], 0, len(text.rstrip())
    while place < end:
        token = _TOKEN.match(text, place)
        if token is None or text.startswith("--", token.end() - 1):
            raise Unreadable("the condition is no plain SQL condition")
        found.append(token[0].strip())
        place = token.end()
    return found


@dataclass(slots=True, kw_only=True)
class _Reading:
    tokens: list[str]
    properties: Mapping[str, Property]
    at: int = 0
    depth: int = 0
    used: dict[str, None] = field(default_factory=dict)

    @property
    def next(self) -> str:
        """The next token; empty at the end."""
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    @property
    def _following(self) -> str:
        return self.tokens[self.at + 1] if self.at + 1 < len(self.tokens) else ""

    def take(self, *words: str) -> str:
        """Pass over the next token if it is one of these words or signs; empty if not."""
        word = self.next.lower()
        if word not in words:
            return ""
        self.at += 1
        return word

    def need(self, word: str) -> None:
        """Pass over a token that must follow."""
        if not self.take(word):
            raise Unreadable(f"{word} is missing in the condition")

    def condition(self) -> _Part:
        """Conditions of which one holds."""
        return self._joined("or", lambda: self._joined("and", self._denied))

    def _joined(self, word: str, part: Callable[[], _Part]) -> _Part:
        sql, kind = part()
        while self.take(word):
            _same(kind, TRUTH)
            other, second = part()
            _same(second, TRUTH)
            sql = f"({sql} {word} {other})"
        return sql, kind

    def _denied(self) -> _Part:
        self._deeper()
        if self.take("not"):
            sql, kind = self._denied()
            _same(kind, TRUTH)
            sql = f"(not {sql})"
        else:
            sql, kind = self._compared()
        self.depth -= 1
        return sql, kind

    def _compared(self) -> _Part:
        left, kind = self._sum()
        sign = self.take(*_COMPARE)
        if sign:
            right, other = self._sum()
            _same(kind, other)
            return f"({left} {sign} {right})", TRUTH
        if self.take("is"):
            word = "is not null" if self.take("not") else "is null"
            self.need("null")
            return f"({left} {word})", TRUTH
        denied = "not " if self.take("not") else ""
        if self.take("in"):
            return f"({left} {denied}in ({self._list(kind)}))", TRUTH
        if self.take("between"):
            low, low_kind = self._sum()
            self.need("and")
            high, high_kind = self._sum()
            _same(kind, low_kind)
            _same(kind, high_kind)
            return f"({left} {denied}between {low} and {high})", TRUTH
        if self.take("like"):
            _same(kind, TEXT)
            return f"({left} {denied}like {self._text()})", TRUTH
        if denied:
            raise Unreadable("the condition is no plain SQL condition")
        return left, kind

    def _list(self, kind: str) -> str:
        self.need("(")
        found = []
        while True:
            part = self._constant()
            if part is None:
                raise Unreadable("a list in the condition holds something that is no constant")
            _same(kind, part[1])
            found.append(part[0])
            if not self.take(","):
                break
        self.need(")")
        return ", ".join(found)

    def _sum(self) -> _Part:
        return self._computed(("+", "-"), lambda: self._computed(("*",), self._value))

    def _computed(self, signs: tuple[str, ...], part: Callable[[], _Part]) -> _Part:
        sql, kind = part()
        while sign := self.take(*signs):
            other, second = part()
            _same(kind, NUMBER)
            _same(second, NUMBER)
            sql = f"({sql} {sign} {other})"
        return sql, kind

    def _value(self) -> _Part:
        constant = self._constant()
        if constant is not None:
            return constant
        if self.next.lower() == "length" and self._following == "(":
            self.at += 2
            sql, kind = self._sum()
            _same(kind, TEXT)
            self.need(")")
            return f"length({sql})", NUMBER
        if self.take("("):
            self._deeper()
            sql, kind = self.condition()
            self.depth -= 1
            self.need(")")
            return sql, kind
        return self._property()

    def _constant(self) -> _Part | None:
        """A number, a text or a day; None where something else stands."""
        if self.take("-"):
            return f"-{self._digits()}", NUMBER
        if self.next[:1].isdigit():
            return self._digits(), NUMBER
        if self.next.startswith("'"):
            return self._text(), TEXT
        if self.next.lower() == "date" and self._following.startswith("'"):
            self.at += 1
            return f"date {self._day()}", DAY
        return None

    def _property(self) -> _Part:
        name = self.next
        if not name[:1].isalpha() and name[:1] != "_":
            raise Unreadable("the condition is no plain SQL condition")
        if name not in self.properties:
            raise UnknownProperty(f"{name} in the condition is no property")
        self.at += 1
        self.used[name] = None
        return f'"{name}"', _KINDS.get(self.properties[name].type, TEXT)

    def _digits(self) -> str:
        token = self.next
        if not token[:1].isdigit():
            raise Unreadable("a sign in the condition stands before something that is no number")
        self.at += 1
        return token

    def _text(self) -> str:
        token = self.next
        if not token.startswith("'"):
            raise Unreadable("a text is missing in the condition")
        self.at += 1
        return token

    def _day(self) -> str:
        token = self._text()
        try:
            date.fromisoformat(token[1:-1])
        except ValueError:
            raise Unreadable(f"{token} in the condition is no day") from None
        return token

    def _deeper(self) -> None:
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise Unreadable("the condition is nested too deeply")


def _same(kind: str, other: str) -> None:
    if kind != other:
        raise Unreadable(f"the condition puts a {other} beside a {kind}")
