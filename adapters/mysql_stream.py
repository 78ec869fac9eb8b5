"""A streaming cursor of PyMySQL that can be left in the middle.

PyMySQL's own reads all the rest of a result before it closes: of ten million rows, where reading was given up after the
first; and where the connection was lost, it tries to.
"""

from typing import Any

from pymysql.cursors import SSCursor


class StreamCursor(SSCursor):
    """Rows as the server sends them. Closed before the last, it cuts the connection instead of reading on."""

    _result: Any

    def fetchmany(self, size: int | None = None) -> tuple[tuple[Any, ...], ...]:
        """The next rows; after a failure there are none."""
        try:
            return super().fetchmany(size)
        except BaseException:
            self._cut()
            raise

    def close(self) -> None:
        """Close at once."""
        self._cut()
        super().close()

    def _cut(self) -> None:
        if self._result is not None and self._result.unbuffered_active:
            self._result.unbuffered_active = False
            if self.connection.open:
                self.connection.close()
