"""Clients, in groups: counters, kiosks, bank outlets. A group says which items its clients may handle."""

from dataclasses import dataclass

from schemas.title import Title


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A client group: one channel, and the items that it may handle."""

    id: str
    title: Title
    channel: str
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A device known by the SPIFFE id in its certificate: `spiffe://<hub>/<channel>/<device>`."""

    id: str
    group: str
    channel: str
    device: str
    title: Title
