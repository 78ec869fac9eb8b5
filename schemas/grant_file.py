"""Reads a group's grants, and holds them against the groups, the items and what those need."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from schemas.client import Group
from schemas.document import Document, Place
from schemas.grant import Grant
from schemas.hours import Hours, Span
from schemas.item import Item
from schemas.needs import Proof
from schemas.odcs_shape import Name
from schemas.place import check_division
from schemas.title import Shape, Words

_GRANT_ID = r"^[a-z][a-z0-9_.]{0,120}$"


class _GrantShape(Shape):
    id: Annotated[str, StringConstraints(pattern=_GRANT_ID)]
    item: str
    claims: Annotated[list[str], Field(min_length=1)]
    values: bool
    channels: Annotated[list[Name], Field(min_length=1)] | None = None
    places: Annotated[list[str], Field(min_length=1)] = Field(default=[])
    hours: Annotated[list[str], Field(min_length=1)] | None = None
    presence: Literal["remote", "operator_word", "card_read", "face_check"] | None = None
    legal_basis: Words | None = Field(alias="legalBasis", default=None)


class _GrantsShape(Shape):
    group: Name
    grants: list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantsRead:
    """A file's sound grants by their place in it, and whether those are all."""

    grants: Mapping[int, Grant]
    whole: bool


NO_GRANTS = GrantsRead(grants={}, whole=True)
"""Of a group without a file of grants."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What grants are held against: the groups and items that have files (`groups`, `items`), and those that are sound.

    `needs` are the claims that every standing version of an item needs, by the ids of the items all of whose versions
    are sound.
    """

    groups: Collection[str]
    items: Collection[str]
    sound_groups: Mapping[str, Group]
    sound_items: Mapping[str, Item]
    needs: Mapping[str, tuple[str, ...]]


def read_grants(document: Document, name: str, known: Known) -> GrantsRead:
    """The grants of the group that the file is named for, after noting every fault."""
    shape = document.shaped(_GrantsShape)
    if shape is None:
        return GrantsRead(grants={}, whole=False)
    if shape.group != name:
        document.fault(f"group {shape.group} is not the file's name", "make them the same", "group")
    elif shape.group not in known.groups:
        document.fault(f"no client group has the id {shape.group}", "name a group that there is", "group")
    group = known.sound_groups.get(name)
    grants: dict[int, Grant] = {}
    for index, raw in enumerate(shape.grants):
        each = document.shaped(_GrantShape, raw, ("grants", index))
        if each is not None:
            grants[index] = _grant(document, each, index, name, known)
            _check(document, each, index, known, group)
    _check_twice(document, grants)
    return GrantsRead(grants=grants, whole=len(grants) == len(shape.grants))


def check_needs(document: Document, group: Group, read: GrantsRead, known: Known) -> None:
    """A group holds every grant that its items need, or its clients would only ever be refused; and no other.

    On a channel an item is granted whole or not at all, and on one at least.
    """
    if not read.whole:
        return
    granted: dict[str, dict[str, set[str]]] = {}
    for each in read.grants.values():
        for channel in each.channels:
            granted.setdefault(each.item, {}).setdefault(channel, set()).update(each.claims)
    for index, item in enumerate(group.items):
        channels = granted.get(item) or {group.channels[0]: set()}
        for channel, claims in channels.items():
            missing = [claim for claim in known.needs.get(item, ()) if claim not in claims]
            if missing:
                document.fault(
                    f"may handle {item}, but holds no grant for {', '.join(missing)} on the channel {channel}",
                    f"grant them in grants/{group.id}.yaml, or remove {item} here",
                    "items",
                    index,
                )
    for item in sorted({item for item in granted if item in known.needs} - set(group.items)):
        document.fault(f"holds grants for {item}, which it may not handle", f"add {item} to items", "items")


def _check(document: Document, shape: _GrantShape, index: int, known: Known, group: Group | None) -> None:
    at: Place = ("grants", index)
    if shape.item not in known.items:
        document.fault(f"no item has the id {shape.item}", "name an item that there is", *at, "item")
    for place, claim in enumerate(shape.claims):
        if shape.item in known.needs and claim not in known.needs[shape.item]:
            document.fault(f"{shape.item} does not need {claim}", "remove it", *at, "claims", place)
    for place, channel in enumerate(shape.channels or ()):
        if group is not None and channel not in group.channels:
            document.fault(f"{channel} is no channel of {group.id}", "name one of its own", *at, "channels", place)
        elif channel in (shape.channels or ())[:place]:
            document.fault(f"names {channel} twice", "name it once", *at, "channels", place)
    for place, code in enumerate(shape.places):
        check_division(document, code, *at, "places", place)


def _check_twice(document: Document, grants: Mapping[int, Grant]) -> None:
    """One claim is granted once for an item on a channel: there is never a question of which grant applies."""
    granted = Counter(
        (grant.item, channel, claim)
        for index, grant in grants.items()
        for channel in grant.channels
        for claim in document.data["grants"][index]["claims"]
    )
    for index, grant in grants.items():
        for at, claim in enumerate(document.data["grants"][index]["claims"]):
            twice = [channel for channel in grant.channels if granted[grant.item, channel, claim] > 1]
            if twice:
                what = f"{claim} is granted twice for {grant.item} on the channel {', '.join(twice)}"
                document.fault(what, "grant it once", "grants", index, "claims", at)


def _grant(document: Document, shape: _GrantShape, index: int, group: str, known: Known) -> Grant:
    at: Place = ("grants", index)
    sound_group, item = known.sound_groups.get(group), known.sound_items.get(shape.item)
    channels = shape.channels or (sound_group.channels if sound_group else ())
    return Grant(
        id=shape.id,
        group=group,
        item=shape.item,
        claims=frozenset(shape.claims),
        values=shape.values,
        channels=tuple(dict.fromkeys(channels)),
        places=tuple(shape.places),
        hours=_hours(document, shape.hours, at) if shape.hours else None,
        presence=Proof[shape.presence.upper()] if shape.presence else Proof.NOTHING,
        legal_basis=shape.legal_basis or (item.legal_basis if item else ""),
        source=f"{document.path}:{document.line(*at)}",
    )


def _hours(document: Document, texts: list[str], at: Place) -> Hours:
    """The hours, after noting what is wrong with them."""
    spans = []
    for place, text in enumerate(texts):
        try:
            spans.append(Span.parse(text))
        except ValueError as error:
            document.fault(f"{text}: {error}", "correct it", *at, "hours", place)
    return Hours(spans=tuple(spans))
