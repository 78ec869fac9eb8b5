"""The quality gate: set the failing rows aside, count every rule's failures in one query, judge the counts."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from exchange.cleaning import delivered
from exchange.database import database, literal, one_row, raw_column, script
from exchange.manifest import Counts, Manifest
from exchange.references import NO_REFERENCES, References
from exchange.rules import RowCheck, column_types, neighbour_columns, row_checks, tallies
from exchange.settings import ExchangeSettings
from exchange.taint import write_taints
from exchange.verdict import Result, Verdict
from exchange.whole import Delivery, whole_results
from kernel.clock import Clock
from kernel.errors import Malformed
from schemas.allowed import Allowed
from schemas.contract import Contract

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What a delivery is judged against: its contract, the day, the snapshot in force, and those that it refers to.

    `lenient` drops every comparison with what is in force, for a person who knows why they fail. `changes`: the
    delivery is only what changed, and `rows_after` is how many rows there are with it.
    """

    contract: Contract
    data_as_of: datetime
    in_force: Manifest | None
    clock: Clock
    settings: ExchangeSettings
    lenient: bool = False
    references: References = NO_REFERENCES
    changes: bool = False
    rows_after: int | None = None


def validate_delivery(gate: Gate, staged: Path) -> Verdict:
    """Judge a staged delivery, and keep its failing rows and its taints in the staging file; raises Malformed."""
    unjudged = gate.references.unjudged
    checks = row_checks(gate.contract, today=gate.clock.today(), settings=gate.settings, unjudged=unjudged)
    counted = tallies(gate.contract)
    with database(staged, gate.settings) as connection:
        tables = _shut_in(connection, gate)
        connection.execute(script("checked", neighbours=neighbour_columns(gate.contract, tables, unjudged)))
        _set_aside(connection, gate.contract, checks)
        total, duplicates, bad, failures = _count(connection, checks)
        absent = _tally(connection, counted)
        columns = _strange_columns(connection, gate.contract)
        taints = write_taints(connection, gate.contract, gate.settings.batch_rows)
    counts = Counts(
        delivered=total,
        published=total - duplicates - bad,
        duplicates=duplicates,
        quarantined=bad,
        unattributable=taints.unattributable,
    )
    delivery = Delivery(
        contract=gate.contract,
        counts=counts,
        rows=total if gate.rows_after is None else gate.rows_after,
        bad_most=_most(gate, Allowed.share(gate.contract.tolerance), total)[1] or 0,
        strange_columns=columns,
        data_as_of=gate.data_as_of,
        now=gate.clock.now(),
        before=None if gate.lenient else gate.in_force,
        unjudged=() if gate.lenient else unjudged,
    )
    results = [
        *_results(gate, checks, failures, total),
        *_results(gate, counted, absent, total),
        *whole_results(delivery, gate.settings),
    ]
    return _judged(
        Verdict(
            results=tuple(results),
            counts=counts,
            absence_allowed=counts.unattributable <= Fraction(str(gate.contract.unattributable_bound)) * total,
            name_tainted=taints.named,
            references=tuple((each.dataset, each.version) for each in gate.references.found),
        )
    )


def _shut_in(connection: "DuckDBPyConnection", gate: Gate) -> dict[str, str]:
    """Attach what is referred to, then shut the connection in; returns the tables referred to, by dataset.

    A contract's conditions are read word by word before they get here. If one were to slip through all the same, it
    would find no file, no other database and no setting.
    """
    for statement in gate.references.attach():
        connection.execute(statement)
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    return gate.references.tables(gate.contract)


def _set_aside(connection: "DuckDBPyConnection", contract: Contract, checks: tuple[RowCheck, ...]) -> None:
    """Put the failing rows into the table `quarantine`; raises Malformed where a contract's rule cannot be run."""
    import duckdb  # noqa: PLC0415 - heavy, and the DAG files import this module

    failed = ", ".join(f"case when {each.fails} then {literal(each.id)} end" for each in checks)
    bad = " or ".join(each.fails for each in checks)
    texts = ", ".join(f"{delivered(each)} as {raw_column(each.name)}" for each in contract.properties)
    try:
        connection.execute(script("quarantine", failed=failed, bad=bad, delivered=texts))
    except duckdb.OperationalError:
        # Memory or disk: no rule's fault.
        raise
    except duckdb.Error as error:
        # What was said in the error may hold a value, so only its kind is told.
        raise Malformed(
            f"a rule cannot be run ({type(error).__name__})", field="quality", remedy="mend the contract's rules"
        ) from None


def _count(connection: "DuckDBPyConnection", checks: tuple[RowCheck, ...]) -> tuple[int, int, int, list[int]]:
    """Rows, identical duplicates, bad rows and each rule's failures, in one query."""
    failures = "".join(f", count(*) filter (where list_contains(_rules, {literal(each.id)}))" for each in checks)
    total, duplicates, bad, *each_rule = (
        int(str(each)) for each in one_row(connection, script("count", failures=failures))
    )
    return total, duplicates, bad, each_rule


def _tally(connection: "DuckDBPyConnection", counted: tuple[RowCheck, ...]) -> list[int]:
    """How many delivered rows fail each rule that holds none back."""
    if not counted:
        return []
    each = ", ".join(f"count(*) filter (where {check.fails})" for check in counted)
    return [int(str(found)) for found in one_row(connection, f"select {each} from staged")]  # noqa: S608 (SQL of ours)


def _strange_columns(connection: "DuckDBPyConnection", contract: Contract) -> int:
    """How many columns the contract and the staged delivery do not share, by name and type."""
    rows = connection.execute("select column_name, data_type from duckdb_columns() where table_name = 'staged'")
    raw = {raw_column(name).strip('"') for name in contract.by_name}
    staged = {(name, kind) for name, kind in rows.fetchall() if name not in raw}
    return len({name for name, _ in staged ^ set(column_types(contract).items())})


def _results(gate: Gate, checks: tuple[RowCheck, ...], failures: Iterable[int], total: int) -> list[Result]:
    found = []
    for check, failed in zip(checks, failures, strict=True):
        least, most = _most(gate, check.allowed, total)
        found.append(
            Result(
                id=check.id,
                kind=check.kind,
                properties=check.properties,
                description=check.description,
                seen=failed,
                at_least=least,
                at_most=most,
                passed=False,
                bound=str(check.allowed),
                warns=check.warns,
            )
        )
    return found


def _most(gate: Gate, allowed: Allowed, total: int) -> tuple[int | None, int | None]:
    """How many rows may fail at least and at most. A share of a few changes is no measure: some may always be bad."""
    least, most = allowed.counts(total)
    if gate.changes and allowed.percent and most is not None and allowed.high:
        most = max(most, gate.settings.changes_bad_rows_min)
    return least, most


def _judged(verdict: Verdict) -> Verdict:
    # Loaded here: Great Expectations takes seconds to load, and only judging needs it.
    from exchange.judge import Limit, judge  # noqa: PLC0415

    judgement = judge(
        [
            Limit(
                id=each.id,
                seen=each.seen,
                at_least=each.at_least,
                at_most=each.at_most,
                warns=each.warns,
                meta={
                    "kind": each.kind,
                    "properties": list(each.properties),
                    "description": each.description,
                    "allowed": each.bound,
                    "seen": each.seen,
                },
            )
            for each in verdict.results
        ]
    )
    results = tuple(replace(each, passed=judgement.passed[each.id]) for each in verdict.results)
    return replace(verdict, results=results, suite=judgement.suite)
