"""The quality gate: set the failing rows aside, count every rule's failures in one query, judge the counts."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil, floor
from pathlib import Path
from typing import TYPE_CHECKING

from exchange.database import database, literal, one_row, quoted, script
from exchange.manifest import Counts, Manifest
from exchange.rules import RowCheck, other_unique_rules, repeated_column, row_checks, rows_min
from exchange.settings import ExchangeSettings
from exchange.taint import write_taints
from exchange.verdict import DELIVERY, Result, Verdict
from kernel.clock import Clock
from kernel.errors import Malformed
from schemas.contract import Contract

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What a delivery is judged against: its contract, the day, and the snapshot in force, if there is one.

    `lenient` drops the comparisons with the snapshot in force, for a person who knows why they fail.
    """

    contract: Contract
    data_as_of: datetime
    in_force: Manifest | None
    clock: Clock
    settings: ExchangeSettings
    lenient: bool = False


def validate_delivery(gate: Gate, staged: Path) -> Verdict:
    """Judge a staged delivery, and keep its failing rows and its taints in the staging file; raises Malformed."""
    checks = row_checks(gate.contract, today=gate.clock.today(), settings=gate.settings)
    with database(staged, gate.settings) as connection:
        connection.execute(script("checked", repeated=_repeated(gate.contract)))
        _set_aside(connection, checks)
        total, duplicates, bad, failures = _count(connection, checks)
        taints = write_taints(connection, gate.contract, gate.settings.batch_rows)
    counts = Counts(
        delivered=total,
        published=total - duplicates - bad,
        duplicates=duplicates,
        quarantined=bad,
        unattributable=len(taints.unattributable),
    )
    return Verdict(
        results=_judged([*_row_results(checks, failures, total), *_delivery_results(gate, counts)]),
        counts=counts,
        absence_allowed=len(taints.unattributable) <= gate.contract.unattributable_bound * total,
        name_tainted=bool(taints.names),
    )


def _set_aside(connection: "DuckDBPyConnection", checks: tuple[RowCheck, ...]) -> None:
    """Put the failing rows into the table `quarantine`; raises Malformed where a contract's condition cannot be run."""
    import duckdb  # noqa: PLC0415 - heavy, and the DAG files import this module

    failed = ", ".join(f"case when {each.fails} then {literal(each.id)} end" for each in checks)
    try:
        connection.execute(script("quarantine", failed=failed, bad=" or ".join(each.fails for each in checks)))
    except (duckdb.BinderException, duckdb.ParserException, duckdb.ConversionException) as error:
        raise Malformed(
            f"a rule cannot be run ({type(error).__name__})", field="quality", remedy="mend the contract's conditions"
        ) from None


def _count(connection: "DuckDBPyConnection", checks: tuple[RowCheck, ...]) -> tuple[int, int, int, list[int]]:
    """Rows, identical duplicates, bad rows and each rule's failures, in one query."""
    failures = "".join(f", count(*) filter (where list_contains(_rules, {literal(each.id)}))" for each in checks)
    total, duplicates, bad, *each_rule = (
        int(str(each)) for each in one_row(connection, script("count", failures=failures))
    )
    return total, duplicates, bad, each_rule


def _repeated(contract: Contract) -> str:
    """Columns that say, for uniqueness rules beyond the primary key, whether a row repeats another."""
    columns = []
    for place, rule in other_unique_rules(contract):
        names = [quoted(name) for name in rule.properties]
        present = " and ".join(f"{name} is not null" for name in names)
        over = f"count(*) filter (where not _identical) over (partition by {', '.join(names)})"
        columns.append(f", ({present}) and {over} > 1 as {repeated_column(place)}")
    return "".join(columns)


def _row_results(checks: tuple[RowCheck, ...], failures: list[int], total: int) -> list[Result]:
    return [
        Result(
            id=check.id,
            kind=check.kind,
            properties=check.properties,
            description=check.description,
            seen=failed,
            at_least=None,
            at_most=floor(check.tolerance * total),
            passed=False,
        )
        for check, failed in zip(checks, failures, strict=True)
    ]


def _delivery_results(gate: Gate, counts: Counts) -> list[Result]:
    """The delivery as a whole, and beside the snapshot in force."""
    ahead = (gate.data_as_of - gate.clock.now()) / timedelta(hours=1)
    found = [
        _whole("row_count", "交付的记录数。 Rows delivered.", counts.delivered, at_least=rows_min(gate.contract)),
        _whole(
            "bad_rows",
            "不合格记录总数。 Rows held back.",
            counts.quarantined,
            at_most=floor(gate.contract.tolerance * counts.delivered),
        ),
        _whole(
            "hours_ahead",
            "数据时点超前的小时数。 Hours by which the data's instant lies in the future.",
            max(0, ceil(ahead)),
            at_most=gate.settings.ahead_hours_max,
        ),
    ]
    before = gate.in_force
    if before is None or gate.lenient:
        return found
    allowed = max(gate.settings.shrink_rows_min, floor(gate.settings.shrink_share_max * before.counts.delivered))
    behind = (before.data_as_of - gate.data_as_of) / timedelta(seconds=1)
    found += [
        _whole(
            "rows_fewer",
            "比现行版本减少的记录数。 Rows fewer than in the snapshot in force.",
            max(0, before.counts.delivered - counts.delivered),
            at_most=allowed,
        ),
        _whole(
            "seconds_older",
            "比现行版本数据时点更早的秒数。 Seconds by which the data is older than the snapshot in force.",
            max(0, ceil(behind)),
            at_most=0,
        ),
    ]
    return found


def _whole(
    ident: str, description: str, seen: int, *, at_least: int | None = None, at_most: int | None = None
) -> Result:
    return Result(
        id=f"delivery:{ident}",
        kind=DELIVERY,
        properties=(),
        description=description,
        seen=seen,
        at_least=at_least,
        at_most=at_most,
        passed=False,
    )


def _judged(results: list[Result]) -> tuple[Result, ...]:
    # Loaded here: Great Expectations takes seconds to load, and only judging needs it.
    from exchange.judge import Limit, judge  # noqa: PLC0415

    passed = judge(
        [Limit(id=each.id, seen=each.seen, at_least=each.at_least, at_most=each.at_most) for each in results]
    )
    return tuple(replace(each, passed=passed[each.id]) for each in results)
