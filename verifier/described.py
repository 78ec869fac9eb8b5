"""An item as clients see it: what it needs, and what of that the applicant need not bring."""

from schemas import item as items
from schemas.catalogue import Catalogue
from schemas.title import Title
from schemas.wire.v1 import verification_pb2 as wire


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
