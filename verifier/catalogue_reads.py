"""What an item needs, and what of it the applicant need not bring: the answers of the catalogue service."""

from collections.abc import Sequence

from kernel.errors import NoGrant, UnknownItem
from schemas.wire.v1 import verification_pb2 as wire
from verifier import desk as desks
from verifier.authenticate import authenticate


class CatalogueReads:
    """Answers from the agreements alone: nothing about anybody, so only refusals are recorded."""

    def __init__(self, desk: desks.Desk) -> None:
        """Take the desk."""
        self._desk = desk

    def list_items(self, names: Sequence[str], raw: bytes) -> wire.ListItemsResponse:
        """Every item that the client's group may handle."""
        desk = self._desk
        agreed = desk.agreements.current
        client = None
        try:
            client = authenticate(names, agreed.catalogue.clients)
            desk.reader.nothing(raw)
        except Exception as fault:
            raise desk.refused(fault, desks.Known(names=names, raw=raw, client=client)) from fault
        allowed = agreed.catalogue.groups[client.group].items
        return wire.ListItemsResponse(items=[agreed.items[each] for each in allowed])

    def get_item(self, names: Sequence[str], raw: bytes) -> wire.GetItemResponse:
        """One item that the client's group may handle."""
        desk = self._desk
        agreed = desk.agreements.current
        client = None
        try:
            client = authenticate(names, agreed.catalogue.clients)
            item = agreed.items.get(desk.reader.item_asked(raw))
            if item is None:
                raise UnknownItem("no item has this id", field="item")  # noqa: TRY301 - one place records every refusal
            if item.item not in agreed.catalogue.groups[client.group].items:
                raise NoGrant("the client's group does not handle this item", field="item")  # noqa: TRY301 - the same
        except Exception as fault:
            raise desk.refused(fault, desks.Known(names=names, raw=raw, client=client)) from fault
        return wire.GetItemResponse(item=item)
