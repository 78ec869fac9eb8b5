"""KingbaseES through PostgreSQL's protocol and driver. Untested against a real KingbaseES."""

from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

_SPEAKS_AS = (12, 1)
"""The version of PostgreSQL whose catalogue KingbaseES V8 resembles."""


class KingbaseDialect(PGDialect_psycopg):
    """PostgreSQL's dialect, but for the version: KingbaseES says "KingbaseES V008R006…", which nobody can parse."""

    name = "kingbase"
    driver = "psycopg"
    supports_statement_cache = True

    def _get_server_version_info(self, _connection: Connection) -> tuple[int, int]:
        return _SPEAKS_AS
