"""One step of the exchange, taken inside a task. What is heavy is imported here, when a task runs, and nowhere else."""

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from app.paths import home_from_environment
from kernel.errors import Conflict, MianzhengError, Unavailable
from schemas.contract import Contract

MAY_PASS = (Conflict, Unavailable)
"""Failures that another try may cure. Every other error of ours would say the same again: the run fails at once."""


def take(step: str, contract: Contract, run_id: str) -> str:
    """Take a step of the run that publishes a contract's dataset; returns the run's id: the next step needs no more.

    Raises AirflowFailException, which is not retried, where the delivery is held or an error of ours will not pass, and
    AirflowSkipException, which leaves out the steps that follow, where this very delivery is in force already.
    """
    _take(step, contract, run_id)
    return run_id


def take_last(step: str, contract: Contract, run_id: str) -> str:
    """Take the last step; returns the version that is in force now, an id as well. Raises what `take` raises."""
    version = _take(step, contract, run_id)
    if not version:
        raise AirflowFailException(f"run {run_id} has put no version of {contract.id} in force")
    return version


def _take(step: str, contract: Contract, run_id: str) -> str:
    from app.hub import open_hub  # noqa: PLC0415 (it brings the exchange and the audit log)
    from app.publishing import contract_job  # noqa: PLC0415 (the same)
    from exchange import publish  # noqa: PLC0415 (the same)

    try:
        job = contract_job(open_hub(home_from_environment()), contract, run_id)
        result = publish.outcome(job, publish.step(step, job))
    except MAY_PASS:
        raise
    except MianzhengError as error:
        raise AirflowFailException(f"{error.code}: {error}") from error
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
