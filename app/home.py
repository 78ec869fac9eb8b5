"""Making a hub's home: folders, keys, the trust file, development certificates, settings.

Every step keeps what stands and makes what is missing, so that a home made half is finished by running it again.
"""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from app.paths import Paths
from app.pki import Authority, Credential
from app.settings import HubSettings
from audit.logs import DESK, origin_of
from audit.root_log import ROOT
from kernel.durable import PRIVATE, create_file
from kernel.errors import Malformed
from kernel.sealing import KEY_SIZE, new_key
from kernel.signing import SigningKey
from kernel.trust import ANSWER, LOG, TrustedKey, issue

SECRETS = ("master", "index", "case")
"""Names of the hub's 32-byte secrets, beside the tag key of each epoch."""


def make_home(paths: Paths, settings: HubSettings, clients: Iterable[str], *, now: datetime) -> None:
    """Make what a home lacks; `clients` are the SPIFFE ids that get a development certificate."""
    for folder in (paths.keys / "logs", paths.pki / "clients", paths.audit, paths.exchange, paths.evidence):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for folder in (paths.deliveries, paths.logs):
        folder.mkdir(parents=True, exist_ok=True)
    _keep(paths.settings, f'[hub]\nname = "{settings.name}"\ntag_epoch = "{settings.tag_epoch}"\n'.encode())
    for name in (*SECRETS, f"tag-{settings.tag_epoch}"):
        _keep(paths.keys / f"{name}.key", new_key().hex().encode(), mode=PRIVATE)
    _make_signing_keys(paths, settings, now)
    _make_certificates(paths, settings, clients, now)


def log_names(settings: HubSettings) -> tuple[str, ...]:
    """Every log that the hub has keys for."""
    return (ROOT, DESK, *(f"worker-{number}" for number in range(settings.workers_max)))


def read_secret(path: Path) -> bytes:
    """A 32-byte secret kept in hex; raises Malformed."""
    try:
        secret = bytes.fromhex(path.read_text("ascii"))
    except (OSError, ValueError) as error:
        raise Malformed("cannot be read as a key", field=path.name, remedy="mianzheng init, or restore it") from error
    if len(secret) != KEY_SIZE:
        raise Malformed(f"is not {KEY_SIZE} bytes", field=path.name, remedy="restore it from the backup")
    return secret


def _make_signing_keys(paths: Paths, settings: HubSettings, now: datetime) -> None:
    root = _signing_key(paths.keys / "root.key")
    answer = _signing_key(paths.keys / "answer.key")
    keys = [TrustedKey(use=ANSWER, key=answer.public, valid_from=now)]
    for log in log_names(settings):
        key = _signing_key(paths.keys / "logs" / f"{log}.key")
        keys.append(TrustedKey(use=LOG, key=key.public, valid_from=now, origin=origin_of(settings.name, log)))
    _keep(paths.trust, issue(root, settings.name, keys, now=now))


def _make_certificates(paths: Paths, settings: HubSettings, clients: Iterable[str], now: datetime) -> None:
    if not (paths.pki / "ca.pem").exists():
        Authority.create(settings.name, now).credential.write(paths.pki, "ca")
    authority = Authority(Credential.read(paths.pki, "ca"))
    if not (paths.pki / "server.pem").exists():
        authority.server(settings.name, now).write(paths.pki, "server")
    for spiffe_id in clients:
        device = spiffe_id.rsplit("/", 1)[-1]
        if not (paths.pki / "clients" / f"{device}.pem").exists():
            authority.client(spiffe_id, now).write(paths.pki / "clients", device)


def _signing_key(path: Path) -> SigningKey:
    if not path.exists():
        SigningKey.generate().write(path)
    return SigningKey.read(path)


def _keep(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    if not path.exists():
        create_file(path, data, mode=mode)
