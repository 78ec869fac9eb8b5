"""What the verifier's tests share: a small town with published snapshots, and stations that answer for it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from app.home import make_home
from app.hub import Hub, open_hub
from app.pki import Authority, Credential
from audit.detail import open_detail, sealing_key_id
from audit.detail_keys import DetailKeys
from audit.entry import Entry
from audit.files import RealFiles
from audit.journal import BrokenFrame, read_frames
from audit.log import AuditLog
from audit.logs import origin_of
from audit.place import LogPlace
from exchange.job import Job
from exchange.publish import Published, publish
from kernel.clock import SHANGHAI, FixedClock
from kernel.signing import SigningKey
from samples.deliveries import deliver_city
from samples.personas import Personas
from samples.settings import SampleSettings
from schemas.wire.v1 import audit_pb2
from verifier.client import AskedParty, VerificationClient
from verifier.closures import Closures
from verifier.guesses import Guesses
from verifier.limits import Limits
from verifier.once import KeptReplies
from verifier.roll import Rolls
from verifier.server import RunningServer, serve
from verifier.service import Verifier
from verifier.settings import ClientSettings, VerifierSettings
from verifier.tls import Tls

RESIDENTS = 400
CLEAN = SampleSettings(dirty_share=0.0, unattributable_share=0.0, foldable_share=0.0, residents_min=1)
HALL, DAXI, KIOSK, BANK = "counter-hall-01", "counter-daxi-01", "kiosk-zeguo-01", "bank-icbc-01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """A hub's home with keys, certificates and published snapshots; nothing is served yet."""

    hub: Hub
    people: Personas
    now: datetime

    @property
    def name(self) -> str:
        """The hub's name."""
        return self.hub.settings.name

    def authority(self) -> bytes:
        """The authority's certificate."""
        return (self.hub.paths.pki / "ca.pem").read_bytes()

    def tls(self, device: str) -> Tls:
        """A client's credentials."""
        return self.as_tls(Credential.read(self.hub.paths.pki / "clients", device))

    def as_tls(self, credential: Credential) -> Tls:
        """Credentials under this town's authority."""
        return Tls(certificate=credential.certificate, key=credential.key, authority=self.authority())

    def issued(self, spiffe_id: str) -> Tls:
        """Credentials from this town's authority for anybody."""
        authority = Authority(Credential.read(self.hub.paths.pki, "ca"))
        return self.as_tls(authority.client(spiffe_id, datetime.now(UTC)))


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """A clean town of a few hundred people, delivered and published today."""
    now = datetime.now(UTC)
    hub = open_hub(tmp_path_factory.mktemp("home"), FixedClock(instant=now))
    make_home(hub.paths, hub.settings, hub.catalogue.clients, now=now - timedelta(hours=1))
    today = now.astimezone(SHANGHAI).date()
    deliver_city(hub.paths.deliveries, residents=RESIDENTS, seed=7, today=today, settings=CLEAN)
    for contract in hub.catalogue.contracts.values():
        job = Job(
            contract=contract,
            delivery_root=hub.paths.deliveries,
            store=hub.paths.exchange,
            keys=hub.index_keys,
            recorder=hub.recorder,
            clock=hub.clock,
            run_id="tests",
        )
        assert isinstance(publish(job), Published), contract.id
    return Town(hub=hub, people=Personas.read(hub.paths.deliveries), now=now)


@dataclass(frozen=True, slots=True)
class Always:
    """One key, whatever the time."""

    key: SigningKey

    def signer(self, _now: datetime) -> SigningKey:
        """That one."""
        return self.key


@dataclass(slots=True, kw_only=True)
class Station:
    """A verifier worker that answers for the town, and everything to ask it and look into it."""

    town: Town
    verifier: Verifier
    log: AuditLog
    clock: FixedClock
    place: LogPlace
    detail_keys: DetailKeys
    closures: Closures
    guesses: Guesses
    limits: Limits
    replies: KeptReplies
    running: RunningServer | None = None
    _opened: list[Any] = field(default_factory=list)
    _stopped: bool = False

    def start(self, port: int = 0) -> None:
        """Serve on a port of this machine; 0 takes a free one."""
        credential = Credential.read(self.town.hub.paths.pki, "server")
        self.running = serve(self.verifier, address=f"127.0.0.1:{port}", tls=self.town.as_tls(credential))

    def stop(self) -> None:
        """Drain, and close everything; once."""
        if self._stopped:
            return
        self._stopped = True
        for each in self._opened:
            each.close()
        if self.running is not None and not self.running.ended.is_set():
            self.running.drain()
        self.log.close()
        self.closures.end()
        self.guesses.end()
        self.limits.end()
        self.replies.end()
        self.detail_keys.close()

    @property
    def address(self) -> str:
        """Where it listens."""
        assert self.running is not None
        return f"localhost:{self.running.port}"

    def client(self, device: str = HALL, *, tls: Tls | None = None, reconnect: float = 0.0) -> VerificationClient:
        """A client that checks every answer; its streams connect again for `reconnect` seconds."""
        client = VerificationClient(
            tls=tls or self.town.tls(device),
            trust=self.town.hub.trust,
            settings=ClientSettings(
                address=self.address, deadline_seconds=10.0, tries_max=1, reconnect_seconds=reconnect
            ),
            clock=self.clock,
        )
        self._opened.append(client)
        return client

    def channel(self, device: str = HALL) -> grpc.Channel:
        """A bare channel: whatever is sent arrives as it is."""
        tls = self.town.tls(device)
        credentials = grpc.ssl_channel_credentials(tls.authority, tls.key, tls.certificate)
        channel = grpc.secure_channel(self.address, credentials)
        self._opened.append(channel)
        return channel

    def entries(self) -> list[tuple[Entry, audit_pb2.Detail]]:
        """Everything in the log, opened."""
        found = []
        with self.place.journal.open("rb") as file:
            try:
                for frame in read_frames(file, self.place.origin):
                    for record in frame.records:
                        entry = Entry.parse(record.entry)
                        key = self.detail_keys.get(sealing_key_id(record.sealed))
                        assert key is not None
                        found.append((entry, open_detail(record.sealed, key, entry.detail_digest)))
            except BrokenFrame as broken:
                # The end of a journal in use may be half written.
                if not broken.torn:
                    raise
        return found

    def last(self) -> tuple[str, audit_pb2.Detail]:
        """The kind and the detail of the last entry."""
        entry, detail = self.entries()[-1]
        return entry.kind_name, detail


NewStation = Callable[..., Station]


def _new_station(
    town: Town, folder: Path, *, number: int = 0, start: bool = True, files: Any = None, **changes: Any
) -> Station:
    """A worker of the hub in a folder, with a log of its own. `changes` replace parts of it, or single settings."""
    clock = changes.pop("clock", None) or FixedClock(instant=town.now)
    hub = town.hub
    place = LogPlace(directory=folder / f"worker-{number}", origin=origin_of(town.name, f"worker-{number}"))
    log = AuditLog.open(
        place.directory,
        origin=place.origin,
        signer=SigningKey.read(hub.paths.keys / "logs" / f"worker-{number}.key"),
        clock=clock,
        files=files or RealFiles(),
    )
    detail_keys = DetailKeys(folder / "detail-keys.sqlite", hub.secret("master"), epoch=hub.settings.tag_epoch)
    closures = Closures(folder / "cases.sqlite", busy_seconds=5.0)
    settings = VerifierSettings(drain_seconds=2.0, watch_seconds=0.1)
    known = {each: changes.pop(each) for each in list(changes) if hasattr(settings, each)}
    settings = replace(settings, **known)
    guesses = Guesses(
        folder / "guesses.sqlite",
        hub.secret("case"),
        busy_seconds=5.0,
        most=settings.guesses_max,
        window=timedelta(days=settings.guesses_days),
    )
    limits = Limits(
        folder / "limits.sqlite",
        hub.secret("case"),
        busy_seconds=5.0,
        parts=settings.lease_parts,
        lease_max=settings.lease_max,
    )
    replies = KeptReplies(
        folder / "replies.sqlite",
        hub.secret("case"),
        holder=f"worker-{number}",
        busy_seconds=5.0,
        window=timedelta(seconds=settings.request_id_seconds),
        begun=timedelta(seconds=settings.request_begun_seconds),
        length_max=settings.request_id_length_max,
        bytes_max=settings.replies_bytes_max,
    )
    parts: dict[str, Any] = {
        "hub": town.name,
        "catalogue": hub.catalogue,
        "facts": hub.exchange,
        "log": log,
        "detail_keys": detail_keys,
        "answer_keys": hub.key_ring,
        "tag_key": hub.secret(f"tag-{hub.settings.tag_epoch}"),
        "tag_epoch": hub.settings.tag_epoch,
        "case_key": hub.secret("case"),
        "closures": closures,
        "guesses": guesses,
        "limits": limits,
        "replies": replies,
        "rolls": Rolls(folder / "roll.json", hub.secret("case")),
        "clock": clock,
        "settings": settings,
    }
    station = Station(
        town=town,
        verifier=Verifier(**{**parts, **changes}),
        log=log,
        clock=clock,
        place=place,
        detail_keys=detail_keys,
        closures=closures,
        guesses=guesses,
        limits=limits,
        replies=replies,
    )
    if start:
        station.start()
    return station


@pytest.fixture(scope="session")
def station(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    """The station that tests share."""
    station = _new_station(town, tmp_path_factory.mktemp("station"))
    yield station
    station.stop()


@pytest.fixture
def new_station(town: Town, tmp_path: Path) -> Iterator[NewStation]:
    """Makes stations of a test's own, with parts replaced; they are workers of one hub."""
    made: list[Station] = []

    def make(**changes: Any) -> Station:
        number = changes.pop("number", len(made))
        made.append(_new_station(town, tmp_path, number=number, **changes))
        return made[-1]

    yield make
    for each in made:
        each.stop()


@pytest.fixture
def couple(town: Town) -> tuple[AskedParty, ...]:
    """Two who may marry."""
    groom, bride = town.people.groom, town.people.bride
    return (
        AskedParty(role="applicant", number=groom.number, name=groom.name),
        AskedParty(role="partner", number=bride.number, name=bride.name),
    )


@pytest.fixture
def elder(town: Town) -> tuple[AskedParty, ...]:
    """One who is old enough for the card and the allowance."""
    return (AskedParty(role="applicant", number=town.people.elder.number),)
