"""The DAG that asks a department about a held delivery, and carries out what it decides. Wiring only.

It is a DAG of its own: a question may wait for days, while the dataset goes on being synced.
"""

from collections.abc import Mapping
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Context, Param, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException
from airflow.sdk.execution_time.hitl import HITLUser

from dags.assets import snapshot_asset
from dags.deciding import held_since, question, settle
from dags.into_force import into_force
from dags.settings import DagSettings
from schemas.contract import Contract


def decision_dag_id(dataset: str) -> str:
    """The name of the DAG that decides about a dataset's held deliveries."""
    return f"held_{dataset}"


class AskDepartment(ApprovalOperator):
    """Asks the people whom the contract names whether a held delivery is released.

    What they read, and until when they may answer, is worked out when the task runs. Nobody answering in time counts as
    "Reject"; the next task tells the two apart, since then nobody has answered.
    """

    def __init__(self, *, contract: Contract, **kwargs: Any) -> None:
        """Take the contract; whoever may answer tasks of this DAG may, where it names nobody."""
        super().__init__(
            subject=f"放行暂缓的交付？ Release a held delivery? {contract.title.zh} {contract.id}",
            defaults=[self.REJECT],
            assigned_users=[HITLUser(id=each, name=each) for each in contract.deciders] or None,
            **kwargs,
        )
        self.contract = contract

    def execute(self, context: Context) -> None:
        """Ask, and wait without a process."""
        asked = question(self.contract, held_run(context))
        self.body, self.response_timeout = asked.text, asked.within
        super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, str]:
        """Hand on what was answered, by whom and why; the next task records it, and can be tried again."""
        # Not the parent's: on "Reject" that would skip the task that records it.
        told = HITLOperator.execute_complete(self, context, event)
        return {
            "chosen": told["chosen_options"][0],
            "by": _name(told["responded_by_user"]),
            "reason": str(told["params_input"].get("reason") or ""),
        }


class HandOver(TriggerDagRunOperator):
    """Starts the DAG that asks the department, if the run has held its delivery; once, however often it is tried."""

    def __init__(self, *, contract: Contract, **kwargs: Any) -> None:
        """Take the contract of the dataset."""
        super().__init__(
            trigger_dag_id=decision_dag_id(contract.id),
            conf={"run": "{{ run_id }}"},
            logical_date=None,
            skip_when_already_exists=True,
            **kwargs,
        )
        self.contract = contract

    def execute(self, context: Context) -> None:
        """Start it, or be skipped."""
        run_id = str(context["run_id"])
        since = held_since(self.contract, run_id)
        if since is None:
            raise AirflowSkipException(f"run {run_id} of {self.contract.id} holds nothing that could be released")
        # A run that is begun again, and held again, asks again.
        self.trigger_run_id = f"{run_id}~{since:%Y%m%dT%H%M%S}"
        super().execute(context)


def held_run(context: Mapping[str, Any]) -> str:
    """The run whose delivery a DAG run decides about."""
    return str(context["params"]["run"])


def decision_dag(contract: Contract, settings: DagSettings, step_defaults: Mapping[str, Any]) -> DAG:
    """The DAG that decides about what runs of a contract's dataset have held; each of its runs names one in `run`.

    Approved, the steps that remain are taken, with the id of the run that held the delivery.
    """
    snapshot = snapshot_asset(contract.id)
    with DAG(
        dag_id=decision_dag_id(contract.id),
        dag_display_name=f"{contract.title.zh} 暂缓处理 {contract.id}",
        description=f"{contract.title.zh} 暂缓的交付由部门决定 · what is held, and the department decides about",
        schedule=None,
        catchup=False,
        max_active_runs=settings.questions_max,
        tags=[contract.department],
        params={"run": Param("", type="string", title="暂缓了交付的批次 the run that held the delivery")},
        default_args=dict(step_defaults),
        doc_md=__doc__,
    ) as dag:
        ask = AskDepartment(
            task_id="ask",
            contract=contract,
            params={"reason": Param("", type="string", title="理由 reason", maxLength=500)},
            # Waiting is bounded by the answer's own time, and takes no worker.
            execution_timeout=None,
        )

        @task(task_id="settle")
        def settled(answer: Mapping[str, str]) -> str:
            return settle(contract, held_run(get_current_context()), answer)

        into_force(contract, snapshot, settled(ask.output))  # type: ignore[arg-type] # it stands for a mapping
    return dag


def _name(user: Mapping[str, Any] | None) -> str:
    """Who answered, as the audit log names them; empty: nobody."""
    if not user:
        return ""
    ident, name = str(user["id"]), str(user.get("name") or "")
    return ident if name in {"", ident} else f"{name} ({ident})"
