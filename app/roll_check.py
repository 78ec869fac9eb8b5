"""Whether the roll is the one that the logs tell of.

Its seal cannot tell that: a file put back from before, or none at all, is whole, and would let in whoever has been
revoked since. So a worker compares it when it starts, and the doctor whenever asked.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from app.clients import roll_of
from app.hub import Hub
from audit.logs import DESK
from audit.opened import opened
from kernel.errors import Damaged
from schemas.client import Client
from schemas.wire.v1 import audit_pb2

_SUBJECTS = ("client", "serial", "operator")
_SHUT_OUT = frozenset({"client revoked", "certificate revoked", "operator revoked"})
_LET_IN = frozenset({"client entered", "client restored", "operator entered"})
_ISSUED = "certificate issued"


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """How the roll differs from the logs, as `client spiffe://…`, `serial 1f…` or `operator 0731`.

    `let_in`: shut out by the logs' last word, and not by the roll. `unrecorded`: shut out by the roll alone, as where
    the log was down. `undone`: to be let in by the logs' last word, and not by the roll, as after a crash between both.
    """

    let_in: tuple[str, ...] = ()
    unrecorded: tuple[str, ...] = ()
    undone: tuple[str, ...] = ()


@dataclass(slots=True)
class _Told:
    """The logs' last word on each; `entered` holds who was ever entered as a client."""

    last: dict[str, str] = field(default_factory=dict)
    entered: set[str] = field(default_factory=set)

    def hear(self, attributes: Mapping[str, str]) -> None:
        what = attributes.get("what", "")
        if what not in _SHUT_OUT | _LET_IN:
            return
        name = next(f"{each} {attributes[each]}" for each in _SUBJECTS if each in attributes)
        self.last[name] = what
        if what == "client entered":
            self.entered.add(name)


def differences(hub: Hub) -> Differences:
    """Compare; raises Damaged where the roll or a log cannot be read."""
    told = _Told()
    for attributes in _changes(hub):
        told.hear(attributes)
    roll = roll_of(hub)
    shut = {*(f"client {each}" for each in roll.clients), *(f"serial {each}" for each in roll.serials)}
    operators = {f"operator {each}" for each in roll.operators}
    entered = {f"client {each}" for each in roll.entered}
    let_in, undone = [], []
    for name, what in sorted(told.last.items()):
        in_force = name not in operators if name.startswith("operator ") else name in shut
        if what in _SHUT_OUT and not in_force:
            let_in.append(name)
        if what in _LET_IN and (in_force or (name in told.entered and name not in entered)):
            undone.append(name)
    unrecorded = sorted(each for each in shut if each not in told.last)
    return Differences(let_in=tuple(let_in), unrecorded=tuple(unrecorded), undone=tuple(undone))


def check_roll(hub: Hub) -> None:
    """Return if the roll shuts out whoever the logs say is revoked; raises Damaged."""
    if found := differences(hub).let_in:
        raise Damaged(
            f"lets in {len(found)} whom the log records as revoked",
            field=hub.paths.roll.name,
            remedy="mianzheng doctor",
        )


def serials_of(hub: Hub, client: Client) -> list[str]:
    """The serials of the certificates issued to a client by command, oldest first; raises Damaged."""
    return [
        each["serial"]
        for each in _changes(hub)
        if each.get("what") == _ISSUED and each.get("client") == client.id and "serial" in each
    ]


def _changes(hub: Hub) -> Iterator[Mapping[str, str]]:
    """What the logs hold of changes to who may ask."""
    kind = audit_pb2.ENTRY_KIND_POLICY_CHANGED
    return (each.attributes for each in opened(hub.paths.audit, hub.settings.name, hub.detail_keys, DESK, kind))
