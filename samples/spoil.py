"""How one record is spoilt in one way."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from kernel.identity import check_character
from samples.manifest import Kind
from samples.tables import POPULATION, Table
from samples.writer import Value, Values

GARBAGE = ("无", "待补录", "不详")
EIGHTEEN = 18
_CHECKS = "0123456789X"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoilt:
    """What is delivered instead of a record.

    `columns` are those spoilt; `bad_number` the number that is misspelt; `lost_names` the names beside numbers that
    cannot be read; `extra`: the proper record is among `rows`.
    """

    rows: tuple[Values, ...]
    columns: tuple[str, ...]
    bad_rows: int = 1
    bad_number: str = ""
    lost_names: tuple[str, ...] = ()
    extra: bool = False


def spoil(kind: Kind, table: Table, values: Values, rng: Random) -> Spoilt | None:
    """Spoil a record's values; None where this kind of dirt cannot befall it."""
    return _WAYS[kind](table, values, rng)


def _identical(table: Table, values: Values, rng: Random) -> Spoilt:
    del rng
    return Spoilt(rows=(values, values), columns=table.key, bad_rows=2, extra=True)


def _conflicting(table: Table, values: Values, rng: Random) -> Spoilt | None:
    if not table.codes:
        return None
    column, (one, other) = next(iter(table.codes.items()))
    changed = {**values, column: other if values[column] == one else one}
    rows = (values, changed) if rng.random() < 1 / 2 else (changed, values)
    return Spoilt(rows=rows, columns=(*table.key, column), bad_rows=2, extra=True)


def _number_column(table: Table, values: Values, rng: Random) -> str | None:
    """A subject's column whose number has a check character, so that a change shows."""
    found = [number for number, _ in table.subjects if len(str(values[number])) == EIGHTEEN]
    return rng.choice(found) if found else None


def _bad_number(change: Callable[[str, Random], str]) -> Callable[[Table, Values, Random], Spoilt | None]:
    def way(table: Table, values: Values, rng: Random) -> Spoilt | None:
        column = _number_column(table, values, rng)
        if column is None:
            return None
        number = change(str(values[column]), rng)
        names = tuple(str(values[name]) for each, name in table.subjects if each == column and name)
        return Spoilt(rows=({**values, column: number},), columns=(column,), bad_number=number, lost_names=names)

    return way


def _other_check(number: str, rng: Random) -> str:
    return number[:-1] + rng.choice(_CHECKS.replace(check_character(number[:-1]), ""))


def _other_digit(number: str, rng: Random) -> str:
    at = rng.randrange(6, len(number) - 1)
    return number[:at] + rng.choice("0123456789".replace(number[at], "")) + number[at + 1 :]


def _one_less(number: str, rng: Random) -> str:
    at = rng.randrange(6, len(number))
    return number[:at] + number[at + 1 :]


def _lost(number: str | None) -> Callable[[Table, Values, Random], Spoilt | None]:
    """The number is gone, or in its place stands what a clerk typed; the name stands beside it."""

    def way(table: Table, values: Values, rng: Random) -> Spoilt | None:
        column, name = rng.choice(table.subjects)
        if not name or not values[name]:
            return None
        row = {**values, column: rng.choice(GARBAGE) if number is not None else None}
        names = (str(values[name]),)
        # A person whose only record in the register of names is lost cannot be found by name.
        if table is POPULATION:
            return Spoilt(rows=(values, row), columns=(column,), lost_names=names, extra=True)
        return Spoilt(rows=(row,), columns=(column,), lost_names=names)

    return way


def _no_key(table: Table, values: Values, rng: Random) -> Spoilt | None:
    del rng
    numbers = {number for number, _ in table.subjects}
    column = next((each for each in table.key if each not in numbers), None)
    return None if column is None else Spoilt(rows=({**values, column: None},), columns=(column,))


def _no_value(table: Table, values: Values, rng: Random) -> Spoilt:
    columns = [*table.required, *(f"{p}_id" for p in ("father", "mother") if values.get(f"{p}_status") == "已登记")]
    column = rng.choice(columns)
    return Spoilt(rows=({**values, column: None},), columns=(column,))


def _no_date(table: Table, values: Values, rng: Random) -> Spoilt:
    column = rng.choice(table.dates)
    return Spoilt(rows=({**values, column: _impossible(str(values[column]), rng)},), columns=(column,))


def _impossible(text: str, rng: Random) -> str:
    """A day or month that no calendar has, in the form of the given one."""
    year = text[:4]
    if "-" not in text:
        return year + rng.choice(("0230", "1332", "0000"))
    if text.count("-") == 1:
        return f"{year}-{rng.choice(('13', '00'))}"
    return f"{year}-{rng.choice(('02-30', '13-01', '00-00'))}"


def _no_amount(table: Table, values: Values, rng: Random) -> Spoilt | None:
    if not table.integers:
        return None
    column = rng.choice(table.integers)
    amount: Value = -1 - rng.randrange(9)
    return Spoilt(rows=({**values, column: amount},), columns=(column,))


def _no_code(table: Table, values: Values, rng: Random) -> Spoilt | None:
    if not table.codes:
        return None
    column = rng.choice(tuple(table.codes))
    return Spoilt(rows=({**values, column: "其它"},), columns=(column,))


_WAYS: dict[Kind, Callable[[Table, Values, Random], Spoilt | None]] = {
    Kind.IDENTICAL_DUPLICATE: _identical,
    Kind.CONFLICTING_DUPLICATE: _conflicting,
    Kind.BAD_CHECK_CHARACTER: _bad_number(_other_check),
    Kind.WRONG_DIGIT: _bad_number(_other_digit),
    Kind.TRUNCATED_NUMBER: _bad_number(_one_less),
    Kind.GARBAGE_NUMBER: _lost(GARBAGE[0]),
    Kind.MISSING_NUMBER: _lost(None),
    Kind.MISSING_KEY: _no_key,
    Kind.MISSING_VALUE: _no_value,
    Kind.IMPOSSIBLE_DATE: _no_date,
    Kind.IMPOSSIBLE_AMOUNT: _no_amount,
    Kind.UNKNOWN_CODE: _no_code,
}
