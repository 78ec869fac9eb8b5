"""One step of the exchange, taken inside a task. What is heavy is imported here, when a task runs, and nowhere else."""

from typing import Literal

from airflow.sdk.exceptions import AirflowFailException

from app.paths import home_from_environment
from kernel.errors import Conflict, MianzhengError, Unavailable

StepName = Literal["extract", "stage", "validate", "build", "record", "promote"]

MAY_PASS = (Conflict, Unavailable)
"""Failures that another try may cure. Every other error of ours says the same again: the run fails at once."""


def take(step: StepName, dataset: str, run_id: str, given: str = "") -> str:
    """Take a step of a dataset's run; returns the id or path that the next step is given.

    Raises AirflowFailException, which Airflow does not retry, with the error's own words.
    """
    from app.hub import open_hub  # noqa: PLC0415 (it brings DuckDB and Great Expectations)

    hub = open_hub(home_from_environment())
    try:
        return hub.exchange_steps.take(step, dataset, run_id, given)
    except MAY_PASS:
        raise
    except MianzhengError as error:
        raise AirflowFailException(f"{error.code}: {error}") from error
