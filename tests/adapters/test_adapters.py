"""Five forms of one registry give the same rows, and whatever cannot be read is one clear error."""

import datetime as dt
import json
import re
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb
import openpyxl
import pytest

from adapters.port import Row, Source
from kernel.errors import Malformed
from schemas.contract import ServerKind
from tests.adapters.sources import COLUMNS, SMALL, opened, read, source

ROWS: list[Row] = [
    ("331081199001010008", "欧阳娜娜", "88.5"),
    ("33108119900101003X", "阿依古丽·买买提", None),
    ("331081199001010040", "𬀩王㐂", "120"),
]
Write = Callable[[Path, Sequence[str], Sequence[Row]], Source]


def write_gb18030(root: Path, columns: Sequence[str], rows: Sequence[Row]) -> Source:
    lines = [",".join(columns), *(",".join(value or "" for value in row) for row in rows)]
    (root / "a.csv").write_bytes("\r\n".join(lines).encode("gb18030"))
    return source(ServerKind.CSV, "a.csv", encoding="GB18030")


def write_utf8(root: Path, columns: Sequence[str], rows: Sequence[Row]) -> Source:
    lines = [",".join(columns), *(",".join(f'"{value or ""}"' for value in row) for row in rows)]
    (root / "a.csv").write_bytes(b"\xef\xbb\xbf" + "\n".join(lines).encode())
    return source(ServerKind.CSV, "a.csv")


def write_json_lines(root: Path, columns: Sequence[str], rows: Sequence[Row]) -> Source:
    records = [{name: value for name, value in zip(columns, row, strict=True) if value is not None} for row in rows]
    lines = [json.dumps(each, ensure_ascii=False) for each in records]
    # Areas are written as numbers, as a registry's export does.
    bare = [re.sub(r'"面积": "([0-9.]+)"', r'"面积": \1', line) for line in lines]
    (root / "a.jsonl").write_text("\n".join(bare), "utf-8")
    return source(ServerKind.JSONL, "a.jsonl")


def write_workbook(root: Path, columns: Sequence[str], rows: Sequence[Row]) -> Source:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["某登记簿"])
    sheet.merge_cells("A1:C1")
    sheet.append(list(columns))
    for number, name, area in rows:
        sheet.append([number, name, float(area) if area else None])
    book.save(root / "a.xlsx")
    return source(ServerKind.XLSX, "a.xlsx", header_row=2)


def write_parquet(root: Path, columns: Sequence[str], rows: Sequence[Row]) -> Source:
    with duckdb.connect() as connection:
        names = ", ".join(f'"{name}" varchar' for name in columns)
        connection.execute(f"create table t ({names})")
        marks = ", ".join("?" * len(columns))
        for row in rows:
            connection.execute(f"insert into t values ({marks})", list(row))  # noqa: S608 (question marks only)
        connection.execute(f"copy t to '{root / 'a.parquet'}' (format parquet)")
    return source(ServerKind.PARQUET, "a.parquet")


def write_sqlite(root: Path, columns: Sequence[str], rows: Sequence[Row]) -> Source:
    with sqlite3.connect(root / "a.sqlite") as database:
        database.execute(f"create table 登记 ({', '.join(columns)})")
        database.executemany(f"insert into 登记 values ({', '.join('?' * len(columns))})", rows)  # noqa: S608 (the same)
    database.close()
    return source(ServerKind.SQL, "", url="sqlite:///{root}/a.sqlite", table="登记")


FORMS: dict[str, Write] = {
    "gb18030": write_gb18030,
    "utf8": write_utf8,
    "json_lines": write_json_lines,
    "workbook": write_workbook,
    "parquet": write_parquet,
    "sqlite": write_sqlite,
}
every_form = pytest.mark.parametrize("write", FORMS.values(), ids=FORMS)
FILES = {name: write for name, write in FORMS.items() if name != "sqlite"}
every_file = pytest.mark.parametrize("write", FILES.values(), ids=FILES)


def _blank(rows: list[Row]) -> list[Row]:
    """Text files cannot tell an empty value from an absent one."""
    return [tuple(value or None for value in row) for row in rows]


@every_form
def test_every_form_gives_the_same_rows(tmp_path: Path, write: Write) -> None:
    assert _blank(read(write(tmp_path, COLUMNS, ROWS), tmp_path)) == ROWS


@pytest.mark.parametrize("write", [each for each in FORMS.values() if each is not write_workbook])
def test_columns_come_in_the_contracts_order_and_others_are_left_alone(tmp_path: Path, write: Write) -> None:
    what = write(tmp_path, ("备注", *reversed(COLUMNS)), [("x", *reversed(row)) for row in ROWS])
    assert _blank(read(what, tmp_path)) == ROWS


@every_form
def test_rows_come_in_bounded_batches(tmp_path: Path, write: Write) -> None:
    what = write(tmp_path, COLUMNS, ROWS)
    sizes = [len(batch) for batch in opened(what, tmp_path).batches]
    assert sum(sizes) == len(ROWS)
    assert max(sizes) <= SMALL.batch_rows


@every_form
def test_a_missing_required_column_is_named(tmp_path: Path, write: Write) -> None:
    if write is write_workbook:
        what = write(tmp_path, ("号", *COLUMNS[1:]), ROWS)
    else:
        what = write(tmp_path, COLUMNS[1:], [row[1:] for row in ROWS])
    with pytest.raises(Malformed) as error:
        read(what, tmp_path)
    assert "证件号码" in str(error.value) or "登记" in str(error.value)
    assert error.value.remedy


@every_form
def test_a_missing_file_is_named(tmp_path: Path, write: Write) -> None:
    what = write(tmp_path, COLUMNS, ROWS)
    with pytest.raises(Malformed, match=r"a\..*is not there"):
        read(what, tmp_path / "elsewhere")


@every_form
def test_more_rows_than_a_delivery_may_have_are_refused(tmp_path: Path, write: Write) -> None:
    what = write(tmp_path, COLUMNS, ROWS)
    with pytest.raises(Malformed, match="more rows"):
        read(what, tmp_path, replace(SMALL, rows_max=2))


@every_file
def test_a_path_never_leads_out_of_the_deliveries(tmp_path: Path, write: Write) -> None:
    what = write(tmp_path, COLUMNS, ROWS)
    inside = tmp_path / "inside"
    inside.mkdir()
    outside = replace(what, server=replace(what.server, path=f"../{what.server.path}"))
    with pytest.raises(Malformed, match="outside"):
        read(outside, inside)


@every_file
def test_a_file_changed_while_it_is_read_is_refused(tmp_path: Path, write: Write) -> None:
    what = write(tmp_path, COLUMNS, ROWS)
    batches = opened(what, tmp_path).batches
    next(batches)
    (tmp_path / "next").write_bytes(b"a whole new file")
    (tmp_path / "next").replace(tmp_path / what.server.path)
    with pytest.raises(Malformed, match="changed while it was read"):
        list(batches)


@every_file
def test_garbage_is_one_error(tmp_path: Path, write: Write) -> None:
    what = write(tmp_path, COLUMNS, ROWS)
    (tmp_path / what.server.path).write_bytes(b"\xff\xfe\x00garbage" * 50)
    with pytest.raises(Malformed) as error:
        read(what, tmp_path)
    assert what.server.path in str(error.value)


@every_file
def test_data_as_of_is_what_the_sidecar_says_else_the_files_time(tmp_path: Path, write: Write) -> None:
    what = write(tmp_path, COLUMNS, ROWS)
    path = tmp_path / what.server.path
    assert opened(what, tmp_path).data_as_of.timestamp() == pytest.approx(path.stat().st_mtime)
    sidecar = path.with_name(path.name + ".meta.json")
    sidecar.write_text('{"data_as_of": "2026-11-24T02:00:00+08:00"}')
    assert opened(what, tmp_path).data_as_of == dt.datetime(2026, 11, 23, 18, tzinfo=dt.UTC)
    for wrong in ("{}", "[]", '{"data_as_of": "soon"}', "{", "\xff"):
        sidecar.write_text(wrong)
        with pytest.raises(Malformed, match="data_as_of"):
            opened(what, tmp_path)


TEXT_FORMS = {name: FORMS[name] for name in ("gb18030", "utf8", "json_lines")}


@pytest.mark.parametrize("write", TEXT_FORMS.values(), ids=TEXT_FORMS)
def test_no_error_tells_a_value(tmp_path: Path, write: Write) -> None:
    what = write(tmp_path, COLUMNS, ROWS)
    path = tmp_path / what.server.path
    path.write_bytes(path.read_bytes() + b'\r\n"331081199001010059,\xff\xff\xff')
    with pytest.raises(Malformed) as error:
        read(what, tmp_path)
    assert "331081199001010059" not in str(error.value)
    assert error.value.__cause__ is None
