"""What Great Expectations is asked of a contract includes whatever another tool would ask it of the same contract.

The other tool is datacontract-cli with its exporter for Great Expectations, in an environment of its own.
"""

import json
import subprocess
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from exchange.database import quoted
from kernel.durable import locked
from schemas.contract import Check, Contract, PropertyType, Rule
from tests.conftest import ROOT, leave_out
from tests.exchange.gate import EVERYTHING, judge
from tests.exchange.registry import CONTRACTS
from tests.exchange.test_gate import BAD, row

pytestmark = pytest.mark.xdist_group("datacontract")

PYTHON = ROOT / ".venv-datacontract" / "bin" / "python"
EXPORT = """
import json, sys
from datacontract.data_contract import DataContract
print(json.dumps([json.loads(DataContract(data_contract_file=p).export("great-expectations")) for p in sys.argv[1:]]))
"""
EVERY = {**CONTRACTS, EVERYTHING.id: EVERYTHING}
TYPES = {
    PropertyType.INTEGER: "integer",
    PropertyType.NUMBER: "number",
    PropertyType.DATE: "date",
    PropertyType.TIMESTAMP: "timestamp",
}

Expectation = Mapping[str, Any]
Suite = frozenset[str]
"""The ids of what Great Expectations is asked of a contract."""


@pytest.fixture(scope="session")
def exported() -> Mapping[str, list[Expectation]]:
    """What the other tool makes of each contract."""
    # Two processes that test side by side must not install into one folder at once.
    with locked(ROOT / ".venv-datacontract.lock"):
        made = subprocess.run(
            ["make", "--no-print-directory", "datacontract"], cwd=ROOT, capture_output=True, timeout=120, check=False
        )
    if made.returncode:
        leave_out("datacontract-cli cannot be installed (make datacontract)")
    paths = [str(each.raw_path) for each in EVERY.values()]
    found = subprocess.run([str(PYTHON), "-c", EXPORT, *paths], capture_output=True, timeout=120, check=True).stdout
    return dict(zip(EVERY, (each["expectations"] for each in json.loads(found)), strict=True))


@pytest.fixture(scope="session")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Suite]:
    """What the gate really asks Great Expectations of each contract."""
    folder = tmp_path_factory.mktemp("asked")
    suites = {name: judge(each, [], folder / name).verdict.suite for name, each in EVERY.items()}
    return {name: frozenset(each["meta"]["id"] for each in suite["expectations"]) for name, suite in suites.items()}


def implied_by(contract: Contract, expectation: Expectation, suite: Suite) -> list[str]:
    """The checks of a suite because of which no published row breaks an expectation; empty where there is none.

    Ours set rows aside and then bound how many; the other tool's allow none. So an expectation is implied where the
    rows that are published keep it.
    """
    kwargs = expectation["kwargs"]
    if expectation["type"] == "expect_table_columns_to_match_set":
        same = set(kwargs["column_set"]) == set(contract.by_name)
        return ["delivery:columns"] if same and "delivery:columns" in suite else []
    held = contract.by_name[kwargs["column"]]
    rules = [rule for rule in contract.rules if rule.id in suite]
    of_column = [rule for rule in rules if rule.properties == (held.name,)]
    if expectation["type"] == "expect_column_values_to_be_unique":
        return [rule.id for rule in rules if rule.check is Check.UNIQUE and _names(contract, rule, held.name)]
    if expectation["type"] == "expect_column_values_to_be_of_type":
        if TYPES.get(held.type, "string") != kwargs["type_"] or "delivery:columns" not in suite:
            return []
        typed = [rule.id for rule in of_column if rule.check is Check.TYPED]
        return typed or (["delivery:columns"] if held.type is PropertyType.STRING else [])
    implies = IMPLIES[expectation["type"]]
    return [rule.id for rule in of_column if implies(rule, kwargs)]


def _names(contract: Contract, rule: Rule, name: str) -> bool:
    """Whether a uniqueness rule is the one that a column's uniqueness comes from.

    The other tool calls each part of a composite key unique by itself, which the standard does not say: a dwelling has
    several owners. The key as a whole is what must be unique.
    """
    key = contract.primary_key
    return rule.properties == (name,) or (len(key) > 1 and name in key and set(rule.properties) == set(key))


def _within(rule: Rule, kwargs: Mapping[str, Any]) -> bool:
    """Whether a range lies in the range that is expected."""
    if rule.check is not Check.RANGE:
        return False

    def ends(*texts: str) -> list[Any]:
        return [date.fromisoformat(text) if "-" in text[1:] else float(text) for text in texts if text]

    def wanted(name: str) -> Any:
        value = kwargs.get(name)
        return date.fromisoformat(value) if isinstance(value, str) else value

    low, high = wanted("min_value"), wanted("max_value")
    open_low, open_high = kwargs.get("strict_min", False), kwargs.get("strict_max", False)
    above = (
        any(end >= low for end in ends(rule.above))
        or any(end > low or (end == low and not open_low) for end in ends(rule.minimum))
        if low is not None
        else True
    )
    below = (
        any(end <= high for end in ends(rule.below))
        or any(end < high or (end == high and not open_high) for end in ends(rule.maximum))
        if high is not None
        else True
    )
    return above and below


def _as_long(rule: Rule, kwargs: Mapping[str, Any]) -> bool:
    least, most = kwargs.get("min_value"), kwargs.get("max_value")
    return (
        rule.check is Check.LENGTH
        and (least is None or (rule.length_min is not None and rule.length_min >= least))
        and (most is None or (rule.length_max is not None and rule.length_max <= most))
    )


def _same_pattern(rule: Rule, kwargs: Mapping[str, Any]) -> bool:
    # Ours must match the whole text, so that the anchors of the other say nothing more.
    regex = kwargs["regex"]
    return rule.check is Check.PATTERN and rule.pattern in {regex, regex.removeprefix("^").removesuffix("$")}


IMPLIES: Mapping[str, Callable[[Rule, Mapping[str, Any]], bool]] = {
    "expect_column_values_to_not_be_null": lambda rule, _: rule.check is Check.PRESENT,
    "expect_column_values_to_be_in_set": lambda rule, kwargs: (
        rule.check is Check.VALUES and set(rule.values) <= {str(each) for each in kwargs["value_set"]}
    ),
    "expect_column_values_to_match_regex": _same_pattern,
    "expect_column_value_lengths_to_be_between": _as_long,
    "expect_column_values_to_be_between": _within,
}


def unimplied(contract: Contract, expectations: Iterable[Expectation], suite: Suite) -> list[Expectation]:
    """The expectations that a suite does not imply."""
    return [each for each in expectations if not implied_by(contract, each, suite)]


@pytest.mark.parametrize("name", EVERY)
def test_every_expectation_of_the_other_tool_is_implied_by_a_check_of_ours(
    exported: Mapping[str, list[Expectation]], asked: Mapping[str, Suite], name: str
) -> None:
    assert len(exported[name]) > len(EVERY[name].by_name)
    assert unimplied(EVERY[name], exported[name], asked[name]) == []


@pytest.mark.parametrize("name", EVERY)
def test_without_the_check_that_implies_it_an_expectation_would_be_missed(
    exported: Mapping[str, list[Expectation]], asked: Mapping[str, Suite], tmp_path: Path, name: str
) -> None:
    contract, suite = EVERY[name], asked[name]
    needed = {check for each in exported[name] for check in implied_by(contract, each, suite)}
    assert len(needed) > len(contract.primary_key)
    for check in needed:
        assert unimplied(contract, exported[name], suite - {check}), check
    # The same through the gate itself: a rule that the contract loses is no longer asked.
    lost = next(rule for rule in contract.rules if rule.id in needed)
    fewer = replace(contract, rules=tuple(rule for rule in contract.rules if rule is not lost))
    left = {each["meta"]["id"] for each in judge(fewer, [], tmp_path).verdict.suite["expectations"]}
    assert unimplied(contract, exported[name], frozenset(left))


def test_where_the_other_tool_says_more_than_the_standard_is_known(
    exported: Mapping[str, list[Expectation]], asked: Mapping[str, Suite]
) -> None:
    parts = {
        (name, each["kwargs"]["column"])
        for name, expectations in exported.items()
        for each in expectations
        if each["type"] == "expect_column_values_to_be_unique"
        and (each["kwargs"]["column"],)
        not in {rule.properties for rule in EVERY[name].rules if rule.check is Check.UNIQUE}
    }
    assert parts == {
        ("dwellings", "certificate_no"),
        ("dwellings", "owner_id"),
        ("everything", "person_id"),
        ("everything", "serial"),
    }
    assert all(asked[name] for name, _ in parts)


def test_what_the_other_tool_drops_is_asked_here(asked: Mapping[str, Suite]) -> None:
    assert {"enough", "pair", "guardian_id_refers", "level_of_kind", "code_missing", "mail_null"} <= asked["everything"]
    assert {"delivery:row_count", "delivery:hours_old", "delivery:bad_rows"} <= asked["dwellings"]


def test_what_is_left_after_ours_keeps_every_expectation_of_the_other_tool(
    exported: Mapping[str, list[Expectation]], tmp_path: Path
) -> None:
    rows = [
        row(0),
        row(1),
        *(row(place, **changes) for place, (changes, _) in enumerate(BAD, 2)),
        row(30, person_id=None),
    ]
    judge(EVERYTHING, rows, tmp_path)
    broken = {fit: _broken(tmp_path / "staged.duckdb", exported["everything"], fit=fit) for fit in (False, True)}
    assert len(broken[False]) >= 8, "the rows as delivered break the other tool's expectations"
    # The serial numbers of the rows that are left are all the same: the key is unique as a whole.
    assert broken[True] == [("expect_column_values_to_be_unique", "serial")]


def _broken(staged: Path, expectations: Iterable[Expectation], *, fit: bool) -> list[tuple[str, str]]:
    """The expectations on values that staged rows break, by type and column; `fit`: without those set aside."""
    from great_expectations.expectations.registry import get_expectation_impl  # noqa: PLC0415 - it takes seconds to load

    from exchange.judge import ProgressBarsConfig, gx, pd  # noqa: PLC0415 - the same

    names = ", ".join(quoted(name) for name in EVERYTHING.by_name)
    where = "where rowid + 1 not in (select _record from quarantine)" if fit else ""
    with duckdb.connect(str(staged), read_only=True) as connection:
        found = connection.execute(f"select {names} from staged {where}").fetchall()  # noqa: S608 (quoted)
    frame = pd.DataFrame(found, columns=list(EVERYTHING.by_name))
    frame["day"] = pd.to_datetime(frame["day"])
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("rows").add_dataframe_asset("rows")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    left_out = {"expect_column_values_to_be_of_type", "expect_table_columns_to_match_set"}
    asked = [
        get_expectation_impl(each["type"])(
            **{
                name: datetime.fromisoformat(value)
                if name in {"min_value", "max_value"} and value == str(value)
                else value
                for name, value in each["kwargs"].items()
            }
        )
        for each in expectations
        if each["type"] not in left_out
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = batch.validate(gx.ExpectationSuite(name="other", expectations=asked)).results
    assert len(results) == len(asked)
    assert not [result for result in results if result.exception_info.get("raised_exception")]
    return [
        (result.expectation_config.type, result.expectation_config.kwargs["column"])
        for result in results
        if not result.success
    ]
