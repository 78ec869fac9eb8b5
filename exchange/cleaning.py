"""From delivered text to typed values, in SQL, and back to the text that a typed value writes.

Cleaning folds how a value is written (spaces, full-width digits, forms of identity numbers) and never what it says: a
text that is no value of its type becomes absent beside its raw text, and a rule holds the row back. Most values are
written as they should be, so each type looks for that first and folds only the rest.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from exchange.database import literal, quoted, raw_column, script
from kernel.errors import MalformedIdentity
from kernel.identity import Identity, parse_organisation, parse_person
from schemas.contract import Contract, Property, PropertyType

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_PLAIN_INTEGER = "[0-9]{1,18}"
_PLAIN_NUMBER = r"[0-9]{1,15}(\.[0-9]{1,15})?"
_INTEGER = r"[+-]?[0-9]{1,18}(\.0+)?"
_NUMBER = r"[+-]?[0-9]{1,300}(\.[0-9]{1,300})?([eE][+-]?[0-9]{1,2})?"
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_ISO_DATE = rf"{_DAY}([ T]00:00(:00(\.0+)?)?)?"
_PLAIN_TIME = rf"{_DAY} [0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}"
_LOCAL_TIME = rf"{_DAY}([ T][0-9]{{2}}:[0-9]{{2}}(:[0-9]{{2}}(\.[0-9]+)?)?)?"
_ZONED_TIME = rf"{_DAY}[ T][0-9]{{2}}:[0-9]{{2}}(:[0-9]{{2}}(\.[0-9]+)?)?(Z|[+-][0-9]{{2}}(:?[0-9]{{2}})?)"


def cleaned(each: Property) -> str:
    """The SQL expression of a property's typed value, over its raw column. Numbers that SQL cannot fold are absent."""
    raw = raw_column(each.name)
    match each.type:
        case PropertyType.STRING:
            value = f"trimmed({raw})"
        case PropertyType.INTEGER:
            plain = f"when regexp_full_match({raw}, {literal(_PLAIN_INTEGER)}) then {raw}::bigint"
            value = (
                f"case when {raw} is null then null {plain} "
                f"when {_matches(raw, _INTEGER)} then try_cast(split_part(narrow({raw}), '.', 1) as bigint) end"
            )
        case PropertyType.NUMBER:
            plain = f"when regexp_full_match({raw}, {literal(_PLAIN_NUMBER)}) then {raw}::double"
            value = (
                f"finite(case when {raw} is null then null {plain} "
                f"when {_matches(raw, _NUMBER)} then try_cast(narrow({raw}) as double) end)"
            )
        case PropertyType.DATE:
            value = f"known_day({_date(each, raw)})"
        case PropertyType.TIMESTAMP:
            value = f"known_instant({_timestamp(each, raw)})"
        case PropertyType.IDENTITY:
            value = f"case when is_plain_number({raw}) then plain_person({raw}) end"
        case PropertyType.ORGANISATION:
            value = "null::varchar"
    return value


def written(each: Property) -> str:
    """The SQL expression of the text that a property's typed value writes."""
    column = quoted(each.name)
    if each.type in {PropertyType.DATE, PropertyType.TIMESTAMP} and each.format:
        return f"strftime({column}, {literal(each.strptime)})"
    return column if each.type in _TEXTS else f"{column}::varchar"


_TEXTS = frozenset({PropertyType.STRING, PropertyType.IDENTITY, PropertyType.ORGANISATION})


def delivered(each: Property) -> str:
    """The SQL expression of a property's text as it was delivered, over a staged row.

    A staged row keeps that text only where the typed value would write another, or there is none.
    """
    return f"coalesce({raw_column(each.name)}, {written(each)})"


def delivered_bytes(each: Property) -> str:
    """The SQL expression of the length of a property's text, in bytes; a typed value that writes it is short."""
    shown = f"strlen({quoted(each.name)}), 0" if each.type in _TEXTS else "0"
    return f"coalesce(strlen({raw_column(each.name)}), {shown})"


def fold_numbers(connection: "DuckDBPyConnection", contract: Contract, batch: int) -> None:
    """Fold the staged numbers that SQL left absent, each distinct one once, through kernel.identity."""
    for kind, parse in _PARSERS.items():
        columns = [each.name for each in contract.properties if each.type is kind]
        if not columns:
            continue
        every = " union all ".join(
            f"select {raw_column(name)} as raw from staged where {quoted(name)} is null"  # noqa: S608 (quoted)
            for name in columns
        )
        connection.execute(script("fold", every=every))
        folded, last = 0, 0
        page = "select raw from waiting where place > $1 and place <= $2"
        while rows := connection.execute(page, [last, last + batch]).fetchall():
            last += batch
            folded += _keep_folded(connection, parse, [raw for (raw,) in rows])
        for name in columns if folded else ():
            connection.execute(script("take_folded", column=quoted(name), raw=raw_column(name)))


def _keep_folded(connection: "DuckDBPyConnection", parse: Callable[[str], Identity], raws: list[str]) -> int:
    numbers: dict[str, str] = {}
    for raw in raws:
        with suppress(MalformedIdentity):
            numbers[raw] = parse(raw).number
    connection.execute(
        "insert into folded select unnest($1::varchar[]), unnest($2::varchar[])",
        [list(numbers), list(numbers.values())],
    )
    return len(numbers)


_PARSERS: Mapping[PropertyType, Callable[[str], Identity]] = {
    PropertyType.IDENTITY: parse_person,
    PropertyType.ORGANISATION: parse_organisation,
}


def _matches(raw: str, pattern: str) -> str:
    return f"regexp_full_match(narrow({raw}), {literal(pattern)})"


def _date(each: Property, raw: str) -> str:
    if not each.format:
        parsed = f"try_strptime(substr(narrow({raw}), 1, 10), '%Y-%m-%d')"
        plain = f"when regexp_full_match({raw}, {literal(_DAY)}) then try_cast({raw} as date)"
        return f"case when {raw} is null then null {plain} when {_matches(raw, _ISO_DATE)} then {parsed}::date end"
    return _by_format(each, raw, "::date")


def _timestamp(each: Property, raw: str) -> str:
    if each.format:
        return _by_format(each, raw, "")
    local = f"try_cast(narrow({raw}) as timestamp)"
    zoned = f"try_cast(narrow({raw}) as timestamptz) at time zone 'Asia/Shanghai'"
    plain = f"when regexp_full_match({raw}, {literal(_PLAIN_TIME)}) then try_cast({raw} as timestamp)"
    return (
        f"case when {raw} is null then null {plain} when {_matches(raw, _LOCAL_TIME)} then {local} "
        f"when {_matches(raw, _ZONED_TIME)} then {zoned} end"
    )


def _by_format(each: Property, raw: str, cast: str) -> str:
    """A format is kept to the letter: what is parsed must be written back the same, or 2023115 would be a day."""
    form = literal(each.strptime)

    def when(text: str) -> str:
        parsed = f"try_strptime({text}, {form})"
        return f"when strftime({parsed}, {form}) = {text} then {parsed}{cast}"

    return f"case when {raw} is null then null {when(raw)} {when(f'narrow({raw})')} end"
