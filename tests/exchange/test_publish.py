"""Publishing: the gate holds what is bad, one delivery is published once, and reports tell no secrets."""

import json
import re
import sqlite3
from dataclasses import replace
from datetime import timedelta

import pytest

from exchange.layout import REPORT, REPORT_PAGE
from exchange.publish import STEPS, HeldBack, Published, publish, step
from exchange.settings import ExchangeSettings
from kernel.durable import locked
from kernel.errors import Conflict, LogUnavailable, Malformed
from tests.exchange.registry import CONTRACTS, TODAY, Record, Registry, alias, marriage, number, person, resident

SMALL = ExchangeSettings(shrink_rows_min=2)


def aliases(count: int) -> list[Record]:
    return [alias(place, number(2 * place), number(2 * place + 1)) for place in range(count)]


def test_a_published_snapshot_is_recorded_with_its_manifests_digest(registry: Registry) -> None:
    published = registry.publish("person_aliases", aliases(3), run_id="manual__2026")
    ((kind, attributes),) = registry.recorder.entries
    assert kind == "PUBLISHED"
    assert attributes["manifest"] == f"sha256:{published.manifest_digest.hex()}"
    assert attributes["run"] == "manual__2026"
    manifest = registry.manifest("person_aliases")
    assert manifest is not None
    assert (manifest.run, manifest.version, manifest.counts.subjects) == ("manual__2026", published.version, 6)


def test_above_the_tolerance_a_delivery_is_held_and_what_was_in_force_stays(registry: Registry) -> None:
    first = registry.publish("person_aliases", aliases(20))
    held = registry.run("person_aliases", [*aliases(18), alias(90, "?", "?"), alias(91, "?", "?")])
    assert isinstance(held, HeldBack)
    assert "delivery:bad_rows" in held.reasons
    assert "former_id_typed" in held.reasons
    manifest = registry.manifest("person_aliases")
    assert manifest is not None
    assert manifest.version == first.version
    kind, attributes = registry.recorder.entries[-1]
    assert kind == "HELD"
    assert "former_id_typed" in attributes["reasons"]
    assert held.report.is_file()
    assert not [
        path for path in registry.layout("person_aliases").runs.rglob("*") if path.suffix in {".csv", ".duckdb"}
    ]


def test_at_the_tolerance_a_delivery_is_published(registry: Registry) -> None:
    published = registry.publish("person_aliases", [*aliases(19), alias(90, "?", number(4))])
    assert (published.counts.delivered, published.counts.quarantined) == (20, 1)


def test_an_empty_delivery_is_held(registry: Registry) -> None:
    held = registry.run("person_aliases", [])
    assert isinstance(held, HeldBack)
    assert held.reasons == ("delivery:row_count",)


def test_the_same_delivery_is_published_once(registry: Registry) -> None:
    first = registry.publish("person_aliases", aliases(3))
    again = registry.publish("person_aliases")
    assert (again.unchanged, again.version) == (True, first.version)
    assert len(registry.recorder.entries) == 1
    forced = registry.publish("person_aliases", force=True)
    assert (forced.unchanged, forced.version != first.version) == (False, True)


def test_a_changed_contract_publishes_the_same_delivery_again(registry: Registry) -> None:
    first = registry.publish("person_aliases", aliases(3))
    registry.contracts["person_aliases"] = replace(registry.contracts["person_aliases"], digest=b"c" * 32)
    assert registry.publish("person_aliases").version != first.version


def test_newer_data_of_the_same_content_is_published_so_that_it_is_not_stale(registry: Registry) -> None:
    registry.deliver("person_aliases", aliases(3), as_of="2026-11-23T02:00:00+08:00")
    first = registry.publish("person_aliases")
    registry.deliver("person_aliases", aliases(3), as_of="2026-11-24T02:00:00+08:00")
    assert registry.publish("person_aliases").version != first.version


def test_older_data_is_held_unless_forced(registry: Registry) -> None:
    registry.publish("person_aliases", aliases(3))
    registry.deliver("person_aliases", aliases(4), as_of="2026-11-23T20:00:00+08:00")
    held = registry.run("person_aliases")
    assert isinstance(held, HeldBack)
    assert held.reasons == ("delivery:seconds_older",)
    assert isinstance(registry.run("person_aliases", force=True), Published)


def test_data_from_the_future_is_held_even_if_forced(registry: Registry) -> None:
    registry.deliver("person_aliases", aliases(3), as_of=(registry.clock.now() + timedelta(days=3)).isoformat())
    held = registry.run("person_aliases", force=True)
    assert isinstance(held, HeldBack)
    assert held.reasons == ("delivery:hours_ahead",)


def test_a_delivery_that_lost_many_rows_is_held(registry: Registry) -> None:
    registry.publish("person_aliases", aliases(10))
    assert isinstance(registry.run("person_aliases", aliases(8), settings=SMALL), Published)
    held = registry.run("person_aliases", aliases(5), settings=SMALL)
    assert isinstance(held, HeldBack)
    assert held.reasons == ("delivery:rows_fewer",)


def test_two_publishers_of_one_dataset_meet_one_clear_conflict(registry: Registry) -> None:
    registry.publish("person_aliases", aliases(3))
    with locked(registry.layout("person_aliases").lock), pytest.raises(Conflict, match="being published"):
        registry.run("person_aliases", aliases(4))


def test_a_run_whose_base_was_moved_meanwhile_conflicts(registry: Registry) -> None:
    registry.deliver("person_aliases", aliases(3))
    slow = registry.job("person_aliases")
    for name in ("extract", "stage", "validate", "build", "record"):
        step(name, slow)
    layout = registry.layout("person_aliases")
    layout.current.write_bytes(b"somebody else's")
    with pytest.raises(Conflict, match="moved"):
        step("promote", slow)
    assert layout.current.read_bytes() == b"somebody else's"


def test_a_run_that_a_newer_one_took_over_says_so(registry: Registry) -> None:
    registry.deliver("person_aliases", aliases(3))
    slow = registry.job("person_aliases")
    step("extract", slow)
    registry.publish("person_aliases")
    with pytest.raises(Conflict, match="newer run"):
        step("stage", slow)


def test_every_step_can_run_twice(registry: Registry) -> None:
    registry.deliver("person_aliases", aliases(3))
    job = registry.job("person_aliases")
    for name in STEPS:
        step(name, job)
        step(name, job)
    assert [kind for kind, _ in registry.recorder.entries] == ["PUBLISHED"]
    assert registry.exchange().refresh() == tuple(each for each in registry.contracts if each != "person_aliases")


def test_a_held_run_can_be_asked_again_without_a_second_entry(registry: Registry) -> None:
    registry.deliver("person_aliases", [])
    job = registry.job("person_aliases")
    for name in ("extract", "stage", "validate", "validate"):
        step(name, job)
    assert [kind for kind, _ in registry.recorder.entries] == ["HELD"]
    with pytest.raises(Conflict, match="held"):
        step("build", job)


def test_what_is_not_recorded_is_not_promoted(registry: Registry) -> None:
    registry.deliver("person_aliases", aliases(3))
    job = registry.job("person_aliases")
    for name in ("extract", "stage", "validate", "build"):
        step(name, job)
    with pytest.raises(Conflict, match="not recorded"):
        step("promote", job)
    assert not registry.layout("person_aliases").current.exists()


def test_where_the_log_cannot_be_written_nothing_comes_into_force(registry: Registry) -> None:
    class Down:
        def record(self, kind: str, attributes: object) -> bytes:
            raise LogUnavailable(f"no {kind} can be recorded of {bool(attributes)}")

    registry.deliver("person_aliases", aliases(3))
    with pytest.raises(LogUnavailable):
        publish(replace(registry.job("person_aliases"), recorder=Down()))
    assert not registry.layout("person_aliases").current.exists()
    assert registry.publish("person_aliases").counts.published == 3


def test_a_delivery_that_cannot_be_read_leaves_everything_as_it_was(registry: Registry) -> None:
    first = registry.publish("person_aliases", aliases(3))
    path = registry.deliveries / registry.contracts["person_aliases"].server.path
    path.write_bytes(path.read_bytes() + b"\xff\xff")
    with pytest.raises(Malformed, match=r"person_aliases\.csv"):
        registry.run("person_aliases")
    manifest = registry.manifest("person_aliases")
    assert manifest is not None
    assert manifest.version == first.version


def test_a_report_says_what_failed_and_what_to_do_and_shows_no_value(registry: Registry) -> None:
    registry.bear("marriages")
    wrong = number(1)[:17] + "?"
    published = registry.publish(
        "marriages",
        [
            marriage(1, 1, 2, husband_id=wrong),
            marriage(2, 3, 4, status="王小明"),
            marriage(3, 5, 6, registered_on="2015-02-30"),
            marriage(4, 7, 7),
        ],
    )
    folder = published.report.parent
    data = json.loads((folder / REPORT).read_text("utf-8"))
    failed = {rule["rule"]: rule for rule in data["rules"] if rule["seen"] and rule["samples"]}
    assert set(failed) == {"husband_id_typed", "status_values", "registered_on_typed", "spouses_differ"}
    assert failed["husband_id_typed"]["samples"] == [{"record": 1, "values": {"男方证件号": "99999999999999999?"}}]
    assert all(rule["remedy"]["zh"] and rule["remedy"]["en"] for rule in data["rules"])
    page = (folder / REPORT_PAGE).read_text("utf-8")
    for text in (page, (folder / REPORT).read_text("utf-8")):
        assert not re.search(r"[0-9]{15}", text.replace("9" * 17, ""))
        for secret in (
            number(1),
            wrong,
            number(3),
            number(7),
            "王小明",
            "2015-02-30",
            str(marriage(1, 1, 2)["wife_name"]),
        ):
            assert secret not in text
    assert "http:" not in page
    assert "https:" not in page
    assert "隔离记录" in page
    assert "held back" in page


def test_a_shifted_row_does_not_bring_a_name_into_the_report(registry: Registry) -> None:
    registry.bear("population")
    published = registry.publish("population", [resident(1), resident(2, sex="欧阳某某", town_code=number(5))])
    for name in (REPORT, REPORT_PAGE):
        text = (published.report.parent / name).read_text("utf-8")
        assert "欧阳某某" not in text
        assert number(5) not in text


def _nulled(column: str, count: int) -> list[Record]:
    return [marriage(place, 2 * place, 2 * place + 1, **{column: None}) for place in range(1, count)]


@pytest.mark.parametrize("column", [each.name for each in CONTRACTS["marriages"].properties])
def test_a_lost_column_never_publishes_rows_that_lack_a_required_value(registry: Registry, column: str) -> None:
    result = registry.run("marriages", _nulled(column, 5))
    required = CONTRACTS["marriages"].by_name[column].required
    assert isinstance(result, HeldBack) == required
    if required:
        assert f"{column}_present" in result.reasons  # type: ignore[union-attr]


def test_a_required_value_lost_in_one_row_holds_back_that_row_alone(registry: Registry) -> None:
    registry.bear("marriages")
    required = [each.name for each in CONTRACTS["marriages"].properties if each.required]
    rows = [marriage(place, 2 * place, 2 * place + 1, **{name: None}) for place, name in enumerate(required, 1)]
    published = registry.publish("marriages", [*rows, marriage(50, 51, 52)])
    assert (published.counts.published, published.counts.quarantined) == (1, len(required))


def test_a_database_without_the_column_is_named(registry: Registry) -> None:
    registry.deliver("marriages", [marriage(1, 1, 2)])
    path = registry.deliveries / "civil_affairs" / "registry.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("alter table 婚姻登记 drop column 状态")
    database.close()
    with pytest.raises(Malformed, match="婚姻登记"):
        registry.run("marriages")


def test_the_day_of_the_check_bounds_what_may_have_happened(registry: Registry) -> None:
    registry.bear("person_aliases")
    today, tomorrow = TODAY.strftime("%Y%m%d"), (TODAY + timedelta(days=1)).strftime("%Y%m%d")
    rows = [alias(1, number(1), number(2), changed_on=today), alias(2, number(3), number(4), changed_on=tomorrow)]
    assert registry.publish("person_aliases", rows).counts.quarantined == 1


def test_an_old_version_goes_when_its_retention_is_over_and_its_readers_keep_it(registry: Registry) -> None:
    first = registry.publish("person_aliases", aliases(3))
    layout = registry.layout("person_aliases")
    pinned = registry.exchange().pin([])
    registry.clock.advance(timedelta(days=registry.contracts["person_aliases"].retention_days - 1))
    second = registry.publish("person_aliases", aliases(4))
    assert layout.version(first.version).is_dir()
    registry.clock.advance(timedelta(days=2))
    registry.publish("person_aliases", aliases(5))
    assert not layout.version(first.version).exists()
    assert not layout.key(first.version).exists()
    assert layout.receipt(first.version).is_file()
    assert layout.version(second.version).is_dir()
    assert len(pinned.linked(person(0))) == 2
