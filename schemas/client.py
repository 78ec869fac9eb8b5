"""Clients, in groups: counters, kiosks, bank outlets. A group says which items its clients may handle."""

from dataclasses import dataclass

from schemas.limit import Limit
from schemas.title import Title


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A client group: the channels on which its clients ask, and the items that it may handle.

    `limits` are how much its clients may ask; none: as much as they like. `source` is file and line of the items.
    """

    id: str
    title: Title
    channels: tuple[str, ...]
    items: tuple[str, ...]
    limits: tuple[Limit, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A device known by the SPIFFE id in its certificate: `spiffe://<hub>/<channel>/<device>`.

    `place` is the administrative division (its code) that it stands in; empty: not said, so in none.
    """

    id: str
    group: str
    channel: str
    device: str
    title: Title
    place: str = ""
