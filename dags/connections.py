"""Airflow's own connections, for registries: they go before whatever else the hub knows of a connection."""

from collections.abc import Mapping
from typing import Any

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException

FIELDS = ("login", "password", "host", "port", "extra")


def airflow_connection(connection: str) -> Mapping[str, Any] | None:
    """The fields of an Airflow connection, from wherever Airflow keeps its own; None where it has none of this id.

    Only inside of a task: it is the scheduler's database and secret backends that are asked.
    """
    try:
        held = Connection.get(connection)
    except AirflowNotFoundException:
        return None
    return {name: getattr(held, name) for name in FIELDS}
