"""Where a log keeps what: the private journal, and the public part that may be served to anyone as it stands."""

from dataclasses import dataclass
from pathlib import Path

from audit.tiles import CHECKPOINT_FILE


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPlace:
    """The directory of one log, and the origin that names the log."""

    directory: Path
    origin: str

    @property
    def journal(self) -> Path:
        """The durable truth."""
        return self.directory / "journal"

    @property
    def lock(self) -> Path:
        """Held by whoever may write."""
        return self.directory / "lock"

    @property
    def resume(self) -> Path:
        """How far publication has come in the journal: a hint."""
        return self.directory / "resume"

    @property
    def public(self) -> Path:
        """The tlog-tiles directory."""
        return self.directory / "public"

    @property
    def checkpoint(self) -> Path:
        """The published checkpoint."""
        return self.public / CHECKPOINT_FILE
