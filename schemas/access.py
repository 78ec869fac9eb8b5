"""Reads who may ask: client groups with their clients, and the grants of each group."""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from schemas.client import Client, Group
from schemas.document import Document
from schemas.grant import Grant
from schemas.item import Item
from schemas.odcs_shape import Name
from schemas.title import Shape, TitleShape

_SPIFFE = re.compile(r"spiffe://([a-z0-9.-]{1,200})/([a-z0-9_-]{1,60})/([a-z0-9-]{1,60})")
_GRANT_ID = r"^[a-z][a-z0-9_.]{0,120}$"


class _ClientShape(Shape):
    id: str
    title: TitleShape


class _GroupShape(Shape):
    group: Name
    title: TitleShape
    channel: Name
    items: Annotated[list[str], Field(min_length=1)]
    clients: list[dict[str, Any]]


class _GrantShape(Shape):
    id: Annotated[str, StringConstraints(pattern=_GRANT_ID)]
    item: str
    claims: Annotated[list[str], Field(min_length=1)]
    values: bool


class _GrantsShape(Shape):
    group: Name
    grants: list[dict[str, Any]]


def read_group(document: Document, items: Collection[str]) -> tuple[Group, Mapping[int, Client]] | None:
    """A group and its sound clients by their place; None after noting every fault.

    `items` are the ids of every item's file.
    """
    shape = document.shaped(_GroupShape)
    if shape is None:
        return None
    for index, item in enumerate(shape.items):
        if item not in items:
            document.fault(f"no item has the id {item}", "name an item that there is", "items", index)
        elif shape.items.index(item) != index:
            document.fault(f"names {item} twice", "name it once", "items", index)
    group = Group(id=shape.group, title=shape.title.value(), channel=shape.channel, items=tuple(shape.items))
    clients: dict[int, Client] = {}
    for index, raw in enumerate(shape.clients):
        each = document.shaped(_ClientShape, raw, ("clients", index))
        if each is None:
            continue
        match = _SPIFFE.fullmatch(each.id)
        if match is None or match[2] != shape.channel:
            document.fault(
                "the id is no SPIFFE id of the group's channel",
                f"write spiffe://<hub>/{shape.channel}/<device>",
                "clients",
                index,
                "id",
            )
            continue
        clients[index] = Client(id=each.id, group=group.id, channel=match[2], device=match[3], title=each.title.value())
    return group, clients


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantsRead:
    """A file's sound grants by their place in it, and whether those are all."""

    grants: Mapping[int, Grant]
    whole: bool


def read_grants(
    document: Document, name: str, groups: Collection[str], items: Mapping[str, Item], known: Collection[str]
) -> GrantsRead:
    """The grants of the group that the file is named for, after noting every fault.

    `groups` and `known` are the ids of every group's and every item's file, faulty ones too.
    """
    shape = document.shaped(_GrantsShape)
    if shape is None:
        return GrantsRead(grants={}, whole=False)
    if shape.group != name:
        document.fault(f"group {shape.group} is not the file's name", "make them the same", "group")
    elif shape.group not in groups:
        document.fault(f"no client group has the id {shape.group}", "name a group that there is", "group")
    grants = {at: document.shaped(_GrantShape, raw, ("grants", at)) for at, raw in enumerate(shape.grants)}
    sound = {index: each for index, each in grants.items() if each is not None}
    counts = Counter((each.item, claim) for each in sound.values() for claim in each.claims)
    for index, each in sound.items():
        if each.item not in known:
            document.fault(f"no item has the id {each.item}", "name an item that there is", "grants", index, "item")
        for at, claim in enumerate(each.claims):
            place = ("grants", index, "claims", at)
            if each.item in items and claim not in items[each.item].claims:
                document.fault(f"{each.item} does not need {claim}", "remove it", *place)
            if counts[each.item, claim] > 1:
                document.fault(f"{claim} is granted twice for {each.item}", "grant it once", *place)
    return GrantsRead(
        grants={
            index: Grant(id=each.id, group=name, item=each.item, claims=frozenset(each.claims), values=each.values)
            for index, each in sound.items()
        },
        whole=len(sound) == len(grants),
    )
