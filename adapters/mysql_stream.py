"""A streaming cursor of PyMySQL that can be left in the middle.

PyMySQL's own reads all the rest of a result before it closes: of ten million rows, where reading was given up after the
first; and where the connection was lost, it tries to.
"""

from collections.abc import Iterable
from typing import Any

from pymysql.cursors import SSCursor


class StreamCursor(SSCursor):
    """Rows as the server sends them. Closed before the last, it cuts the connection instead of reading on."""

    def fetchmany(self, size: int | None = None) -> Iterable[Any]:
        """The next rows; after a failure there are none."""
        try:
            found: Iterable[Any] = super().fetchmany(size)
        except BaseException:
            self._cut()
            raise
        return found

    def close(self) -> None:
        """Close at once."""
        self._cut()
        super().close()

    def _cut(self) -> None:
        result = self._result
        if result is not None and result.unbuffered_active:
            result.unbuffered_active = False
            if self.connection is not None:
                self.connection._force_close()  # noqa: SLF001 (its close says goodbye, which waits for the result)
