"""Two versions of a claim or a contract stand side by side, and what was in force is kept."""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pytest

from kernel.errors import Conflict, Damaged, Fault
from schemas.archive import Archive, NotKept
from schemas.catalogue import load_catalogue, load_contracts

MARRIAGES = "datasets/civil_affairs/marriages.odcs.yaml"
MARRIAGES_2 = "datasets/civil_affairs/marriages@2.odcs.yaml"
UNMARRIED = "claims/marriage.unmarried.yaml"
UNMARRIED_1 = "claims/marriage.unmarried@1.yaml"
REGISTRATION = "items/marriage_registration.yaml"
NOW = datetime(2026, 11, 24, 4, tzinfo=UTC)
LATER = datetime(2026, 11, 25, 4, tzinfo=UTC)


class Agreements(Protocol):
    """The agreements that a fixture lays out."""

    root: Path

    def change(self, file: str, old: str, new: str) -> None: ...
    def line(self, file: str, text: str) -> int: ...
    def faults(self) -> list[Fault]: ...


@pytest.fixture
def beside(agreements: Agreements) -> Agreements:
    """`marriage.unmarried` is in force as version 2, and version 1 stands beside it."""
    shutil.copy(agreements.root / UNMARRIED, agreements.root / UNMARRIED_1)
    agreements.change(UNMARRIED, "version: 1", "version: 2")
    agreements.change(UNMARRIED, "m.status == '已婚'", "m.status in ['已婚', '事实婚姻']")
    return agreements


@pytest.fixture
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return Archive(tmp_path_factory.mktemp("home") / "agreements")


def test_an_item_gets_the_claim_in_force_unless_it_names_a_version(beside: Agreements) -> None:
    beside.change(REGISTRATION, "claim: marriage.unmarried", "claim: marriage.unmarried@1")
    catalogue = load_catalogue(beside.root)
    first, second = (m for m in catalogue.items["marriage_registration"].materials if m.claim == "marriage.unmarried")
    assert (first.claim_version, second.claim_version) == (1, 0)
    assert catalogue.claim(first.claim, first.claim_version).version == 1
    assert catalogue.claim(second.claim, second.claim_version).version == 2
    assert catalogue.claim(second.claim, 2) is catalogue.claims["marriage.unmarried"]
    # A grant is for the question, whichever version of it is asked.
    assert "marriage.unmarried" in catalogue.right("counter", "marriage_registration", "counter").grants


@pytest.mark.parametrize(
    ("file", "old", "new", "at", "what"),
    [
        (UNMARRIED_1, "version: 1", "version: 3", "version:", "version 3 is not the file's"),
        (UNMARRIED, "version: 2", "version: 1", "version:", "stands in two files"),
        (UNMARRIED_1, "id: marriage.unmarried", "id: marriage.single", "id:", "not the file's name"),
        (
            REGISTRATION,
            "claim: marriage.unmarried",
            "claim: marriage.unmarried@3",
            "unmarried@3",
            "no claim has the id",
        ),
        (
            REGISTRATION,
            "claim: marriage.unmarried",
            "claim: marriage.unmarried@x",
            "unmarried@x",
            "no claim has the id",
        ),
        (UNMARRIED, "datasets: [marriages]", "datasets: [marriages@4]", "datasets:", "no contract has the id"),
        (UNMARRIED, "[marriages]", "[marriages, marriages@1]", "datasets:", "twice"),
    ],
)
def test_a_version_that_is_named_wrong_is_a_fault(
    beside: Agreements, file: str, old: str, new: str, at: str, what: str
) -> None:
    beside.change(file, old, new)
    found = [(fault.path, fault.line) for fault in beside.faults() if what in fault.what]
    assert found == [(file, beside.line(file, at))]


def test_an_old_version_stands_beside_one_in_force_only(beside: Agreements) -> None:
    (beside.root / UNMARRIED).unlink()
    assert [fault.what for fault in beside.faults() if fault.path == UNMARRIED_1] == [
        "stands beside no marriage.unmarried"
    ]


def test_a_claim_is_compiled_against_the_version_of_the_contract_that_it_names(agreements: Agreements) -> None:
    shutil.copy(agreements.root / MARRIAGES, agreements.root / MARRIAGES_2)
    agreements.change(MARRIAGES_2, "version: 1.0.0", "version: 2.0.0")
    agreements.change(MARRIAGES_2, "name: status\n", "name: state\n")
    agreements.change(MARRIAGES_2, "(status = '离婚'", "(state = '离婚'")
    assert agreements.faults() == []
    agreements.change(UNMARRIED, "datasets: [marriages]", "datasets: [marriages@2]")
    (fault,) = agreements.faults()
    assert "undefined field 'status'" in fault.what
    agreements.change(UNMARRIED, "m.status", "m.state")
    catalogue = load_catalogue(agreements.root)
    claim = catalogue.claims["marriage.unmarried"]
    assert claim.contracts["marriages@2"].version == "2.0.0"
    assert claim.reads == {"marriages@2": ("state",)}
    # Deliveries and every other claim go by the one in force.
    assert catalogue.contracts["marriages"].version == "1.0.0"
    assert catalogue.claims["marriage.married_to"].contracts["marriages"].version == "1.0.0"
    assert {each.version for each in load_contracts(agreements.root).values()} == {"1.0.0"}
    row = catalogue.readable["marriages@2"].row
    raw = row.to_bytes({"state": "已婚"})
    assert not claim.expression.holds(claim.variables({"marriages@2": [row.parse(raw)]}, {}, NOW.date()))


def test_a_contract_beside_another_must_be_of_its_number(agreements: Agreements) -> None:
    shutil.copy(agreements.root / MARRIAGES, agreements.root / MARRIAGES_2)
    assert {fault.what for fault in agreements.faults()} == {"version 1.0.0 is not the file's"}


def test_what_was_in_force_is_read_again_as_it_was(agreements: Agreements, archive: Archive) -> None:
    before = load_catalogue(agreements.root)
    archive.keep(before, agreements.root, now=NOW)
    agreements.change(UNMARRIED, "version: 1", "version: 2")
    agreements.change(UNMARRIED, "已婚", "离婚")
    after = load_catalogue(agreements.root)
    archive.keep(after, agreements.root, now=LATER)
    archive.keep(after, agreements.root, now=LATER)
    again = archive.catalogue(before.digest)
    assert again.digest == before.digest
    assert again.claims["marriage.unmarried"] == before.claims["marriage.unmarried"]
    assert archive.catalogue(after.digest).claims["marriage.unmarried"].version == 2
    assert archive.catalogues() == ((NOW, before.digest), (LATER, after.digest))
    assert [each.version for each in archive.versions("claims", "marriage.unmarried")] == ["1", "2"]


def test_a_contract_is_kept_alone_when_something_is_published_under_it(
    agreements: Agreements, archive: Archive
) -> None:
    contract = load_contracts(agreements.root)["marriages"]
    archive.keep_contract(contract, now=NOW)
    archive.keep_contract(contract, now=LATER)
    kept = archive.contract(contract.digest)
    assert (kept.properties, kept.rules, kept.digest) == (contract.properties, contract.rules, contract.digest)
    assert archive.contract_version("marriages", "1.0.0").digest == contract.digest
    (known,) = archive.versions("datasets", "marriages")
    assert (known.kept_at, known.path) == (NOW, MARRIAGES)


def test_what_was_never_kept_is_said_to_be_missing(archive: Archive) -> None:
    for ask in (
        lambda: archive.catalogue(b"x" * 32),
        lambda: archive.contract(b"x" * 32),
        lambda: archive.contract(b""),
        lambda: archive.contract_version("marriages", "1.0.0"),
    ):
        with pytest.raises(NotKept):
            ask()
    assert archive.catalogues() == ()
    assert archive.versions("claims", "marriage.unmarried") == ()


def test_a_changed_byte_in_the_archive_is_found(agreements: Agreements, archive: Archive) -> None:
    catalogue = load_catalogue(agreements.root)
    archive.keep(catalogue, agreements.root, now=NOW)
    contract = catalogue.contracts["marriages"]
    for path in (archive.folder / "files" / f"{contract.digest.hex()}.yaml", *archive.folder.glob("catalogues/*.json")):
        whole = path.read_bytes()
        path.write_bytes(whole.replace(b"marriages", b"narriages", 1))
        with pytest.raises(Damaged):
            archive.catalogue(catalogue.digest)
        path.write_bytes(whole)
    (archive.folder / "files" / f"{contract.digest.hex()}.yaml").unlink()
    with pytest.raises(NotKept):
        archive.catalogue(catalogue.digest)


def test_a_listing_leads_nowhere_outside(agreements: Agreements, archive: Archive) -> None:
    """Who can write to the archive could name any path; nothing is laid out there."""
    catalogue = load_catalogue(agreements.root)
    archive.keep(catalogue, agreements.root, now=NOW)
    (listing,) = archive.folder.glob("catalogues/*.json")
    listing.write_text(listing.read_text("utf-8").replace("claims/person.alive.yaml", "claims/../../../../etc/x.yaml"))
    with pytest.raises(Damaged):
        archive.files(catalogue.digest)


def test_only_what_was_read_is_kept(agreements: Agreements, archive: Archive) -> None:
    catalogue = load_catalogue(agreements.root)
    agreements.change(UNMARRIED, "48h", "24h")
    with pytest.raises(Conflict, match="has changed since it was read"):
        archive.keep(catalogue, agreements.root, now=NOW)
    assert archive.catalogues() == ()


def test_content_that_changed_under_the_same_version_is_a_fault(agreements: Agreements, archive: Archive) -> None:
    catalogue = load_catalogue(agreements.root)
    archive.keep(catalogue, agreements.root, now=NOW)
    assert list(archive.changed(catalogue, agreements.root)) == []
    agreements.change(MARRIAGES, "value: 0.05", "value: 0.5")
    agreements.change(UNMARRIED, "48h", "24h")
    changed = load_catalogue(agreements.root)
    faults = sorted(archive.changed(changed, agreements.root))
    assert [(each.path, each.line) for each in faults] == [
        (UNMARRIED, agreements.line(UNMARRIED, "version:")),
        (MARRIAGES, agreements.line(MARRIAGES, "version:")),
    ]
    agreements.change(MARRIAGES, "version: 1.0.0", "version: 1.1.0")
    agreements.change(UNMARRIED, "version: 1", "version: 2")
    raised = load_catalogue(agreements.root)
    assert list(archive.changed(raised, agreements.root)) == []
