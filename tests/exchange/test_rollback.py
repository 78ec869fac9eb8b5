"""An older version comes into force again: recorded first, proved to be whole, finished after a crash."""

import json
import os
import shutil
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from exchange import rollback
from exchange.history import Standing, history, standing
from exchange.job import Job
from exchange.layout import DATA, INDEX, MANIFEST
from exchange.retire import retire
from exchange.rollback import CannotRollBack, roll_back
from exchange.snapshot import check_files, read_current
from exchange.taken_back import TakenBack, rollbacks, taken_back
from kernel.clock import FixedClock
from kernel.digest import digest_text
from kernel.durable import locked
from kernel.errors import Conflict, Damaged, LogUnavailable, Malformed
from schemas.property import PropertyType
from tests.exchange.registry import Registry, number, person, resident

WHO, WHY = "李四", "部门误交付了旧系统的数据"


@dataclass(frozen=True, slots=True)
class Log:
    """What the recorder was told, as the log would say it."""

    registry: Registry

    def manifest_of(self, dataset: str, version: str) -> bytes | None:
        for kind, said in self.registry.recorder.entries:
            if kind == "PUBLISHED" and (said["dataset"], said["version"]) == (dataset, version):
                return bytes.fromhex(said["manifest"].removeprefix("sha256:"))
        return None


@dataclass(frozen=True, slots=True)
class Twice:
    """A population that was published twice; the second time everybody is dead."""

    registry: Registry
    first: str
    second: str

    def back(self, version: str = "", *, by: str = WHO, reason: str = WHY) -> str:
        job = self.registry.job("population")
        return roll_back(job, version or self.first, by, reason, published=Log(self.registry)).version

    @property
    def in_force(self) -> str:
        current = read_current(self.registry.layout("population"))
        assert current is not None
        return current.version

    def status(self) -> str:
        (row,) = self.registry.exchange().pin(["population"]).held("population", person(1)).rows
        return str(row.status)  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def _twice(_registers: Path, tmp_path_factory: pytest.TempPathFactory) -> Twice:
    root = tmp_path_factory.mktemp("twice")
    shutil.copytree(_registers, root, dirs_exist_ok=True)
    registry = Registry(root)
    first = registry.publish("population", [resident(place) for place in range(9)])
    registry.clock.advance(timedelta(days=1))
    dead = [resident(place, status="死亡") for place in range(9)]
    registry.deliver("population", dead, as_of="2026-11-25T02:00:00+08:00")
    second = registry.publish("population")
    return Twice(registry, first.version, second.version)


@pytest.fixture
def twice(_twice: Twice, tmp_path: Path) -> Twice:
    return copied(_twice, tmp_path / "hub")


def copied(twice: Twice, root: Path) -> Twice:
    shutil.copytree(twice.registry.root, root)
    registry = Registry(root, clock=FixedClock(instant=twice.registry.clock.instant))
    registry.recorder.entries.extend(twice.registry.recorder.entries)
    return replace(twice, registry=registry)


def spoil(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[-40] ^= 1
    path.write_bytes(raw)


def test_an_older_version_is_in_force_again_with_its_own_age(twice: Twice) -> None:
    assert twice.status() == "死亡"
    exchange = twice.registry.exchange()
    pinned = exchange.pin(["population"])
    assert twice.back() == twice.first
    assert (twice.in_force, twice.status()) == (twice.first, "户籍")
    snapshot = exchange.pin(["population"]).snapshots["population"]
    assert snapshot.data_as_of.isoformat() == "2026-11-23T18:00:00+00:00"
    # Who had the other one pinned goes on reading it.
    assert pinned.held("population", person(1)).rows[0].status == "死亡"  # type: ignore[attr-defined]


def test_it_is_recorded_with_who_and_why_before_anything_moves(twice: Twice) -> None:
    class Refusing:
        def record(self, kind: str, attributes: Mapping[str, str]) -> bytes:
            assert (kind, attributes["by"], twice.in_force) == ("ROLLED_BACK", WHO, twice.second)
            raise LogUnavailable("no space left")

    job = replace(twice.registry.job("population"), recorder=Refusing())
    with pytest.raises(LogUnavailable):
        roll_back(job, twice.first, WHO, WHY, published=Log(twice.registry))
    assert twice.in_force == twice.second
    twice.back()
    kind, said = twice.registry.recorder.entries[-1]
    assert kind == "ROLLED_BACK"
    wanted = {"dataset": "population", "from_version": twice.second, "version": twice.first, "by": WHO, "reason": WHY}
    assert wanted.items() <= said.items()
    (done,) = rollbacks(twice.registry.layout("population"))
    assert (done.from_version, done.to_version, done.by, done.reason) == (twice.second, twice.first, WHO, WHY)


def test_to_what_is_in_force_already_it_changes_and_records_nothing(twice: Twice) -> None:
    before = len(twice.registry.recorder.entries)
    assert twice.back(twice.second) == twice.second
    assert len(twice.registry.recorder.entries) == before
    assert rollbacks(twice.registry.layout("population")) == ()


def test_the_next_publication_works_after_it(twice: Twice) -> None:
    twice.back()
    twice.registry.clock.advance(timedelta(days=1))
    rows = [resident(place, status="迁出") for place in range(9)]
    twice.registry.deliver("population", rows, as_of="2026-11-26T02:00:00+08:00")
    third = twice.registry.publish("population")
    assert (twice.in_force, twice.status()) == (third.version, "迁出")
    assert twice.back() == twice.first
    assert [each.to_version for each in rollbacks(twice.registry.layout("population"))] == [twice.first] * 2


def test_the_same_delivery_does_not_come_into_force_again_by_itself(twice: Twice) -> None:
    """The scheduler will find it again tonight, as wrong as it was."""
    twice.back()
    with pytest.raises(TakenBack, match="taken out of force"):
        twice.registry.publish("population")
    assert (twice.in_force, twice.status()) == (twice.first, "户籍")
    assert not list(twice.registry.layout("population").runs.rglob("delivery*"))
    twice.registry.publish("population", force=True)
    assert twice.status() == "死亡"


def test_it_can_be_taken_back_itself(twice: Twice) -> None:
    layout = twice.registry.layout("population")
    manifest = twice.registry.manifest("population")
    assert manifest is not None
    twice.back()
    assert taken_back(layout) == {digest_text(manifest.delivery_digest)}
    assert twice.back(twice.second) == twice.second
    assert twice.status() == "死亡"
    assert digest_text(manifest.delivery_digest) not in taken_back(layout)


@pytest.mark.parametrize("name", ["../../etc", "", "20990101T000000Z-000000"])
def test_a_version_that_does_not_stand_there_is_refused(twice: Twice, name: str) -> None:
    with pytest.raises(CannotRollBack, match="no such version"):
        roll_back(twice.registry.job("population"), name, WHO, WHY, published=Log(twice.registry))
    assert twice.in_force == twice.second


def test_what_is_no_longer_kept_is_refused(twice: Twice) -> None:
    layout = twice.registry.layout("population")
    retire(layout, in_force=twice.second, now=twice.registry.clock.now() + timedelta(days=9), days=8)
    assert standing(layout, twice.first) is Standing.RETIRED
    with pytest.raises(CannotRollBack, match="retired"):
        twice.back()


@pytest.mark.parametrize("name", [DATA, INDEX, MANIFEST])
def test_what_is_damaged_is_refused(twice: Twice, name: str) -> None:
    spoil(twice.registry.layout("population").version(twice.first) / name)
    with pytest.raises(Damaged):
        twice.back()
    assert (twice.in_force, twice.status()) == (twice.second, "死亡")


def test_another_manifest_than_the_recorded_one_is_refused(twice: Twice) -> None:
    """Whole in itself, but not what the log says was published."""
    path = twice.registry.layout("population").version(twice.first) / MANIFEST
    changed = json.loads(path.read_bytes()) | {"run": "another"}
    path.write_bytes(json.dumps(changed, ensure_ascii=False, indent=1).encode() + b"\n")
    with pytest.raises(Damaged, match="whose publication is recorded"):
        twice.back()


def test_what_was_never_recorded_is_refused(twice: Twice) -> None:
    layout = twice.registry.layout("population")
    twice.registry.recorder.entries.clear()
    with pytest.raises(CannotRollBack, match="records no publication"):
        twice.back()
    layout.receipt(twice.first).unlink()
    with pytest.raises(CannotRollBack, match="never recorded"):
        twice.back()
    assert twice.in_force == twice.second


def test_a_version_that_the_contract_in_force_cannot_read_is_refused(twice: Twice) -> None:
    contract = twice.registry.contracts["population"]
    held = replace(contract.properties[0], type=PropertyType.STRING)
    twice.registry.contracts["population"] = replace(
        contract, version="2.0.0", properties=(held, *contract.properties[1:])
    )
    with pytest.raises(CannotRollBack, match=r"made under contract 1\.0\.0"):
        twice.back()


def test_a_version_of_an_older_contract_that_can_still_be_read_serves_and_comes_back(twice: Twice) -> None:
    contract = twice.registry.contracts["population"]
    added = replace(contract.properties[-1], name="phone", number=99, required=False, physical_name="电话")
    twice.registry.contracts["population"] = replace(
        contract, version="1.1.0", properties=(*contract.properties, added)
    )
    assert twice.status() == "死亡"
    assert twice.back() == twice.first
    assert twice.status() == "户籍"


@pytest.mark.parametrize(("by", "reason"), [("", WHY), (WHO, ""), (WHO, f"{number(1)} 有误"), (WHO, "x" * 5000)])
def test_what_the_log_may_not_hold_is_no_reason(twice: Twice, by: str, reason: str) -> None:
    with pytest.raises(Malformed):
        twice.back(by=by, reason=reason)
    assert twice.in_force == twice.second


def test_nobody_rolls_back_while_somebody_publishes(twice: Twice) -> None:
    with locked(twice.registry.layout("population").lock), pytest.raises(Conflict, match="being published"):
        twice.back()


def test_a_damaged_current_is_no_obstacle(twice: Twice) -> None:
    twice.registry.layout("population").current.write_bytes(b"{}")
    assert twice.back() == twice.first
    assert twice.status() == "户籍"


def test_killed_at_any_flush_it_is_finished_by_asking_again(twice: Twice, tmp_path: Path) -> None:
    killed = 0
    for count in range(1, 40):
        again = copied(twice, tmp_path / f"hub-{count}")
        layout, log = again.registry.layout("population"), again.registry.root / "log.jsonl"

        class Written:
            """Records durably, as a log would, where a killed process leaves it."""

            def record(self, kind: str, attributes: object, log: Path = log) -> bytes:
                with log.open("a", encoding="utf-8") as file:
                    file.write(json.dumps([kind, attributes]) + "\n")
                    os.fsync(file.fileno())
                return b"receipt"

        job = replace(again.registry.job("population"), recorder=Written())

        def work(job: Job = job, again: Twice = again) -> None:
            roll_back(job, again.first, WHO, WHY, published=Log(again.registry))

        code = in_child(work, die_at=count)
        assert again.in_force in {again.first, again.second}
        # Never in force before it is recorded.
        assert again.in_force == again.second or log.exists()
        manifest = again.registry.manifest("population")
        assert manifest is not None
        check_files(layout, manifest)
        work()
        assert (again.in_force, again.status()) == (again.first, "户籍")
        assert [each.to_version for each in rollbacks(layout)] == [again.first]
        assert not layout.rolling_back.exists()
        # Killed between the entry and its note, it is recorded once more: an entry without effect is harmless.
        assert len(log.read_text("utf-8").splitlines()) in {1, 2}
        if code == 0:
            break
        killed += 1
    assert killed >= 8


def test_one_that_was_killed_when_done_is_remembered_once_the_next_delivery_is_in_force(
    twice: Twice, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as cut_short:
        # As if the process had been killed right after `current` moved.
        cut_short.setattr("exchange.rollback.settle", lambda _: None)
        twice.back()
    registry, layout = twice.registry, twice.registry.layout("population")
    assert (twice.in_force, layout.rolling_back.exists()) == (twice.first, True)
    registry.clock.advance(timedelta(days=1))
    registry.deliver("population", [resident(place) for place in range(8)], as_of="2026-11-25T03:00:00+08:00")
    registry.publish("population")
    assert [each.to_version for each in rollbacks(layout)] == [twice.first]
    assert not layout.rolling_back.exists()
    dead = [resident(place, status="死亡") for place in range(9)]
    registry.deliver("population", dead, as_of="2026-11-25T02:00:00+08:00")
    with pytest.raises(TakenBack):
        registry.publish("population")


def in_child(work: Callable[[], object], *, die_at: int) -> int:
    """Run something in a forked process that kills itself at its so many'th flush; its exit code."""
    child = os.fork()
    if child == 0:
        flushed, flush = 0, os.fsync

        def counting(handle: int) -> None:
            nonlocal flushed
            flushed += 1
            if flushed == die_at:
                os.kill(os.getpid(), signal.SIGKILL)
            flush(handle)

        os.fsync = counting
        try:
            work()
        except BaseException:  # noqa: BLE001 (a child reports by its exit code alone)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_the_history_tells_what_became_of_each_version(twice: Twice) -> None:
    registry = twice.registry
    layout, contract = registry.layout("population"), registry.contracts["population"]
    found = history(layout, contract, bytes_max=1 << 20)
    assert [each.version for each in found][:2] == [twice.second, twice.first]
    assert [each.standing for each in found] == [Standing.IN_FORCE, Standing.KEPT, Standing.KEPT]
    assert all(each.readable and not each.damaged for each in found)
    layout.key(twice.first).unlink()
    spoil(layout.version(twice.second) / MANIFEST)
    (layout.version(twice.second) / MANIFEST).write_bytes(b"{}")
    found = history(layout, contract, bytes_max=1 << 20)
    assert [(each.standing, each.damaged) for each in found][:2] == [
        (Standing.IN_FORCE, True),
        (Standing.LOST, False),
    ]


def test_whoever_asks_for_a_roll_back_that_was_cut_short_is_recorded(
    twice: Twice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(rollback, "swap_file", killed)
        with pytest.raises(KeyboardInterrupt):
            twice.back()
    log = Log(twice.registry)
    roll_back(twice.registry.job("population"), twice.first, "李四", "数据有误", published=log)
    assert twice.in_force == twice.first
    assert [each.by for each in rollbacks(twice.registry.layout("population"))][-1] == "李四"


def test_a_version_in_force_without_its_key_is_lost_and_not_retired(twice: Twice) -> None:
    layout = twice.registry.layout("population")
    layout.key(twice.second).unlink()
    assert standing(layout, twice.second) is Standing.LOST
