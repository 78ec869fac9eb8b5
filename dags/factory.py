"""A sync DAG: one dataset's way from the registry to a snapshot in force. Wiring only; the exchange does the work."""

from datetime import timedelta

from airflow.sdk import DAG, Asset, CronTriggerTimetable, get_current_context, task

from dags.settings import DagSettings
from dags.steps import take, take_last
from kernel.clock import SHANGHAI
from schemas.contract import Contract


def dag_id(dataset: str) -> str:
    """The name of a dataset's sync DAG."""
    return f"sync_{dataset}"


def snapshot_asset(dataset: str) -> Asset:
    """A dataset's snapshots as Airflow announces them: other DAGs may wait for it."""
    return Asset(name=f"snapshot_{dataset}", uri=f"mianzheng://snapshot/{dataset}")


def sync_dag(contract: Contract, settings: DagSettings) -> DAG:
    """The DAG that brings a contract's dataset, on the contract's schedule.

    Its tasks hand each other the run's id and nothing else: what a step makes lies in the run's folder. It is Airflow's
    own id of the DAG run, and stands in the snapshot's manifest and in the audit detail.
    """
    dataset = contract.id
    snapshot = snapshot_asset(dataset)

    with DAG(
        dag_id=dag_id(dataset),
        dag_display_name=f"{contract.title.zh} {dataset}",
        description=f"{contract.title.zh} · {contract.title.en}",
        # No start date: a DAG that is new, or was paused, waits for its next time and makes up for none.
        schedule=CronTriggerTimetable(contract.schedule, timezone=SHANGHAI.key),
        catchup=False,
        # Two runs of one dataset would only wait for each other.
        max_active_runs=1,
        dagrun_timeout=timedelta(seconds=settings.run_within_s),
        tags=[contract.department],
        default_args={
            "retries": settings.retries,
            "retry_delay": timedelta(seconds=settings.retry_delay_s),
            "retry_exponential_backoff": True,
            "max_retry_delay": timedelta(seconds=settings.retry_delay_max_s),
            "execution_timeout": timedelta(seconds=settings.step_within_s),
        },
        doc_md=__doc__,
    ) as dag:

        @task
        def extract() -> str:
            return take("extract", contract, str(get_current_context()["run_id"]))

        @task
        def stage(run: str) -> str:
            return take("stage", contract, run)

        @task
        def validate(run: str) -> str:
            return take("validate", contract, run)

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
        promote(record(build(validate(stage(extract())))))  # type: ignore[arg-type]
    return dag
