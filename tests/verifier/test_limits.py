"""How much may be asked in a minute or a day: exact over threads, workers, processes and restarts."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from kernel.clock import SHANGHAI, FixedClock
from kernel.errors import LimitReached, Unavailable
from schemas.limit import DAY, MINUTE, By, Limit
from schemas.wire.v1 import verification_pb2
from verifier.client import AskedParty
from verifier.limits import Limits

NOW = datetime(2026, 11, 24, 4, 0, 7, tzinfo=UTC)
OPERATOR = {"operator": "0731", "legal_basis": "《老年人权益保障法》"}
ALLOWANCE = "senior_allowance"
NewLimits = Callable[..., Limits]


@pytest.fixture
def new(tmp_path: Path) -> Iterator[NewLimits]:
    """Makes workers that share one file."""
    made: list[Limits] = []

    def make(**parts: Any) -> Limits:
        given = {"busy_seconds": 30.0, "parts": 20, "lease_max": 1000, **parts}
        made.append(Limits(tmp_path / "limits.sqlite", b"k" * 32, **given))
        return made[-1]

    yield make
    for each in made:
        each.end()


def limit(most: int, by: By = By.CLIENT, seconds: int = DAY) -> tuple[Limit, ...]:
    return (Limit(by=by, seconds=seconds, most=most),)


def taken(limits: Limits, wanted: tuple[Limit, ...], tries: int, now: datetime = NOW, **who: str) -> int:
    """How many of so many questions are let through."""
    asker = {"client": "c", "operator": "o", "item": "i", **who}
    through = 0
    for _ in range(tries):
        try:
            limits.take(wanted, "group", now=now, **asker)
        except LimitReached:
            continue
        through += 1
    return through


@pytest.mark.parametrize("most", [1, 7, 20, 1000])
def test_one_worker_lets_exactly_so_many_through(new: NewLimits, most: int) -> None:
    assert taken(new(), limit(most), most + 50) == most


def test_workers_together_let_exactly_so_many_through(new: NewLimits) -> None:
    workers = [new() for _ in range(4)]
    assert sum(taken(each, limit(100), 60) for each in workers) == 100
    assert sum(taken(each, limit(100), 60) for each in workers) == 0


def test_a_restart_gives_nothing_and_loses_a_lease_at_most(new: NewLimits) -> None:
    through = sum(taken(new(), limit(100), 1) for _ in range(200))
    # A lease is a twentieth: 5. Each worker used one of it.
    assert through == 20


def test_threads_of_one_worker_take_no_more_than_there_are(new: NewLimits) -> None:
    limits = new()
    counts: list[int] = []
    threads = [threading.Thread(target=lambda: counts.append(taken(limits, limit(500), 100))) for _ in range(16)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sum(counts) == 500


HAMMER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from kernel.errors import LimitReached
from schemas.limit import By, Limit
from verifier.limits import Limits
limits = Limits(Path(sys.argv[1]), b"k" * 32, busy_seconds=60.0, parts=20, lease_max=1000)
limit = Limit(by=By.CLIENT, seconds=86400, most=1000)
now = datetime(2026, 11, 24, tzinfo=UTC)
through = 0
for _ in range(2000):
    try:
        limits.take((limit,), "g", "c", "o", "i", now)
    except LimitReached:
        break
    through += 1
print(through)
"""


def test_processes_together_let_exactly_so_many_through(new: NewLimits, tmp_path: Path) -> None:
    new()
    command = [sys.executable, "-c", HAMMER, str(tmp_path / "limits.sqlite")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert sum(int(each.communicate(timeout=120)[0]) for each in running) == 1000


def test_a_minute_and_a_day_begin_anew_by_the_citys_clock(new: NewLimits) -> None:
    limits = new()
    both = limit(2, seconds=MINUTE) + limit(5)
    evening = datetime(2026, 11, 24, 23, 58, 30, tzinfo=SHANGHAI)
    assert taken(limits, both, 9, evening) == 2
    assert taken(limits, both, 9, evening + timedelta(seconds=29)) == 0
    assert taken(limits, both, 9, evening + timedelta(seconds=30)) == 2
    with pytest.raises(LimitReached) as caught:
        limits.take(both, "group", "c", "o", "i", evening + timedelta(seconds=40))
    assert caught.value.retry_after_s == 50
    assert taken(limits, both, 9, evening + timedelta(seconds=90)) == 2
    # Five of the day before, and a new day since.
    assert taken(limits, limit(5), 9, evening) == 1


def test_a_clock_that_is_set_back_gives_nothing(new: NewLimits) -> None:
    limits = new()
    assert taken(limits, limit(3), 5) == 3
    later = NOW + timedelta(days=1)
    assert taken(limits, limit(3), 5, later) == 3
    limits.forget(later)
    assert taken(limits, limit(3), 5) == 0
    assert taken(new(), limit(3), 5) == 0


def test_a_limit_that_is_raised_is_raised_at_once_and_one_that_is_lowered_stays_spent(new: NewLimits) -> None:
    limits = new()
    assert taken(limits, limit(3), 5) == 3
    assert taken(limits, limit(5), 9) == 2
    assert taken(limits, limit(4), 9) == 0
    assert taken(limits, limit(6), 9) == 1


def test_what_is_long_over_is_forgotten(new: NewLimits) -> None:
    limits = new()
    taken(limits, limit(3), 5)
    limits.forget(NOW + timedelta(days=3))
    assert not limits._left
    assert not limits._spent
    assert limits._store._database.execute("SELECT count(*) FROM leased").fetchone() == (0,)


def test_each_is_counted_for_itself(new: NewLimits) -> None:
    limits = new()
    for by, who in ((By.CLIENT, "client"), (By.OPERATOR, "operator"), (By.ITEM, "item")):
        assert taken(limits, limit(3, by), 5, **{who: "one"}) == 3
        assert taken(limits, limit(3, by), 5, **{who: "other"}) == 3
        others = {"client": "x", "operator": "y", "item": "z", who: "one"}
        assert taken(limits, limit(3, by), 5, **others) == 0


def test_a_question_that_one_limit_refuses_costs_the_others_nothing(new: NewLimits) -> None:
    limits = new()
    both = limit(10) + limit(2, By.ITEM)
    assert taken(limits, both, 9) == 2
    assert taken(limits, both, 20, item="other") == 2
    assert taken(limits, limit(10), 20) == 6


def test_where_it_cannot_be_leased_nobody_is_answered(new: NewLimits, tmp_path: Path) -> None:
    limits = new()
    (tmp_path / "limits.sqlite").unlink()
    with pytest.raises(Unavailable):
        taken(limits, limit(3), 1)


def test_the_file_tells_nothing_about_anybody(new: NewLimits, tmp_path: Path) -> None:
    taken(new(), limit(3, By.OPERATOR), 5, operator="operator-zhang-san")
    raw = b"".join(each.read_bytes() for each in tmp_path.glob("limits.sqlite*"))
    assert b"zhang" not in raw
    assert (tmp_path / "limits.sqlite").stat().st_mode & 0o777 == 0o600


def test_a_limit_holds_for_two_workers_and_says_when_to_ask_again(
    new_station: Any, town: Any, elder: tuple[AskedParty, ...]
) -> None:
    catalogue = town.hub.catalogue
    group = replace(catalogue.groups["counter"], limits=limit(5, By.OPERATOR))
    limited = replace(catalogue, groups={**catalogue.groups, "counter": group})
    clock = FixedClock(instant=town.now)
    first, second = (new_station(catalogue=limited, clock=clock) for _ in range(2))
    client, other = first.client(), second.client("counter-daxi-01")
    case = client.open_case(ALLOWANCE, elder, **OPERATOR)
    asked = other.open_case(ALLOWANCE, elder, **OPERATOR)
    answered = [client.verify_item(case).statement, other.verify_item(asked).statement, client.verify_item(case)]
    assert len(answered) == 3
    with pytest.raises(LimitReached):
        other.verify_item(asked)
    kind, detail = second.last()
    assert (kind, detail.refusal, detail.case_number) == ("REFUSED", "limit_reached", asked.number)
    with pytest.raises(LimitReached):
        client.open_case(ALLOWANCE, elder, **OPERATOR)
    client.open_case(ALLOWANCE, elder, **{**OPERATOR, "operator": "0732"})
    # No client waits for a day, and every client can read for how long it would be.
    entries = len(first.entries())
    raw = verification_pb2.VerifyItemRequest(case_number=case.number, case_token=case.token, nonce=b"n" * 16)
    raw.parties.extend(verification_pb2.Party(role=each.role, number=each.number) for each in elder)
    with pytest.raises(grpc.RpcError) as caught:
        first.channel().unary_unary("/mianzheng.v1.VerificationService/VerifyItem")(raw.SerializeToString(), timeout=10)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    retry = error_details_pb2.RetryInfo()
    assert any(each.Unpack(retry) for each in rpc_status.from_call(caught.value).details)
    assert 0 < retry.retry_delay.seconds <= DAY
    assert len(first.entries()) == entries + 1
