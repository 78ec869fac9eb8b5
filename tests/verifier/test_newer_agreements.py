"""Agreements change while workers answer: nobody's call fails, faulty ones change nothing, what is recorded holds."""

import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.newer_agreements import NewerAgreements, watched
from audit.faulty_files import FaultyFiles
from kernel.digest import digest_text
from kernel.errors import CaseExpired, NoGrant, Unavailable
from schemas.archive import FOLDERS, Archive
from schemas.catalogue import ROOT, load_catalogue
from schemas.settings import SchemaSettings
from verifier.client import AskedParty

ALLOWANCE = "items/senior_allowance.yaml"
GRANTS = "grants/counter.yaml"
MARRIAGES = "datasets/civil_affairs/marriages.odcs.yaml"
OPERATOR = {"operator": "0731", "legal_basis": "《老年人权益保障法》"}
FLUSHES_OF_OPENING = 1


@dataclass(slots=True)
class Folder:
    """Agreements that a test may change, and the archive that keeps what was in force."""

    root: Path
    archive: Archive

    def change(self, file: str, old: str, new: str) -> None:
        path = self.root / file
        text = path.read_text("utf-8")
        assert old in text
        # Beside, then in: nobody sees half a file.
        beside = self.root.parent / "beside"
        beside.write_text(text.replace(old, new, 1), "utf-8")
        beside.replace(path)

    def raise_item(self, *, keeping: bool) -> None:
        """The next version of the allowance; `keeping` the one before beside it."""
        if keeping:
            shutil.copy(self.root / ALLOWANCE, self.root / "items/senior_allowance@1.yaml")
        self.change(ALLOWANCE, "version: 1", "version: 2")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    root = tmp_path / "agreements"
    for each in FOLDERS:
        shutil.copytree(ROOT / each, root / each)
    return Folder(root, Archive(tmp_path / "archive"))


NewWorker = Callable[..., tuple[Any, NewerAgreements]]


@pytest.fixture
def new_worker(new_station: Any, folder: Folder) -> NewWorker:
    """Makes a worker that answers under the folder's agreements, and who takes up newer ones for it."""

    def make(**changes: Any) -> tuple[Any, NewerAgreements]:
        catalogue = load_catalogue(folder.root)
        changes.setdefault("agreements_settle_seconds", 0.0)
        hub_exchange = changes.pop("facts")
        station = new_station(catalogue=catalogue, facts=hub_exchange.under(catalogue.readable), **changes)
        folder.archive.keep(catalogue, folder.root, now=station.clock.now())
        newer = NewerAgreements(
            folder.root,
            station.verifier,
            log=station.place.directory.name,
            archive=folder.archive,
            exchange=hub_exchange,
            clock=station.clock,
            settings=SchemaSettings(),
        )
        return station, newer

    return make


@pytest.fixture
def worker(new_worker: NewWorker, town: Any) -> tuple[Any, NewerAgreements]:
    return new_worker(facts=town.hub.exchange)


def test_newer_agreements_drop_no_call_of_any_worker(
    new_worker: NewWorker, town: Any, folder: Folder, elder: tuple[AskedParty, ...]
) -> None:
    workers = [new_worker(facts=town.hub.exchange) for _ in range(2)]
    before = load_catalogue(folder.root).digest
    enough, failures, seen = threading.Event(), [], [[], []]

    def ask(client: Any, case: Any, digests: list[bytes]) -> None:
        try:
            while not enough.is_set():
                digests.append(client.verify_item(case).statement.agreements_digest)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not be
            failures.append(error)

    asking = []
    for (station, _), digests in zip(workers, seen, strict=True):
        client = station.client()
        case = client.open_case("senior_allowance", elder, **OPERATOR)
        asking.append(threading.Thread(target=ask, args=(client, case, digests)))
    with watched(workers[0][1], every_s=0.05), watched(workers[1][1], every_s=0.05):
        for each in asking:
            each.start()
        folder.raise_item(keeping=True)
        after = load_catalogue(folder.root).digest
        for _ in range(600):
            if all(after in digests for digests in seen) or failures:
                break
            threading.Event().wait(0.05)
        enough.set()
        for each in asking:
            each.join()
    assert not failures
    for (station, _), digests in zip(workers, seen, strict=True):
        # One change, and none back. The folder was changed in two steps: one alone may have been taken up between.
        kinds = list(dict.fromkeys(digests))
        assert kinds[0] == before
        assert kinds[-1] == after
        assert digests == sorted(digests, key=kinds.index)
        told = [detail for entry, detail in station.entries() if entry.kind_name == "SCHEMA_CHANGED"]
        assert told[-1].attributes["agreements"] == digest_text(after)
        assert ALLOWANCE in told[-1].attributes["changed"].split()


def test_a_case_goes_on_under_the_version_it_was_opened_with_while_that_stands(
    worker: tuple[Any, NewerAgreements], folder: Folder, elder: tuple[AskedParty, ...]
) -> None:
    station, newer = worker
    client = station.client()
    case = client.open_case("senior_allowance", elder, **OPERATOR)
    folder.raise_item(keeping=True)
    assert newer.look()
    assert not newer.look()
    assert client.verify_item(case).statement.item_version == 1
    assert client.verify_item(client.open_case("senior_allowance", elder, **OPERATOR)).statement.item_version == 2
    (folder.root / "items/senior_allowance@1.yaml").unlink()
    assert newer.look()
    with pytest.raises(CaseExpired):
        client.verify_item(case)


def test_a_withdrawn_grant_holds_for_open_cases_too(
    worker: tuple[Any, NewerAgreements], folder: Folder, elder: tuple[AskedParty, ...]
) -> None:
    station, newer = worker
    client = station.client()
    case = client.open_case("senior_allowance", elder, **OPERATOR)
    folder.change("clients/counter.yaml", "  - senior_allowance\n", "")
    text = (folder.root / GRANTS).read_text("utf-8")
    grant = text[text.index("  - id: counter.senior_allowance") : text.index("  - id: counter.marriage_registration")]
    folder.change(GRANTS, grant, "")
    assert newer.look()
    entry, detail = station.entries()[-1]
    assert entry.kind_name == "POLICY_CHANGED"
    assert detail.attributes["changed"].split() == ["clients/counter.yaml", GRANTS]
    with pytest.raises(NoGrant):
        client.verify_item(case)


def test_a_newer_contract_reads_the_snapshot_that_is_in_force(
    worker: tuple[Any, NewerAgreements], folder: Folder, couple: tuple[AskedParty, ...]
) -> None:
    station, newer = worker
    client = station.client()
    case = client.open_case("marriage_registration", couple, **OPERATOR)
    before = client.verify_item(case).statement
    version = next(line for line in (folder.root / MARRIAGES).read_text("utf-8").splitlines() if "version:" in line)
    folder.change(MARRIAGES, version, "version: 1.9.0")
    assert newer.look()
    after = client.verify_item(case).statement
    assert after.agreements_digest != before.agreements_digest
    assert [each.outcome for each in after.answers] == [each.outcome for each in before.answers]


def test_faulty_agreements_are_refused_with_every_fault_and_the_old_stay_in_force(
    worker: tuple[Any, NewerAgreements], folder: Folder, elder: tuple[AskedParty, ...]
) -> None:
    station, newer = worker
    client = station.client()
    case = client.open_case("senior_allowance", elder, **OPERATOR)
    before = station.verifier.desk.agreements.current
    entries = len(station.entries())
    folder.change(GRANTS, "values: false", "values: perhaps")
    folder.change(ALLOWANCE, "version: 1", "version: one")
    with capture_logs() as told:
        assert not newer.look()
        # They are judged once, not every second.
        assert not newer.look()
    (refused,) = (each for each in told if each["event"] == "agreements refused")
    assert {fault.partition(":")[0] for fault in refused["faults"]} == {GRANTS, ALLOWANCE}
    assert station.verifier.desk.agreements.current is before
    client.verify_item(case)
    assert [entry.kind_name for entry, _ in station.entries()[entries:]] == ["ANSWERED"]
    folder.change(GRANTS, "values: perhaps", "values: false")
    folder.change(ALLOWANCE, "version: one", "version: 2")
    assert newer.look()


def test_a_version_never_changes_its_meaning(worker: tuple[Any, NewerAgreements], folder: Folder) -> None:
    station, newer = worker
    before = station.verifier.desk.agreements.current
    folder.change(ALLOWANCE, "with: {years: 80}", "with: {years: 70}")
    with capture_logs() as told:
        assert not newer.look()
    assert any("was in force with other content" in str(each) for each in told)
    assert station.verifier.desk.agreements.current is before


def test_what_is_still_being_changed_is_left_alone(new_worker: NewWorker, town: Any, folder: Folder) -> None:
    station, newer = new_worker(facts=town.hub.exchange, agreements_settle_seconds=3600.0)
    before = station.verifier.desk.agreements.current
    folder.raise_item(keeping=True)
    assert not newer.look()
    assert not newer.look()
    assert station.verifier.desk.agreements.current is before


def test_agreements_that_change_while_they_are_read_are_read_again(
    worker: tuple[Any, NewerAgreements], folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    station, newer = worker
    keep = folder.archive.keep

    def late(*args: Any, **named: Any) -> None:
        monkeypatch.undo()
        folder.change(ALLOWANCE, "version: 2", "version: 3")
        keep(*args, **named)

    monkeypatch.setattr(folder.archive, "keep", late)
    folder.raise_item(keeping=True)
    assert not newer.look()
    assert station.verifier.desk.agreements.current.catalogue.items["senior_allowance"].version == 1
    assert newer.look()
    assert station.verifier.desk.agreements.current.catalogue.items["senior_allowance"].version == 3


def test_what_cannot_be_recorded_is_not_taken_up(new_worker: NewWorker, town: Any, folder: Folder) -> None:
    files = FaultyFiles(operation="flush", at=FLUSHES_OF_OPENING, only="journal")
    station, newer = new_worker(facts=town.hub.exchange, files=files)
    before = station.verifier.desk.agreements.current
    folder.raise_item(keeping=True)
    assert not newer.look()
    assert station.verifier.desk.agreements.current is before
    with pytest.raises(Unavailable):
        station.client().item("no_such_item")
