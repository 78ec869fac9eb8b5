"""What a run tells people: progress where there is a terminal, then tables."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table

FILE_WIDTH = 140


class Report:
    """Prints to one console; live progress is shown on a terminal only, so that logs stay readable."""

    def __init__(self, console: Console | None = None) -> None:
        """Print to this console; by default to standard output, where a file is as wide as a wide terminal."""
        self._console = console or Console(highlight=False, width=None if sys.stdout.isatty() else FILE_WIDTH)

    def say(self, text: str) -> None:
        """Print a line."""
        self._console.print(text, markup=False, soft_wrap=True)

    def table(self, title: str, headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print a table: the first column is text, the others are figures, but for one called `what`."""
        table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for at, header in enumerate(headers):
            figures = at > 0 and header not in {"unit", "what"}
            table.add_column(header, justify="right" if figures else "left", no_wrap=figures, overflow="fold")
        for row in rows:
            table.add_row(*row)
        self._console.print()
        self._console.print(table)

    @contextmanager
    def doing(self, text: str) -> Iterator[None]:
        """Show that something is under way, while a block runs."""
        if self._console.is_terminal:
            with self._console.status(text):
                yield
        else:
            yield


def figure(value: float) -> str:
    """A figure as people read it: three or four digits that count, thousands parted."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 3  # noqa: PLR2004 - the powers of ten
    return f"{value:,.{digits}f}"
