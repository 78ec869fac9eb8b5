"""Credentials of the servers that registries stand behind: the port through which adapters get them.

A contract names a connection by its id and holds no secret. What stands behind an id (an Airflow connection, an
environment variable, a private file) is `app`'s business.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from kernel.errors import Malformed


class Tls(StrEnum):
    """Whether the server must prove who it is. Nothing in between: TLS without proof keeps out nobody in the middle."""

    VERIFY = "verify"
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What opens one connection. No secret stands in its repr.

    `host` and `port` replace those of the contract, where the server has another address from here. `tls` empty:
    VERIFY, except to this very machine. `ca`: a PEM file of the authorities to trust; empty: the system's. `options`
    are the database driver's own.
    """

    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    host: str = ""
    port: int = 0
    tls: Tls | None = None
    ca: str = ""
    options: Mapping[str, str] = field(default_factory=dict, repr=False)

    def verifies(self, host: str) -> bool:
        """Whether a server at `host` must prove who it is."""
        return self.tls is Tls.VERIFY or (self.tls is None and not _is_this_machine(host))


class Connections(Protocol):
    """Knows the credentials of connections."""

    def credentials(self, connection: str) -> Credentials:
        """The credentials of a connection; raises Malformed, which says where they were looked for, and no secret."""


def credentials_of(connection: str, connections: Connections | None) -> Credentials:
    """The credentials of the connection that a contract names; raises Malformed."""
    if not connection or connections is None:
        what = "nobody here knows its credentials" if connection else "the contract names no connection"
        raise Malformed(what, field=connection or "connection", remedy="name a connection that this hub knows")
    return connections.credentials(connection)


def _is_this_machine(host: str) -> bool:
    # No host, or a path, is a socket in the file system.
    if not host or host.startswith("/") or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
