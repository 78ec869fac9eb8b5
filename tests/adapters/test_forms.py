"""What is particular to one form of delivery."""

import datetime as dt
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from adapters.csv_file import decoded
from kernel.errors import Malformed
from schemas.contract import ServerKind
from tests.adapters.sources import COLUMNS, SMALL, opened, read, source

HEADER = ",".join(COLUMNS)


def workbook(root: Path, fill: Callable[[Worksheet], None]) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet.append(["标题"])
    sheet.append(list(COLUMNS))
    fill(sheet)
    book.save(root / "a.xlsx")


def book_rows(root: Path, *, fill_merged: bool = True, sheet: int = 1) -> list[tuple[str | None, ...]]:
    return read(source(ServerKind.XLSX, "a.xlsx", header_row=2, fill_merged=fill_merged, sheet=sheet), root)


def test_a_merged_cell_is_filled_down_and_an_empty_one_is_not(tmp_path: Path) -> None:
    def fill(sheet: Worksheet) -> None:
        for row in (["甲", "一", 1], [None, "二", 2], ["乙", "三", 3], [None, "四", 4]):
            sheet.append(row)
        sheet.merge_cells("A3:A4")

    workbook(tmp_path, fill)
    assert [row[0] for row in book_rows(tmp_path)] == ["甲", "甲", "乙", None]
    assert [row[0] for row in book_rows(tmp_path, fill_merged=False)] == ["甲", None, "乙", None]


def test_a_co_owner_whose_own_cells_are_lost_is_still_a_row(tmp_path: Path) -> None:
    def fill(sheet: Worksheet) -> None:
        sheet.append(["甲", "一", 1])
        sheet.append([None, None, None])
        sheet.append([None, None, None])
        sheet.merge_cells("A3:A4")

    workbook(tmp_path, fill)
    assert book_rows(tmp_path) == [("甲", "一", "1"), ("甲", None, None)]


def test_a_number_too_long_for_a_cell_becomes_no_number(tmp_path: Path) -> None:
    workbook(tmp_path, lambda sheet: sheet.append([331081199001010008, "甲", 120]))
    assert book_rows(tmp_path) == [("3.3108119900101e+17", "甲", "120")]


def test_dates_and_flags_in_cells_become_iso_text(tmp_path: Path) -> None:
    moment = dt.datetime(2020, 2, 29, 8, 30)  # noqa: DTZ001 (cells have no zone)
    workbook(tmp_path, lambda sheet: sheet.append([dt.date(2020, 2, 29), moment, True]))
    assert book_rows(tmp_path) == [("2020-02-29", "2020-02-29 08:30:00", "true")]


def test_a_table_that_does_not_begin_at_the_first_column_is_read(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    for place, value in (("B2", "证件号码"), ("C2", "姓名"), ("D2", "面积"), ("B3", "甲"), ("C3", "一"), ("C4", "二")):
        sheet[place] = value
    sheet.merge_cells("B3:B4")
    book.save(tmp_path / "a.xlsx")
    assert book_rows(tmp_path) == [("甲", "一", None), ("甲", "二", None)]


@pytest.mark.parametrize("sheet", [0, 2])
def test_a_sheet_that_is_not_there_is_named(tmp_path: Path, sheet: int) -> None:
    workbook(tmp_path, lambda sheet: sheet.append(["甲", "一", 1]))
    with pytest.raises(Malformed, match=f"no sheet {sheet}"):
        book_rows(tmp_path, sheet=sheet)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("甲,一\n", "record 1 has 2 fields where the header has 3"),
        ("甲,一,1\n乙,二,2,3\n", "record 2 has 4 fields"),
        ('甲,"一,1\n', "no delimited text after record 0"),
        ("甲," + "一" * 2000 + ",1\n", "longer than a line"),
    ],
)
def test_a_record_that_is_not_whole_is_named_by_its_number(tmp_path: Path, body: str, complaint: str) -> None:
    (tmp_path / "a.csv").write_text(f"{HEADER}\n{body}", "utf-8")
    with pytest.raises(Malformed, match=complaint):
        read(source(ServerKind.CSV, "a.csv"), tmp_path)


def test_a_value_may_hold_delimiters_and_line_ends(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f'{HEADER}\n甲,"一,\n""二""",1\n', "utf-8")
    assert read(source(ServerKind.CSV, "a.csv"), tmp_path) == [("甲", '一,\n"二"', "1")]


def test_undecodable_bytes_are_named_by_their_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(f"{HEADER}\n甲,一,1\n".encode("gb18030") + b"\xff\xff,x,y\n")
    with pytest.raises(Malformed, match="no GB18030, in line 3"):
        read(source(ServerKind.CSV, "a.csv", encoding="GB18030"), tmp_path)


def test_a_column_that_is_there_twice_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"{HEADER},姓名\n甲,一,1,二\n", "utf-8")
    with pytest.raises(Malformed, match="姓名: the column is there twice"):
        read(source(ServerKind.CSV, "a.csv"), tmp_path)


def test_an_unknown_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(HEADER, "utf-8")
    with pytest.raises(Malformed, match="Big5"):
        read(source(ServerKind.CSV, "a.csv", encoding="Big5"), tmp_path)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("[1]", "line 1 is no JSON object"),
        ('{"证件号码": ', "line 1 is no JSON object"),
        ('{"证件号码": "甲", "证件号码": "乙"}', "line 1 has a key twice"),
        ('{"证件号码": {"a": 1}}', "line 1 holds a list or an object"),
        ('{"证件号码": NaN}', "line 1 holds NaN"),
        ("[" * 900, "line 1 is no JSON object"),
        ('{"证件号码": "' + "甲" * 2000 + '"}', "longer than a line"),
        ('{"姓名": "甲"}', "missing from every record"),
    ],
)
def test_a_line_that_is_no_record_is_named(tmp_path: Path, line: str, complaint: str) -> None:
    (tmp_path / "a.jsonl").write_text(line + "\n", "utf-8")
    with pytest.raises(Malformed, match=complaint):
        read(source(ServerKind.JSONL, "a.jsonl"), tmp_path)


def test_numbers_keep_the_text_they_were_written_in(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"证件号码": 331081199001010008, "姓名": true, "面积": 1.10}\n', "utf-8")
    assert read(source(ServerKind.JSONL, "a.jsonl"), tmp_path) == [("331081199001010008", "true", "1.10")]


def test_typed_parquet_columns_become_text(tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select 331081199001010008::bigint as 证件号码, date '2020-02-29' as 姓名, 88.5::double as 面积)"
            f" to '{tmp_path / 'a.parquet'}' (format parquet)"
        )
        connection.execute(f"copy (select [1] as 证件号码, 1 as 姓名, 2 as 面积) to '{tmp_path / 'b.parquet'}'")
    assert read(source(ServerKind.PARQUET, "a.parquet"), tmp_path) == [("331081199001010008", "2020-02-29", "88.5")]
    with pytest.raises(Malformed, match="证件号码: is no plain value"):
        read(source(ServerKind.PARQUET, "b.parquet"), tmp_path)


def database(root: Path, *rows: tuple[object, ...]) -> None:
    with sqlite3.connect(root / "a.sqlite") as connection:
        connection.execute("create table 登记 (证件号码, 姓名, 面积)")
        connection.executemany("insert into 登记 values (?, ?, ?)", rows)
    connection.close()


SQL = source(ServerKind.SQL, "", url="sqlite:///{root}/a.sqlite", table="登记")


def test_a_database_is_read_in_the_order_of_its_key_and_stays_as_it_was(tmp_path: Path) -> None:
    database(tmp_path, ("乙", None, 2), ("甲", "一", 1.5), ("丙", "三", 3.0))
    before = (tmp_path / "a.sqlite").read_bytes()
    rows = read(SQL, tmp_path)
    assert sorted(rows) == sorted([("丙", "三", "3"), ("乙", None, "2"), ("甲", "一", "1.5")])
    assert rows == sorted(rows)
    assert (tmp_path / "a.sqlite").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.sqlite"]


def test_the_greatest_value_of_a_column_is_the_datas_instant(tmp_path: Path) -> None:
    database(tmp_path, ("甲", "一", "2026-11-23T20:00:00+08:00"), ("乙", "二", "2026-11-24 01:00:00"))
    what = replace(SQL, as_of="面积")
    delivery = opened(what, tmp_path)
    assert delivery.data_as_of == dt.datetime(2026, 11, 23, 17, tzinfo=dt.UTC)
    assert delivery.watermark == "2026-11-24 01:00:00"
    other = tmp_path / "other"
    other.mkdir()
    database(other, ("甲", "一", "soon"))
    with pytest.raises(Malformed, match="no instant"):
        opened(what, other)


def test_a_value_that_is_no_text_is_named_by_its_column(tmp_path: Path) -> None:
    database(tmp_path, ("甲", b"\x00\x01", 1))
    with pytest.raises(Malformed, match="姓名: holds bytes"):
        read(SQL, tmp_path)


def test_a_missing_table_is_named_without_the_databases_own_words(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "a.sqlite").close()
    with pytest.raises(Malformed, match="登记: the table is not there"):
        read(SQL, tmp_path)


def test_a_server_without_credentials_is_refused(tmp_path: Path) -> None:
    what = source(ServerKind.SQL, "", url="postgresql://registry.example/civil", table="登记")
    with pytest.raises(Malformed, match="names no connection"):
        opened(what, tmp_path, SMALL)


@pytest.mark.parametrize("delimiter", ["\t", ";", "|", "\x01", "^", "~"])
def test_values_are_parted_by_what_the_contract_names(tmp_path: Path, delimiter: str) -> None:
    lines = [COLUMNS, ("甲", f'"一{delimiter}""二"""', "1,5"), ("乙", "", "2")]
    (tmp_path / "a.txt").write_text("\r\n".join(delimiter.join(line) for line in lines), "utf-8")
    what = source(ServerKind.CSV, "a.txt", delimiter=delimiter)
    assert read(what, tmp_path) == [("甲", f'一{delimiter}"二"', "1,5"), ("乙", "", "2")]
    plain = opened(what, tmp_path).plain
    assert plain is not None
    assert (plain.delimiter, plain.header, plain.places) == (delimiter, COLUMNS, (0, 1, 2))


@pytest.mark.parametrize("encoding", ["UTF-8", "utf8", "GB18030", "GBK"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path, encoding: str, mark: str) -> None:
    written = "utf-8" if encoding.startswith(("u", "U")) else "gb18030"
    (tmp_path / "a.csv").write_bytes(f"{mark}{HEADER}\n甲,一,1\n".encode(written))
    what = source(ServerKind.CSV, "a.csv", encoding=encoding)
    assert read(what, tmp_path) == [("甲", "一", "1")]
    plain = opened(what, tmp_path).plain
    assert plain is not None
    assert b"".join(decoded(plain, replace(SMALL, chunk_bytes=3))) == f"{HEADER}\n甲,一,1\n".encode()


@pytest.mark.parametrize(("written", "encoding"), [("utf-8-sig", "GB18030"), ("gb18030", "UTF-8")])
def test_a_text_in_another_encoding_than_the_contract_names_is_refused(
    tmp_path: Path, written: str, encoding: str
) -> None:
    (tmp_path / "a.csv").write_bytes(f"{HEADER}\n甲,一,1\n".encode(written))
    with pytest.raises(Malformed, match=f"bytes that are no {encoding}, in line 1"):
        opened(source(ServerKind.CSV, "a.csv", encoding=encoding), tmp_path)


@pytest.mark.parametrize("chunk", [7, 64, 1000, 1 << 20])
@pytest.mark.parametrize(
    ("bad", "complaint"), [(b"\xff\xff", "bytes that are no GB18030"), (b"\0", "a null character")]
)
def test_what_no_text_holds_is_named_by_its_line_however_it_is_read(
    tmp_path: Path, chunk: int, bad: bytes, complaint: str
) -> None:
    lines = [HEADER, *(f"甲{number},一,1" for number in range(2, 60))]
    raw = [line.encode("gb18030") for line in lines]
    raw[40] += bad
    (tmp_path / "a.csv").write_bytes(b"\n".join(raw))
    what = source(ServerKind.CSV, "a.csv", encoding="GB18030")
    with pytest.raises(Malformed, match=f"holds {complaint}.* in line 41"):
        read(what, tmp_path, replace(SMALL, chunk_bytes=chunk))


def test_a_text_that_ends_within_a_character_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(f"{HEADER}\n甲,一,乙".encode("gb18030")[:-1])
    with pytest.raises(Malformed, match="no GB18030, in line 2"):
        read(source(ServerKind.CSV, "a.csv", encoding="GB18030"), tmp_path)
