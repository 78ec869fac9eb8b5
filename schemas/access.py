"""Reads who may ask: client groups with their clients."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field

from schemas.client import Client, Group
from schemas.document import Document
from schemas.limit import DAY, MINUTE, By, Limit
from schemas.odcs_shape import Name
from schemas.place import check_division
from schemas.title import Shape, TitleShape

LIMIT_MAX = 1_000_000_000
_SPIFFE = re.compile(r"spiffe://([a-z0-9.-]{1,200})/([a-z0-9_-]{1,60})/([a-z0-9-]{1,60})")


class _ClientShape(Shape):
    id: str
    title: TitleShape
    place: str = ""


class _LimitShape(Shape):
    per_minute: Annotated[int, Field(ge=1, le=LIMIT_MAX)] | None = Field(alias="perMinute", default=None)
    per_day: Annotated[int, Field(ge=1, le=LIMIT_MAX)] | None = Field(alias="perDay", default=None)


class _LimitsShape(Shape):
    client: _LimitShape | None = None
    operator: _LimitShape | None = None
    item: _LimitShape | None = None


class _GroupShape(Shape):
    group: Name
    title: TitleShape
    channel: Name | None = None
    channels: Annotated[list[Name], Field(min_length=1)] | None = None
    items: Annotated[list[str], Field(min_length=1)]
    clients: list[dict[str, Any]]
    limits: _LimitsShape | None = None


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
    channels = _channels(document, shape)
    group = Group(
        id=shape.group,
        title=shape.title.value(),
        channels=channels,
        items=tuple(shape.items),
        limits=tuple(_limits(shape.limits)) if shape.limits else (),
        source=f"{document.path}:{document.line('items')}",
    )
    clients: dict[int, Client] = {}
    for index, raw in enumerate(shape.clients):
        each = document.shaped(_ClientShape, raw, ("clients", index))
        if each is None:
            continue
        match = _SPIFFE.fullmatch(each.id)
        if match is None or match[2] not in channels:
            document.fault(
                "the id is no SPIFFE id of the group's channel",
                f"write spiffe://<hub>/{channels[0] if channels else '<channel>'}/<device>",
                "clients",
                index,
                "id",
            )
            continue
        if each.place:
            check_division(document, each.place, "clients", index, "place")
        clients[index] = Client(
            id=each.id,
            group=group.id,
            channel=match[2],
            device=match[3],
            title=each.title.value(),
            place=each.place,
        )
    return group, clients


def _limits(shape: _LimitsShape) -> Iterator[Limit]:
    for by in By:
        each = getattr(shape, by.value)
        for seconds, most in ((MINUTE, each.per_minute), (DAY, each.per_day)) if each else ():
            if most is not None:
                yield Limit(by=by, seconds=seconds, most=most)


def _channels(document: Document, shape: _GroupShape) -> tuple[str, ...]:
    """The group's channels, after noting what is wrong with them."""
    if (shape.channel is None) == (shape.channels is None):
        document.fault("needs either channel or channels", "say one of the two", "channel")
    named = shape.channels or ([shape.channel] if shape.channel else [])
    for index, channel in enumerate(named):
        if named.index(channel) != index:
            document.fault(f"names {channel} twice", "name it once", "channels", index)
    return tuple(dict.fromkeys(named))
