"""Whether a client may ask: default deny, and every denial names all that is not granted."""

from collections.abc import Iterable, Mapping

from kernel.errors import NoGrant
from schemas.catalogue import Catalogue
from schemas.client import Client
from schemas.grant import Grant
from schemas.item import Item


def authorise(catalogue: Catalogue, client: Client, item: Item, claims: Iterable[str]) -> Mapping[str, Grant]:
    """The grant of each claim. If one claim has none the whole question is refused: raises NoGrant naming them all."""
    claims = tuple(dict.fromkeys(claims))
    if item.id not in catalogue.groups[client.group].items:
        raise NoGrant("the client's group does not handle this item", field="item", claims=claims)
    grants = {claim: catalogue.granted.get((client.group, item.id, claim)) for claim in claims}
    refused = tuple(claim for claim, grant in grants.items() if grant is None)
    if refused:
        raise NoGrant("no grant lets this client ask these claims for this item", claims=refused)
    return {claim: grant for claim, grant in grants.items() if grant is not None}
