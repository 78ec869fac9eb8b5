"""Two workers in processes of their own answer on while the city changes what it has agreed on."""

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.hub import Hub, open_hub
from app.verification import worker_log
from audit.detail import open_detail, sealing_key_id
from audit.entry import Entry
from audit.journal import read_frames
from kernel.digest import digest_text
from kernel.errors import NoGrant
from schemas.archive import FOLDERS
from schemas.catalogue import ROOT, load_catalogue
from tests.app.small_hub import Desk, desk_of, elder

ALLOWANCE = "items/senior_allowance.yaml"
CLIENTS, GRANTS = "clients/counter.yaml", "grants/counter.yaml"
OPERATOR = {"operator": "0731", "legal_basis": "《老年人权益保障法》"}
WITHIN_S = 60


@pytest.fixture
def agreed(hub: Hub) -> Path:
    """The hub's own agreements, in its home."""
    root = hub.paths.home / "agreed"
    for each in FOLDERS:
        shutil.copytree(ROOT / each, root / each)
    text = hub.paths.settings.read_text("utf-8")
    assert text.count("[hub]\n") == 1
    quick = "[verifier]\nagreements_seconds = 0.1\nagreements_settle_seconds = 0.3\n"
    hub.paths.settings.write_text(text.replace("[hub]\n", '[hub]\nagreements = "agreed"\n') + quick, "utf-8")
    return root


@pytest.fixture
def desks(hub: Hub, agreed: Path) -> Iterator[tuple[Desk, ...]]:
    assert agreed.is_dir()
    fresh = open_hub(hub.paths.home)
    with desk_of(fresh, 0) as first, desk_of(fresh, 1) as second:
        yield first, second


def change(root: Path, file: str, old: str, new: str) -> None:
    text = (root / file).read_text("utf-8")
    assert old in text
    (root.parent / "beside").write_text(text.replace(old, new, 1), "utf-8")
    (root.parent / "beside").replace(root / file)


def changes_in(hub: Hub, worker: int) -> list[tuple[str, dict[str, str]]]:
    """What a worker's log says about changed agreements."""
    found = []
    place = hub.logs.place(worker_log(worker))
    with place.journal.open("rb") as file:
        for frame in read_frames(file, place.origin):
            for record in frame.records:
                entry = Entry.parse(record.entry)
                if entry.kind_name in {"SCHEMA_CHANGED", "POLICY_CHANGED"}:
                    key = hub.detail_keys.get(sealing_key_id(record.sealed))
                    assert key is not None
                    detail = open_detail(record.sealed, key, entry.detail_digest)
                    found.append((entry.kind_name, dict(detail.attributes)))
    return found


def test_two_workers_take_up_what_changes_and_drop_no_call(desks: tuple[Desk, ...], agreed: Path) -> None:
    seen: list[list[bytes]] = [[], []]
    failures: list[Exception] = []
    enough = threading.Event()

    def ask(desk: Desk, digests: list[bytes]) -> None:
        try:
            with desk.client() as client:
                case = client.open_case("senior_allowance", [elder(desk.hub)], **OPERATOR)
                while not enough.is_set():
                    digests.append(client.verify_item(case).statement.agreements_digest)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not be
            failures.append(error)

    asking = [threading.Thread(target=ask, args=each) for each in zip(desks, seen, strict=True)]
    for each in asking:
        each.start()
    wanted = [load_catalogue(agreed).digest]
    wait_until(lambda: all(seen) or bool(failures))
    shutil.copy(agreed / ALLOWANCE, agreed / "items/senior_allowance@1.yaml")
    change(agreed, ALLOWANCE, "version: 1", "version: 2")
    wanted.append(load_catalogue(agreed).digest)
    wait_until(lambda: all(wanted[-1] in digests for digests in seen) or bool(failures))
    change(agreed, CLIENTS, "Service centre hall", "Hall of the service centre")
    wanted.append(load_catalogue(agreed).digest)
    wait_until(lambda: all(wanted[-1] in digests for digests in seen) or bool(failures))
    enough.set()
    for each in asking:
        each.join()
    assert not failures
    for worker, (desk, digests) in enumerate(zip(desks, seen, strict=True)):
        assert list(dict.fromkeys(digests)) == wanted
        assert digests == sorted(digests, key=wanted.index)
        told = changes_in(desk.hub, worker)
        assert [kind for kind, _ in told] == ["SCHEMA_CHANGED", "POLICY_CHANGED"]
        assert [each["agreements"] for _, each in told] == [digest_text(each) for each in wanted[1:]]
        assert [each["before"] for _, each in told] == [digest_text(each) for each in wanted[:-1]]
        assert told[0][1]["changed"].split() == [ALLOWANCE, "items/senior_allowance@1.yaml"]


def test_a_grant_withdrawn_is_withdrawn_by_every_worker(desks: tuple[Desk, ...], agreed: Path) -> None:
    first, second = desks
    with first.client() as one, second.client() as other:
        case = one.open_case("senior_allowance", [elder(first.hub)], **OPERATOR)
        other.verify_item(case)
        change(agreed, CLIENTS, "  - senior_allowance\n", "")
        text = (agreed / GRANTS).read_text("utf-8")
        begin, end = (text.index(f"  - id: counter.{each}") for each in ("senior_allowance", "marriage_registration"))
        change(agreed, GRANTS, text[begin:end], "")

        def refused() -> bool:
            for client in (one, other):
                try:
                    client.verify_item(case)
                except NoGrant:
                    continue
                return False
            return True

        wait_until(refused)


def test_what_changed_while_nobody_answered_is_recorded_before_the_first_answer(hub: Hub, agreed: Path) -> None:
    with desk_of(open_hub(hub.paths.home)) as desk:
        desk.ask()
    before = load_catalogue(agreed).digest
    assert changes_in(hub, 0) == []
    change(agreed, CLIENTS, "Service centre hall", "Hall of the service centre")
    for _ in range(2):
        with desk_of(open_hub(hub.paths.home)) as desk:
            desk.ask()
    ((kind, told),) = changes_in(hub, 0)
    assert (kind, told["changed"]) == ("POLICY_CHANGED", CLIENTS)
    assert told["before"] == digest_text(before)
    assert told["agreements"] == digest_text(load_catalogue(agreed).digest)


def wait_until(done: object) -> None:
    """Until something is so; it must be, in the end."""
    assert callable(done)
    deadline = time.monotonic() + WITHIN_S
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)
