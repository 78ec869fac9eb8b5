"""What a changed contract does to the agreements that rest on it: found by compiling every claim against it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kernel.errors import Fault
from schemas.beside import base
from schemas.catalogue import Catalogue
from schemas.changes import Change, Kind
from schemas.claim import Claim, NoRow, read_claim
from schemas.contract import Contract
from schemas.document import Faults, read_document
from schemas.expression import Compiler
from schemas.settings import DEFAULTS, SchemaSettings

_ABSENCE = frozenset(
    {
        Kind.COMPLETE_FOR_CHANGED,
        Kind.BOUND_LOWERED,
        Kind.BOUND_RAISED,
        Kind.SUBJECT_MADE_OPTIONAL,
        Kind.SUBJECT_KEYS_CHANGED,
        Kind.REGISTER_CHANGED,
    }
)
"""After these, no row may mean another thing."""
_ABSENCE_OF_SUBJECT = frozenset({Kind.RETYPED, Kind.COLUMN_RENAMED, Kind.FIELD_NUMBER_CHANGED})
"""After these as well, where the property is a subject's number; another name of it changes the subject keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """`broken` claims do not stand under the new contract: their faults by the claims' references.

    `review` are claims that stand, but over something whose meaning changed. `items` and `grants` rest on broken ones.
    """

    broken: Mapping[str, tuple[Fault, ...]]
    review: tuple[str, ...]
    items: tuple[str, ...]
    grants: tuple[str, ...]


def readers(catalogue: Catalogue, dataset: str) -> dict[str, tuple[str, ...]]:
    """The claims that read each property of a dataset under the contract in force, by the property's name."""
    found: dict[str, list[str]] = {}
    for reference, claim in _over(catalogue, dataset):
        for name in claim.reads[dataset]:
            found.setdefault(name, []).append(reference)
    return {name: tuple(claims) for name, claims in found.items()}


def impact(
    catalogue: Catalogue, root: Path, new: Contract, changes: Sequence[Change], settings: SchemaSettings = DEFAULTS
) -> Impact:
    """What becomes of the agreements under `root`, loaded as `catalogue`, if `new` takes its dataset's place.

    Claims that name another version of the contract than the one in force do not rest on it.
    """
    contracts = {**catalogue.readable, new.id: new}
    compiler = Compiler(contracts, settings)
    broken = {}
    for reference, _ in _over(catalogue, new.id):
        faults = Faults()
        file = root / "claims" / f"{reference}.yaml"
        document = read_document(root, file, faults, settings)
        if document is not None:
            read_claim(document, contracts, contracts.keys(), compiler, settings)
        if faults.found:
            broken[reference] = tuple(sorted(faults.found))
    return Impact(
        broken=broken,
        review=tuple(
            reference
            for reference, claim in _over(catalogue, new.id)
            if reference not in broken and _means_another(claim, new, changes)
        ),
        items=tuple(sorted(each.id for each in catalogue.items.values() if _asks(catalogue, each.id, broken))),
        grants=tuple(
            sorted(
                grant.id
                for grant in catalogue.grants
                if any(
                    material.claim in grant.claims
                    and _named(catalogue, material.claim, material.claim_version) in broken
                    for material in catalogue.items[grant.item].materials
                )
            )
        ),
    )


def _over(catalogue: Catalogue, dataset: str) -> list[tuple[str, Claim]]:
    """The claims over the contract in force of a dataset, by the names of their files."""
    files = {
        path.removeprefix("claims/").removesuffix(".yaml") for path in catalogue.files if path.startswith("claims/")
    }
    every = {**catalogue.claim_versions, **catalogue.claims}
    return [(name, every[name]) for name in sorted(files) if dataset in every[name].datasets]


def _means_another(claim: Claim, new: Contract, changes: Sequence[Change]) -> bool:
    touched = {each.place for each in changes if each.breaking}
    older = any(each.kind is Kind.FRESHNESS_LENGTHENED for each in changes) and claim.max_age < new.freshness
    if older or touched.intersection(claim.reads[new.id]):
        return True
    leans = claim.no_row is not NoRow.OUT_OF_COVERAGE or claim.from_absence
    subjects = {each.property for each in new.subject_keys}
    return leans and any(
        each.kind in _ABSENCE or (each.kind in _ABSENCE_OF_SUBJECT and each.place in subjects) for each in changes
    )


def _named(catalogue: Catalogue, claim: str, version: int) -> str:
    """The name of the file that a material's claim stands in."""
    wanted = catalogue.claim(claim, version)
    return claim if wanted is catalogue.claims[claim] else f"{base(claim)}@{version}"


def _asks(catalogue: Catalogue, item: str, broken: Mapping[str, object]) -> bool:
    materials = catalogue.items[item].materials
    return any(m.claim and _named(catalogue, m.claim, m.claim_version) in broken for m in materials)
