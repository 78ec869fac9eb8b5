"""The tasks by which a delivery that was judged, or released, comes into force. Wiring only."""

from airflow.sdk import Asset, get_current_context, task
from airflow.sdk.definitions.xcom_arg import XComArg

from dags.steps import take, take_last
from schemas.contract import Contract


def into_force(contract: Contract, snapshot: Asset, judged: XComArg) -> XComArg:
    """Build, record and promote, behind a task that gives the run's id; the last one says what came into force."""

    @task
    def build(run: str) -> str:
        return take("build", contract, run)

    @task
    def record(run: str) -> str:
        return take("record", contract, run)

    @task(outlets=[snapshot])
    def promote(run: str) -> str:
        version = take_last("promote", contract, run)
        get_current_context()["outlet_events"][snapshot].extra = {"version": version, "run": run}
        return version

    # Airflow's types cannot say that a task's result stands for the value that the next one gets.
    return promote(record(build(judged)))  # type: ignore[arg-type]
