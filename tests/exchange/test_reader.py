"""Look-ups: pinned snapshots stay, links are followed, damage is found."""

import os
from dataclasses import replace
from pathlib import Path
from threading import Event
from time import monotonic, sleep
from typing import Any

import pytest

from exchange import in_force
from exchange.keys import IndexKeys
from exchange.layout import DATA, INDEX, MANIFEST, REPORT
from exchange.reader import Exchange
from exchange.settings import DEFAULTS
from exchange.snapshot import check_files, open_snapshot
from kernel.errors import Damaged
from kernel.identity import parse_person
from tests.exchange.registry import Registry, alias, number, person, resident


def status(exchange: Exchange, place: int) -> list[str]:
    held = exchange.pin(["population"]).held("population", person(place))
    assert not held.tainted
    return [row.status for row in held.rows]  # type: ignore[attr-defined]


def spoil(path: Path, at: int = -40) -> None:
    """Change one byte of a file in place."""
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(raw)


def reading(published: Registry, **changes: float) -> Exchange:
    """A reader under other settings."""
    return Exchange(published.store, published.keys, published.contracts, replace(DEFAULTS, **changes))  # type: ignore[arg-type]


def seen_within(exchange: Exchange, expected: list[str], *, seconds: float = 5.0) -> bool:
    """Whether calls see this status of the first resident before long; before, they see the one before."""
    until = monotonic() + seconds
    while monotonic() < until:
        if status(exchange, 1) == expected:
            return True
    return False


def test_while_a_large_snapshot_is_proved_the_one_before_answers(
    published: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = reading(published, prove_at_once_bytes=0)
    assert status(exchange, 1) == ["户籍"]
    published.publish("population", [resident(place, status="居住") for place in range(1, 4)], force=True)
    go_on = Event()
    prove = open_snapshot

    def wait(*arguments: Any, **named: Any) -> Any:
        assert go_on.wait(5)
        return prove(*arguments, **named)

    monkeypatch.setattr(in_force, "open_snapshot", wait)
    assert [status(exchange, 1) for _ in range(20)] == [["户籍"]] * 20
    go_on.set()
    assert seen_within(exchange, ["居住"])


def test_no_call_is_answered_from_the_snapshot_before_for_longer_than_it_may(published: Registry) -> None:
    exchange = reading(published, prove_at_once_bytes=0, overtake_seconds=0.0)
    assert status(exchange, 1) == ["户籍"]
    published.publish("population", [resident(place, status="居住") for place in range(1, 4)], force=True)
    assert status(exchange, 1) == ["居住"]


def test_a_large_snapshot_that_is_damaged_is_not_answered_from_and_neither_is_the_one_before(
    published: Registry,
) -> None:
    exchange = reading(published, prove_at_once_bytes=0)
    assert status(exchange, 1) == ["户籍"]
    published.publish("population", [resident(place, status="居住") for place in range(1, 4)], force=True)
    manifest = published.manifest("population")
    assert manifest is not None
    spoil(published.layout("population").version(manifest.version) / INDEX)
    with pytest.raises(Damaged):
        seen_within(exchange, ["居住"])
    with pytest.raises(Damaged):
        status(exchange, 1)


def test_a_row_comes_back_as_the_contract_types_it(published: Registry) -> None:
    (row,) = published.exchange().pin(["population"]).held("population", person(1)).rows
    values = published.contracts["population"].row.mapping(row)
    assert values["person_id"] == number(1)
    assert values["birth_date"].ToDatetime().date().isoformat() == "1990-01-01"
    assert "father_id" not in values


def test_nobody_elses_rows_come_back(published: Registry) -> None:
    held = published.exchange().pin(["population"]).held("population", person(40), ["某某"])
    assert (held.rows, held.tainted) == ((), False)


def test_what_is_pinned_stays_while_a_new_version_comes_into_force(published: Registry) -> None:
    exchange = published.exchange()
    pinned = exchange.pin(["population"])
    before = pinned.snapshots["population"]
    published.publish("population", [resident(place, status="迁出") for place in range(10)])
    assert [row.status for row in pinned.held("population", person(1)).rows] == ["户籍"]  # type: ignore[attr-defined]
    assert pinned.snapshots["population"] == before
    assert status(exchange, 1) == ["迁出"]
    assert exchange.pin(["population"]).snapshots["population"].version != before.version


def test_a_dataset_that_was_never_published_is_not_pinned(published: Registry) -> None:
    exchange = published.exchange()
    assert "marriages" not in exchange.pin(["marriages"]).snapshots
    assert "marriages" in exchange.refresh()
    assert "population" not in exchange.refresh()


@pytest.mark.parametrize("name", [INDEX, MANIFEST])
def test_a_changed_byte_is_found_before_anything_is_answered(published: Registry, name: str) -> None:
    manifest = published.manifest("population")
    assert manifest is not None
    exchange = published.exchange()
    spoil(published.layout("population").version(manifest.version) / name)
    with pytest.raises(Damaged):
        published.exchange().pin(["population"])
    assert "population" in exchange.refresh()


def test_a_byte_changed_under_an_open_index_is_found(published: Registry) -> None:
    exchange = reading(published, recheck_seconds=0.2)
    assert status(exchange, 1) == ["户籍"]
    manifest = published.manifest("population")
    assert manifest is not None
    path = published.layout("population").version(manifest.version) / INDEX
    with path.open("r+b") as file:
        file.seek(-40, os.SEEK_END)
        file.write(b"\xff")
    sleep(0.3)
    for _ in range(2):
        with pytest.raises(Damaged):
            exchange.pin(["population"])


@pytest.mark.parametrize("name", [DATA, REPORT])
def test_a_changed_byte_in_any_other_file_is_found_by_the_full_check(published: Registry, name: str) -> None:
    manifest = published.manifest("population")
    assert manifest is not None
    layout = published.layout("population")
    check_files(layout, manifest)
    spoil(layout.version(manifest.version) / name)
    with pytest.raises(Damaged, match=name):
        check_files(layout, manifest)


def test_a_missing_receipt_or_key_is_found(published: Registry) -> None:
    manifest = published.manifest("population")
    assert manifest is not None
    layout = published.layout("population")
    for path in (layout.receipt(manifest.version), layout.key(manifest.version)):
        moved = path.rename(path.with_suffix(".away"))
        with pytest.raises(Damaged):
            published.exchange().pin(["population"])
        moved.rename(path)
    assert status(published.exchange(), 1) == ["户籍"]


def test_a_current_of_garbage_is_found(published: Registry) -> None:
    published.layout("population").current.write_bytes(b"{}")
    with pytest.raises(Damaged):
        published.exchange().pin(["population"])


def test_an_index_under_another_key_is_not_taken_for_an_empty_one(published: Registry) -> None:
    other = IndexKeys(index=b"o" * 32, master=published.keys.master)
    with pytest.raises(Damaged, match="another index key"):
        Exchange(published.store, other, published.contracts).pin(["population"])


def test_another_snapshots_data_key_opens_nothing(published: Registry) -> None:
    layout = published.layout("population")
    first = published.manifest("population")
    published.publish("population", [resident(place) for place in range(9)])
    second = published.manifest("population")
    assert first is not None
    assert second is not None
    layout.key(second.version).write_bytes(layout.key(first.version).read_bytes())
    with pytest.raises(Damaged, match="unwrapped"):
        published.exchange().pin(["population"])


def test_a_search_covers_every_number_of_a_person(published: Registry) -> None:
    published.publish("person_aliases", [alias(1, number(1), number(61)), alias(2, number(61), number(62))])
    pinned = published.exchange().pin(["population"])
    for place in (1, 61, 62):
        assert pinned.linked(person(place)) == (person(62), *sorted((person(1), person(61))))
        assert [row.person_id for row in pinned.held("population", person(place)).rows] == [number(1)]  # type: ignore[attr-defined]
    assert pinned.linked(person(2)) == (person(2),)


def test_numbers_that_lead_in_a_circle_end(published: Registry) -> None:
    published.publish("person_aliases", [alias(1, number(1), number(61)), alias(2, number(61), number(1))])
    assert set(published.exchange().pin([]).linked(person(1))) == {person(1), person(61)}


def test_more_numbers_than_a_person_can_have_say_nothing(published: Registry) -> None:
    published.publish("person_aliases", [alias(place, number(place), number(place + 1)) for place in range(1, 30)])
    pinned = published.exchange().pin(["population"])
    assert pinned.held("population", person(1)).tainted


def test_without_the_register_of_aliases_everyone_is_tainted(registry: Registry) -> None:
    registry.publish("population", [resident(1)])
    assert registry.exchange().pin(["population"]).held("population", person(1)).tainted


def test_the_old_form_of_a_number_finds_the_same_rows(published: Registry) -> None:
    old = parse_person(number(1)[:6] + number(1)[8:17])
    assert len(published.exchange().pin(["population"]).held("population", old).rows) == 1


def test_no_number_or_name_stands_in_the_index(published: Registry) -> None:
    manifest = published.manifest("population")
    assert manifest is not None
    raw = (published.layout("population").version(manifest.version) / INDEX).read_bytes()
    row = resident(1)
    for value in (row["person_id"], row["name"], row["address"]):
        assert str(value).encode() not in raw
