"""What stands behind the connections that contracts name: user, password, token, and where the server is from here.

Looked for in this order, and the first that knows the connection says all of it: Airflow's connections where a task of
Airflow runs; `AIRFLOW_CONN_<ID>`, as Airflow writes them; `MIANZHENG_CONNECTION_<ID>`, a JSON object; the private file
`<home>/connections.toml`. No secret stands in an error, a log or a manifest.
"""

import json
import os
import stat
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from adapters.credentials import Credentials, Tls
from kernel.errors import Malformed

AIRFLOW_VARIABLE = "AIRFLOW_CONN_"
OWN_VARIABLE = "MIANZHENG_CONNECTION_"
FILE_BYTES_MAX = 1 << 20

Lookup = Callable[[str], "Mapping[str, Any] | None"]
"""An Airflow connection's fields by its id (host, login, password, port, extra), None where there is none."""

_NO_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_TEXTS = frozenset({"user", "password", "token", "host", "tls", "ca"})
_KNOWN = _TEXTS | {"port", "options"}


class Place(StrEnum):
    """Where a connection's credentials were found."""

    AIRFLOW = "airflow"
    ENVIRONMENT = "environment"
    FILE = "connections.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class HubConnections:
    """The connections of one hub."""

    file: Path
    airflow: Lookup | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    def credentials(self, connection: str) -> Credentials:
        """The credentials of a connection; raises Malformed."""
        return self.found(connection)[1]

    def found(self, connection: str) -> tuple[Place, Credentials]:
        """Where a connection's credentials stand, and they; raises Malformed where nobody knows them, or not wholly."""
        held = self.airflow(connection) if self.airflow else None
        if held is not None:
            return Place.AIRFLOW, _read(connection, _of_airflow(connection, held))
        name = connection.upper()
        if written := self.environ.get(AIRFLOW_VARIABLE + name):
            return Place.ENVIRONMENT, _read(connection, _of_airflow(connection, _airflow_fields(connection, written)))
        if written := self.environ.get(OWN_VARIABLE + name):
            return Place.ENVIRONMENT, _read(connection, _json(connection, written))
        table = self._table()
        if connection in table:
            return Place.FILE, _read(connection, table[connection])
        remedy = f"write it into {self.file}, or set {OWN_VARIABLE}{name}; see docs/how-to/connect-a-registry.md"
        raise Malformed("nobody here knows this connection", field=connection, remedy=remedy)

    def _table(self) -> Mapping[str, Any]:
        """The private file; empty where there is none."""
        where = str(self.file)
        try:
            with self.file.open("rb") as file:
                if os.fstat(file.fileno()).st_mode & _NO_OTHERS:
                    raise Malformed("others can read it", field=where, remedy=f"chmod 600 {where}")
                return tomllib.loads(file.read(FILE_BYTES_MAX).decode("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
            # What is wrong may be a password.
            raise Malformed("cannot be read as TOML", field=where, remedy="mend the file") from None


def _read(connection: str, entry: Any) -> Credentials:
    """An entry as credentials; raises Malformed, which names the key and never what it holds."""
    if not isinstance(entry, dict):
        raise Malformed("is no table of keys and values", field=connection, remedy=f"write [{connection}]")
    for key, value in entry.items():
        kind: type = int if key == "port" else dict if key == "options" else str
        if key not in _KNOWN:
            raise Malformed("is no key of a connection", field=f"{connection}.{key}", remedy=f"one of {_list(_KNOWN)}")
        if not isinstance(value, kind) or isinstance(value, bool):
            raise Malformed(f"is no {kind.__name__}", field=f"{connection}.{key}", remedy="mend the entry")
    try:
        tls = Tls(entry["tls"]) if entry.get("tls") else None
    except ValueError:
        raise Malformed("is neither verify nor off", field=f"{connection}.tls", remedy="mend the entry") from None
    options = entry.get("options", {})
    if not all(isinstance(each, str) for each in options.values()):
        raise Malformed("holds what is no text", field=f"{connection}.options", remedy="write texts")
    texts = {key: entry[key] for key in _TEXTS - {"tls"} if key in entry}
    return Credentials(tls=tls, port=entry.get("port", 0), options=options, **texts)


def _of_airflow(connection: str, held: Mapping[str, Any]) -> dict[str, Any]:
    """An Airflow connection as an entry: token, tls, ca and options stand in its extra; what else does is ignored."""
    extra = held.get("extra") or {}
    if isinstance(extra, str):
        extra = _json(connection, extra)
    found = {key: extra[key] for key in ("token", "tls", "ca", "options") if extra.get(key)}
    for theirs, ours in (("login", "user"), ("password", "password"), ("host", "host")):
        if held.get(theirs):
            found[ours] = str(held[theirs])
    if "host" in found:
        # For HTTP, Airflow keeps the scheme with the host.
        found["host"] = found["host"].partition("://")[2].partition("/")[0] or found["host"]
    if held.get("port"):
        found["port"] = int(held["port"])
    return found


def _airflow_fields(connection: str, written: str) -> Mapping[str, Any]:
    """A connection as Airflow's variables write it: a JSON object, or a URI with the extra in its query."""
    if written.lstrip().startswith("{"):
        return _json(connection, written)
    try:
        parts = urlsplit(written)
        extra: Any = dict(parse_qsl(parts.query))
        return {
            "login": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
            "host": unquote(parts.hostname or ""),
            "port": parts.port,
            "extra": extra.get("__extra__", extra),
        }
    except ValueError:
        variable = AIRFLOW_VARIABLE + connection.upper()
        raise Malformed("is no URI", field=variable, remedy="write it as Airflow does") from None


def _json(connection: str, written: str) -> dict[str, Any]:
    try:
        found = json.loads(written)
    except (ValueError, RecursionError):
        raise Malformed("is no JSON", field=connection, remedy="write a JSON object") from None
    if not isinstance(found, dict):
        raise Malformed("is no JSON object", field=connection, remedy="write a JSON object")
    return found


def _list(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))
