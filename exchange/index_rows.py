"""The rows of the serving index, made in SQL: each row's bytes under the index key of each of its subjects."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from exchange.database import quoted, script
from exchange.keys import IndexKeys
from exchange.row_bytes import prepare_row_bytes, row_bytes, rows_source
from schemas.contract import Contract, PropertyType

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

KeyedRow = tuple[bytes, bytes | None]
"""An index key, and the bytes of a row of its subject; None: it is tainted."""


def index_rows(
    connection: "DuckDBPyConnection", contract: Contract, keys: IndexKeys, batch: int, *, only: str = ""
) -> Iterator[list[KeyedRow]]:
    """Every published row under its subjects' keys, and None under each tainted one, in ascending order of those.

    `only` names a table with the columns `kind` and `form`, as `taints` has: whose rows and taints are asked for. Under
    each of their keys stands an empty row, whatever else does.
    """
    prepare_row_bytes(connection, contract.properties, "records", batch=batch)
    taints = script("tainted_keys" if not only else "looked_at_keys", **({"only": only} if only else {}))
    rows = f"{keyed_rows(contract, only=only)} union all {taints} order by key"
    found = connection.execute(rows, list(keys.index_blocks))
    while some := found.fetchmany(batch):
        yield some


def keyed_rows(contract: Contract, *, only: str = "") -> str:
    """The query of all those rows in no order; it takes the index key's two blocks, after `prepare_row_bytes`."""
    names = [each.property for each in contract.subject_keys]
    among = f" and {{}} in (select form from {only} where kind = 'identity')" if only else ""  # noqa: S608 (a name of ours)
    keyed = [
        f"case when {_names_another(name, names[:place])}{among.format(canonical(contract, name))} "
        f"then index_key({canonical(contract, name)}, $1, $2) end"
        for place, name in enumerate(names)
    ]
    return script(
        "keyed_rows",
        key=keyed[0] if len(keyed) == 1 else f"unnest([{', '.join(keyed)}])",
        value=row_bytes(contract.properties),
        source=rows_source(contract.properties, "records"),
    )


def canonical(contract: Contract, name: str) -> str:
    """The SQL expression of a subject's canonical identity, over a property that names subjects."""
    organisation = contract.by_name[name].type is PropertyType.ORGANISATION
    return f"{'canonical_organisation' if organisation else 'canonical_person'}({quoted(name)})"


def _names_another(name: str, before: list[str]) -> str:
    """Whether a property names a subject whom none of those before it names: a person has a row once."""
    column = quoted(name)
    return " and ".join([f"{column} is not null", *(f"{column} is distinct from {quoted(each)}" for each in before)])
