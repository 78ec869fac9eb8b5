"""A disk that is full or fails during a step: one clear error. What is in force stays, and the run can go on later."""

from collections.abc import Iterator
from contextlib import contextmanager
from errno import errorcode

from kernel.durable import DISK_FAULTS
from kernel.errors import Unavailable

_DATABASE = frozenset({"IOException", "TransactionException", "FatalException", "OutOfMemoryException"})
"""What DuckDB raises where it cannot write or has no memory left; loaded only by whoever uses it, so known by name."""
_INDEX = frozenset({"DiskError", "MapFullError"})


@contextmanager
def told_plainly(dataset: str, step: str) -> Iterator[None]:
    """Turn what a full or failing disk makes of a step into Unavailable; another try may succeed."""
    try:
        yield
    except Exception as error:
        what = _storage(error)
        if not what:
            raise
        raise Unavailable(
            f"the step {step} ran out of disk or memory ({what})",
            field=dataset,
            remedy="make room on the hub's disk, or mend it, and run again; what was in force is still in force",
        ) from error


def _storage(error: Exception) -> str:
    """What of the storage an error is about; empty: nothing."""
    kind = type(error)
    if isinstance(error, OSError) and error.errno in DISK_FAULTS:
        return errorcode[error.errno]
    if kind.__module__.lstrip("_") == "duckdb" and kind.__name__ in _DATABASE:
        return kind.__name__
    if kind.__module__.startswith("lmdb") and kind.__name__ in _INDEX:
        return kind.__name__
    return ""
