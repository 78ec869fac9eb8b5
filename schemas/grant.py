"""A grant: which client group may ask which claims for which item, on which channels, when, where, and how much of it.

What a group may ask for an item on one channel is worked out when the agreements are loaded: a question costs one
look-up. Default deny: what no grant names is not there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from schemas.hours import Hours
from schemas.needs import Proof


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One grant. Without `values` its clients get outcomes only (verify), with them values too (disclose).

    `channels` are those of its group on which it holds. `places` are administrative division codes (GB/T 2260), each
    standing for all that lies in it; empty: anywhere. `hours` None: always. `presence` is the least that must be proved
    of the applicant's presence. `source` is file and line.
    """

    id: str
    group: str
    item: str
    claims: frozenset[str]
    values: bool
    channels: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    hours: Hours | None = None
    presence: Proof = Proof.NOTHING
    legal_basis: str = ""
    source: str = ""

    @property
    def bound(self) -> bool:
        """Whether place, time or presence can deny what it grants."""
        return bool(self.places) or self.hours is not None or self.presence > Proof.NOTHING

    def holds_in(self, place: str) -> bool:
        """Whether it holds for a client that stands in the division of this code; empty: nowhere in particular."""
        return not self.places or place.startswith(self.places)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What the clients of one group on one channel may ask for one item: the grant of each claim.

    `bound` are the grants among them that have conditions, each once.
    """

    grants: Mapping[str, Grant]
    bound: tuple[Grant, ...]

    def hold_in(self, place: str) -> bool:
        """Whether every grant holds for a client that stands there: else the item cannot be handled there."""
        return all(each.holds_in(place) for each in self.bound)


NOTHING = Rights(grants=MappingProxyType({}), bound=())
"""No right at all."""

RightsKey = tuple[str, str, str]
"""Group, item, channel."""


def compiled(grants: Iterable[Grant]) -> Mapping[RightsKey, Rights]:
    """The rights by group, item and channel. One claim is granted once on a channel."""
    found: dict[RightsKey, list[Grant]] = {}
    for grant in grants:
        for channel in grant.channels:
            found.setdefault((grant.group, grant.item, channel), []).append(grant)
    return MappingProxyType(
        {
            key: Rights(
                grants=MappingProxyType({claim: grant for grant in each for claim in grant.claims}),
                bound=tuple(grant for grant in each if grant.bound),
            )
            for key, each in found.items()
        }
    )
