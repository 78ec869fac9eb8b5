"""A JSON list is read record by record, and whatever is wrong with it is one error that names the record."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import Malformed
from schemas.contract import ServerKind
from tests.adapters.sources import COLUMNS, SMALL, opened, read, source

KEY = COLUMNS[0]
LIST = source(ServerKind.JSON, "a.json")
UNDER = source(ServerKind.JSON, "a.json", records="RECORDS")
TINY = replace(SMALL, chunk_bytes=7, line_chars_max=120)


def write(root: Path, text: str) -> None:
    (root / "a.json").write_text(text, "utf-8")


def first(root: Path, what: object = LIST) -> list[str | None]:
    return [row[0] for row in read(what, root, TINY)]  # type: ignore[arg-type]


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from([*COLUMNS, "备注"]),
            st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5),
        )
    ),
    st.sampled_from([None, 1]),
)
def test_records_are_the_same_however_they_are_laid_out(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, str]], indent: int | None
) -> None:
    root = tmp_path_factory.mktemp("list")
    what = replace(LIST, required=frozenset())
    write(root, json.dumps(records, ensure_ascii=indent is None, indent=indent))
    assert read(what, root, replace(TINY, line_chars_max=1000)) == [tuple(map(each.get, COLUMNS)) for each in records]


def test_an_empty_list_is_a_delivery_without_records(tmp_path: Path) -> None:
    write(tmp_path, " [ ] ")
    assert first(tmp_path) == []


def test_numbers_keep_the_text_they_were_written_in(tmp_path: Path) -> None:
    write(tmp_path, f'[{{"{KEY}": 331081199001010008}}, {{"{KEY}": 1.10}}, {{"{KEY}": null}}, {{"{KEY}": false}}]')
    assert first(tmp_path) == ["331081199001010008", "1.10", None, "false"]


@pytest.mark.parametrize(
    "text",
    [
        '{"RECORDS": [{"KEY": "甲"}]}',
        '{"total": {"a": [1, "]"]}, "RECORDS":[{"KEY": "甲"}], "next": null }',
        '\ufeff\n{"a": "\\"RECORDS\\": [", "RECORDS" : [ {"KEY": "甲"} ] }\n',
    ],
)
def test_a_list_may_stand_under_a_key(tmp_path: Path, text: str) -> None:
    write(tmp_path, text.replace("KEY", KEY))
    assert first(tmp_path, UNDER) == ["甲"]


def test_a_list_in_gb18030_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(f'[{{"{KEY}": "甲"}}]'.encode("gb18030"))
    assert first(tmp_path, source(ServerKind.JSON, "a.json", encoding="GBK")) == ["甲"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "the beginning is no list of records"),
        ("{}", "the beginning is no list of records"),
        ('"甲"', "the beginning is no list of records"),
        ("[", "record 1 is no JSON object"),
        ("[1]", "record 1 is no JSON object"),
        ("[[]]", "record 1 is no JSON object"),
        ("[{}", "record 1 is no JSON"),
        ("[{},]", "record 2 is no JSON object"),
        ("[{} {}]", "record 1 is no JSON"),
        ("[{}]]", "the list goes on behind its end"),
        ("[{}]{}", "the list goes on behind its end"),
        ('[{}, {"a": }]', "record 2 is no JSON object"),
        ('[{"a": "甲]', "record 1 is no JSON object"),
        ('[{}, {"KEY": 1, "KEY": 2}]', "record 2 has a key twice"),
        ('[{}, {"KEY": -Infinity}]', "record 2 holds -Infinity, which is no JSON"),
        ('[{"KEY": NaN}]', "record 1 holds NaN, which is no JSON"),
        ('[{"KEY": {"a": 1}}]', "record 1 holds a list or an object"),
        ('[{"KEY": "' + "甲" * 500 + '"}]', "record 1 is no JSON, or longer than a record may be"),
        ('[{"a": 1}]', "the column is missing from every record"),
    ],
)
def test_what_is_no_list_of_records_is_one_error(tmp_path: Path, text: str, complaint: str) -> None:
    write(tmp_path, text.replace("KEY", KEY))
    with pytest.raises(Malformed, match=complaint) as caught:
        first(tmp_path)
    assert caught.value.field.startswith("a.json")
    assert caught.value.remedy
    assert "甲" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[]", "the beginning is no JSON object"),
        ("{}", "has no RECORDS"),
        ('{"a": 1}', "has no RECORDS"),
        ('{"RECORDS": {}}', "is no list of records"),
        ('{"RECORDS": [], "RECORDS": []}', "has a key twice"),
        ('{"RECORDS": []', "is no JSON"),
        ('{"RECORDS": []} x', "goes on behind its end"),
        ("{1: []}", "is no JSON"),
        ('{"a": "' + "甲" * 500 + '", "RECORDS": []}', "longer than a record may be"),
    ],
)
def test_a_key_that_holds_no_list_is_one_error(tmp_path: Path, text: str, complaint: str) -> None:
    write(tmp_path, text)
    with pytest.raises(Malformed, match=complaint):
        first(tmp_path, UNDER)


def test_huge_nesting_is_one_error(tmp_path: Path) -> None:
    write(tmp_path, f'[{{"{KEY}": {"[" * 500_000}')
    with pytest.raises(Malformed, match="record 1 is nested too deeply"):
        read(LIST, tmp_path, replace(SMALL, line_chars_max=1 << 20))
    (tmp_path / "a.jsonl").write_text(f'{{"{KEY}": {"[" * 500_000}', "utf-8")
    with pytest.raises(Malformed, match="line 1 is nested too deeply"):
        read(source(ServerKind.JSONL, "a.jsonl"), tmp_path, replace(SMALL, line_chars_max=1 << 20))


def test_a_record_longer_than_one_may_be_is_refused_though_it_is_held(tmp_path: Path) -> None:
    write(tmp_path, f'[{{"{KEY}": "甲", "备注": "{"x" * 120}"}}]')
    with pytest.raises(Malformed, match="record 1 is longer than a record may be"):
        read(LIST, tmp_path, replace(TINY, chunk_bytes=1000))


def test_a_list_is_opened_without_being_read(tmp_path: Path) -> None:
    write(tmp_path, "no JSON at all")
    assert opened(LIST, tmp_path).columns == COLUMNS
