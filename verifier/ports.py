"""What the verifier needs of others, as small promises: the facts of the exchange, and the audit log."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from google.protobuf.message import Message

from audit.commit import Committed
from audit.detail import DetailKey
from audit.pending import Pending, Told
from audit.record import Logged, Record
from kernel.errors import MianzhengError
from kernel.identity import Identity
from kernel.signing import SigningKey
from schemas.wire.v1.statement_pb2 import PartyTag


class Snapshot(Protocol):
    """A published version of a dataset, as far as an answer depends on it."""

    @property
    def dataset(self) -> str:
        """The dataset's id."""

    @property
    def version(self) -> str:
        """The version's name."""

    @property
    def manifest_digest(self) -> bytes:
        """SHA-256 of the manifest; 32 bytes."""

    @property
    def data_as_of(self) -> datetime:
        """The instant up to which the registry's data is in it."""

    @property
    def absence_allowed(self) -> bool:
        """False where more rows were lost unattributably than the contract bears: then absence proves nothing."""


class Held(Protocol):
    """What a snapshot holds about a subject."""

    @property
    def rows(self) -> Sequence[Message]:
        """The subject's rows, each of the contract's message type."""

    @property
    def tainted(self) -> bool:
        """Whether a quarantined row is, or may be, about the subject."""


class Pinned(Protocol):
    """Snapshots that stay as they are for the length of one call."""

    @property
    def snapshots(self) -> Mapping[str, Snapshot]:
        """The pinned snapshots by dataset, those of the supporting registers too; one not in force is absent."""

    def held(self, dataset: str, subject: Identity, names: Iterable[str] = ()) -> Held:
        """What a pinned dataset holds about the subject under all of their numbers; raises Damaged.

        `names` are the subject's names as the case gives them; they only make the answer more careful.
        """

    def linked(self, identity: Identity) -> tuple[Identity, ...]:
        """Every number of the person, the one in use first; the number alone where no other is known."""


class Facts(Protocol):
    """Where rows come from."""

    def pin(self, datasets: Iterable[str]) -> Pinned:
        """The snapshots in force now, and those of the registers of aliases and names; raises Damaged."""


class Log(Protocol):
    """The audit log of this worker."""

    @property
    def failure(self) -> MianzhengError | None:
        """Why the log has stopped; None while it works."""

    @property
    def waiting(self) -> int:
        """How many records wait for the next flush."""

    def watch(self, committed: Committed) -> None:
        """Tell of every group that is durable."""

    def append(self, record: Record) -> Logged:
        """Durable on return, with its receipt; otherwise raises LogUnavailable."""

    def submit(self, record: Record, told: Told | None = None) -> Pending:
        """The same without waiting: `told` hears of it on the log's thread."""

    def append_all(self, records: Sequence[Record]) -> list[Logged]:
        """The same for several at once, in order: all or none waits for the log."""


class Signers(Protocol):
    """The answer keys."""

    def signer(self, now: datetime) -> SigningKey:
        """The key that signs statements at an instant; raises Unavailable where none may."""


class DetailKeys(Protocol):
    """The keys that details are sealed under."""

    def for_case(self, case_number: str, tags: Iterable[PartyTag]) -> DetailKey:
        """The key of a case, found again by the tags of its parties. Durable on return."""

    def general(self) -> DetailKey:
        """The key for what belongs to no case."""
