"""The agreements that a worker answers under: one bundle that never changes, swapped whole for a newer one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from schemas.catalogue import Catalogue
from schemas.wire.v1 import verification_pb2 as wire
from verifier.described import described
from verifier.materials import Plans
from verifier.ports import Facts, Snapshot
from verifier.sheet import registers


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
    _registers_known: list[tuple[Mapping[str, Snapshot], bytes]] = field(default_factory=list, repr=False)

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

    def registers_field(self, snapshots: Mapping[str, Snapshot]) -> bytes:
        """What a statement says of the registers that were looked into, and of these agreements, encoded."""
        known = self._registers_known
        if not known or known[0][0] is not snapshots:
            known[:] = [(snapshots, registers(self.registers, snapshots, self.catalogue.digest))]
        return known[0][1]


class Agreements:
    """What is agreed now. A call takes `current` once, when it begins, and sees one state of it to its end."""

    def __init__(self, agreed: Agreed) -> None:
        """Begin with these."""
        self.current = agreed

    def replace(self, newer: Agreed) -> None:
        """From now on calls begin under newer agreements; those in flight end under theirs."""
        self.current = newer
