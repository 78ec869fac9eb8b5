"""How large a count may be: the comparison operators of the standard, in rows or in percent.

Shares are exact fractions: 29 % of 100 rows are 29 rows, whatever binary floating point makes of 0.29.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, isfinite
from typing import Self

HUNDRED = 100
ROWS = "rows"
PERCENT = "percent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """The counts that are allowed, from `low` to `high`; None is open. Anything, where both are.

    `above` and `below` exclude the end itself. `percent`: the ends are percent of a whole, which the rule names.
    """

    low: Fraction | None = None
    high: Fraction | None = None
    above: bool = False
    below: bool = False
    percent: bool = False

    @classmethod
    def share(cls, share: float) -> Self:
        """At most this share (0 to 1) of the whole."""
        return cls(high=Fraction(str(share)) * HUNDRED, percent=True)

    @classmethod
    def operator(cls, name: str, value: object, *, percent: bool) -> Self:
        """What one operator of the standard allows; raises ValueError where no count fits it, or two ranges of them."""
        numbers = [_number(each) for each in value] if isinstance(value, list) else [_number(value)]
        first, last = numbers[0], numbers[-1]
        if first > last:
            raise ValueError("the smaller number comes first")
        made = _OPERATORS[name](first, last)
        allowed = cls(percent=percent, **made)
        if allowed.empty:
            raise ValueError("no count can be so")
        return allowed

    @property
    def empty(self) -> bool:
        """Whether no count, which is never negative, can be allowed."""
        if self.high is None:
            return False
        return self.high < 0 or (self.high == 0 and self.below)

    def counts(self, whole: int) -> tuple[int | None, int | None]:
        """The fewest and the most that are allowed of so many, -1 where nothing is. Nothing of nothing is 0 %."""
        if self.percent and whole == 0:
            low_fits = self.low is None or self.low < 0 or (self.low == 0 and not self.above)
            return (None if low_fits else 1), (-1 if self.empty else None if self.high is None else 0)
        scale = Fraction(whole, HUNDRED) if self.percent else Fraction(1)
        fewest = most = None
        if self.low is not None:
            low = self.low * scale
            fewest = max(0, floor(low) + 1 if self.above else ceil(low))
        if self.high is not None:
            high = self.high * scale
            most = max(-1, ceil(high) - 1 if self.below else floor(high))
        return fewest, most

    def __str__(self) -> str:
        """As people write it: `≤ 5%`, `80%–120%`, `> 0`."""
        unit = "%" if self.percent else ""
        low, high = (_decimal(each) + unit if each is not None else "" for each in (self.low, self.high))
        if low and low == high:
            return f"= {low}"
        if low and high and not self.above and not self.below:
            return f"{low}–{high}"
        ends = [f"{'>' if self.above else '≥'} {low}"] if low else []
        ends += [f"{'<' if self.below else '≤'} {high}"] if high else []
        return "，".join(ends)


def operators() -> tuple[str, ...]:
    """The names of the standard's operators."""
    return tuple(_OPERATORS)


def _between(low: Fraction, high: Fraction) -> Mapping[str, Fraction]:
    return {"low": low, "high": high}


def _beyond(low: Fraction, high: Fraction) -> Mapping[str, Fraction | bool]:
    # Counts are never negative, so beyond a range that begins at nothing there is one range only.
    if low > 0:
        raise ValueError("it leaves two ranges; say which one is meant")
    return {"low": high, "above": True}


_OPERATORS = {
    "mustBe": _between,
    "mustNotBe": _beyond,
    "mustBeGreaterThan": lambda low, _: {"low": low, "above": True},
    "mustBeGreaterOrEqualTo": lambda low, _: {"low": low},
    "mustBeLessThan": lambda _, high: {"high": high, "below": True},
    "mustBeLessOrEqualTo": lambda _, high: {"high": high},
    "mustBeBetween": _between,
    "mustNotBeBetween": _beyond,
}


def _number(value: object) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ValueError("it is no number")
    return Fraction(str(value))


def _decimal(value: Fraction) -> str:
    return f"{value.numerator:,}" if value.denominator == 1 else f"{float(value):,g}"
