"""Excel workbooks as offices keep them: a title above the header, cells merged over the rows that share them.

What reads them is a process of its own, `adapters.sheet`, which a hostile workbook may end without harm.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, cast

from adapters.delivered import DeliveredFile, data_as_of, find
from adapters.port import AdapterSettings, Batch, Delivery, Readable, Source, places
from kernel.errors import Malformed

_OUT_OF_MEMORY = 71
"""What `adapters.sheet` says with its last breath; its library is not loaded here."""

_OUT_OF_TIME = frozenset({-signal.SIGXCPU, -signal.SIGKILL})


class Workbook:
    """Reads one sheet, from its header row on."""

    def __init__(self, settings: AdapterSettings) -> None:
        """Take the bounds."""
        self._settings = settings

    def extract(self, source: Source, delivery_root: Path) -> Delivery:
        """Open the workbook and read the sheet's header; raises Malformed."""
        file = find(source, delivery_root, self._settings, bytes_max=self._settings.workbook_bytes_max)
        source = source.at(file.name)
        as_of = data_as_of(file.path, self._settings)
        header: list[str] = []
        batches = self._batches(source, file, header)
        next(batches)
        return Delivery(
            columns=source.columns,
            data_as_of=as_of,
            watermark=as_of.isoformat(),
            batches=file.whole(batches, self._settings),
            header=header,
        )

    def _batches(self, source: Source, file: DeliveredFile, header: list[str]) -> Iterator[Batch]:
        """One empty batch for the header, which is checked at once, then the rows."""
        with file.unpacked(self._settings) as stream:
            raw = _all(source, stream, self._settings.workbook_bytes_max)
        with _process() as process:
            reader = _Reader(source, process)
            reader.ask(self._request(source, len(raw)), raw)
            del raw
            header.extend(reader.answer()["header"])
            wanted = places(source, header)
            yield []
            reader.ask(wanted)
            while "rows" in (answer := reader.answer()):
                yield [tuple(row) for row in answer["rows"]]

    def _request(self, source: Source, size: int) -> dict[str, object]:
        settings = self._settings
        return {
            "bytes": size,
            "sheet": source.server.sheet,
            "header_row": source.server.header_row,
            "fill_merged": source.server.fill_merged,
            "expansion_max": settings.expansion_max,
            "expansion_free": settings.expansion_free_bytes,
            "parts_max": settings.workbook_parts_max,
            "chars_max": settings.line_chars_max,
            "batch_rows": settings.batch_rows,
            "batch_chars": settings.batch_chars,
            "memory": settings.workbook_memory_bytes,
            "seconds": settings.workbook_seconds,
        }


class _Reader:
    """The process, asked and answering."""

    def __init__(self, source: Source, process: subprocess.Popen[bytes]) -> None:
        self._source = source
        self._process = process
        self._questions = cast("IO[bytes]", process.stdin)
        self._answers = cast("IO[bytes]", process.stdout)

    def ask(self, question: object, raw: bytes = b"") -> None:
        """Send a line, and what follows it. Where the process has ended, its answer will be missing."""
        with suppress(BrokenPipeError):
            self._questions.write(json.dumps(question).encode() + b"\n")
            self._questions.write(raw)
            self._questions.flush()

    def answer(self) -> dict[str, Any]:
        """The next answer; raises Malformed where that is what it says, or where there is none."""
        line = self._answers.readline()
        if not line.endswith(b"\n"):
            raise self._ended(self._process.wait())
        answer: dict[str, Any] = json.loads(line)
        if "malformed" in answer:
            what, remedy = answer["malformed"]
            raise Malformed(what, field=self._source.where, remedy=remedy)
        return answer

    def _ended(self, code: int) -> Malformed:
        remedy = "save it again without empty rows and columns far away, or deliver CSV"
        what = f"ended the process that reads it ({code})"
        if code in _OUT_OF_TIME:
            what = "takes longer to read than a workbook may"
        elif code in {_OUT_OF_MEMORY, -signal.SIGABRT}:
            what = "takes more memory to read than a workbook may"
        return Malformed(what, field=self._source.where, remedy=remedy)


@contextmanager
def _process() -> Iterator[subprocess.Popen[bytes]]:
    """A process that reads a sheet, without anything of our environment; it is gone afterwards."""
    command = [sys.executable, "-I", "-m", "adapters.sheet"]
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}, cwd="/"
    )
    try:
        yield process
    finally:
        process.kill()
        with suppress(BrokenPipeError):
            process.__exit__(None, None, None)


def _all(source: Source, stream: Readable, bytes_max: int) -> bytes:
    """What a workbook's file holds; raises Malformed where that is more than a workbook may."""
    parts = []
    left = bytes_max
    while part := stream.read(1 << 20):
        parts.append(part)
        left -= len(part)
        if left < 0:
            raise Malformed("is larger than a workbook may be", field=source.where, remedy="deliver CSV")
    return b"".join(parts)
