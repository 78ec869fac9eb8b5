"""The port through which publishing is recorded in the audit log; `app` hands in what stands behind it."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

PUBLISHED = "PUBLISHED"
HELD = "HELD"
RELEASED = "RELEASED"
REJECTED = "REJECTED"
ROLLED_BACK = "ROLLED_BACK"


class Recorder(Protocol):
    """Writes entries about datasets."""

    def record(self, kind: str, attributes: Mapping[str, str]) -> bytes:
        """Durable on return, with the entry's receipt; otherwise raises LogUnavailable.

        `kind` is one of the kinds above. `attributes` name dataset, version, manifest digest, run; of a decision `by`
        whom and the `reason`; never a subject's personal data.
        """


@runtime_checkable
class Remembering(Recorder, Protocol):
    """A recorder that can also find what it has recorded."""

    def receipt_of(self, kind: str, attributes: Mapping[str, str]) -> bytes | None:
        """The receipt of an entry that says just this; None where there is none. Raises LogUnavailable or Damaged."""


def record_once(recorder: Recorder, kind: str, attributes: Mapping[str, str], *, begun: bool) -> bytes:
    """Record what is recorded once, and return its receipt; raises LogUnavailable.

    `begun`: somebody was at it before, and may have been cut short between the entry and its receipt. Only then is the
    log searched, and only where the recorder can.
    """
    receipt = recorder.receipt_of(kind, attributes) if begun and isinstance(recorder, Remembering) else None
    return recorder.record(kind, attributes) if receipt is None else receipt
