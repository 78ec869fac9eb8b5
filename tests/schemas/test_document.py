"""A file that people write: any bytes give values or faults, and every value has its line."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.document import Faults, read_document
from schemas.settings import SchemaSettings


def read(root: Path, raw: bytes, **bounds: int) -> tuple[object, Faults]:
    file = root / "agreement.yaml"
    file.write_bytes(raw)
    faults = Faults()
    return read_document(root, file, faults, SchemaSettings(**bounds)), faults


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_any_bytes_give_values_or_faults(tmp_path: Path, raw: bytes) -> None:
    document, faults = read(tmp_path, raw)
    assert (document is not None) or faults.found


def test_every_value_has_its_line(tmp_path: Path) -> None:
    file = tmp_path / "agreement.yaml"
    file.write_text("# comment\na:\n  - b: 1\n\n  - {c: 2,\n     d: 3}\ntext: |\n  one\n  two\n", "utf-8")
    document = read_document(tmp_path, file, Faults())
    assert document is not None
    assert [document.line(*place) for place in (("a",), ("a", 0, "b"), ("a", 1), ("a", 1, "d"))] == [2, 3, 5, 6]
    assert document.line("a", 1, "missing") == 5
    assert document.line("missing") == 2
    assert document.text_line(("text",), 2) == 9


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        (b"a: 1\nb: [\n", 3),
        (b"- a\n", 1),
        (b"", 1),
        (b"a: 1\na: 2\n", 2),
        (b"a: &x [1]\nb: *x\n", 2),
        (b"a: 1\n1: 2\n", 2),
        (b"a: 1\n? [b]\n: 2\n", 2),
        (b"a: 1\nb: 2026-99-99\n", 2),
        (b"a: \xff\n", 1),
        (b"a: 1\nb: !!python/object:os.system x\n", 2),
    ],
)
def test_what_is_no_plain_mapping_is_a_fault_on_its_line(tmp_path: Path, raw: bytes, line: int) -> None:
    _, faults = read(tmp_path, raw)
    assert [fault.line for fault in faults.found] == [line]


def test_a_file_beyond_the_bound_is_not_read(tmp_path: Path) -> None:
    document, faults = read(tmp_path, b"a: 1\n", file_bytes_max=4)
    assert document is None
    assert "larger than 4 bytes" in faults.found[0].what


def test_deep_nesting_is_a_fault(tmp_path: Path) -> None:
    _, faults = read(tmp_path, b"a: " + b"[" * 200 + b"]" * 200)
    assert faults.found
