"""A contract's quality rules as plain check specifications: what fails, in SQL, and how much of it is allowed.

Row checks select rows to hold back; tallies count what is absent and may be; neighbours say of each row what only its
neighbours, or another dataset, can tell. All end as counts that are judged together (`judge`).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

from exchange.cleaning import delivered_bytes
from exchange.database import literal, quoted, raw_column
from exchange.settings import ExchangeSettings
from schemas.allowed import Allowed
from schemas.contract import Check, Contract, Property, PropertyType, Rule
from schemas.rule import TODAY, WHOLE

TOO_LONG = "too_long"
_DAYS = frozenset({PropertyType.DATE, PropertyType.TIMESTAMP})
_NEARLY = "1e-9"
"""How near a number must come to a multiple, in parts of it: decimals have no exact binary form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCheck:
    """A rule that rows must pass. `fails` is an SQL condition over a checked row, true where it does not; never null.

    `allowed` is how many rows may fail before the delivery is held, or, where the rule `warns`, before that is told.
    """

    id: str
    kind: str
    properties: tuple[str, ...]
    fails: str
    allowed: Allowed
    description: str
    warns: bool = False


def row_checks(
    contract: Contract, *, today: date, settings: ExchangeSettings, unjudged: Collection[str] = ()
) -> tuple[RowCheck, ...]:
    """Every row check of a contract but those that cannot be judged, as of a day, and the bound on a row's length."""
    written = [
        _row_check(contract, rule, place, today)
        for place, rule in enumerate(contract.rules)
        if rule.check not in WHOLE and rule.id not in unjudged
    ]
    lengths = " + ".join(delivered_bytes(each) for each in contract.properties)
    too_long = RowCheck(
        id=TOO_LONG,
        kind=TOO_LONG,
        properties=(),
        fails=f"({lengths}) > {settings.row_bytes_max}",
        allowed=Allowed.share(contract.tolerance),
        description=f"一条记录不超过{settings.row_bytes_max}字节。 At most {settings.row_bytes_max} bytes a record.",
    )
    return (*written, too_long)


def tallies(contract: Contract) -> tuple[RowCheck, ...]:
    """The rules whose failures are only counted: optional values that are absent in too many rows."""
    return tuple(
        RowCheck(
            id=rule.id,
            kind=str(rule.check),
            properties=rule.properties,
            fails=_absent(contract.by_name[rule.properties[0]], rule.values),
            allowed=rule.allowed,
            description=rule.description,
            warns=rule.warns,
        )
        for rule in contract.rules
        if rule.check is Check.COMPLETE
    )


def neighbour_columns(contract: Contract, tables: Mapping[str, str], unjudged: Collection[str] = ()) -> str:
    """Columns of a checked row that its neighbours, or the rows of another dataset, decide.

    Those of uniqueness rules beyond the primary key's, whether another row has the same values; those of references,
    whether no row has them.
    """
    columns = []
    for place, rule in enumerate(contract.rules):
        names = [quoted(name) for name in rule.properties]
        present = " and ".join(f"known.{name} is not null" for name in names)
        if rule.check is Check.UNIQUE and not _is_primary(contract, rule):
            over = f"count(*) filter (where not _identical) over (partition by {', '.join(names)})"
            columns.append(f", ({present}) and {over} > 1 as {_neighbour(place)}")
        elif rule.check is Check.REFERS and rule.reference is not None and rule.id not in unjudged:
            same = " and ".join(
                f"other.{quoted(theirs)} = known.{name}"
                for name, theirs in zip(names, rule.reference.properties, strict=True)
            )
            there = f"select 1 from {tables[rule.reference.dataset]} as other where {same}"  # noqa: S608 (quoted)
            columns.append(f", ({present}) and not exists ({there}) as {_neighbour(place)}")
    return "".join(columns)


def column_types(contract: Contract) -> dict[str, str]:
    """The columns that a staged delivery must have, each with its type in DuckDB."""
    return {each.name: _COLUMN_TYPES.get(each.type, "VARCHAR") for each in contract.properties}


_COLUMN_TYPES = {
    PropertyType.INTEGER: "BIGINT",
    PropertyType.NUMBER: "DOUBLE",
    PropertyType.DATE: "DATE",
    PropertyType.TIMESTAMP: "TIMESTAMP",
}


def _neighbour(place: int) -> str:
    return f"_neighbour_{place}"


def key_rule(contract: Contract) -> str:
    """The rule that holds back rows of one primary key which say different things."""
    return next(
        (rule.id for rule in contract.rules if rule.check is Check.UNIQUE and _is_primary(contract, rule)), "key"
    )


def _is_primary(contract: Contract, rule: Rule) -> bool:
    return set(rule.properties) == set(contract.primary_key)


def _row_check(contract: Contract, rule: Rule, place: int, today: date) -> RowCheck:
    return RowCheck(
        id=rule.id,
        kind=str(rule.check),
        properties=rule.properties,
        fails=f"coalesce({_fails(contract, rule, place, today)}, false)",
        allowed=rule.allowed,
        description=rule.description,
        warns=rule.warns,
    )


def _fails(contract: Contract, rule: Rule, place: int, today: date) -> str:
    """Where a row fails a rule; null counts as passed, since only PRESENT asks for a value."""
    match rule.check:
        case Check.UNIQUE:
            return "_conflicting" if _is_primary(contract, rule) else _neighbour(place)
        case Check.REFERS:
            return _neighbour(place)
        case Check.HOLDS:
            return f"not ({rule.predicate})"
        case Check.PRESENT:
            return _absent(contract.by_name[rule.properties[0]], rule.values)
        case Check.TYPED:
            (name,) = rule.properties
            return f"case when {quoted(name)} is null then {_said(name, _missing(contract, name))} else false end"
        case _:
            return _value_fails(contract.by_name[rule.properties[0]], rule, today)


def _value_fails(each: Property, rule: Rule, today: date) -> str:
    """Where a property's value fails a rule of its own."""
    value = quoted(each.name)
    match rule.check:
        case Check.VALUES:
            return f"{value}::varchar not in ({_listed(rule.values)})"
        case Check.PATTERN:
            return f"not regexp_full_match({value}::varchar, {literal(rule.pattern)})"
        case Check.LENGTH:
            return _beyond(f"length({value}::varchar)", rule.length_min, rule.length_max)
        case Check.RANGE:
            return _outside(each, rule, today)
        case Check.MULTIPLE:
            parts = f"({value} / {literal(rule.multiple_of)}::double)"
            return f"abs({parts} - round({parts})) > {_NEARLY}"
        case _:
            raise ValueError(rule.id)


def _missing(contract: Contract, name: str) -> tuple[str, ...]:
    """The texts that count as no value of a property."""
    return tuple(
        text
        for rule in contract.rules
        if rule.check in {Check.PRESENT, Check.COMPLETE} and rule.properties == (name,)
        for text in rule.values
    )


def _said(name: str, missing: tuple[str, ...]) -> str:
    """Whether something was delivered where no value came of it, other than a text that counts as none."""
    # A case is only worked out for the rows that come to it: hardly any text need be trimmed again.
    text = f"trimmed({raw_column(name)})"
    return f"coalesce({text} not in ({_listed(missing)}), false)" if missing else f"{text} is not null"


def _absent(each: Property, missing: tuple[str, ...]) -> str:
    """Whether a property has no value: nothing was delivered, or a text that counts as nothing."""
    value = quoted(each.name)
    listed = f"{value}::varchar in ({_listed(missing)})" if missing else "false"
    return f"case when {value} is null then not ({_said(each.name, missing)}) else {listed} end"


def _listed(texts: tuple[str, ...]) -> str:
    return ", ".join(literal(each) for each in texts)


def _beyond(value: str, least: int | None, most: int | None) -> str:
    parts = [f"{value} < {least}"] if least is not None else []
    parts += [f"{value} > {most}"] if most is not None else []
    return f"({' or '.join(parts)})"


def _outside(each: Property, rule: Rule, today: date) -> str:
    days = each.type in _DAYS
    value = f"{quoted(each.name)}::date" if days else quoted(each.name)

    def end(text: str) -> str:
        text = today.isoformat() if text == TODAY else text
        return f"date {literal(text)}" if days else f"{literal(text)}::double"

    signs = (("<", rule.minimum), (">", rule.maximum), ("<=", rule.above), (">=", rule.below))
    return f"({' or '.join(f'{value} {sign} {end(text)}' for sign, text in signs if text)})"
