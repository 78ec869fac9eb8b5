"""A contract's quality rules as plain check specifications: what fails, in SQL, and how much of it is allowed.

Row checks select rows to hold back; delivery checks judge the delivery as a whole. Both end as counts that are judged
together (`judge`).
"""

from dataclasses import dataclass
from datetime import date

from exchange.database import literal, quoted, raw_column
from exchange.settings import ExchangeSettings
from schemas.contract import Check, Contract, Property, PropertyType, Rule

TODAY = "today"
TOO_LONG = "too_long"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCheck:
    """A rule that rows must pass. `fails` is an SQL condition over a checked row, true where it does not; never null.

    `tolerance` is the share of rows that may fail before the delivery is held.
    """

    id: str
    kind: str
    properties: tuple[str, ...]
    fails: str
    tolerance: float
    description: str


def row_checks(contract: Contract, *, today: date, settings: ExchangeSettings) -> tuple[RowCheck, ...]:
    """Every row check of a contract, as of a day, and the bound on a row's length."""
    written = [
        _row_check(contract, rule, place, today)
        for place, rule in enumerate(contract.rules)
        if rule.check is not Check.ROW_COUNT
    ]
    lengths = " + ".join(f"coalesce(strlen({raw_column(name)}), 0)" for name in contract.by_name)
    too_long = RowCheck(
        id=TOO_LONG,
        kind=TOO_LONG,
        properties=(),
        fails=f"({lengths}) > {settings.row_bytes_max}",
        tolerance=contract.tolerance,
        description=f"一条记录不超过{settings.row_bytes_max}字节。 At most {settings.row_bytes_max} bytes a record.",
    )
    return (*written, too_long)


def rows_min(contract: Contract) -> int:
    """The fewest rows that a delivery may have; an empty one is never published."""
    counted = [int(float(rule.minimum or 0)) + 1 for rule in contract.rules if rule.check is Check.ROW_COUNT]
    return max(counted, default=1)


def other_unique_rules(contract: Contract) -> tuple[tuple[int, Rule], ...]:
    """The uniqueness rules beyond the primary key's, by their place among the rules."""
    return tuple(
        (place, rule)
        for place, rule in enumerate(contract.rules)
        if rule.check is Check.UNIQUE and not _is_primary(contract, rule)
    )


def repeated_column(place: int) -> str:
    """The column of a checked row that says whether it repeats another under a uniqueness rule."""
    return f"_repeated_{place}"


def _is_primary(contract: Contract, rule: Rule) -> bool:
    return set(rule.properties) == set(contract.primary_key)


def _row_check(contract: Contract, rule: Rule, place: int, today: date) -> RowCheck:
    return RowCheck(
        id=rule.id,
        kind=str(rule.check),
        properties=rule.properties,
        fails=f"coalesce({_fails(contract, rule, place, today)}, false)",
        tolerance=rule.tolerance,
        description=rule.description,
    )


def _fails(contract: Contract, rule: Rule, place: int, today: date) -> str:
    """Where a row fails a rule; null counts as passed, since only PRESENT asks for a value."""
    first = rule.properties[0] if rule.properties else ""
    value = quoted(first)
    # A case is only worked out for the rows that come to it: hardly any text need be trimmed again.
    written = f"case when {value} is null then trimmed({raw_column(first)}) is not null"
    match rule.check:
        case Check.PRESENT:
            fails = f"not ({written} else true end)"
        case Check.TYPED:
            fails = f"{written} else false end"
        case Check.VALUES:
            fails = f"{value}::varchar not in ({', '.join(literal(each) for each in rule.values)})"
        case Check.PATTERN:
            fails = f"not regexp_full_match({value}::varchar, {literal(rule.pattern)})"
        case Check.RANGE:
            fails = _outside(contract.by_name[first], rule, today)
        case Check.UNIQUE:
            fails = "_conflicting" if _is_primary(contract, rule) else repeated_column(place)
        case Check.HOLDS:
            fails = f"not ({rule.predicate})"
        case Check.ROW_COUNT:
            raise ValueError(rule.id)
    return fails


def _outside(each: Property, rule: Rule, today: date) -> str:
    days = each.type in {PropertyType.DATE, PropertyType.TIMESTAMP}
    value = f"{quoted(each.name)}::date" if days else quoted(each.name)

    def end(text: str) -> str:
        text = today.isoformat() if text == TODAY else text
        return f"date {literal(text)}" if days else f"{literal(text)}::double"

    parts = []
    if rule.minimum:
        parts.append(f"{value} < {end(rule.minimum)}")
    if rule.maximum:
        parts.append(f"{value} > {end(rule.maximum)}")
    return f"({' or '.join(parts)})"
