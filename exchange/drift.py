"""Drift: how the columns of a delivery differ from those of its contract, said before anything is lost.

A registry is changed without a word to anybody: a column comes, goes, moves, is called another name or filled with
something else. Columns' names are no personal data; no value is told.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from exchange.settings import ExchangeSettings
from exchange.verdict import Verdict
from schemas.contract import Check, Contract
from schemas.title import Title

_BYTE_ORDER_MARK = "\ufeff"
COLUMNS_TOLD_MAX = 100
"""Columns of one kind that are told; a delivery may have thousands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retyped:
    """A column most of whose values are no values of its type. `share` is of all rows."""

    column: str
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """The registry's columns against the contract's, by their physical names.

    `known` is false where the form of delivery does not say what columns it has before all of it is read. `missing` are
    columns of the contract, `new` are columns that it does not know, `reordered` those that stand in another order than
    there, which harms nothing: columns are found by name.
    """

    known: bool = False
    new: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    reordered: tuple[str, ...] = ()
    retyped: tuple[Retyped, ...] = ()

    @classmethod
    def of(cls, contract: Contract, header: Iterable[str]) -> "Drift":
        """What a delivery's header tells; an empty one tells nothing."""
        found = [each.strip().lstrip(_BYTE_ORDER_MARK) for each in header]
        wanted = [each.physical_name for each in contract.properties]
        if not found:
            return cls()
        here = [name for name in found if name in wanted]
        there = [name for name in wanted if name in found]
        return cls(
            known=True,
            new=_few(name for name in found if name and name not in wanted),
            missing=_few(name for name in wanted if name not in found),
            reordered=_few(name for name, at in zip(here, there, strict=False) if name != at),
        )

    def typed(self, contract: Contract, verdict: Verdict, settings: ExchangeSettings) -> "Drift":
        """With the columns of which a great share of all values is none of its type."""
        rows = verdict.counts.delivered
        shares = {
            contract.by_name[each.properties[0]].physical_name: each.seen / rows
            for each in verdict.results
            if each.kind == Check.TYPED and rows and len(each.properties) == 1
        }
        found = [Retyped(column=name, share=share) for name, share in shares.items()]
        found = [each for each in found if each.share >= settings.retyped_share_min]
        return replace(self, retyped=tuple(found))

    def __bool__(self) -> bool:
        """Whether anything has drifted."""
        return bool(self.new or self.missing or self.reordered or self.retyped)

    @property
    def lines(self) -> tuple[Title, ...]:
        """What has drifted, in words."""
        retyped = [f"{each.column} {each.share:.0%}" for each in self.retyped]
        kinds = (
            ("缺少的列", "missing columns", self.missing),
            ("新出现的列（未读取）", "new columns, not read", self.new),
            ("多数内容已非约定类型的列", "columns most of whose values are no longer of their type", retyped),
            ("顺序变动的列（不影响读取）", "columns in another order, which harms nothing", self.reordered),
        )
        return tuple(Title(zh=f"{zh}：{'、'.join(names)}", en=en) for zh, en, names in kinds if names)

    def to_data(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "known": self.known,
            "new": list(self.new),
            "missing": list(self.missing),
            "reordered": list(self.reordered),
            "retyped": [{"column": each.column, "share": round(each.share, 4)} for each in self.retyped],
        }

    @classmethod
    def of_data(cls, data: Mapping[str, Any]) -> "Drift":
        """What `to_data` gave; where nothing was kept, nothing is known."""
        retyped = [Retyped(column=str(each["column"]), share=float(each["share"])) for each in data.get("retyped", ())]
        new, missing, reordered = (tuple(data.get(name, ())) for name in ("new", "missing", "reordered"))
        known = bool(data.get("known"))
        return cls(known=known, new=new, missing=missing, reordered=reordered, retyped=tuple(retyped))


NO_DRIFT = Drift()
"""Where nothing is known."""


def _few(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(names)[:COLUMNS_TOLD_MAX]
