"""What happens when a dataset was not renewed in time: Airflow's deadline alert calls this, in a process of its own."""

from collections.abc import Mapping
from typing import Any


def missed(dataset: str, context: Mapping[str, Any]) -> None:
    """Give notice that a run has not ended well within its contract's latency, and write the metrics anew.

    Where the dataset was renewed all the same, by another run, nothing is said. Raises Faulty, and OSError where the
    notice cannot be written.
    """
    from app.hub import open_hub  # noqa: PLC0415 (it brings the exchange and the audit log)
    from app.notices import Notice, NoticeKind, give_notice  # noqa: PLC0415 (the same)
    from app.paths import home_from_environment  # noqa: PLC0415 (needed here alone)
    from app.publishing import contracts_of  # noqa: PLC0415 (the same)
    from app.standing import dataset_statuses, write_metrics  # noqa: PLC0415 (the same)
    from exchange.freshness import State  # noqa: PLC0415 (the same)
    from schemas.title import Title  # noqa: PLC0415 (the same)

    hub = open_hub(home_from_environment())
    contracts = contracts_of(hub)
    write_metrics(hub, contracts)
    contract = contracts.get(dataset)
    if contract is None:
        return
    (status,) = dataset_statuses(hub, {dataset: contract})
    state = status.freshness.state
    if state is State.FRESH:
        return
    title, cause = contract.title, f" {status.last.code}" if status.last and status.last.code else ""
    text = Title(
        zh=f"{title.zh}未按约定时间更新，现状态：{state}{cause}。",
        en=f"{title.en} was not renewed in time; it is {state}{cause}.",
    )
    run = str(context["dag_run"]["dag_run_id"])
    give_notice(hub, Notice.about(contract, NoticeKind.DEADLINE_MISSED, run=run, text=text))
