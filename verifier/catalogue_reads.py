"""What an item needs, and what of it the applicant need not bring: the answers of the catalogue service."""

from collections.abc import Sequence

from kernel.errors import NoGrant, UnknownItem
from schemas import item as items
from schemas.catalogue import Catalogue
from schemas.title import Title
from schemas.wire.v1 import verification_pb2 as wire
from verifier import desk as desks
from verifier.authenticate import authenticate


class CatalogueReads:
    """Answers from the agreements alone: nothing about anybody, so only refusals are recorded."""

    def __init__(self, desk: desks.Desk) -> None:
        """Write every item once."""
        self._desk = desk
        self._items = {each.id: described(each, desk.catalogue) for each in desk.catalogue.items.values()}

    def list_items(self, names: Sequence[str], raw: bytes) -> wire.ListItemsResponse:
        """Every item that the client's group may handle."""
        desk = self._desk
        client = None
        try:
            client = authenticate(names, desk.catalogue.clients)
            desk.reader.nothing(raw)
        except Exception as fault:
            raise desk.refused(fault, desks.Known(names=names, raw=raw, client=client)) from fault
        allowed = desk.catalogue.groups[client.group].items
        return wire.ListItemsResponse(items=[self._items[each] for each in allowed])

    def get_item(self, names: Sequence[str], raw: bytes) -> wire.GetItemResponse:
        """One item that the client's group may handle."""
        desk = self._desk
        client = None
        try:
            client = authenticate(names, desk.catalogue.clients)
            item = self._items.get(desk.reader.item_asked(raw))
            if item is None:
                raise UnknownItem("no item has this id", field="item")  # noqa: TRY301 - one place records every refusal
            if item.item not in desk.catalogue.groups[client.group].items:
                raise NoGrant("the client's group does not handle this item", field="item")  # noqa: TRY301 - the same
        except Exception as fault:
            raise desk.refused(fault, desks.Known(names=names, raw=raw, client=client)) from fault
        return wire.GetItemResponse(item=item)


def described(item: items.Item, catalogue: Catalogue) -> wire.Item:
    """An item for the wire."""
    return wire.Item(
        item=item.id,
        version=item.version,
        title=_title(item.title),
        legal_basis=item.legal_basis,
        handled_where=item.handled_where.zh,
        roles=[wire.Role(role=r.name, title=_title(r.title), required=r.required) for r in item.roles.values()],
        inputs=[wire.Input(input=i.name, title=_title(i.title), required=i.required) for i in item.inputs.values()],
        materials=[
            wire.Material(
                material=each.id,
                title=_title(each.title),
                role=each.role,
                covered_by=each.covered_by.value,
                claim=each.claim,
                department=_department(each, catalogue),
                waived=each.covered_by is not items.CoveredBy.PAPER,
            )
            for each in item.materials
        ],
    )


def _department(material: items.Material, catalogue: Catalogue) -> str:
    """The departments whose registries answer, in Chinese; empty where no claim covers the material."""
    if not material.claim:
        return ""
    contracts = catalogue.claim(material.claim, material.claim_version).contracts.values()
    return "、".join(dict.fromkeys(contract.department_title.zh for contract in contracts))


def _title(title: Title) -> wire.Title:
    return wire.Title(zh=title.zh, en=title.en)
