"""Packed deliveries: read as a stream, and refused where they hold more than, or other than, one delivery."""

import gzip
import stat
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.csv_file import decoded
from kernel.errors import Malformed
from schemas.contract import ServerKind
from tests.adapters.sources import COLUMNS, SMALL, opened, read, source
from tests.adapters.workbooks import row, write_book

TEXT = ",".join(COLUMNS).encode() + b"\n" + "甲,一,1\n乙,二,2\n丙,三,3\n".encode()
ROW = "丁,四,4\n".encode()
ROWS = [("甲", "一", "1"), ("乙", "二", "2"), ("丙", "三", "3")]
LINES = b"".join(b'{"%s": "%d"}\n' % (COLUMNS[0].encode(), each) for each in range(3))


def pack_gzip(path: Path, raw: bytes) -> None:
    path.write_bytes(gzip.compress(raw))


def pack_zip(path: Path, raw: bytes, name: str = "登记.csv") -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("空")
        archive.writestr(name, raw)


PACKINGS: dict[str, tuple[str, Callable[[Path, bytes], None]]] = {
    "gzip": ("gz", pack_gzip),
    "zip": ("zip", pack_zip),
}
every_packing = pytest.mark.parametrize("packing", PACKINGS)


@every_packing
@pytest.mark.parametrize("named", [True, False], ids=["by_its_name", "by_the_contract"])
def test_a_packed_text_is_read_as_if_it_were_not(tmp_path: Path, packing: str, *, named: bool) -> None:
    ending, pack = PACKINGS[packing]
    name = f"a.csv.{ending}" if named else "a.dat"
    pack(tmp_path / name, TEXT)
    what = source(ServerKind.CSV, name, compression="" if named else packing)
    assert read(what, tmp_path) == ROWS
    plain = opened(what, tmp_path).plain
    assert plain is not None
    assert plain.compression == packing
    assert b"".join(decoded(plain, SMALL)) == TEXT


@every_packing
def test_packed_json_is_read(tmp_path: Path, packing: str) -> None:
    ending, pack = PACKINGS[packing]
    pack(tmp_path / f"a.jsonl.{ending}", LINES)
    pack(tmp_path / f"a.json.{ending}", b"[" + LINES.replace(b"\n", b",").rstrip(b",") + b"]")
    for kind, name in ((ServerKind.JSONL, f"a.jsonl.{ending}"), (ServerKind.JSON, f"a.json.{ending}")):
        assert [first for first, *_ in read(source(kind, name), tmp_path)] == ["0", "1", "2"]


def test_a_zipped_workbook_is_read(tmp_path: Path) -> None:
    write_book(tmp_path / "a.xlsx", [row(1, *COLUMNS), row(2, "甲", "一", "1")])
    pack_zip(tmp_path / "b.zip", (tmp_path / "a.xlsx").read_bytes(), "a.xlsx")
    assert read(source(ServerKind.XLSX, "b.zip"), tmp_path) == [("甲", "一", "1")]


def test_a_name_that_lies_is_overruled_by_the_contract(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(TEXT)
    assert read(source(ServerKind.CSV, "a.gz", compression="none"), tmp_path) == ROWS
    with pytest.raises(Malformed, match=r"a\.gz: is no whole gzip file"):
        read(source(ServerKind.CSV, "a.gz"), tmp_path)


@every_packing
@pytest.mark.parametrize("kept", [0.2, 0.6, 0.99])
def test_a_packed_file_that_is_cut_off_is_no_delivery(tmp_path: Path, packing: str, kept: float) -> None:
    ending, pack = PACKINGS[packing]
    path = tmp_path / f"a.csv.{ending}"
    pack(path, TEXT)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with pytest.raises(Malformed, match=f"is no whole {packing} file") as caught:
        read(source(ServerKind.CSV, path.name), tmp_path)
    assert caught.value.remedy


@every_packing
def test_a_packed_file_that_is_damaged_inside_is_no_delivery(tmp_path: Path, packing: str) -> None:
    ending, pack = PACKINGS[packing]
    path = tmp_path / f"a.csv.{ending}"
    pack(path, TEXT * 50)
    raw = bytearray(path.read_bytes())
    at = raw.index("登记.csv".encode()) + 30 if packing == "zip" else 30
    raw[at] ^= 0xFF
    path.write_bytes(raw)
    with pytest.raises(Malformed, match=r"is no whole|record|null|bytes that are no"):
        read(source(ServerKind.CSV, path.name), tmp_path)


@every_packing
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, packing: str) -> None:
    ending, pack = PACKINGS[packing]
    path = tmp_path / f"a.csv.{ending}"
    pack(path, TEXT + "甲,一,1\n".encode() * (1 << 20))
    assert path.stat().st_size < 1 << 20
    plain = opened(source(ServerKind.CSV, path.name), tmp_path).plain
    assert plain is not None
    with pytest.raises(Malformed, match="holds more than a file of its size may"):
        list(decoded(plain, replace(SMALL, expansion_free_bytes=1 << 20)))


def test_what_is_unpacked_is_bounded_like_a_file(tmp_path: Path) -> None:
    pack_gzip(tmp_path / "a.csv.gz", TEXT + ROW * 100)
    with pytest.raises(Malformed, match="holds more"):
        read(source(ServerKind.CSV, "a.csv.gz"), tmp_path, replace(SMALL, file_bytes_max=500))


@pytest.mark.parametrize(
    "name", ["../a.csv", "/etc/a.csv", "a/../../b.csv", "..\\a.csv", "C:\\a.csv", "C:a.csv", "\\\\host\\a.csv"]
)
def test_a_member_whose_name_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    pack_zip(tmp_path / "a.zip", TEXT, name)
    with pytest.raises(Malformed, match=r"a\.zip: holds a file whose name leads elsewhere"):
        read(source(ServerKind.CSV, "a.zip"), tmp_path)


def test_a_member_that_is_a_link_is_refused(tmp_path: Path) -> None:
    member = zipfile.ZipInfo("a.csv")
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(member, "/etc/passwd")
    with pytest.raises(Malformed, match="leads elsewhere"):
        read(source(ServerKind.CSV, "a.zip"), tmp_path)


@pytest.mark.parametrize("names", [[], ["a.csv", "b.csv"], ["a.csv", "a.csv"]])
def test_a_zip_of_none_or_several_files_is_refused(tmp_path: Path, names: list[str]) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in names:
            archive.writestr(name, TEXT)
    with pytest.raises(Malformed, match=rf"a\.zip: holds {len(names)} files"):
        read(source(ServerKind.CSV, "a.zip"), tmp_path)


def test_a_locked_zip_is_refused(tmp_path: Path) -> None:
    pack_zip(tmp_path / "a.zip", TEXT)
    raw = bytearray((tmp_path / "a.zip").read_bytes())
    entry = raw.rindex(b"PK\x01\x02")
    raw[entry + 8] |= 1
    (tmp_path / "a.zip").write_bytes(raw)
    with pytest.raises(Malformed, match="locked with a password"):
        read(source(ServerKind.CSV, "a.zip"), tmp_path)


def test_a_zip_packed_in_another_way_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.csv", TEXT)
    with pytest.raises(Malformed, match="packed in a way that is not read"):
        read(source(ServerKind.CSV, "a.zip"), tmp_path)


def test_a_zips_directory_is_not_read_whole_where_it_is_none_of_one_file(tmp_path: Path) -> None:
    size = 1 << 20
    end = b"PK\x05\x06" + bytes(8) + size.to_bytes(4, "little") + bytes(4) + bytes(2)
    (tmp_path / "a.zip").write_bytes(bytes(size) + end)
    with pytest.raises(Malformed, match="a directory of more than one file"):
        read(source(ServerKind.CSV, "a.zip"), tmp_path, replace(SMALL, zip_directory_bytes_max=1 << 17))
