"""A JSON list of objects, read record by record: no more of the file is held at a time than one record may take.

The list is the whole text, or stands under the contract's key `records` in an object, as many tools export it.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from adapters.decoding import encoding_of, utf8
from adapters.delivered import DeliveredFile
from adapters.json_file import read_file
from adapters.json_records import Numbered, decoder, explained
from adapters.port import AdapterSettings, Delivery, Source
from kernel.errors import Malformed

_BLANK = " \t\n\r"


class JsonArray:
    """Reads a JSON file. A key that one record lacks is an absent value; one that all lack is an error."""

    def __init__(self, settings: AdapterSettings) -> None:
        """Take the bounds."""
        self._settings = settings

    def extract(self, source: Source, delivery_root: Path) -> Delivery:
        """Open the file; raises Malformed."""
        return read_file(source, delivery_root, self._settings, self._records)

    def _records(self, source: Source, file: DeliveredFile) -> Iterator[Numbered]:
        text = (part.decode() for part in utf8(file, encoding_of(source), self._settings))
        return _Text(source, text, self._settings.line_chars_max).records()


class _Text:
    """A text that comes in parts, of which as much is held as one value may take."""

    def __init__(self, source: Source, parts: Iterator[str], longest: int) -> None:
        self._source = source
        self._parts = parts
        self._longest = longest
        self._decoder = decoder()
        self._held = ""
        self._at = 0
        self._ended = False
        self._place = "the beginning"

    def records(self) -> Iterator[Numbered]:
        """Every record of the list, named by its number; raises Malformed."""
        key = self._source.server.records
        if not key:
            yield from self._list()
        else:
            yield from self._under(key)
        if self._next():
            self._refuse("goes on behind its end")

    def _under(self, key: str) -> Iterator[Numbered]:
        """The list under a key of an object; what stands under others is passed over."""
        self._take("{", "is no JSON object")
        seen: set[str] = set()
        while self._next() != "}":
            if seen:
                self._take(",", "is no JSON")
            if self._next() != '"':
                self._refuse("is no JSON")
            name = self._value()
            self._take(":", "is no JSON")
            if name in seen:
                self._refuse("has a key twice")
            seen.add(name)
            if name == key:
                yield from self._list()
            else:
                self._value()
        self._take("}", "is no JSON")
        if key not in seen:
            self._refuse(f"has no {key}")

    def _list(self) -> Iterator[Numbered]:
        self._take("[", "is no list of records")
        number = 0
        while self._next() != "]":
            if number:
                self._take(",", "is no JSON")
            number += 1
            self._place = f"record {number}"
            if self._next() != "{":
                self._refuse("is no JSON object")
            yield self._place, self._value()
        self._take("]", "is no JSON")
        self._place = "the list"

    def _next(self) -> str:
        """The next sign that is no blank, which is not taken; empty at the end."""
        while True:
            self._fill(1)
            if self._at == len(self._held):
                return ""
            sign = self._held[self._at]
            if sign not in _BLANK:
                return sign
            self._at += 1

    def _take(self, sign: str, otherwise: str) -> None:
        if self._next() != sign:
            self._refuse(otherwise)
        self._at += 1

    def _value(self) -> Any:
        """The next value, whole."""
        self._next()
        self._fill(self._longest + 1)
        try:
            value, end = self._decoder.raw_decode(self._held, self._at)
        except (ValueError, RecursionError) as error:
            if len(self._held) - self._at > self._longest and isinstance(error, json.JSONDecodeError):
                self._refuse("is no JSON, or longer than a record may be")
            raise explained(self._source, error, self._place) from None
        if end - self._at > self._longest:
            self._refuse("is longer than a record may be")
        self._at = end
        return value

    def _fill(self, chars: int) -> None:
        """Hold so many characters from here on, unless the text ends before."""
        while not self._ended and len(self._held) - self._at < chars:
            part = next(self._parts, None)
            if part is None:
                self._ended = True
            else:
                self._held = self._held[self._at :] + part
                self._at = 0

    def _refuse(self, what: str) -> NoReturn:
        raise Malformed(
            f"{self._place} {what}",
            field=self._source.where,
            remedy="deliver one list of objects, or name the key that it stands under (records)",
        )
