"""A delivery's text in the run's folder: how it was written down, so that it can be read again."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exchange.settings import ExchangeSettings

LINE_ENDS = ("\\n", "\\r\\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Delimited text in UTF-8 without a header, quoted by RFC 4180 but for its line ends, which are line feeds.

    `places` says where each of the contract's columns stands among the `width` columns of a line. `rows` is None where
    nobody has counted them: the registry's own text, decoded and otherwise as it was delivered (`as_delivered`).
    """

    path: Path
    delimiter: str
    width: int
    places: tuple[int, ...]
    rows: int | None

    @property
    def as_delivered(self) -> bool:
        """Whether this is the registry's own text, and not what an adapter read from it."""
        return self.rows is None

    def line_bytes_max(self, settings: ExchangeSettings) -> int:
        """The longest line that is read: longer ones of a registry's own text are left to the adapter."""
        return settings.line_bytes_max if self.as_delivered else settings.record_bytes_max

    def to_data(self) -> dict[str, Any]:
        """As plain values, for the run's folder."""
        return {
            "delimiter": self.delimiter,
            "width": self.width,
            "places": list(self.places),
            "rows": self.rows,
        }

    @classmethod
    def of_data(cls, path: Path, data: Mapping[str, Any]) -> "Text":
        """What `to_data` gave, at a path."""
        return cls(path=path, **{**data, "places": tuple(data["places"])})
