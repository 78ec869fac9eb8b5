"""Hostile deliveries: refused or read within bounds, never executed. Each ends in a right value or in one Malformed.

Packed files that are bombs or lead elsewhere: `test_packed`; links and names in drop folders: `test_drop_folder`.
"""

import gzip
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from adapters.port import AdapterSettings, Source
from exchange.extract import write_delivery
from kernel.errors import Malformed
from schemas.contract import ServerKind
from tests.adapters.measured import measured
from tests.adapters.sources import COLUMNS, SMALL, opened, read, source
from tests.adapters.workbooks import SHEET, cell, row, understate, write_book

NAME = "a.file"
MB = 1 << 20
PERSON = "331081199001010059"
HEADER = row(1, *COLUMNS)
FORMS = (ServerKind.CSV, ServerKind.JSONL, ServerKind.JSON, ServerKind.XLSX, ServerKind.PARQUET)
every_form = pytest.mark.parametrize("kind", FORMS)


def deliver(root: Path, kind: ServerKind, rows: list[tuple[str, ...]], columns: tuple[str, ...] = COLUMNS) -> Path:
    """Write rows in a form, as a program would that escapes everything as it should."""
    path = root / NAME
    records = [dict(zip(columns, each, strict=True)) for each in rows]
    match kind:
        case ServerKind.CSV:
            lines = [",".join('"' + text.replace('"', '""') + '"' for text in each) for each in (columns, *rows)]
            path.write_text("\n".join(lines), "utf-8")
        case ServerKind.JSONL:
            path.write_text("\n".join(json.dumps(each) for each in records), "utf-8")
        case ServerKind.JSON:
            path.write_text(json.dumps(records), "utf-8")
        case ServerKind.XLSX:
            book = openpyxl.Workbook()
            assert isinstance(book.active, Worksheet)
            for each in (columns, *rows):
                book.active.append(each)
            book.save(path)
        case _:
            with duckdb.connect() as connection:
                declared = ", ".join(f'"{each.replace(chr(34), chr(34) * 2)}" varchar' for each in columns)
                connection.execute(f"create table t ({declared})")
                connection.executemany("insert into t values (?, ?, ?)", rows)
                connection.execute(f"copy t to '{path}' (format parquet)")
    return path


def refused(what: Source, root: Path, complaint: str, settings: AdapterSettings = SMALL) -> None:
    """The delivery is one Malformed that names the file and a remedy, and shows no value."""
    with pytest.raises(Malformed, match=complaint) as caught:
        read(what, root, settings)
    assert caught.value.field.startswith(what.where)
    assert caught.value.remedy
    assert PERSON not in str(caught.value)
    assert "xxxx" not in str(caught.value)


@every_form
@pytest.mark.parametrize(
    "column",
    ['面积"; drop table records; --', "x' or '1'='1", '";"', "{0}{x}%s%(x)s$1", "../../面积", "=1+1", "<script>"],
)
def test_a_column_may_be_called_anything(tmp_path: Path, kind: ServerKind, column: str) -> None:
    columns = (*COLUMNS[:2], column)
    deliver(tmp_path, kind, [("甲", "一", "1")], columns)
    what = replace(source(kind, NAME), columns=columns)
    # A cell that begins like a formula is one, and nobody has computed it.
    if (kind, column[0]) != (ServerKind.XLSX, "="):
        assert read(what, tmp_path) == [("甲", "一", "1")]


def test_a_column_of_a_database_may_be_called_anything(tmp_path: Path) -> None:
    column = '面积"; drop table 登记; --'
    with sqlite3.connect(tmp_path / "a.sqlite") as database:
        database.execute('create table 登记 (证件号码, 姓名, "面积""; drop table 登记; --")')
        database.execute("insert into 登记 values ('甲', '一', '1')")
    database.close()
    what = source(ServerKind.SQL, "", url="sqlite:///{root}/a.sqlite", table="登记")
    assert read(replace(what, columns=(*COLUMNS[:2], column)), tmp_path) == [("甲", "一", "1")]


@every_form
def test_values_that_other_programs_would_run_are_plain_text(tmp_path: Path, kind: ServerKind) -> None:
    values = ["+1+1", "-2", "@SUM(1)", "'; drop table t; --", "<script>alert(1)</script>", "{{7*7}}", "$(id)", "%n"]
    deliver(tmp_path, kind, [("甲", value, "1") for value in values])
    assert [each for _, each, _ in read(source(kind, NAME), tmp_path)] == values


def test_a_formula_is_what_the_office_last_computed_and_is_never_run(tmp_path: Path) -> None:
    formulas = '<c r="A2"><f>1+1</f><v>2</v></c><c r="B2" t="str"><f>HYPERLINK("http://x")</f><v>看</v></c>'
    command = '<c r="A3" t="str"><f>cmd|\' /C calc\'!A0</f></c>' + cell("B3", "=cmd|' /C calc'!A0")
    write_book(tmp_path / NAME, [HEADER, f'<row r="2">{formulas}</row>', f'<row r="3">{command}</row>'])
    assert read(source(ServerKind.XLSX, NAME), tmp_path) == [("2", "看", None), (None, "=cmd|' /C calc'!A0", None)]


@every_form
def test_a_field_of_ten_megabytes_is_refused(tmp_path: Path, kind: ServerKind) -> None:
    if kind is ServerKind.XLSX:
        write_book(tmp_path / NAME, [HEADER, row(2, PERSON, "x" * (10 * MB), "1")])
    else:
        deliver(tmp_path, kind, [(PERSON, "x" * (10 * MB), "1")])
    refused(source(kind, NAME), tmp_path, "long", AdapterSettings())
    found = measured(tmp_path, kind, NAME, settings={})
    assert found.rows == 0
    assert "long" in found.error
    assert found.memory_mb < 240


@pytest.mark.parametrize("kind", [ServerKind.CSV, ServerKind.JSONL, ServerKind.JSON])
def test_text_without_an_end_of_line_takes_no_more_memory_than_a_line(tmp_path: Path, kind: ServerKind) -> None:
    begin = {ServerKind.CSV: f'{",".join(COLUMNS)}\n"', ServerKind.JSONL: '{"a": "', ServerKind.JSON: '[{"a": "'}
    with (tmp_path / NAME).open("wb") as file:
        file.write(begin[kind].encode())
        for _ in range(100):
            file.write(b"x" * MB)
    found = measured(tmp_path, kind, NAME, settings={})
    assert "long" in found.error
    assert found.memory_mb < 110


def test_a_quotation_mark_that_is_never_closed_takes_no_more_memory_than_a_value(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(f'{",".join(COLUMNS)}\n"' + "甲,一,1\n" * (2 * MB), "utf-8")
    found = measured(tmp_path, ServerKind.CSV, NAME, settings={})
    assert "field larger than field limit" in found.error
    assert found.memory_mb < 110


@pytest.mark.parametrize("kind", [ServerKind.CSV, ServerKind.JSONL, ServerKind.JSON])
def test_a_null_character_is_refused_with_its_line(tmp_path: Path, kind: ServerKind) -> None:
    path = deliver(tmp_path, kind, [("甲", "一", "1")])
    path.write_bytes(path.read_bytes().replace("一".encode(), b"\0").replace(b"\\u4e00", b"\0"))
    line = 2 if kind is ServerKind.CSV else 1
    refused(source(kind, NAME), tmp_path, f"holds a null character in line {line}")


@pytest.mark.parametrize("kind", [ServerKind.JSONL, ServerKind.JSON, ServerKind.XLSX, ServerKind.PARQUET])
def test_a_null_character_that_is_spelled_out_gets_no_further_than_the_adapter(
    tmp_path: Path, kind: ServerKind
) -> None:
    deliver(tmp_path, kind, [(PERSON, "一_x0000_" if kind is ServerKind.XLSX else "一\0", "1")])
    with pytest.raises(Malformed, match="record 1 holds a null character in 姓名") as caught:
        write_delivery(opened(source(kind, NAME), tmp_path), tmp_path / "x", in_force=None, settings=AdapterSettings())
    assert PERSON not in str(caught.value)
    assert not (tmp_path / "x").exists()


def test_a_million_empty_rows_are_no_records_and_take_no_memory(tmp_path: Path) -> None:
    styled = (f'<row r="{at}" ht="15"><c r="A{at}" s="0"/></row>' for at in range(3, 1_048_577))
    write_book(tmp_path / NAME, [HEADER, row(2, "甲", "一", "1"), *styled])
    found = measured(tmp_path, ServerKind.XLSX, NAME, settings={})
    assert (found.rows, found.error) == (1, "")
    assert found.memory_mb < 200


@pytest.mark.parametrize("place", ["XFD1048576", "XFD1", "A1048576"])
def test_a_cell_far_away_ends_no_process_of_ours(tmp_path: Path, place: str) -> None:
    at = "".join(filter(str.isdigit, place))
    head = HEADER.replace("</row>", cell(place, "远") + "</row>") if at == "1" else HEADER
    below = [] if at == "1" else [f'<row r="{at}">{cell(place, "远")}</row>']
    write_book(tmp_path / NAME, [head, *below])
    found = measured(tmp_path, ServerKind.XLSX, NAME, settings={"workbook_memory_bytes": 512 * MB})
    assert found.memory_mb < 650
    if place == "XFD1048576":
        assert found.error.startswith(f"{NAME}: takes more memory to read than a workbook may")
    else:
        assert (found.rows, found.error) == (int(place == "A1048576"), "")


def test_a_merged_cell_over_a_million_rows_takes_no_memory(tmp_path: Path) -> None:
    merged = '<mergeCells><mergeCell ref="B2:B1048576"/></mergeCells>'
    write_book(tmp_path / NAME, [HEADER, row(2, "甲", "一", "1")], merged)
    server = {"fill_merged": True}
    found = measured(tmp_path, ServerKind.XLSX, NAME, settings={"rows_max": 100_000}, **server)
    assert "more rows than a delivery may have" in found.error
    assert found.memory_mb < 200
    slow = measured(tmp_path, ServerKind.XLSX, NAME, settings={"workbook_seconds": 1}, **server)
    assert "takes longer to read than a workbook may" in slow.error


@pytest.mark.parametrize("honest", [True, False])
def test_a_bomb_in_a_workbook_is_refused(tmp_path: Path, *, honest: bool) -> None:
    path = tmp_path / NAME
    write_book(path, [HEADER, *(row(2, PERSON, "x" * MB) for _ in range(70))])
    assert path.stat().st_size < MB
    if honest:
        refused(source(ServerKind.XLSX, NAME), tmp_path, "holds more than a workbook of its size may")
        return
    understate(path, 1000)
    found = measured(tmp_path, ServerKind.XLSX, NAME, settings={"workbook_memory_bytes": 128 * MB})
    assert found.error.startswith(NAME)
    assert found.memory_mb < 240


@pytest.mark.parametrize(
    "entities",
    [
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
        f"<!DOCTYPE x [<!ENTITY a '{'x' * 1000}'><!ENTITY b '{'&a;' * 1000}'><!ENTITY e '{'&b;' * 1000}'>]>",
    ],
    ids=["foreign", "billion"],
)
def test_an_entity_in_a_workbook_is_never_resolved(tmp_path: Path, entities: str) -> None:
    for text, head in (("一", ""), ("&e;", entities)):
        sheet = f"{head}<worksheet><sheetData>{HEADER}{row(2, '甲', text, '1')}</sheetData></worksheet>"
        write_book(tmp_path / NAME, [], **{SHEET: sheet})
        if not head:
            assert read(source(ServerKind.XLSX, NAME), tmp_path) == [("甲", "一", "1")]
    refused(source(ServerKind.XLSX, NAME), tmp_path, "its sheet 1 cannot be read")


@every_form
@pytest.mark.parametrize("path", ["/etc/passwd", "../../etc/passwd", "a\0.csv", "x/../../a", "link", "~root/x"])
def test_a_path_that_plays_tricks_reads_nothing(tmp_path: Path, kind: ServerKind, path: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to("/etc/passwd")
    with pytest.raises(Malformed, match=r"outside the deliveries|is no path|is not there"):
        read(source(kind, path), root)


def test_a_name_that_a_library_would_take_for_a_pattern_is_refused(tmp_path: Path) -> None:
    deliver(tmp_path, ServerKind.PARQUET, [("甲", "一", "1")]).rename(tmp_path / "[ab].parquet")
    refused(source(ServerKind.PARQUET, "[ab].parquet"), tmp_path, r"holds \*, \? or \[")


@every_form
@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, kind: ServerKind, make: Callable[[Path], None]) -> None:
    make(tmp_path / NAME)
    refused(source(kind, NAME), tmp_path, "what has its name is no file")


@contextmanager
def as_nobody() -> Iterator[None]:
    """The rights of somebody whom nothing belongs to; the tests may be run by root, whom everything obeys."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(before)


@every_form
@pytest.mark.parametrize("closed", ["file", "folder", "sidecar"])
def test_what_may_not_be_read_is_one_error(kind: ServerKind, closed: str) -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder)
        path = deliver(root, kind, [(PERSON, "一", "1")])
        read(source(kind, NAME), root)
        sidecar = root / f"{NAME}.meta.json"
        sidecar.write_text('{"data_as_of": "2026-11-24T02:00:00+08:00"}')
        for each in (root, path, sidecar):
            each.chmod(0o755)
        {"file": path, "folder": root, "sidecar": sidecar}[closed].chmod(0)
        with as_nobody():
            what = "a.file" if closed != "sidecar" else r"a\.file\.meta\.json"
            with pytest.raises(Malformed, match=rf"{what}: cannot be read \(PermissionError\)") as caught:
                read(source(kind, NAME), root)
        assert "let the hub's own user read it" in caught.value.remedy
        root.chmod(0o755)


@pytest.mark.parametrize("change", ["shorter", "longer", "other"])
@pytest.mark.parametrize("kind", [ServerKind.CSV, ServerKind.JSONL, ServerKind.JSON])
def test_a_file_that_is_written_over_while_it_is_read_is_refused(tmp_path: Path, kind: ServerKind, change: str) -> None:
    path = deliver(tmp_path, kind, [(f"甲{at}", "一", "1") for at in range(90)])
    batches = opened(source(kind, NAME), tmp_path, replace(SMALL, chunk_bytes=100)).batches
    next(batches)
    raw = path.read_bytes()
    with path.open("r+b") as file:
        match change:
            case "shorter":
                file.truncate(1500)
            case "longer":
                file.seek(0, 2)
                file.write(b" \n")
            case _:
                file.write(raw)
    with pytest.raises(Malformed) as caught:
        list(batches)
    assert caught.value.field == NAME
    assert "was changed while it was read" in caught.value.message


def test_a_packed_text_takes_no_more_memory_than_its_parts(tmp_path: Path) -> None:
    lines = b"".join(b"%d,%d,%d\n" % (at, at * at, at % 7) for at in range(400_000))
    with gzip.open(tmp_path / "a.csv.gz", "wb", compresslevel=1) as file:
        file.write(",".join(COLUMNS).encode() + b"\n")
        for _ in range(2):
            file.write(lines)
    found = measured(tmp_path, ServerKind.CSV, "a.csv.gz", settings={})
    assert (found.rows, found.error) == (800_000, "")
    assert found.memory_mb < 110
