"""The port through which publishing is recorded in the audit log; `app` hands in what stands behind it."""

from collections.abc import Mapping
from typing import Protocol

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
