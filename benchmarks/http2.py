"""As much of HTTP/2 (RFC 9113) and gRPC over it as a load client needs, and no more.

gRPC's own Python client spends about as much on a call as the server that it measures, and so measures itself. This one
asks one unary method again and again: the headers are packed once (HPACK, RFC 7541), only stream id and message differ.
Anything that such a server does not do in an orderly run ends the connection with an error that says what it was.
"""

import asyncio
import struct
from collections.abc import Callable
from time import perf_counter
from typing import Protocol, cast

DATA, HEADERS, RESET, SETTINGS, PING, GO_AWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, ACK, END_HEADERS = 0x1, 0x1, 0x4
PADDED_OR_PRIORITY = 0x8 | 0x20

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_FRAME = struct.Struct(">HBBBI")
_FRAME_SIZE = _FRAME.size
_SETTING = struct.Struct(">HI")
_PREFIX = struct.Struct(">BI")
_WINDOW_START = 65_535
_WINDOW_MAX = (1 << 31) - 1
_TABLE_SIZE, _PUSH, _STREAM_WINDOW = 1, 2, 4
_OK = b"grpc-status\x010"


class BrokenConnection(Exception):
    """The connection cannot go on; the message says why."""


class Source(Protocol):
    """Where calls come from, and where their replies go."""

    def ask(self) -> tuple[object, bytes] | None:
        """The next message, and whatever is to be given back with its reply; None where no more is to be asked."""

    def answered(self, asked: object, reply: bytes, seconds: float) -> None:
        """A call ended well."""

    def failed(self, why: str) -> None:
        """A call ended otherwise."""


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """One frame."""
    size = len(payload)
    return _FRAME.pack(size >> 8, size & 0xFF, kind, flags, stream) + payload


def message(payload: bytes) -> bytes:
    """A gRPC message: not compressed, its length in front."""
    return _PREFIX.pack(0, len(payload)) + payload


def headers(path: str, authority: str) -> tuple[bytes, bytes]:
    """The request's header block as it is sent first, putting its fields into the peer's table, and ever after."""
    fields = ((b"\x44", path), (b"\x41", authority), (b"\x5f", "application/grpc"), (b"\x40\x02te", "trailers"))
    first = b"\x83\x87" + b"".join(name + _text(value) for name, value in fields)
    # The newest field has index 62: te, then content-type, authority and path.
    return first, b"\x83\x87\xc1\xc0\xbf\xbe"


def _text(value: str) -> bytes:
    raw = value.encode("ascii")
    if len(raw) >= 0x7F:  # noqa: PLR2004 - a longer length needs more than one byte (RFC 7541, 5.1)
        raise ValueError("too long for this packer")
    return bytes([len(raw)]) + raw


class Connection(asyncio.Protocol):
    """One connection that keeps `width` calls of one method under way for as long as its source has messages."""

    def __init__(self, path: str, authority: str, width: int, lost: Callable[[str], None]) -> None:
        """`lost` is told why the connection ended, if it was not `close` that ended it."""
        self._first, self._later = headers(path, authority)
        self._width = width
        self._lost = lost
        self._source: Source | None = None
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._out: list[bytes] = []
        self._stream = -1
        self._window = _WINDOW_START
        self._received = 0
        self._asked: dict[int, tuple[object, float]] = {}
        self._parts: dict[int, list[bytes]] = {}
        self._closing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Introduce ourselves: no header table, so that replies' headers can be read as they stand; a wide window."""
        self._transport = cast("asyncio.Transport", transport)
        wishes = ((_TABLE_SIZE, 0), (_PUSH, 0), (_STREAM_WINDOW, _WINDOW_MAX))
        settings = b"".join(_SETTING.pack(*each) for each in wishes)
        self._out += (_PREFACE, frame(SETTINGS, 0, 0, settings), _widen(_WINDOW_MAX - _WINDOW_START))
        self._flush()

    def start(self, source: Source) -> None:
        """Begin to ask."""
        self._source = source
        for _ in range(self._width):
            self._ask()
        self._flush()

    @property
    def idle(self) -> bool:
        """Whether no call is under way."""
        return not self._asked

    def close(self) -> None:
        """End the connection."""
        self._closing = True
        if self._transport:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Take frames, whole ones at once, and ask anew for every call that ended."""
        if self._rest:
            data = self._rest + data
        at, end = 0, len(data)
        try:
            while end - at >= _FRAME_SIZE:
                high, low, kind, flags, stream = _FRAME.unpack_from(data, at)
                stop = at + _FRAME_SIZE + (high << 8) + low
                if stop > end:
                    break
                self._take(kind, flags, stream, data[at + _FRAME_SIZE : stop])
                at = stop
        except BrokenConnection as error:
            self._break(str(error))
            return
        self._rest = data[at:]
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        if not self._closing:
            self._break(f"the connection was lost ({exc})")

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == DATA and not flags & PADDED_OR_PRIORITY:
            self._parts[stream].append(payload)
            self._received += len(payload)
        elif kind == HEADERS and flags & END_HEADERS and not flags & PADDED_OR_PRIORITY:
            if flags & END_STREAM:
                self._end(stream, payload)
        elif kind == SETTINGS:
            if not flags & ACK:
                self._out.append(frame(SETTINGS, ACK, 0, b""))
        elif kind == PING:
            if not flags & ACK:
                self._out.append(frame(PING, ACK, 0, payload))
        elif kind == WINDOW_UPDATE:
            if stream == 0:
                self._window += int.from_bytes(payload, "big")
        else:
            raise BrokenConnection(f"a frame of kind {kind} with flags {flags:#x} was not expected: {payload[:200]!r}")

    def _end(self, stream: int, trailers: bytes) -> None:
        now = perf_counter()
        asked, began = self._asked.pop(stream)
        body = b"".join(self._parts.pop(stream))
        source = cast("Source", self._source)
        if _OK in trailers and len(body) == _PREFIX.size + int.from_bytes(body[1:5], "big"):
            source.answered(asked, body[_PREFIX.size :], now - began)
        else:
            source.failed(f"a call was refused: {trailers[:300]!r}")
        self._ask()

    def _ask(self) -> None:
        found = cast("Source", self._source).ask()
        if found is None:
            return
        asked, payload = found
        self._stream += 2
        block = self._later if self._stream > 1 else self._first
        data = message(payload)
        self._window -= len(data)
        if self._window < 0:
            raise BrokenConnection("the server did not widen its window in time")
        self._out += (
            frame(HEADERS, END_HEADERS, self._stream, block),
            frame(DATA, END_STREAM, self._stream, data),
        )
        self._parts[self._stream] = []
        self._asked[self._stream] = (asked, perf_counter())

    def _flush(self) -> None:
        if self._received > _WINDOW_MAX // 2:
            self._out.append(_widen(self._received))
            self._received = 0
        if self._out and self._transport:
            self._transport.write(b"".join(self._out))
            self._out.clear()

    def _break(self, why: str) -> None:
        self.close()
        self._asked.clear()
        self._lost(why)


def _widen(by: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, 0, by.to_bytes(4, "big"))
