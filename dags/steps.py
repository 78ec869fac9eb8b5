"""One step of the exchange, taken inside a task. What is heavy is imported here, when a task runs, and nowhere else."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow.sdk import task
from airflow.sdk.definitions.xcom_arg import XComArg
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from app.paths import home_from_environment
from dags.connections import airflow_connection
from kernel.errors import Conflict, MianzhengError, Unavailable
from schemas.contract import Contract

if TYPE_CHECKING:
    from app.hub import Hub

MAY_PASS = (Conflict, Unavailable)
"""Failures that another try may cure. Every other error of ours would say the same again: the run fails at once."""


def take(step: str, contract: Contract, run_id: str) -> str:
    """Take a step of the run that publishes a contract's dataset; returns the run's id: the next step needs no more.

    Raises AirflowFailException, which is not retried, where the delivery is held or an error of ours will not pass, and
    AirflowSkipException, which leaves out the steps that follow, where this very delivery is in force already.
    """
    _take(step, contract, run_id)
    return run_id


def step_task(step: str, contract: Contract) -> Callable[[XComArg], XComArg]:
    """The task of this name that takes a step, behind a task that gives the run's id; it gives the id on."""

    @task(task_id=step)
    def taken(run: str) -> str:
        return take(step, contract, run)

    # Airflow's types cannot say that a task's result stands for the value that the next one gets.
    return taken  # type: ignore[return-value]


def take_last(step: str, contract: Contract, run_id: str) -> str:
    """Take the last step; returns the version that is in force now, an id as well. Raises what `take` raises."""
    version = _take(step, contract, run_id)
    if not version:
        raise AirflowFailException(f"run {run_id} has put no version of {contract.id} in force")
    return version


@contextmanager
def hub_at_work() -> Iterator["Hub"]:
    """The home's hub for the length of a block; an error of ours that will not pass becomes AirflowFailException."""
    from app.hub import open_hub  # noqa: PLC0415 (it brings the exchange and the audit log)

    try:
        yield open_hub(home_from_environment(), airflow=airflow_connection)
    except MAY_PASS:
        raise
    except MianzhengError as error:
        raise AirflowFailException(f"{error.code}: {error}") from error


def _take(step: str, contract: Contract, run_id: str) -> str:
    from app.publishing import contract_job  # noqa: PLC0415 (it brings the exchange)
    from app.standing import measure  # noqa: PLC0415 (the same)
    from exchange import publish  # noqa: PLC0415 (the same)

    with hub_at_work() as hub:
        over = True
        try:
            job = contract_job(hub, contract, run_id)
            result = publish.outcome(job, publish.step(step, job))
            over = result is not None
        finally:
            # Where the run goes on there is nothing new to measure.
            if over:
                measure(hub)
    match result:
        case publish.HeldBack(reasons=reasons, report=report):
            raise AirflowFailException(
                f"held: the delivery of {contract.id} failed {', '.join(reasons)}; the report is {report}"
            )
        case publish.Published(unchanged=True):
            raise AirflowSkipException(f"unchanged: this delivery of {contract.id} is in force already")
        case publish.Published(version=version):
            return version
        case None:
            return ""
