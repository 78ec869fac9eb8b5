"""One step of the exchange, taken inside a task. What is heavy is imported here, when a task runs, and nowhere else."""

from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from app.paths import home_from_environment
from kernel.errors import Conflict, MianzhengError, Unavailable

if TYPE_CHECKING:
    from exchange.job import Job

MAY_PASS = (Conflict, Unavailable)
"""Failures that another try may cure. Every other error of ours would say the same again: the run fails at once."""


def take(step: str, dataset: str, run_id: str) -> str:
    """Take a step of a dataset's run; returns the run's id, which is all that the next step needs.

    Raises AirflowFailException, which is not retried, where the delivery is held or an error of ours will not pass, and
    AirflowSkipException, which leaves out the steps that follow, where this very delivery is in force already.
    """
    from exchange import publish  # noqa: PLC0415 (see the module's first words)
    from exchange.job import Next  # noqa: PLC0415 (the same)

    job = _job(dataset, run_id)
    try:
        following = publish.step(step, job)
    except MAY_PASS:
        raise
    except MianzhengError as error:
        raise AirflowFailException(f"{error.code}: {error}") from error
    if following is Next.UNCHANGED:
        raise AirflowSkipException(f"unchanged: this delivery of {dataset} is in force already")
    if following is Next.HELD:
        reasons = ", ".join(job.verdict().reasons)
        report = publish.outcome(job, following).report
        raise AirflowFailException(f"held: the delivery of {dataset} failed {reasons}; the report is {report}")
    return run_id


def version_in_force(dataset: str, run_id: str) -> str:
    """The version that a run has put in force; an id, never data."""
    from exchange.job import Next  # noqa: PLC0415 (see the module's first words)
    from exchange.publish import Published, outcome  # noqa: PLC0415 (the same)

    match outcome(_job(dataset, run_id), Next.GO_ON):
        case Published(version=version):
            return version
        case other:
            raise AirflowFailException(f"{other.dataset} was not published")


def _job(dataset: str, run_id: str) -> "Job":
    from app.hub import open_hub  # noqa: PLC0415 (see the module's first words)
    from app.publishing import publishing_job  # noqa: PLC0415 (the same)

    return publishing_job(open_hub(home_from_environment()), dataset, run_id)
