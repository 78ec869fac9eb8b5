"""Delivered text, decoded as a stream to UTF-8: GB 18030 as old registries write it, or UTF-8 itself."""

import io
from collections.abc import Iterator

from adapters.delivered import DeliveredFile
from adapters.gb18030 import Gb18030, Utf8
from adapters.port import AdapterSettings, Source
from kernel.errors import Malformed
from schemas.server import ENCODINGS

_DECODERS: dict[str, type[Gb18030 | Utf8]] = {"GB18030": Gb18030, "UTF-8": Utf8}
_BYTE_ORDER_MARK = "\ufeff".encode()


def encoding_of(source: Source) -> str:
    """The encoding that a source's text is read in; raises Malformed where it is none that is read."""
    encoding = ENCODINGS.get(source.server.encoding.lower())
    if encoding is None:
        raise Malformed(
            f"{source.server.encoding} is no encoding that is read",
            field=source.where,
            remedy="mend the contract's server section",
        )
    return encoding


def utf8(file: DeliveredFile, encoding: str, settings: AdapterSettings) -> Iterator[bytes]:
    """What a file holds, in UTF-8, some MB at a time, without its byte order mark and otherwise as it was written.

    Raises Malformed, at the latest at the end, where the text is not in its encoding, holds a null character, or was
    changed since it was found; Unavailable where reading fails.
    """
    decoder = _DECODERS[encoding]()
    line = 1
    begun = False
    with file.unchanged(), file.unpacked(settings) as stream:
        while raw := stream.read(settings.chunk_bytes):
            if not begun and encoding != "UTF-8" and raw.startswith(_BYTE_ORDER_MARK):
                raise _undecodable(file, encoding, line)
            part = _decode(file, encoding, decoder, raw, line)
            line += raw.count(b"\n")
            if part and not begun:
                begun = True
                part = part.removeprefix(_BYTE_ORDER_MARK)
            if part:
                yield part
        _decode(file, encoding, decoder, b"", line, final=True)


def as_file(parts: Iterator[bytes]) -> io.BufferedReader:
    """The parts as one file, to be read by lines."""
    return io.BufferedReader(_Parts(parts))


def _decode(
    file: DeliveredFile, encoding: str, decoder: Gb18030 | Utf8, raw: bytes, line: int, *, final: bool = False
) -> bytes:
    """The next part; `line` is the one that it begins in."""
    null = raw.find(b"\0")
    if null >= 0:
        where = line + raw.count(b"\n", 0, null)
        raise Malformed(f"holds a null character in line {where}", field=file.name, remedy="deliver text without it")
    try:
        return decoder.decode(raw, final=final)
    except UnicodeDecodeError as error:
        where = line + error.object[: error.start].count(b"\n")
    raise _undecodable(file, encoding, where)


def _undecodable(file: DeliveredFile, encoding: str, line: int) -> Malformed:
    return Malformed(
        f"holds bytes that are no {encoding}, in line {line}",
        field=file.name,
        remedy="deliver it in the encoding that the contract names",
    )


class _Parts(io.RawIOBase):
    """Parts, read as a file."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._held = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._held:
            part = next(self._parts, None)
            if part is None:
                return 0
            self._held = memoryview(part)
        size = min(len(buffer), len(self._held))
        buffer[:size] = self._held[:size]
        self._held = self._held[size:]
        return size
