"""How a dataset stands: what is in force, how the last run ended, what is held, and how fresh that makes it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from exchange.freshness import Freshness, freshness
from exchange.holding import HeldDelivery, all_held
from exchange.last_run import Ending, LastRun, read_last_run
from exchange.layout import Layout
from exchange.manifest import Manifest
from exchange.snapshot import manifest_in_force
from kernel.errors import Damaged
from schemas.contract import Contract

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetStatus:
    """One dataset as it stands. `held` are the deliveries that wait for a decision, the oldest first.

    What cannot be read counts as failed, and `damage` says what that is: nothing then stands in its place.
    """

    contract: Contract
    freshness: Freshness
    manifest: Manifest | None
    last: LastRun | None
    held: tuple[HeldDelivery, ...]
    damage: str


def dataset_status(layout: Layout, contract: Contract, *, now: datetime, bytes_max: int) -> DatasetStatus:
    """Read how a dataset stands, with manifests of so many bytes at most. Raises nothing for damaged files."""
    damage: list[str] = []

    def found(read: Callable[[], _T], otherwise: _T) -> _T:
        try:
            return read()
        except Damaged as error:
            damage.append(str(error))
            return otherwise

    manifest: Manifest | None = found(lambda: manifest_in_force(layout, bytes_max=bytes_max), None)
    last: LastRun | None = found(lambda: read_last_run(layout.last_run), None)
    held: tuple[HeldDelivery, ...] = found(lambda: all_held(layout), ())
    if damage:
        last = _failed(last, damage[0], now)
    return DatasetStatus(
        contract=contract,
        freshness=freshness(contract, data_as_of=manifest.data_as_of if manifest else None, last=last, now=now),
        manifest=manifest,
        last=last,
        held=tuple(each for each in held if each.undecided),
        damage="; ".join(damage),
    )


def _failed(last: LastRun | None, message: str, now: datetime) -> LastRun:
    return LastRun(
        run_id=last.run_id if last else "",
        ending=Ending.FAILED,
        at=last.at if last else now,
        succeeded_at=last.succeeded_at if last else None,
        code=Damaged.code,
        message=message,
    )
