"""What an item needs, and what of it the applicant need not bring: the answers of the catalogue service."""

from kernel.errors import UnknownItem
from schemas.wire.v1 import verification_pb2 as wire
from verifier import desk as desks
from verifier.authenticate import authenticate
from verifier.authorise import check_handles, handles
from verifier.peer import Peer


class CatalogueReads:
    """Answers from the agreements alone: nothing about anybody, so only refusals are recorded."""

    def __init__(self, desk: desks.Desk) -> None:
        """Take the desk."""
        self._desk = desk

    def list_items(self, peer: Peer, raw: bytes) -> wire.ListItemsResponse:
        """Every item that the client's group may handle, and is granted on its channel and where it stands."""
        desk = self._desk
        agreed = desk.agreements.current
        client = None
        try:
            client = authenticate(peer, agreed.catalogue, desk.rolls.current(), desk.clock.now())
            desk.reader.nothing(raw)
        except Exception as fault:
            raise desk.refused(fault, desks.Known(peer=peer, raw=raw, client=client)) from fault
        group = agreed.catalogue.groups.get(client.group)
        allowed = [each for each in group.items if handles(agreed.catalogue, client, each)] if group else []
        return wire.ListItemsResponse(items=[agreed.items[each] for each in allowed])

    def get_item(self, peer: Peer, raw: bytes) -> wire.GetItemResponse:
        """One item of those."""
        desk = self._desk
        agreed = desk.agreements.current
        client = None
        try:
            client = authenticate(peer, agreed.catalogue, desk.rolls.current(), desk.clock.now())
            item = agreed.items.get(desk.reader.item_asked(raw))
            if item is None:
                raise UnknownItem("no item has this id", field="item")  # noqa: TRY301 - one place records every refusal
            check_handles(agreed.catalogue, client, item.item)
        except Exception as fault:
            raise desk.refused(fault, desks.Known(peer=peer, raw=raw, client=client)) from fault
        return wire.GetItemResponse(item=item)
