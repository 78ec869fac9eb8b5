"""A sync DAG: one dataset's way from the registry to a snapshot in force. Wiring only; the exchange does the work."""

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, TriggerRule, get_current_context, task
from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from dags.assets import snapshot_asset
from dags.deadline import missed
from dags.decision import HandOver
from dags.into_force import into_force
from dags.settings import DagSettings
from dags.steps import step_task, take
from kernel.clock import SHANGHAI
from schemas.contract import Contract


def dag_id(dataset: str) -> str:
    """The name of a dataset's sync DAG."""
    return f"sync_{dataset}"


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
        # No start date: a DAG that is new, or was paused, waits for its next time and makes up for none, not even for
        # one that passed a moment ago, as Airflow would by itself.
        schedule=CronTriggerTimetable(contract.schedule, timezone=SHANGHAI.key, run_immediately=timedelta(0)),
        catchup=False,
        # Two runs of one dataset would only wait for each other.
        max_active_runs=1,
        dagrun_timeout=timedelta(seconds=settings.run_within_s),
        tags=[contract.department],
        default_args=step_defaults(settings),
        deadline=_deadline(contract, settings),
        doc_md=__doc__,
    ) as dag:

        @task
        def extract() -> str:
            return take("extract", contract, str(get_current_context()["run_id"]))

        stage, validate = (step_task(each, contract) for each in ("stage", "validate"))
        checked = validate(stage(extract()))
        into_force(contract, snapshot, checked)
        # The run fails where its delivery is held: the dataset was not renewed. What is held goes on elsewhere.
        checked >> HandOver(task_id="hand_over", contract=contract, trigger_rule=TriggerRule.ONE_FAILED)
    return dag


def step_defaults(settings: DagSettings) -> dict[str, Any]:
    """How patient every step is."""
    return {
        "retries": settings.retries,
        "retry_delay": timedelta(seconds=settings.retry_delay_s),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(seconds=settings.retry_delay_max_s),
        "execution_timeout": timedelta(seconds=settings.step_within_s),
    }


def _deadline(contract: Contract, settings: DagSettings) -> DeadlineAlert:
    """Give notice where a run has not ended well within the contract's latency.

    A run is queued when its schedule falls. The notice is given by the executor: no triggerer is needed.
    """
    within = timedelta(seconds=settings.deadline_s) if settings.deadline_s else contract.latency
    return DeadlineAlert(
        name=f"latency_{contract.id}",
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=within,
        callback=SyncCallback(missed, kwargs={"dataset": contract.id}),
    )
