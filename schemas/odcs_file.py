"""Checks what a contract's server section says of delivered files."""

import re
from collections.abc import Callable
from pathlib import PurePosixPath

from schemas.document import Document, Place
from schemas.server import ENCODINGS, SIDECAR_SUFFIX, WILD, ServerKind
from schemas.server_shape import ServerExtras, ServerShape

TAB = "tab"
"""What a contract may write for a delimiter that nobody can see."""

_TEXTS = frozenset({ServerKind.CSV, ServerKind.JSON, ServerKind.JSONL})
_FILES = _TEXTS | {ServerKind.XLSX, ServerKind.PARQUET}
_DELIMITER = re.compile(r"[\t\x01-\x08\x1c-\x1f!#-/:-@\[-`{-~]")
_MARKER = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PACKED = (".gz", ".zip")

Locate = Callable[[str], Place]
"""Where a custom property of the server stands."""


def delimiter_of(served: ServerShape, extras: ServerExtras) -> str:
    """What stands between the values of a line."""
    if extras.delimiter is None:
        return "\t" if served.format == "tsv" else ","
    return "\t" if extras.delimiter == TAB else extras.delimiter


def check_file(
    document: Document, served: ServerShape, extras: ServerExtras, kind: ServerKind, at: Place, locate: Locate
) -> None:
    """Notes what is wrong with the place and the form of a delivered file, and where no file has what is said."""
    for name, said, kinds in (
        ("compression", extras.compression, _FILES),
        ("completionMarker", extras.marker, _FILES),
        ("delimiter", extras.delimiter, {ServerKind.CSV}),
        ("records", extras.records, {ServerKind.JSON}),
    ):
        if said is not None and kind not in kinds:
            document.fault(f"{name} is said of what has none", "remove it", *locate(name))
    if kind not in _FILES:
        return
    if kind in _TEXTS and served.encoding.lower() not in ENCODINGS:
        remedy = "say UTF-8, or GB18030, which holds GBK and GB2312"
        document.fault(f"{served.encoding} is no encoding that is read", remedy, *at, "encoding")
    _check_path(document, served.path or "", extras, at)
    _check_packing(document, served.path or "", extras, kind, at, locate)
    if extras.delimiter is not None and not _DELIMITER.fullmatch(delimiter_of(served, extras)):
        remedy = "say one sign that is no letter, digit, blank or quotation mark, or tab"
        document.fault("no line can be parted by that", remedy, *locate("delimiter"))
    marker = extras.marker
    if marker is not None and (not _MARKER.fullmatch(marker) or marker in {".", "..", SIDECAR_SUFFIX}):
        remedy = "say what is put behind the file's name, like .done, or a file's name, like _SUCCESS"
        document.fault("that names no marker", remedy, *locate("completionMarker"))


def _check_path(document: Document, path: str, extras: ServerExtras, at: Place) -> None:
    inside = path and ".." not in PurePosixPath(path).parts and not path.startswith("/") and path.isprintable()
    if not inside or "\\" in path or "**" in path:
        document.fault("the path is not inside the delivery root", "write a relative path", *at, "path")
    elif any(sign in path for sign in WILD) and extras.marker is None:
        remedy = "say completionMarker, so that no file is read that is still being written"
        document.fault("the path is a pattern, and nothing says which file is whole", remedy, *at, "path")


def _check_packing(
    document: Document, path: str, extras: ServerExtras, kind: ServerKind, at: Place, locate: Locate
) -> None:
    packing: str = extras.compression or next((end[1:] for end in _PACKED if path.lower().endswith(end)), "none")
    place = (*at, "path") if extras.compression is None else locate("compression")
    if kind is ServerKind.PARQUET and packing != "none":
        document.fault("Parquet is compressed inside", "deliver it as it is", *place)
    if kind is ServerKind.XLSX and packing in {"gz", "gzip"}:
        document.fault("a workbook is compressed inside", "deliver it as it is, or in a zip", *place)
