"""A registry's own text is taken over only where it says the same as its adapter reads, row by row."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.port import AdapterSettings
from adapters.registry import open_delivery
from exchange.cleaning import delivered
from exchange.database import database
from exchange.extract import Extracted, write_delivery
from exchange.settings import DEFAULTS
from exchange.stage import stage_delivery
from kernel.errors import Malformed
from schemas.contract import Contract
from tests.exchange.registry import CONTRACTS

CONTRACT = replace(
    CONTRACTS["person_aliases"], server=replace(CONTRACTS["person_aliases"].server, encoding="UTF-8", path="f.csv")
)
HEADER = ",".join(each.physical_name for each in CONTRACT.properties)
SETTINGS = AdapterSettings()
SMALL_PARTS = replace(SETTINGS, chunk_bytes=7)

plain_cells = st.sampled_from(["", "a", "中", " x ", "20240601", "331081199001010005"])
cells = plain_cells | st.sampled_from(['"q,q"', '"x""y"', '"l\nl"', '"l\r\nl"', 'z"z', '"a" ', ' "a"', "b\rb", '""'])
line_ends = st.sampled_from(["\n", "\r\n"])
rows = st.lists(st.lists(cells, min_size=4, max_size=4).map(",".join), max_size=6)
anything = st.lists(st.sampled_from(["a", ",", '"', "\n", "\r\n", "\r", " ", "中", "b,c,d,e\n"]), max_size=20).map(
    "".join
)
bodies = st.builds(lambda lines, end, last: end.join(lines) + last, rows, line_ends, line_ends | st.just(""))


def extract(folder: Path, *, by_row: bool, bounds: AdapterSettings = SETTINGS) -> Extracted:
    delivery = open_delivery(CONTRACT, folder, settings=bounds)
    return write_delivery(delivery, folder / "out.csv", in_force=None, settings=bounds, by_row=by_row)


def read(contract: Contract, extracted: Extracted, folder: Path) -> Sequence[tuple[str | None, ...]]:
    """The rows as they are staged: their text as it was delivered."""
    staged = folder / "staged.duckdb"
    stage_delivery(contract, extracted.text, staged, DEFAULTS)
    shown = ", ".join(delivered(each) for each in contract.properties)
    with database(staged, DEFAULTS) as connection:
        return connection.execute(f"select {shown} from staged order by rowid").fetchall()  # noqa: S608 (names are quoted)


def read_by(folder: Path, *, by_row: bool, bounds: AdapterSettings = SETTINGS) -> Sequence[object] | None:
    try:
        return read(CONTRACT, extract(folder, by_row=by_row, bounds=bounds), folder)
    except Malformed:
        return None


def lenient(found: Sequence[object] | None) -> Sequence[object] | None:
    """A line end inside a value may have become a line feed."""
    return found and [tuple(text and text.replace("\r\n", "\n") for text in row) for row in found]  # type: ignore[attr-defined]


@given(body=bodies | anything, end=line_ends)
@settings(max_examples=30)
def test_a_text_that_is_taken_over_says_what_its_adapter_reads(
    tmp_path_factory: pytest.TempPathFactory, body: str, end: str
) -> None:
    folder = tmp_path_factory.mktemp("delivery")
    (folder / "f.csv").write_bytes((HEADER + end + body).encode())
    fast = read_by(folder, by_row=False, bounds=SMALL_PARTS)
    slow = read_by(folder, by_row=True)
    # What the adapter refuses may be borne by the other (a blank behind a closing quotation mark), never the reverse.
    if fast is not None and slow is not None:
        assert lenient(fast) == lenient(slow)


def test_a_plain_text_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_bytes(f'{HEADER}\r\n1,"a, b",c,\r\n2,,d,e'.encode())
    extracted = extract(tmp_path, by_row=False)
    assert extracted.text.as_delivered
    assert extracted.text.path.read_bytes() == b'1,"a, b",c,\n2,,d,e'
    assert read(CONTRACT, extracted, tmp_path) == [("1", "a, b", "c", None), ("2", None, "d", "e")]


@pytest.mark.parametrize(
    "body", ["1,a\rb,c,d\n", '1, "a",c,d\n', '1,"a\rb",c,d\n', '1,a\n "b",c,d\n', ' "1",a,b,c\n', "\ufeff1,a,b,c\n"]
)
def test_a_text_that_can_be_read_in_two_ways_is_read_by_its_adapter(tmp_path: Path, body: str) -> None:
    (tmp_path / "f.csv").write_bytes(f"{HEADER}\n{body}".encode())
    with suppress(Malformed):
        assert not extract(tmp_path, by_row=False).text.as_delivered


def test_a_header_is_no_record_whatever_it_holds(tmp_path: Path) -> None:
    quoted = ",".join(f'"{each.physical_name}"' for each in CONTRACT.properties)
    (tmp_path / "f.csv").write_bytes(f"\ufeff{quoted}\r\n1,a,b,c\r\n".encode())
    assert read(CONTRACT, extract(tmp_path, by_row=False), tmp_path) == [("1", "a", "b", "c")]


def test_a_delivery_without_records_is_empty(tmp_path: Path) -> None:
    for text in (HEADER, f"{HEADER}\n", f"{HEADER}\r\n"):
        (tmp_path / "f.csv").write_bytes(text.encode())
        assert read(CONTRACT, extract(tmp_path, by_row=False), tmp_path) == []


@pytest.mark.parametrize("end", ["\r", "\r\r\n"])
def test_no_record_is_lost_to_a_header_that_ends_in_a_way_of_its_own(tmp_path: Path, end: str) -> None:
    (tmp_path / "f.csv").write_bytes(f"{HEADER}{end}1,a,b,c\r\n2,d,e,f\r\n".encode())
    assert [record for record, *_ in read_by(tmp_path, by_row=False) or []] == ["1", "2"]  # type: ignore[misc]


def test_a_line_without_an_end_is_left_to_the_adapter_which_refuses_it(tmp_path: Path) -> None:
    bounds = replace(SMALL_PARTS, line_chars_max=100)
    (tmp_path / "f.csv").write_bytes(f"{HEADER}\n".encode() + b"x" * 2_000)
    with pytest.raises(Malformed):
        extract(tmp_path, by_row=False, bounds=bounds)


def test_another_header_is_another_delivery(tmp_path: Path) -> None:
    digests = []
    for header in (HEADER, ",".join(reversed(HEADER.split(",")))):
        (tmp_path / "f.csv").write_bytes(f"{header}\n1,a,b,c\n".encode())
        digests.append(extract(tmp_path, by_row=False).digest)
    assert digests[0] != digests[1]


def test_a_text_that_misleads_reading_in_parallel_is_read_all_the_same(tmp_path: Path) -> None:
    lines = '"' + "\n1,2,3,4" * 400 + '"'
    with (tmp_path / "f.csv").open("w", encoding="utf-8", newline="") as file:
        file.write(f"{HEADER}\n")
        for place in range(4_000):
            file.write(f"{place},{lines if place % 7 == 0 else 'a'},c,d\n")
    settings = replace(DEFAULTS, line_bytes_max=1 << 16)
    extracted = extract(tmp_path, by_row=False)
    assert extracted.text.as_delivered
    assert stage_delivery(CONTRACT, extracted.text, tmp_path / "staged.duckdb", settings) == 4_000
