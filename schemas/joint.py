"""Several claims about one party, evaluated at once.

Most of what an evaluation costs is handing the rows over to CEL, so claims that are asked together are evaluated
together: one expression gives a bit for each. Where it ends in an error nothing is known of any of them, and each is
evaluated alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message

from schemas.beside import base
from schemas.claim import Claim
from schemas.contract import Contract
from schemas.expression import new_maps
from schemas.reserved import ASK, TODAY


def merged(asks: Iterable[Mapping[str, object]]) -> Mapping[str, object] | None:
    """The parameters of several claims as one; None where two claims mean two things by one name."""
    found: dict[str, object] = {}
    for each in asks:
        for name, value in each.items():
            if found.setdefault(name, value) != value:
                return None
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Joint:
    """The expressions and coverages of some claims as one; `rows_max` is the least that one of them bears.

    `bits` says which bit is whose, by the identity of the claims' own expressions.
    """

    claims: tuple[Claim, ...]
    datasets: Mapping[str, Contract] = field(repr=False)
    reads: Mapping[str, tuple[str, ...]]
    rows_max: int
    bits: Mapping[int, int] = field(repr=False)
    program: Any = field(repr=False, compare=False)

    @classmethod
    def of(cls, claims: Iterable[Claim]) -> "Joint | None":
        """Some claims as one; None where one variable would have to be two things."""
        claims = tuple(dict.fromkeys(claims))
        datasets = {name: contract for claim in claims for name, contract in claim.contracts.items()}
        if len({base(name) for name in datasets}) < len(datasets):
            return None
        reads = {
            dataset: tuple(sorted({name for claim in claims for name in claim.reads.get(dataset, ())}))
            for dataset in datasets
        }
        expressions = [each for claim in claims for each in (claim.expression, claim.coverage) if each]
        text = " + ".join(f"(({each.text}\n) ? {1 << at} : 0)" for at, each in enumerate(expressions))
        return cls(
            claims=claims,
            datasets=datasets,
            reads=reads,
            rows_max=min(each.rows_max for each in claims),
            bits={id(each): 1 << at for at, each in enumerate(expressions)},
            program=new_maps([base(each) for each in datasets]).compile(text),
        )

    def evaluate(self, rows: Mapping[str, Sequence[Message]], ask: Mapping[str, object], today: object) -> int | None:
        """The bits of the expressions that hold; None where that is not known of all of them.

        `ask` is every claim's parameters as expressions see them (`merged`), `today` likewise.
        """
        seen: dict[str, object] = {ASK: ask, TODAY: today}
        for dataset, contract in self.datasets.items():
            held, names = rows[dataset], self.reads[dataset]
            if len(held) > self.rows_max:
                return None
            mapping = contract.row.mapping
            seen[base(dataset)] = [mapping(row, names) for row in held]
        try:
            value = self.program.eval(data=seen).value()
        except RuntimeError:
            return None
        return value if type(value) is int else None
