"""A hub whose publishers are killed again and again, and what must hold of it every time."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from app.home import make_home
from app.hub import Hub, open_hub
from audit.verify_hub import verify_hub
from exchange.history import read_version
from exchange.layout import Layout
from exchange.manifest import Manifest
from exchange.publish import STEPS
from exchange.snapshot import check_files, read_current, read_manifest
from exchange.taken_back import taken_back
from kernel.digest import digest_text
from tests.torture.desk import Desk
from tests.torture.kinds import BACK, CHANGES, HELD, RELEASE, UNCHANGED, WHOLE, Kind
from tests.torture.leftovers import left_behind
from tests.torture.publisher import AT_ONCE, DECIDE, ROLL_BACK, Order, after
from tests.torture.registers import ALIASES, MARRIAGES, Register, Rows, told

ROOT = Path(__file__).parents[2]
PUBLISHER = Path(__file__).with_name("publisher.py")
KILLED = -signal.SIGKILL
LIVES_MAX = 6
"""So often is it tried again to kill a publisher that came to its end before."""
BAD_ROWS = 5
MANIFEST_BYTES_MAX = 1 << 20


@dataclass(slots=True, kw_only=True)
class Life:
    """One publisher: where it was last, what came of it, and how its process ended (None: it lives)."""

    order: Order
    pid: int = 0
    place: str = ""
    outcome: str = ""
    status: int | None = None
    handle: int = -1

    def kill(self) -> None:
        """End it, if it has not ended by itself; never another process that has got its number since."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.handle, signal.SIGKILL)


@dataclass(slots=True, kw_only=True)
class Trial:
    """The hub, its registers, the process that makes publishers, and what is known of what must be in force."""

    hub: Hub
    chance: Random
    desk: Desk
    maker: "subprocess.Popen[bytes]"
    registers: dict[str, Register]
    in_force: dict[str, Rows] = field(default_factory=dict)
    """What everybody must be told, by dataset."""
    versions: dict[str, dict[str, Rows]] = field(default_factory=dict)
    """What each version that was in force told."""
    delivered: dict[str, Rows] = field(default_factory=dict)
    taken: dict[tuple[str, str], tuple[int, float]] = field(default_factory=dict)
    """How many operations a place takes, and how many seconds, by the kind of run."""
    hits: Counter[tuple[str, str]] = field(default_factory=Counter)
    runs: int = 0
    lives: dict[str, Life] = field(default_factory=dict)

    @classmethod
    def begin(cls, home: Path, chance: Random) -> "Trial":
        """A hub in which two registers are in force, the second delivery of the one being of changes."""
        hub = open_hub(home)
        make_home(hub.paths, hub.settings, [], now=datetime.now(UTC) - timedelta(hours=1))
        environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
        with (hub.paths.logs / "torture.log").open("ab") as log:
            maker = subprocess.Popen(
                [sys.executable, str(PUBLISHER), str(home)],
                cwd=ROOT,
                env=environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
            )
        registers = {name: Register(home=home, dataset=name, random=chance) for name in (ALIASES, MARRIAGES)}
        trial = cls(hub=hub, chance=chance, desk=Desk(hub), maker=maker, registers=registers)
        for name in registers:
            trial.versions[name] = {}
            trial.deliver(name)
            trial.publish_anew(name)
        return trial

    def close(self) -> None:
        """Let the maker of publishers go."""
        assert self.maker.stdin is not None
        assert self.maker.stdout is not None
        self.maker.stdin.close()
        self.maker.stdout.close()
        self.maker.wait(30)

    # What publishers are told to do, and how they end.

    def order(self, work: str, dataset: str, run: str, **more: str | int | bool) -> Life:
        """Begin a publisher's life."""
        life = self.lives[run] = Life(order=Order(work=work, dataset=dataset, run=run, **more))  # type: ignore[arg-type]
        assert self.maker.stdin is not None
        self.maker.stdin.write(life.order.line())
        return life

    def hear(self) -> Life:
        """Take note of the next thing that any publisher tells."""
        assert self.maker.stdout is not None
        line = self.maker.stdout.readline()
        assert line, f"there is no maker of publishers any more: see {self.hub.paths.logs / 'torture.log'}"
        said = json.loads(line)
        if said["state"] == "born":
            born = self.lives[said["run"]]
            born.pid, born.handle = said["pid"], os.pidfd_open(said["pid"])
        life = next(each for each in self.lives.values() if each.pid == said["pid"])
        match said["state"]:
            case "entered":
                life.place = said["place"]
            case "left":
                kind = self.kind_of(life)
                self.taken[kind, said["place"]] = (len(said["operations"]), said["seconds"])
            case "finished":
                life.outcome = said["outcome"]
            case "dead":
                life.status = said["status"]
                os.close(life.handle)
                del self.lives[life.order.run]
        return life

    def live(self, life: Life, *, until: str = "", wait: float = 0.0) -> Life:
        """See a publisher's life to its end; from when it is at the place `until`, kill it after so many seconds."""
        while life.status is None:
            if self.hear() is life and until and life.place == until and life.status is None:
                time.sleep(wait)
                life.kill()
                until = ""
        return life

    def kind_of(self, life: Life) -> str:
        """By what the times of a run's places are told apart."""
        return life.order.work + life.order.dataset

    def new_run(self) -> str:
        self.runs += 1
        return f"run-{self.runs}"

    def deliver(self, dataset: str, *, bad: int = 0) -> Rows:
        """Have a department deliver; returns what that leaves when it is in force."""
        self.delivered[dataset] = self.registers[dataset].deliver(bad=bad)
        return self.delivered[dataset]

    def publish_anew(self, dataset: str, *, run: str = "") -> str:
        """Start publishing as a person does, undisturbed; returns the run."""
        run = run or self.new_run()
        life = self.live(self.order("publish", dataset, run))
        assert life.outcome in {"done", "unchanged"}, life
        self.now_in_force(dataset, self.delivered[dataset])
        return run

    # One kill, and what must hold after it.

    def kill(self, kind: Kind, place: str) -> None:
        """Kill a run of a kind at a place, then judge what is left, have it run again, and judge that."""
        for _ in range(LIVES_MAX):
            run, wanted, version = self.prepare(kind)
            before = self.current(kind.dataset)
            life = self.end_somewhere(kind, place, run, version)
            if life.status == KILLED:
                break
            assert life.status == 0, life
            self.now_in_force(kind.dataset, wanted)
        else:
            raise AssertionError(f"no run of the kind {kind.name} could be killed at {place}")
        self.hits[kind.name, life.place] += 1
        moved = self.current(kind.dataset) != before
        self.assert_sound(kind.dataset, wanted if moved else self.in_force[kind.dataset])
        if kind is BACK and self.chance.random() < 1 / 2:
            self.overtake(kind.dataset, before, moved=moved)
            return
        again, strict = self.run_again(kind, life, version)
        assert again.status == 0, (life, again)
        assert again.outcome in self.good_ends(kind), (life, again)
        self.now_in_force(kind.dataset, wanted)
        assert bool(self.manifest(kind.dataset).base) == (kind is CHANGES)
        self.assert_nothing_left(kind.dataset, strict=strict)

    def prepare(self, kind: Kind) -> tuple[str, Rows, str]:
        """What has to be there for a run of a kind; returns the run, what it must put in force, and the version."""
        run, dataset = self.new_run(), kind.dataset
        now = self.in_force[dataset]
        if kind in {WHOLE, CHANGES}:
            return run, self.deliver(dataset), ""
        if kind is HELD:
            self.deliver(dataset, bad=BAD_ROWS)
            return run, now, ""
        if kind is RELEASE:
            wanted = self.deliver(dataset, bad=BAD_ROWS)
            assert self.live(self.order("publish", dataset, run)).outcome == "held"
            return run, wanted, ""
        if kind is UNCHANGED:
            if self.delivered[dataset] != now:
                self.deliver(dataset)
                self.publish_anew(dataset)
            return run, self.in_force[dataset], ""
        others = [each for each, rows in self.versions[dataset].items() if rows != now]
        version = self.chance.choice(others)
        return run, self.versions[dataset][version], version

    def end_somewhere(self, kind: Kind, place: str, run: str, version: str) -> Life:
        """Let a run be killed at a place: at one of its operations or, as often, at any instant."""
        operations, seconds = self.taken.get((kind.work + kind.dataset, place), (8, 0.05))
        chosen: dict[str, str | int | bool] = {"version": version}
        if place.startswith("after") and (not operations or self.chance.random() < 1 / 2):
            return self.live(self.order(kind.work, kind.dataset, run, place=place, at=AT_ONCE, **chosen))
        if not place.startswith("after") and self.chance.random() < 1 / 2:
            life = self.order(kind.work, kind.dataset, run, **chosen)
            return self.live(life, until=place, wait=self.chance.uniform(0, seconds))
        if place == "record" and self.chance.random() < 1 / 2:
            # The narrowest place of all: the entry is durable, and nothing beside the log says so yet.
            chosen |= {"operation": "append", "at": 0, "landed": True}
        else:
            landed = self.chance.random() < 1 / 2
            chosen |= {"at": self.chance.randrange(operations or 1), "landed": landed}
        return self.live(self.order(kind.work, kind.dataset, run, place=place, **chosen))

    def run_again(self, kind: Kind, life: Life, version: str) -> tuple[Life, bool]:
        """Run what was killed again, as a person does or a scheduler; also, whether that clears everything away."""
        run = life.order.run
        if kind is BACK:
            return self.live(self.order(kind.work, kind.dataset, self.new_run(), version=version)), False
        by_scheduler = self.chance.random() < 1 / 2
        if kind is RELEASE:
            work = "scheduled release" if by_scheduler else "release"
            return self.live(self.order(work, kind.dataset, run)), False
        if by_scheduler:
            begin = life.place.removeprefix("after ") or next(iter(STEPS))
            return self.live(self.order("steps", kind.dataset, run, begin=begin)), False
        return self.live(self.order("publish", kind.dataset, self.new_run())), True

    def overtake(self, dataset: str, before: str, *, moved: bool) -> None:
        """Nobody asks for a killed roll-back again, and the next delivery is published: what was done is remembered."""
        taken = read_version(self.layout(dataset), before, bytes_max=MANIFEST_BYTES_MAX).delivery_digest
        self.deliver(dataset)
        self.publish_anew(dataset)
        if moved:
            assert digest_text(taken) in taken_back(self.layout(dataset))
        self.assert_nothing_left(dataset)

    def good_ends(self, kind: Kind) -> set[str]:
        """What may come of a run that is run again."""
        if kind is HELD:
            return {"held"}
        return {"done"} if kind is BACK else {"done", "unchanged", "decided"}

    def duel(self, dataset: str) -> None:
        """Two publishers of a dataset at once: the one that is ahead is killed, and the other tried until it is in."""
        wanted = self.deliver(dataset)
        first, second = (self.order("publish", dataset, self.new_run()) for _ in range(2))
        ahead = None
        while ahead is None:
            life = self.hear()
            ahead = life if life.place == "extract" else None
        other = second if ahead is first else first
        assert self.live(other).outcome.startswith("Conflict"), other
        told_so = 1
        ahead.kill()
        while other.outcome != "done":
            assert other.outcome.startswith("Conflict"), other
            told_so += 1
            other = self.live(self.order("publish", dataset, self.new_run()))
        self.live(ahead)
        assert (ahead.status, ahead.outcome) == (KILLED, "")
        self.now_in_force(dataset, wanted)
        self.assert_nothing_left(dataset)

    # What is judged.

    def current(self, dataset: str) -> str:
        """The version in force."""
        return self.manifest(dataset).version

    def manifest(self, dataset: str) -> Manifest:
        """The manifest of the version in force, which is as it was published."""
        current = read_current(self.layout(dataset))
        assert current is not None
        return read_manifest(self.layout(dataset), current, bytes_max=MANIFEST_BYTES_MAX)

    def now_in_force(self, dataset: str, rows: Rows) -> None:
        """From now on this must be in force, and is."""
        self.in_force[dataset] = rows
        self.assert_sound(dataset, rows)
        self.versions[dataset][self.current(dataset)] = rows

    def layout(self, dataset: str) -> Layout:
        return Layout.of(self.hub.paths.exchange, dataset)

    def assert_sound(self, dataset: str, rows: Rows) -> None:
        """What is in force is whole, is recorded, and tells everybody exactly these rows."""
        layout, current = self.layout(dataset), read_current(self.layout(dataset))
        assert current is not None
        check_files(layout, self.manifest(dataset))
        self.desk.assert_recorded(dataset, current, layout.receipt(current.version).read_bytes())
        assert told(dataset, self.hub) == rows

    def assert_nothing_left(self, dataset: str, *, strict: bool = True) -> None:
        """Nothing lies in the store that the specification does not name; strict: nor what the next run clears."""
        layout = self.layout(dataset)
        left = left_behind(layout, strict=strict)
        assert not left, left
        for receipt in layout.versions.glob("*.receipt"):
            self.desk.assert_published(dataset, receipt.name.removesuffix(".receipt"), receipt.read_bytes())

    def assert_recorded_once(self) -> None:
        """Every log holds, and no version was recorded as published twice."""
        assert not verify_hub(self.hub.paths.audit, self.hub.trust, self.hub.detail_keys).all_findings
        self.desk.assert_published_once()

    def report(self) -> str:
        """How often was killed what, and where."""
        places = [*STEPS, DECIDE, ROLL_BACK]
        lines = [f"{sum(self.hits.values())} kills of publishers; in force and recorded after each:"]
        for place in [name for each in places for name in (each, after(each))]:
            found = {kind: count for (kind, at), count in sorted(self.hits.items()) if at == place}
            if found:
                lines.append(f"  {place:16} {sum(found.values()):3}  {', '.join(f'{k} {n}' for k, n in found.items())}")
        return "\n".join(lines)
