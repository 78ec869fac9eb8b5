"""Whether a client may ask: default deny, and every denial names all that is not granted."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from kernel.errors import NoGrant, OutsideHours, OutsidePlace, PresenceTooWeak
from schemas.catalogue import Catalogue
from schemas.client import Client
from schemas.grant import Grant
from schemas.item import Item
from schemas.needs import Proof


def authorise(
    catalogue: Catalogue, client: Client, item: Item, claims: Iterable[str], *, presence: int, now: datetime
) -> Mapping[str, Grant]:
    """The grant of each claim; `presence` is how the applicant's was established, as the wire names it.

    If one claim is denied the whole question is refused: raises NoGrant naming all that are. Where every denied claim
    is granted elsewhere, at other hours or for more proof of presence, it is OutsidePlace, OutsideHours or
    PresenceTooWeak: the one that is hardest to mend, in this order.
    """
    if item.id not in _items(catalogue, client):
        claims = tuple(dict.fromkeys(claims))
        raise NoGrant("the client's group does not handle this item", field="item", claims=claims)
    rights = catalogue.right(client.group, item.id, client.channel)
    try:
        granted = {claim: rights.grants[claim] for claim in claims}
    except KeyError:
        refused = tuple(dict.fromkeys(claim for claim in claims if claim not in rights.grants))
        raise NoGrant("no grant lets this client ask these claims for this item", claims=refused) from None
    if rights.bound:
        proof = Proof.of(presence)
        hindered = {each.id: why for each in rights.bound if (why := hindrance(each, client, proof, now)) is not None}
        if hindered:
            _refuse({claim: hindered[grant.id] for claim, grant in granted.items() if grant.id in hindered})
    return granted


def check_handles(catalogue: Catalogue, client: Client, item: str) -> None:
    """Return if a client may handle an item at some hour with some proof; raises NoGrant, or OutsidePlace."""
    if item not in _items(catalogue, client):
        raise NoGrant("the client's group does not handle this item", field="item")
    rights = catalogue.right(client.group, item, client.channel)
    if not rights.grants and catalogue.items[item].claims:
        raise NoGrant("the client's group does not handle this item on this channel", field="item")
    if not rights.hold_in(client.place):
        raise OutsidePlace("the item is not granted where this client stands", field="item")


def handles(catalogue: Catalogue, client: Client, item: str) -> bool:
    """The same as a yes or no."""
    try:
        check_handles(catalogue, client, item)
    except NoGrant:
        return False
    return True


def hindrance(grant: Grant, client: Client, proof: Proof, now: datetime) -> type[NoGrant] | None:
    """Why a grant does not hold for a client here and now; None where it does."""
    if not grant.holds_in(client.place):
        return OutsidePlace
    if grant.hours is not None and not grant.hours.cover(now):
        return OutsideHours
    if proof < grant.presence:
        return PresenceTooWeak
    return None


def _items(catalogue: Catalogue, client: Client) -> tuple[str, ...]:
    """What the client's group may handle; nothing where newer agreements know the group no more."""
    group = catalogue.groups.get(client.group)
    return group.items if group is not None else ()


def _refuse(found: Mapping[str, type[NoGrant]]) -> None:
    """Raise for the claims that are hindered, if any; what is hardest to mend comes first."""
    for kind, message in _MESSAGES.items():
        if kind in found.values():
            raise kind(message, claims=tuple(found))


_MESSAGES: Mapping[type[NoGrant], str] = {
    OutsidePlace: "these claims are not granted where this client stands",
    OutsideHours: "these claims are not granted at this hour",
    PresenceTooWeak: "these claims need more proof of the applicant's presence",
}
