"""What a department is asked about a held delivery, and what is done with its answer. Heavy imports come late."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from dags.steps import hub_at_work
from schemas.contract import Contract

APPROVE = "Approve"
UNSPEAKABLE = "所述理由含号码或不能记录 a reason was given that cannot be recorded"
UNTOLD = {
    True: "在 Airflow 中批准，未说明理由 approved in Airflow",
    False: "在 Airflow 中拒绝，未说明理由 rejected in Airflow",
}
"""The reason that is recorded where whoever answered gave none that can be recorded, by whether they approved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the department reads, in Markdown without personal data, and how long it may think about it."""

    text: str
    within: timedelta


def held_since(contract: Contract, run_id: str) -> datetime | None:
    """When the delivery that waits for a decision was held; None where the run holds none that anybody can release."""
    from exchange.holding import read_held  # noqa: PLC0415 (it brings the exchange)
    from exchange.layout import Layout  # noqa: PLC0415 (the same)

    with hub_at_work() as hub:
        held = read_held(Layout.of(hub.paths.exchange, contract.id), run_id)
    return held.held_at if held is not None and held.undecided else None


def question(contract: Contract, run_id: str) -> Question:
    """What to ask about a held delivery, given notice of as well; raises AirflowSkipException where nothing waits."""
    from app.notices import Notice, NoticeKind, give_notice  # noqa: PLC0415 (it brings the exchange)
    from exchange.held import find_held  # noqa: PLC0415 (the same)
    from exchange.held_report import summary  # noqa: PLC0415 (the same)
    from exchange.layout import REPORT_PAGE, Layout  # noqa: PLC0415 (the same)
    from schemas.title import Title  # noqa: PLC0415 (needed here alone)

    with hub_at_work() as hub:
        held = find_held(Layout.of(hub.paths.exchange, contract.id), run_id)
        if not held.undecided:
            raise AirflowSkipException(f"decided: what run {run_id} of {contract.id} held was {held.fate}")
        days = hub.exchange_settings.held_days_max
        title = contract.title
        text = Title(zh=f"{title.zh}的一批交付被暂缓，请决定。", en=f"A delivery of {title.en} is held: please decide.")
        see = str(held.folder / REPORT_PAGE)
        give_notice(hub, Notice.about(contract, NoticeKind.HELD, run=run_id, text=text, see=see))
        within = held.lapses_at(days) - hub.clock.now()
        # A time that is over lapses at once.
        return Question(text=summary(held, days=days), within=max(within, timedelta(seconds=1)))


def settle(contract: Contract, run_id: str, answer: Mapping[str, str]) -> str:
    """Record what was answered, and lay a released delivery out for the steps that follow; returns the run's id.

    `answer` holds what was `chosen`, `by` whom (empty: nobody in time) and the `reason`. Raises AirflowSkipException
    where the delivery was rejected, or was decided about elsewhere, and AirflowFailException where nobody decided, or
    what was approved cannot be released any more.
    """
    from app.publishing import contract_job  # noqa: PLC0415 (it brings the exchange)
    from app.standing import measured  # noqa: PLC0415 (the same)
    from exchange.held import Decided, begin_release, let_lapse, reject, speakable  # noqa: PLC0415 (the same)

    approved, by = answer["chosen"] == APPROVE, answer["by"]
    with hub_at_work() as hub, measured(hub):
        job = contract_job(hub, contract, run_id)
        untold = UNSPEAKABLE if answer["reason"].strip() else UNTOLD[approved]
        reason = answer["reason"] if speakable(job, by, answer["reason"]) else untold
        try:
            if approved and begin_release(job, by, reason):
                return run_id
            if not approved and by:
                reject(job, run_id, by, reason)
            elif not approved:
                let_lapse(job, run_id)
        except Decided as error:
            raise AirflowSkipException(str(error)) from error
    if approved:
        raise AirflowSkipException(f"what run {run_id} of {contract.id} held is in force already")
    if by:
        raise AirflowSkipException(f"rejected: what run {run_id} of {contract.id} held was rejected by {by}")
    raise AirflowFailException(f"lapsed: nobody decided in time about what run {run_id} of {contract.id} held")
