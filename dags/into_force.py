"""The tasks by which a delivery that was judged, or released, comes into force. Wiring only."""

from airflow.sdk import Asset, get_current_context, task
from airflow.sdk.definitions.xcom_arg import XComArg

from dags.steps import step_task, take_last
from schemas.contract import Contract


def into_force(contract: Contract, snapshot: Asset, judged: XComArg) -> XComArg:
    """Build, record and promote, behind a task that gives the run's id; the last one says what came into force."""
    build, record = (step_task(each, contract) for each in ("build", "record"))

    @task(outlets=[snapshot])
    def promote(run: str) -> str:
        version = take_last("promote", contract, run)
        get_current_context()["outlet_events"][snapshot].extra = {"version": version, "run": run}
        return version

    return promote(record(build(judged)))  # type: ignore[arg-type] # it stands for the run's id
