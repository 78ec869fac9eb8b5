"""Making a hub's home: folders, keys, the trust file, development certificates, settings.

Every step keeps what stands and makes what is missing, so that a home made half is finished by running it again. A home
of an older format is brought to today's.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from app.custody import in_custody
from app.formats import HOME_FORMAT, format_line, home_format, upgrade
from app.paths import Paths
from app.pki import Authority, Credential
from app.secret_file import KEY_REMEDY
from app.settings import HubSettings
from audit.generation import FIRST, generation_of, log_name
from audit.logs import DESK, origin_of
from audit.root_log import ROOT
from kernel.durable import PRIVATE, create_file, locked, make_folder
from kernel.errors import Fault, Faulty, Malformed
from kernel.sealing import new_key
from kernel.signing import SigningKey
from kernel.trust import ANSWER, LOG, Trust, TrustedKey, issue

SECRETS = ("master", "index", "case")
"""Names of the hub's 32-byte secrets, beside the tag key of each epoch."""

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,198}[A-Za-z0-9])?")
_EPOCH = re.compile(r"[A-Za-z0-9-]{1,32}")


def make_home(paths: Paths, settings: HubSettings, clients: Iterable[str], *, now: datetime) -> None:
    """Make what a home lacks, but no lost secret anew; `clients` are the SPIFFE ids that get a development certificate.

    Raises Faulty for a name that cannot stand in origins, certificates and file names, and Malformed where a
    secret is lost, or the trust file does not vouch for the hub's keys.
    """
    _check_names(paths, settings)
    paths.home.parent.mkdir(parents=True, exist_ok=True)
    make_folder(paths.home)
    with locked(paths.home / ".init.lock"):
        if home_format(paths) not in {None, HOME_FORMAT}:
            with in_custody(paths):
                upgrade(paths, tag_epoch=settings.tag_epoch)
        _fill_home(paths, settings, clients, now)


def _fill_home(paths: Paths, settings: HubSettings, clients: Iterable[str], now: datetime) -> None:
    keys, pki = (paths.keys, paths.keys / "logs"), (paths.pki, paths.pki / "clients")
    # First of all: a home that is left half made must not pass for an older one.
    _keep(paths.format, format_line())
    for folder in (*keys, *pki, paths.audit, paths.exchange, paths.evidence, paths.deliveries, paths.logs):
        make_folder(folder)
    _keep(paths.settings, f'[hub]\nname = "{settings.name}"\ntag_epoch = "{settings.tag_epoch}"\n'.encode())
    _make_secrets(paths, settings)
    _make_signing_keys(paths, settings, now)
    _make_certificates(paths, settings, clients, now)


def _make_secrets(paths: Paths, settings: HubSettings) -> None:
    """Make the secrets of a new home; raises Malformed where one of a home that was whole is lost."""
    whole, tag = paths.trust.exists(), f"tag-{settings.tag_epoch}"
    # An epoch that begins has a key of its own, beside those of the epochs before it.
    begins = any(each.stem != tag for each in paths.keys.glob("tag-*.key"))
    for name in (*SECRETS, tag):
        path = paths.keys / f"{name}.key"
        if whole and not path.exists() and not (name == tag and begins):
            raise Malformed("is lost", field=path.name, remedy=KEY_REMEDY)
        _keep(path, new_key().hex().encode(), mode=PRIVATE)


def log_names(settings: HubSettings, generation: str = FIRST) -> tuple[str, ...]:
    """Every log that the hub has keys for, in a generation."""
    roles = (ROOT, DESK, *(f"worker-{number}" for number in range(settings.workers_max)))
    return tuple(log_name(role, generation) for role in roles)


def _make_signing_keys(paths: Paths, settings: HubSettings, now: datetime) -> None:
    # The root key may have been moved off the machine, as it should be: make no other in its place.
    trust = Trust.parse(paths.trust.read_bytes()) if paths.trust.exists() else None
    answer = _signing_key(paths.keys / "answer.key")
    keys = [TrustedKey(use=ANSWER, key=answer.public, valid_from=now)]
    for log in log_names(settings, generation_of(trust) if trust else FIRST):
        key = _signing_key(paths.keys / "logs" / f"{log}.key")
        keys.append(TrustedKey(use=LOG, key=key.public, valid_from=now, origin=origin_of(settings.name, log)))
    if trust:
        _check_vouched(trust, keys)
        return
    root = _signing_key(paths.keys / "root.key")
    create_file(paths.trust, issue(root, settings.name, keys, now=now))


def _check_vouched(trust: Trust, keys: Iterable[TrustedKey]) -> None:
    vouched = {(each.use, each.origin, each.key.raw) for each in trust.keys}
    missing = [each.origin or each.use for each in keys if (each.use, each.origin, each.key.raw) not in vouched]
    if missing:
        raise Malformed(
            f"does not vouch for the keys of {', '.join(missing)}",
            field="trust.json",
            remedy="set hub.name and hub.workers_max back, or have the root key sign a new history",
        )


def _check_names(paths: Paths, settings: HubSettings) -> None:
    faults = [
        Fault(path=str(paths.settings), line=1, what=f"hub.{name} is no name", remedy=f"write {form}")
        for name, value, pattern, form in (
            ("name", settings.name, _NAME, "a domain name in ASCII, e.g. wenling.mianzheng.example"),
            ("tag_epoch", settings.tag_epoch, _EPOCH, "up to 32 ASCII letters and digits, e.g. 2026"),
        )
        if not pattern.fullmatch(value)
    ]
    if faults:
        raise Faulty(faults)


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
