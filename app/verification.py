"""Verifier workers of a hub, and clients that ask them."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from app.hub import Hub
from app.newer_agreements import NewerAgreements, watched
from app.parts import Part
from app.paths import HOME_VARIABLE
from app.pki import Credential, check_pair
from app.roll_check import check_roll
from verifier.closures import Closures
from verifier.guesses import Guesses
from verifier.limits import Limits
from verifier.once import KeptReplies
from verifier.roll import Rolls
from verifier.service import Verifier
from verifier.tls import Tls


def worker_log(number: int) -> str:
    """The name of a worker's log."""
    return f"worker-{number}"


def worker_parts(hub: Hub) -> tuple[Part, ...]:
    """The processes of a hub's workers, as many as its settings say; none has Airflow's secrets."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
    return tuple(
        Part(
            name=f"verifier-{number}",
            command=(sys.executable, "-m", "cli.main", "verifier", "run", "--worker", str(number)),
            environ={**environ, HOME_VARIABLE: str(hub.paths.home)},
        )
        for number in range(hub.settings.workers)
    )


@contextmanager
def verifier_worker(hub: Hub, number: int) -> Iterator[Verifier]:
    """A worker, put together for the length of a block: it holds its log's lock, and closes the log at the end.

    Raises Conflict where another process is this worker, Damaged or LogUnavailable where its log cannot be opened;
    Damaged, too, where the roll is not the one that the logs tell of.
    """
    settings = hub.verifier_settings
    check_roll(hub)
    # Kept before anything is answered under them: an answer whose agreements are gone cannot be computed again.
    hub.archive.keep(hub.catalogue, hub.agreements_root, now=hub.clock.now())
    closures = Closures(
        hub.paths.cases,
        busy_seconds=settings.closures_busy_seconds,
        check_seconds=settings.closures_check_seconds,
    )
    guesses = hub_guesses(hub)
    limits = Limits(
        hub.paths.limits,
        hub.lasting_secret,
        busy_seconds=settings.closures_busy_seconds,
        parts=settings.lease_parts,
        lease_max=settings.lease_max,
    )
    try:
        with hub.logs.open(worker_log(number)) as log, _kept_replies(hub, number) as replies:
            verifier = Verifier(
                hub=hub.settings.name,
                catalogue=hub.catalogue,
                facts=hub.exchange,
                log=log,
                detail_keys=hub.detail_keys,
                answer_keys=hub.key_ring,
                tag_key=hub.secret(f"tag-{hub.settings.tag_epoch}"),
                tag_epoch=hub.settings.tag_epoch,
                case_key=hub.secret("case"),
                closures=closures,
                guesses=guesses,
                limits=limits,
                replies=replies,
                rolls=Rolls(hub.paths.roll, hub.lasting_secret, check_seconds=settings.roll_check_seconds),
                clock=hub.clock,
                settings=settings,
            )
            newer = NewerAgreements(
                hub.agreements_root,
                verifier,
                log=worker_log(number),
                archive=hub.archive,
                exchange=hub.exchange,
                clock=hub.clock,
                settings=hub.schema_settings,
            )
            newer.begin()
            with watched(newer, every_s=settings.agreements_seconds):
                yield verifier
    finally:
        limits.end()
        guesses.end()
        closures.end()


@contextmanager
def _kept_replies(hub: Hub, number: int) -> Iterator[KeptReplies]:
    """For the worker that holds its log's lock."""
    settings = hub.verifier_settings
    replies = KeptReplies(
        hub.paths.replies,
        hub.lasting_secret,
        holder=worker_log(number),
        busy_seconds=settings.closures_busy_seconds,
        window=timedelta(seconds=settings.request_id_seconds),
        begun=timedelta(seconds=settings.request_begun_seconds),
        length_max=settings.request_id_length_max,
        bytes_max=settings.replies_bytes_max,
    )
    try:
        yield replies
    finally:
        replies.end()


def hub_guesses(hub: Hub) -> Guesses:
    """What has been guessed at this hub; the caller lets it go."""
    settings = hub.verifier_settings
    return Guesses(
        hub.paths.guesses,
        hub.lasting_secret,
        busy_seconds=settings.closures_busy_seconds,
        most=settings.guesses_max,
        window=timedelta(days=settings.guesses_days),
    )


def server_tls(hub: Hub) -> Tls:
    """What the verification service shows, and whose clients it lets in; raises Malformed."""
    return _tls(hub, Credential.read(hub.paths.pki, "server"))


class RenewedTls:
    """The service's credentials, read again when their files change. Raises Malformed where the two do not fit."""

    def __init__(self, hub: Hub) -> None:
        """Begin with what lies there now."""
        self._hub = hub
        self._state = self._look()

    def __call__(self) -> Tls | None:
        """The credentials, where they have changed."""
        state = self._look()
        if state == self._state:
            return None
        tls = server_tls(self._hub)
        check_pair(tls.certificate, tls.key)
        self._state = state
        return tls

    def _look(self) -> tuple[tuple[int, int], ...]:
        found = [(self._hub.paths.pki / name).stat() for name in ("server.pem", "server.key", "ca.pem")]
        return tuple((each.st_ino, each.st_mtime_ns) for each in found)


def client_tls(hub: Hub, device: str) -> Tls:
    """The development credential of a client of this hub, e.g. `counter-hall-01`; raises Malformed."""
    return _tls(hub, Credential.read(hub.paths.pki / "clients", device))


def _tls(hub: Hub, credential: Credential) -> Tls:
    authority = (hub.paths.pki / "ca.pem").read_bytes()
    return Tls(certificate=credential.certificate, key=credential.key, authority=authority)
