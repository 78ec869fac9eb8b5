"""Results are medians of their samples, files are valid, prefixes choose, and a bench that fails stops nobody."""

import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from rich.console import Console

from benchmarks import __main__ as command
from benchmarks.harness import Bench, Result, Setting, run, write
from benchmarks.report import Report, figure
from benchmarks.scale import SCALES

RESULTS = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["key", "value", "unit", "samples", "what"],
        "additionalProperties": False,
        "properties": {
            "key": {"type": "string", "pattern": r"^[a-z]+(\.[a-z0-9_]+)+$"},
            "value": {"type": "number"},
            "unit": {"type": "string", "minLength": 1},
            "samples": {"type": "array", "minItems": 1, "items": {"type": "number"}},
            "what": {"type": "string", "minLength": 1},
        },
    },
}


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    return Setting(scale=SCALES["small"], work=tmp_path, report=Report(Console(quiet=True)))


def bench(name: str, *keys: str) -> Bench:
    def give(_: Setting) -> Iterable[Result]:
        return [Result.of(key, (3, 1, 2), "calls/s", "a figure of a test") for key in keys]

    return Bench(name=name, keys=keys, run=give)


PUBLISH = bench("publish", "publish.rows_per_s")
ASK = bench("ask", "ask.unary.per_s", "ask.own_us", "memory.worker_mb")


@pytest.mark.parametrize(("samples", "median"), [((5,), 5), ((9, 1, 5), 5), ((4, 1, 3, 2), 2.5), ((1, 1000, 1, 1), 1)])
def test_a_value_is_the_median_of_its_samples(samples: tuple[float, ...], median: float) -> None:
    result = Result.of("a.b", samples, "µs", "…")
    assert result.value == median
    assert result.samples == samples


def test_a_figure_without_samples_is_none() -> None:
    with pytest.raises(ValueError, match=r"a\.b has no samples"):
        Result.of("a.b", (), "µs", "…")


def test_the_results_are_written_as_a_list_of_objects(tmp_path: Path, setting: Setting) -> None:
    path = tmp_path / "deep" / "bench.json"
    write(path, run([PUBLISH, ASK], "", setting).results)
    content = json.loads(path.read_text("utf-8"))
    Draft202012Validator(RESULTS).validate(content)
    assert [each["key"] for each in content] == [*PUBLISH.keys, *ASK.keys]
    assert content[0] == {
        "key": "publish.rows_per_s",
        "value": 2.0,
        "unit": "calls/s",
        "samples": [3.0, 1.0, 2.0],
        "what": "a figure of a test",
    }


@pytest.mark.parametrize(
    ("only", "keys"),
    [
        ("", {"publish.rows_per_s", "ask.unary.per_s", "ask.own_us", "memory.worker_mb"}),
        ("publish", {"publish.rows_per_s"}),
        ("ask", {"ask.unary.per_s", "ask.own_us", "memory.worker_mb"}),
        ("ask.unary", {"ask.unary.per_s"}),
        ("memory", {"memory.worker_mb"}),
        ("nothing", set()),
    ],
)
def test_a_prefix_chooses_the_keys(only: str, keys: set[str], setting: Setting) -> None:
    assert {each.key for each in run([PUBLISH, ASK], only, setting).results} == keys


def test_a_bench_that_is_not_wanted_is_not_run(setting: Setting) -> None:
    def fail(_: Setting) -> Iterable[Result]:
        pytest.fail("it was run")

    run([Bench(name="ask", keys=("ask.own_us",), run=fail), PUBLISH], "publish", setting)


def test_a_bench_that_fails_is_named_and_the_others_run(setting: Setting) -> None:
    def fail(_: Setting) -> Iterable[Result]:
        raise OSError("no disk")

    outcome = run([Bench(name="ask", keys=("ask.own_us",), run=fail), PUBLISH], "", setting)
    assert outcome.failed == ("ask",)
    assert [each.key for each in outcome.results] == ["publish.rows_per_s"]


def test_a_bench_that_forgets_a_key_has_failed(setting: Setting) -> None:
    forgetful = Bench(name="ask", keys=("ask.own_us", "ask.unary.per_s"), run=ASK.run)
    assert run([forgetful], "", setting).failed == ("ask",)


def test_the_command_refuses_a_prefix_that_nothing_has(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "bench.json"
    assert command.main(["--only", "nothing.", "--out", str(out)]) == 2
    assert "publish.rows_per_s" in capsys.readouterr().out
    assert not out.exists()


def test_every_key_is_measured_by_one_bench() -> None:
    keys = [key for each in command.BENCHES for key in each.keys]
    assert len(set(keys)) == len(keys)
    assert {
        "publish.rows_per_s",
        "ask.unary.per_s",
        "ask.unary.ratio_to_noop",
        "ask.own_us",
        "memory.worker_mb",
    } <= set(keys)


@pytest.mark.parametrize(("value", "text"), [(0.4567, "0.457"), (12.34, "12.3"), (123.4, "123"), (123456.7, "123,457")])
def test_figures_show_the_digits_that_count(value: float, text: str) -> None:
    assert figure(value) == text
