"""A hub, put together from its home. Whatever is needed is opened when it is first asked for."""

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

from app.connections import HubConnections, Lookup
from app.formats import check_home
from app.master_key import MasterKey
from app.paths import Paths
from app.secret_file import read_secret
from app.settings import HubSettings
from audit.detail_keys import DetailKeys
from audit.generation import generation_of
from audit.logs import DESK, Logs, origin_of
from audit.opened import find_receipt
from audit.record import Record
from audit.settings import AuditSettings
from exchange.keys import IndexKeys
from exchange.reader import Exchange
from exchange.settings import ExchangeSettings
from kernel.clock import Clock, SystemClock
from kernel.errors import Malformed
from kernel.plain_file import read_bounded
from kernel.settings import load
from kernel.signing import SigningKey
from kernel.trust import TRUST_SIZE_MAX, Trust
from schemas.archive import Archive
from schemas.catalogue import ROOT, Catalogue, load_catalogue
from schemas.settings import SchemaSettings
from schemas.wire.v1 import audit_pb2
from verifier.key_ring import KeyRing, LogSigner
from verifier.settings import ClientSettings, VerifierSettings


class Hub:
    """One hub. Opening it reads nothing; its parts are read when they are first used, and then kept."""

    def __init__(self, home: Path, clock: Clock, airflow: Lookup | None = None) -> None:
        """Name the home, the clock that every part tells the time by, and who looks up Airflow's own connections."""
        self.paths = Paths(home=home.absolute())
        self.clock = clock
        self._airflow = airflow

    @cached_property
    def settings(self) -> HubSettings:
        """The hub's own settings; raises Faulty."""
        return load(HubSettings, "hub", file=self.paths.settings)

    @cached_property
    def schema_settings(self) -> SchemaSettings:
        """The bounds within which agreements are read."""
        return load(SchemaSettings, "schemas", file=self.paths.settings)

    @cached_property
    def catalogue(self) -> Catalogue:
        """What the city has agreed on; raises Faulty with every fault."""
        return load_catalogue(self.agreements_root, self.schema_settings)

    @cached_property
    def works(self) -> bool:
        """True: this version works on the home, or there is none yet; raises OtherFormat or Damaged."""
        check_home(self.paths)
        return True

    @cached_property
    def agreements_root(self) -> Path:
        """The folder that the agreements are read from."""
        return self.paths.agreed(self.settings.agreements) or ROOT

    @cached_property
    def archive(self) -> Archive:
        """The agreements that were in force here, as they were."""
        return Archive(self.paths.agreements, self.schema_settings)

    @cached_property
    def trust(self) -> Trust:
        """What outsiders hold to check this hub's evidence; raises Malformed, or OtherFormat."""
        _ = self.works
        try:
            with self.paths.trust.open("rb") as file:
                return Trust.parse(file.read(TRUST_SIZE_MAX + 1))
        except FileNotFoundError as error:
            raise Malformed("there is no hub here", field=str(self.paths.home), remedy="mianzheng init") from error

    @cached_property
    def master_key(self) -> MasterKey:
        """What all other keys are wrapped under, also while it is rotated."""
        _ = self.works
        return MasterKey(self.paths.keys)

    def answer_keys(self) -> list[SigningKey]:
        """Every answer key whose private half is on this machine; raises Malformed."""
        return [SigningKey.read(path) for path in sorted(self.paths.keys.glob("answer*.key"))]

    @cached_property
    def key_ring(self) -> KeyRing:
        """The answer keys, and which of them signs now."""
        return self._ring(self.answer_keys)

    @cached_property
    def _log_signers(self) -> dict[str, LogSigner]:
        return {}

    def log_keys(self, name: str) -> list[SigningKey]:
        """Every key of a log whose private half is on this machine, the first one first; raises Malformed."""
        folder = self.paths.keys / "logs"
        return [SigningKey.read(path) for path in (folder / f"{name}.key", *sorted(folder.glob(f"{name}@*.key")))]

    def log_signer(self, name: str) -> LogSigner:
        """The keys of a log, and which of them signs now; raises Malformed."""
        if name not in self._log_signers:
            ring = self._ring(lambda: self.log_keys(name), origin_of(self.settings.name, name))
            self._log_signers[name] = LogSigner(ring, self.clock)
        return self._log_signers[name]

    def _ring(self, read_keys: Callable[[], list[SigningKey]], origin: str = "") -> KeyRing:
        return KeyRing(
            str(self.paths.trust),
            read_trust=lambda: Trust.parse(read_bounded(self.paths.trust, TRUST_SIZE_MAX)),
            read_keys=read_keys,
            origin=origin,
        )

    @cached_property
    def detail_keys(self) -> DetailKeys:
        """The keys of sealed details."""
        return DetailKeys(self.paths.detail_keys, self.master_key, epoch=self.settings.tag_epoch)

    @cached_property
    def logs(self) -> Logs:
        """The audit logs."""
        return Logs(
            self.paths.audit,
            hub=self.settings.name,
            signers=self.log_signer,
            clock=self.clock,
            settings=load(AuditSettings, "audit", file=self.paths.settings),
            generation=generation_of(self.trust),
        )

    @cached_property
    def exchange_settings(self) -> ExchangeSettings:
        """The exchange's bounds."""
        return load(ExchangeSettings, "exchange", file=self.paths.settings)

    @cached_property
    def index_keys(self) -> IndexKeys:
        """The keys of serving indexes."""
        return IndexKeys(index=self.secret("index"), master=self.master_key)

    @cached_property
    def exchange(self) -> Exchange:
        """The snapshots in force."""
        return Exchange(self.paths.exchange, self.index_keys, self.catalogue.readable, self.exchange_settings)

    @cached_property
    def verifier_settings(self) -> VerifierSettings:
        """A verifier worker's bounds."""
        return load(VerifierSettings, "verifier", file=self.paths.settings)

    @cached_property
    def client_settings(self) -> ClientSettings:
        """How clients on this machine reach the service."""
        return load(ClientSettings, "client", file=self.paths.settings)

    @cached_property
    def recorder(self) -> "DeskRecorder":
        """Writes what happens to datasets into the shared log."""
        return DeskRecorder(self)

    @cached_property
    def connections(self) -> HubConnections:
        """The credentials of the servers that registries stand behind."""
        return HubConnections(file=self.paths.connections, airflow=self._airflow)

    @property
    def lasting_secret(self) -> bytes:
        """Under which the roll, guesses and leases are kept: a restore renews the case key, and must not void them."""
        return self.secret("index")

    def secret(self, name: str) -> bytes:
        """One of the hub's 32-byte secrets; raises Malformed, or OtherFormat."""
        _ = self.works
        return read_secret(self.paths.keys / f"{name}.key")


class DeskRecorder:
    """The exchange's recorder: entries of the log that rare writers share."""

    def __init__(self, hub: Hub) -> None:
        """Take the hub whose log it is."""
        self._hub = hub

    def record(self, kind: str, attributes: Mapping[str, str]) -> bytes:
        """Record what happened to a dataset, and who decided it; returns the receipt; raises LogUnavailable."""
        record = Record(
            kind=audit_pb2.EntryKind.Value(f"ENTRY_KIND_{kind}"),
            detail=audit_pb2.Detail(attributes=attributes, operator=attributes.get("by", "")),
            seal=self._hub.detail_keys.general(),
        )
        return self._hub.logs.shared(DESK).append(record).receipt

    def receipt_of(self, kind: str, attributes: Mapping[str, str]) -> bytes | None:
        """The receipt of an entry that says just this; None where there is none. Raises LogUnavailable or Damaged."""
        number = audit_pb2.EntryKind.Value(f"ENTRY_KIND_{kind}")
        return find_receipt(self._hub.logs.shared(DESK), self._hub.detail_keys, number, attributes)


def open_hub(home: Path, clock: Clock | None = None, *, airflow: Lookup | None = None) -> Hub:
    """The hub whose home this is; `airflow` looks up Airflow's own connections, where it runs us."""
    return Hub(home, clock or SystemClock(), airflow)
