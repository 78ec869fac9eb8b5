"""Relationships of the standard: properties whose values must be found in another dataset's snapshot in force."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from schemas.allowed import Allowed
from schemas.columns import Column, custom_values
from schemas.document import Document, Place
from schemas.odcs_shape import NAME
from schemas.quality_shape import RelationshipExtras, RelationshipShape
from schemas.rule import Check, Reference, Rule

if TYPE_CHECKING:
    from schemas.contract import Contract

_SHORT = re.compile(rf"(?P<dataset>{NAME})\.(?P<property>{NAME})")
_FULL = re.compile(
    rf"(?:(?:[A-Za-z0-9._/-]*/)?(?P<file>{NAME})\.odcs\.ya?ml#)?"
    rf"/?schema/(?P<dataset>{NAME})/properties/(?P<property>{NAME})"
)
_OBJECT: Place = ("schema", 0)
_SHOWN_MAX = 80
_Named = list[tuple[str, str]]
"""Datasets and properties."""


def read_relationships(document: Document, columns: Sequence[Column], tolerance: float) -> Iterator[tuple[Rule, Place]]:
    """The rules that relationships make, with where each stands; notes what is none that can be kept."""
    own = str(document.data.get("id", ""))
    by_place = {each.at: each for each in columns}
    by_name = {each.property.name: each for each in columns}
    for at, raw in _relationships(document):
        shape = document.shaped(RelationshipShape, raw, at)
        if shape is None:
            continue
        column = by_place.get(at[:-2])
        implied = [(own, column.property.name)] if column is not None else []
        sources = implied or _named(document, shape.source, (*at, "from"))
        targets = _named(document, shape.to, (*at, "to"))
        extras = custom_values(document, shape.custom, (*at, "customProperties"), RelationshipExtras)
        if extras is None or not sources or not targets or not _paired(document, at, sources, targets, by_name):
            continue
        percent = extras.tolerated_percent
        names = tuple(name for _, name in sources)
        reference = Reference(dataset=targets[0][0], properties=tuple(name for _, name in targets))
        titles = [by_name[name].property.title for name in names]
        zh, en = "、".join(each.zh for each in titles), " and ".join(each.en for each in titles)
        rule = Rule(
            id=shape.id or f"{'_'.join(names)}_refers",
            check=Check.REFERS,
            properties=names,
            reference=reference,
            allowed=Allowed.share(tolerance if percent is None else percent / 100),
            dimension="consistency",
            description=f"{zh}须在{reference.dataset}中有记录。 {en} must stand in {reference.dataset}.",
        )
        yield rule, at


def check_relationships(contracts: Mapping[str, "Contract"], documents: Mapping[str, Document | None]) -> None:
    """Note every reference to a dataset or property that is none, or is of another type."""
    for name, contract in contracts.items():
        document = documents[name]
        rules = [rule for rule in contract.rules if rule.check is Check.REFERS]
        if document is None or not rules:
            continue
        for rule, (at, _) in zip(rules, _relationships(document), strict=True):
            if rule.reference is not None:
                _check_target(document, (*at, "to"), contract, rule, contracts.get(rule.reference.dataset))
                if rule.reference.dataset not in documents:
                    document.fault(f"{rule.reference.dataset} is no dataset", "name a contract's id", *at, "to")


def _check_target(document: Document, at: Place, contract: "Contract", rule: Rule, target: "Contract | None") -> None:
    # A contract that is not there has been reported already, or is by whoever asks.
    if target is None or rule.reference is None:
        return
    for own, other in zip(rule.properties, rule.reference.properties, strict=True):
        kind = contract.by_name[own].type
        if other not in target.by_name:
            document.fault(f"{target.id} has no property {other}", "name a property", *at)
        elif target.by_name[other].type is not kind:
            document.fault(f"{own} is a {kind}, {target.id}.{other} is none", "name one of the same type", *at)


def _relationships(document: Document) -> Iterator[tuple[Place, Any]]:
    """Every relationship: of the properties, in order, then of the dataset."""
    whole = document.data["schema"][0]
    for index, each in enumerate(whole["properties"]):
        for number, raw in enumerate(each.get("relationships") or []):
            yield (*_OBJECT, "properties", index, "relationships", number), raw
    for number, raw in enumerate(whole.get("relationships") or []):
        yield (*_OBJECT, "relationships", number), raw


def _named(document: Document, written: str | list[str] | None, at: Place) -> _Named:
    """The datasets and properties that a relationship names; empty after noting one that is none."""
    found = []
    for text in [written] if isinstance(written, str) else written or []:
        match = _SHORT.fullmatch(text) or _FULL.fullmatch(text)
        if match is None or match.groupdict().get("file") not in {None, match["dataset"]}:
            document.fault(f"{text[:_SHOWN_MAX]} names no property of a dataset", "write dataset.property", *at)
            return []
        found.append((match["dataset"], match["property"]))
    return found


def _paired(document: Document, at: Place, sources: _Named, targets: _Named, columns: Mapping[str, Column]) -> bool:
    """Whether properties of this dataset stand beside as many of one other; notes it where not."""
    own = str(document.data.get("id", ""))
    strange = [f"{dataset}.{name}" for dataset, name in sources if dataset != own or name not in columns]
    if strange:
        document.fault(f"{strange[0]} is no property of this dataset", "name a property", *at)
    elif len(sources) != len(targets) or len({dataset for dataset, _ in targets}) != 1:
        document.fault("from and to do not pair", "name as many properties of one dataset", *at)
    else:
        return True
    return False
