"""The agreements that a worker answers under: one bundle that never changes, swapped whole for a newer one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from schemas.catalogue import Catalogue
from schemas.wire.v1 import verification_pb2 as wire
from verifier.described import described
from verifier.materials import Plans
from verifier.ports import Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """Everything that follows from one state of the agreements.

    `facts` reads rows under their contracts. `aliases` is the dataset that links the numbers of one person, `registers`
    are those that know numbers and names. `items` are the items in force as clients see them, by id.
    """

    catalogue: Catalogue
    plans: Plans
    facts: Facts
    aliases: str | None
    registers: tuple[str, ...]
    items: Mapping[str, wire.Item]

    @classmethod
    def of(cls, catalogue: Catalogue, facts: Facts) -> Self:
        """Work out what follows from a catalogue, once."""
        aliases, register = catalogue.aliases, catalogue.name_register
        return cls(
            catalogue=catalogue,
            plans=Plans(catalogue),
            facts=facts,
            aliases=aliases.id if aliases else None,
            registers=tuple(dict.fromkeys(each.id for each in (aliases, register) if each)),
            items={each.id: described(each, catalogue) for each in catalogue.items.values()},
        )


class Agreements:
    """What is agreed now. A call takes `current` once, when it begins, and sees one state of it to its end."""

    def __init__(self, agreed: Agreed) -> None:
        """Begin with these."""
        self.current = agreed

    def replace(self, newer: Agreed) -> None:
        """From now on calls begin under newer agreements; those in flight end under theirs."""
        self.current = newer
