"""Entering, revoking and restoring clients and certificates while the service runs; and operators' keys.

Whoever changes the roll holds its lock. A revocation holds before it is recorded, so that nobody is let in by a hub
whose log is slow; whatever lets somebody in is recorded before it holds.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from app.case_endings import Asked
from app.hub import Hub
from app.pki import Authority, Credential
from audit.logs import DESK
from audit.record import Record
from exchange.held import check_reason
from kernel.durable import PRIVATE, locked, replace_file
from kernel.errors import Conflict, Malformed
from schemas.client import Client
from schemas.place import is_division
from schemas.title import Title
from schemas.wire.v1 import audit_pb2
from verifier.peer import Peer
from verifier.roll import Operator, Revoked, Roll, Rolls

_T = TypeVar("_T")
_DEVICE = re.compile(r"[a-z0-9-]{1,60}")
_SERIAL = re.compile(r"[0-9a-f]{1,40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A client as the hub knows it: by its agreements or entered since, and whether it is revoked."""

    client: Client
    entered: bool
    revoked: Revoked | None


def roll_of(hub: Hub) -> Roll:
    """The roll as it stands; raises Damaged."""
    return Rolls(hub.paths.roll, hub.lasting_secret).read()


def clients_of(hub: Hub) -> list[Listed]:
    """Every client, by SPIFFE id; raises Damaged or Faulty."""
    roll = roll_of(hub)
    everybody = {**roll.entered, **hub.catalogue.clients}
    return [
        Listed(client=client, entered=name not in hub.catalogue.clients, revoked=roll.clients.get(name))
        for name, client in sorted(everybody.items())
    ]


def find_client(hub: Hub, name: str) -> Client:
    """The client of this SPIFFE id or device name; raises Malformed where there is none, or more than one."""
    found = [each.client for each in clients_of(hub) if name in {each.client.id, each.client.device}]
    if len(found) != 1:
        what = "names no client" if not found else "names several clients: write the SPIFFE id"
        raise Malformed(what, field="client", remedy="mianzheng clients list")
    return found[0]


def enrol(hub: Hub, device: str, group: str, *, channel: str, place: str, title: Title, asked: Asked) -> Client:
    """Enter a client, and issue its certificate from the development authority; recorded first.

    Raises Malformed for a device, group, channel or place that cannot be, Conflict where there is such a client.
    """
    known = hub.catalogue.groups.get(group)
    if known is None:
        raise Malformed("names no client group", field="group", remedy="mianzheng grants list")
    channel = channel or known.channels[0]
    if channel not in known.channels:
        raise Malformed("is no channel of the group", field="channel", remedy=f"one of {', '.join(known.channels)}")
    if not _DEVICE.fullmatch(device):
        raise Malformed("is no device name", field="device", remedy="write small letters, digits and hyphens")
    if place and not is_division(place):
        raise Malformed("is no administrative division code", field="place", remedy="write 2, 4, 6, 9 or 12 digits")
    client = Client(
        id=f"spiffe://{hub.settings.name}/{channel}/{device}",
        group=group,
        channel=channel,
        device=device,
        title=title,
        place=place,
    )

    def entered(roll: Roll) -> Roll:
        # Its name also names its files, and commands know it by that, whatever its channel.
        if any(each.device == device for each in (*hub.catalogue.clients.values(), *roll.entered.values())):
            raise Conflict(f"{device} is a client already")
        return replace(roll, entered={**roll.entered, client.id: client})

    _change(hub, entered, _record(hub, "client entered", {"client": client.id, "group": group}, asked), first=True)
    issue(hub, client, asked)
    return client


def issue(hub: Hub, client: Client, asked: Asked) -> str:
    """Issue a certificate for a client from the development authority, recorded first; returns its serial.

    The one before stays good until it ends or is revoked, so that a device changes over when it likes.
    """
    authority = Authority(Credential.read(hub.paths.pki, "ca"))
    issued = authority.client(client.id, hub.clock.now())
    serial = Peer.of_certificate(issued.certificate).serial
    attributes = {"client": client.id, "serial": serial}
    hub.logs.shared(DESK).append(_record(hub, "certificate issued", attributes, asked))
    folder = hub.paths.pki / "clients"
    replace_file(folder / f"{client.device}.key", issued.key, mode=PRIVATE)
    replace_file(folder / f"{client.device}.pem", issued.certificate)
    return serial


def revoke_client(hub: Hub, client: Client, asked: Asked) -> None:
    """Let a client in no more, whatever certificate it shows; recorded."""
    revoked = Revoked(at=hub.clock.now(), reason=asked.reason)
    record = _record(hub, "client revoked", {"client": client.id}, asked)
    _change(hub, lambda roll: replace(roll, clients={**roll.clients, client.id: revoked}), record)


def revoke_serial(hub: Hub, serial: str, asked: Asked) -> None:
    """Let one certificate in no more, named by its serial in hexadecimal; recorded."""
    serial = serial.lower().replace(":", "").lstrip("0")
    if not _SERIAL.fullmatch(serial):
        raise Malformed("is no serial number of a certificate", field="serial", remedy="write it in hexadecimal")
    revoked = Revoked(at=hub.clock.now(), reason=asked.reason)
    record = _record(hub, "certificate revoked", {"serial": serial}, asked)
    _change(hub, lambda roll: replace(roll, serials={**roll.serials, serial: revoked}), record)


def restore_client(hub: Hub, client: Client, asked: Asked) -> None:
    """Let a revoked client in again; recorded first. Its revoked certificates stay revoked."""

    def restored(roll: Roll) -> Roll:
        if client.id not in roll.clients:
            raise Conflict(f"{client.device} is not revoked")
        return replace(roll, clients=_without(roll.clients, client.id))

    _change(hub, restored, _record(hub, "client restored", {"client": client.id}, asked), first=True)


def enter_operator(hub: Hub, operator: Operator, asked: Asked) -> None:
    """Enter an operator's key, or another one in its place; recorded first. Raises Malformed for an unknown group."""
    for group in operator.groups:
        if group not in hub.catalogue.groups:
            raise Malformed("names no client group", field="group", remedy="mianzheng grants list")
    attributes = {"operator": operator.id, "groups": " ".join(operator.groups), "key": operator.key.hex()}
    record = _record(hub, "operator entered", attributes, asked)
    _change(hub, lambda roll: replace(roll, operators={**roll.operators, operator.id: operator}), record, first=True)


def revoke_operator(hub: Hub, name: str, asked: Asked) -> None:
    """Believe an operator's key no more; recorded."""

    def revoked(roll: Roll) -> Roll:
        if name not in roll.operators:
            raise Malformed("names no operator", field="operator", remedy="mianzheng operators list")
        return replace(roll, operators=_without(roll.operators, name))

    _change(hub, revoked, _record(hub, "operator revoked", {"operator": name}, asked))


def _without(found: Mapping[str, _T], name: str) -> dict[str, _T]:
    return {key: value for key, value in found.items() if key != name}


def _change(hub: Hub, change: Callable[[Roll], Roll], record: Record, *, first: bool = False) -> None:
    """Change the roll under its lock; `first`: recorded before it holds, else as soon as it does."""
    path = hub.paths.roll
    log = hub.logs.shared(DESK)
    with locked(path.with_name(f".{path.name}.lock")):
        before = roll_of(hub)
        after = replace(change(before), number=before.number + 1)
        if first:
            log.append(record)
        replace_file(path, after.encode(hub.lasting_secret), mode=PRIVATE)
    if not first:
        log.append(record)


def _record(hub: Hub, what: str, attributes: Mapping[str, str], asked: Asked) -> Record:
    """POLICY_CHANGED; raises Malformed where the reason cannot be recorded."""
    check_reason(asked.by, asked.reason, longest=hub.exchange_settings.reason_characters_max)
    detail = audit_pb2.Detail(operator=asked.by, attributes={"what": what, "reason": asked.reason, **attributes})
    return Record(kind=audit_pb2.ENTRY_KIND_POLICY_CHANGED, detail=detail, seal=hub.detail_keys.general())
