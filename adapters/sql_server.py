"""Reaching a database server: which driver, with what timeouts, proof of who it is, and one view of the data.

PostgreSQL and MariaDB are tested against real servers. Oracle, 达梦, KingbaseES and openGauss are reached the way that
their drivers document, and are untested: docs/reference/registries.md says what to install.
"""

import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.dialects import registry
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from adapters.credentials import Credentials
from adapters.port import AdapterSettings
from kernel.errors import Malformed, MianzhengError, Unavailable

REMEDY = "check the database against the contract's server section"

DRIVERS = {
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "oracle": "oracle+oracledb",
    "dm": "dm+dmPython",
    "kingbase": "kingbase+psycopg",
    "opengauss": "opengauss+psycopg2",
}
"""What reads which database."""

# KingbaseES speaks PostgreSQL's protocol, yet calls its version by another name than SQLAlchemy knows.
registry.register("kingbase.psycopg", "adapters.kingbase", "KingbaseDialect")

_UTF8 = "utf8mb4"
_MYSQL = frozenset({"mysql", "mariadb"})
_MYSQL_REFUSALS = frozenset({1044, 1045, 1049, 1054, 1064, 1142, 1143, 1146, 1227, 1698})
"""MariaDB's OperationalErrors that trying again cures not: login, rights, a name that is not there."""


def server_engine(url: str, credentials: Credentials, settings: AdapterSettings) -> Engine:
    """An engine for the server that a contract's URL names; nothing is connected yet. Raises Malformed.

    Every connection is read only and sees one state of the data from its first statement on.
    """
    parsed = parse_url(url)
    backend = parsed.get_backend_name()
    if backend not in DRIVERS:
        known = ", ".join(DRIVERS)
        raise Malformed(f"{backend} is no database that the hub reads", field="url", remedy=f"one of {known}")
    if parsed.password or parsed.username:
        raise Malformed("holds credentials", field="url", remedy="name a connection instead")
    where = parsed.set(
        drivername=DRIVERS[backend],
        username=credentials.user or None,
        password=credentials.password or None,
        host=credentials.host or parsed.host,
        port=credentials.port or parsed.port,
    )
    arguments = _ARGUMENTS.get(backend, _driver_options)
    if credentials.ca and not Path(credentials.ca).is_file():
        raise Malformed("the file of authorities is not there", field="ca", remedy="mend the connection's entry")
    try:
        engine = create_engine(
            where,
            poolclass=NullPool,
            isolation_level="SERIALIZABLE" if backend in _WITHOUT_REPEATABLE_READ else "REPEATABLE READ",
            connect_args=arguments(where.host or "", credentials, settings),
            # A value stands in no log and in no error.
            hide_parameters=True,
        )
    except (SQLAlchemyError, ImportError, ssl.SSLError) as error:
        kind = type(error).__name__
        raise Malformed(f"cannot be reached ({kind})", field="url", remedy=f"install the driver of {backend}") from None
    if backend in _MYSQL:
        from adapters.mysql_stream import StreamCursor  # noqa: PLC0415 (only where a MariaDB is read)

        event.listen(engine, "connect", _read_only)
        if engine.dialect.supports_server_side_cursors:
            engine.dialect._sscursor = StreamCursor  # type: ignore[attr-defined]  # noqa: SLF001 (there is no option)
    return engine


def _read_only(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute("set session transaction read only")


def parse_url(url: str) -> URL:
    """A database URL; raises Malformed."""
    try:
        return make_url(url)
    except ArgumentError:
        raise Malformed("is no database URL", field="url", remedy=REMEDY) from None


def failure(where: str, error: SQLAlchemyError, *, connecting: bool = False) -> MianzhengError:
    """The database's complaint without its words, which may hold values: Unavailable where another try may help."""
    kind = _kind(error)
    if _may_pass(error, connecting=connecting):
        if not connecting:
            return Unavailable(f"the database broke off ({kind})", field=where, remedy="try again")
        remedy = "see that it runs, that host and port are right, and that ca vouches for its certificate"
        return Unavailable(f"the database cannot be reached ({kind})", field=where, remedy=remedy)
    if connecting:
        remedy = "check user and password of the connection, and the database's name"
        return Malformed(f"the database refuses the login ({kind})", field=where, remedy=remedy)
    return Malformed(f"cannot be read ({kind})", field=where, remedy=REMEDY)


def _may_pass(error: SQLAlchemyError, *, connecting: bool) -> bool:
    if not isinstance(error, DBAPIError) or error.orig is None:
        return False
    driver = type(error.orig).__module__.partition(".")[0]
    if driver == "pymysql" and next(iter(error.orig.args), None) in _MYSQL_REFUSALS:
        return False
    if driver == "psycopg" and connecting:
        # A server that has seen the password, or asks for one, and then refuses, will do so again.
        login = getattr(error.orig, "pgconn", None)
        return not (login is not None and (login.used_password or login.needs_password))
    kinds = {each.__name__ for each in type(error.orig).__mro__}
    return error.connection_invalidated or (
        driver != "sqlite3" and bool(kinds & {"OperationalError", "InterfaceError"})
    )


def _kind(error: SQLAlchemyError) -> str:
    """The error's name, and its code where the database has one."""
    original = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    code = getattr(original, "sqlstate", None) or next(iter(original.args), None)
    return f"{type(original).__name__} {code}" if isinstance(code, int) or _is_state(code) else type(original).__name__


def _is_state(code: object) -> bool:
    """Whether this is one of SQL's five-character states, and no text."""
    return isinstance(code, str) and len(code) == len("42P01") and code.isascii() and code.isalnum()


def _postgresql(host: str, credentials: Credentials, settings: AdapterSettings) -> dict[str, Any]:
    """What libpq takes (postgresql.org/docs/current/libpq-connect.html)."""
    statement_ms = int(settings.statement_seconds * 1000)
    # One spelling of dates and times whatever the server prefers; a server that falls silent is noticed.
    session = f"-c statement_timeout={statement_ms} -c timezone=Asia/Shanghai -c datestyle=ISO"
    silent = max(1, int(settings.silent_seconds / 3))
    arguments: dict[str, Any] = {
        "connect_timeout": max(2, int(settings.connect_seconds)),
        "options": f"{session} -c default_transaction_read_only=on -c client_encoding=UTF8",
        "application_name": "mianzheng",
        "keepalives_idle": silent,
        "keepalives_interval": silent,
        "keepalives_count": 2,
        "sslmode": "disable",
    }
    if credentials.verifies(host):
        arguments |= {"sslmode": "verify-full", "sslrootcert": credentials.ca or "system"}
    return {**arguments, **credentials.options}


def _mysql(host: str, credentials: Credentials, settings: AdapterSettings) -> dict[str, Any]:
    """What PyMySQL takes (pymysql.readthedocs.io)."""
    # A statement ends with its last row here, so that its own limit would be one on the whole reading: the limit is on
    # how long the server may be silent. It waits as long for us, should our disk be slow.
    wait = int(settings.statement_seconds)
    arguments: dict[str, Any] = {
        # It would write a text as Latin-1.
        "password": credentials.password.encode(),
        "connect_timeout": max(1, int(settings.connect_seconds)),
        "read_timeout": wait,
        "write_timeout": wait,
        "charset": _UTF8,
        "local_infile": False,
        "init_command": f"set session net_write_timeout = {wait}",
        "program_name": "mianzheng",
        "ssl_disabled": True,
    }
    if credentials.verifies(host):
        del arguments["ssl_disabled"]
        arguments["ssl"] = ssl.create_default_context(cafile=credentials.ca or None)
    return {**arguments, **credentials.options}


def _driver_options(_host: str, credentials: Credentials, _settings: AdapterSettings) -> dict[str, Any]:
    return dict(credentials.options)


_Arguments = Callable[[str, Credentials, AdapterSettings], dict[str, Any]]
_ARGUMENTS: Mapping[str, _Arguments] = {"postgresql": _postgresql, "mysql": _mysql, "mariadb": _mysql}
_WITHOUT_REPEATABLE_READ = frozenset({"oracle", "dm"})
