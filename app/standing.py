"""How a hub's datasets stand, as values and as the metrics file that a collector reads."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from app.hub import Hub
from app.publishing import contracts_of
from exchange.layout import Layout
from exchange.metrics import metrics_text
from exchange.status import DatasetStatus, dataset_status
from kernel.durable import PUBLIC, replace_file
from kernel.errors import MianzhengError
from schemas.contract import Contract

_OPEN_FOLDER = 0o755


def dataset_statuses(hub: Hub, contracts: Mapping[str, Contract] | None = None) -> tuple[DatasetStatus, ...]:
    """How every dataset stands now, in the order of the contracts (None: those in force); raises Faulty."""
    now, bytes_max = hub.clock.now(), hub.exchange_settings.manifest_bytes_max
    return tuple(
        dataset_status(Layout.of(hub.paths.exchange, each.id), each, now=now, bytes_max=bytes_max)
        for each in (contracts_of(hub) if contracts is None else contracts).values()
    )


def write_metrics(hub: Hub, contracts: Mapping[str, Contract] | None = None) -> str:
    """Write the metrics file anew, whole, for others to read as well; returns its text. Raises OSError and Faulty."""
    text = metrics_text(dataset_statuses(hub, contracts))
    hub.paths.metrics.parent.mkdir(mode=_OPEN_FOLDER, exist_ok=True)
    replace_file(hub.paths.metrics, text.encode(), mode=PUBLIC)
    return text


@contextmanager
def measured(hub: Hub) -> Iterator[None]:
    """Write the metrics file anew at the end of a block, however it ends."""
    try:
        yield
    finally:
        measure(hub)


def measure(hub: Hub) -> None:
    """Write the metrics file anew if it can be: what was done stays done where its measure cannot be written."""
    with suppress(OSError, MianzhengError):
        write_metrics(hub)
