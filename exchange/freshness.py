"""How fresh a dataset is, by its contract's service levels. Pure: nothing is read here.

What a question is answered from is decided by the claim's own limit (`maxAge`), not by these states: they are for the
people who run the hub and for the departments. docs/reference/freshness.md says the same in a table.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from croniter import CroniterBadDateError, croniter

from exchange.last_run import Ending, LastRun
from kernel.clock import SHANGHAI
from schemas.contract import Contract

_INSTANT = timedelta(microseconds=1)


class State(StrEnum):
    """A dataset's one state: the first of these that holds, in this order.

    NEVER_PUBLISHED: nothing is in force, and the last run neither failed nor holds a delivery.
    STALE: something is in force, and its age is more than the contract's `freshness`. Exactly that old is not stale.
    FAILED: the last run ended in an error.
    HELD: the last run's delivery is held, and nobody has decided about it.
    LATE: by the last schedule that is over by more than the contract's `latency`, the dataset was not renewed: no run
    has ended well since that schedule, or what is in force is older than the schedule before it. Where it is not known
    when a run last ended well, the age decides alone.
    FRESH: none of these.
    """

    NEVER_PUBLISHED = "never_published"
    STALE = "stale"
    FAILED = "failed"
    HELD = "held"
    LATE = "late"
    FRESH = "fresh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """A dataset's state. Instants are in UTC.

    `age` is now less `data_as_of`, None where nothing is in force, and negative where the registry's clock is ahead of
    ours or ours was put back: such data is not stale. `stale_at` is when it will be, or became, stale. `due` is the
    last schedule that is over by more than the latency, None where the schedule never falls.
    """

    state: State
    age: timedelta | None
    stale_at: datetime | None
    due: datetime | None


def freshness(contract: Contract, *, data_as_of: datetime | None, last: LastRun | None, now: datetime) -> Freshness:
    """The state of a dataset, from what is in force (None: nothing) and how its last run ended (None: not known)."""
    due, before = _schedules(contract.schedule, now - contract.latency)
    age = None if data_as_of is None else now - data_as_of
    return Freshness(
        state=_state(contract, data_as_of, age, last, late=_is_late(data_as_of, last, due, before)),
        age=age,
        stale_at=None if data_as_of is None else data_as_of + contract.freshness,
        due=due,
    )


def _state(
    contract: Contract, data_as_of: datetime | None, age: timedelta | None, last: LastRun | None, *, late: bool
) -> State:
    if age is not None and age > contract.freshness:
        return State.STALE
    if last is not None and last.ending is Ending.FAILED:
        return State.FAILED
    if last is not None and last.ending is Ending.HELD:
        return State.HELD
    if data_as_of is None:
        return State.NEVER_PUBLISHED
    return State.LATE if late else State.FRESH


def _is_late(data_as_of: datetime | None, last: LastRun | None, due: datetime | None, before: datetime | None) -> bool:
    if data_as_of is None or due is None:
        return False
    run_missing = last is not None and last.succeeded_at is not None and last.succeeded_at < due
    return run_missing or (before is not None and data_as_of < before)


def _schedules(cron: str, until: datetime) -> tuple[datetime | None, datetime | None]:
    """The last two times of a cron line up to an instant, that instant included."""
    # The city keeps one offset the whole year, so that no time of day is missing or double.
    past = croniter(cron, until.astimezone(SHANGHAI) + _INSTANT)
    try:
        last: datetime = past.get_prev(datetime)
        before: datetime = past.get_prev(datetime)
    except CroniterBadDateError:
        # Such a day does not exist, e.g. 30 February.
        return None, None
    return last, before
