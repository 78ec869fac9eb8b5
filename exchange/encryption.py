"""DuckDB's own encryption of `data.duckdb`, where this machine's DuckDB can write it safely.

The wheel alone can read encrypted files and refuses to write them: its built-in cryptography is good for nothing else.
The crypto module that writes comes with the `httpfs` extension. It is loaded only where it lies on this machine
already: nothing is fetched, and the setting by which DuckDB writes "not securely" is never touched. Where it cannot be
loaded the file is in clear, its volume must be encrypted, and `mianzheng doctor` says so.
"""

import base64
import struct
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from kernel.sealing import keyed_hash

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

CRYPTO_EXTENSION = "httpfs"
"""The extension that brings DuckDB the cryptography it writes encrypted files with."""

_PURPOSE = b"mianzheng.data.duckdb/1"
_MAGIC = b"DUCK"
_MAGIC_AT, _FLAGS_AT = 8, 20
_FLAGS = struct.Struct("<Q")
_ENCRYPTED = 1
"""The bit of the first word of flags in DuckDB's main header (behind the magic and the storage version)."""


def can_encrypt(connection: "DuckDBPyConnection") -> bool:
    """Whether this connection can write encrypted files; afterwards it has loaded what it needs for that.

    Known by doing it: a small file is written, encrypted, and thrown away. The connection must not fetch extensions by
    itself (`autoinstall_known_extensions` is off), as none of ours does.
    """
    from duckdb import Error  # noqa: PLC0415 - heavy, and the DAG files import the exchange

    try:
        connection.execute(f"load {CRYPTO_EXTENSION}")
    except Error:
        return False
    return writes_encrypted(connection)


def writes_encrypted(connection: "DuckDBPyConnection") -> bool:
    """Whether a file written as `attach_clause` says comes out encrypted."""
    from duckdb import Error  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="mianzheng-") as folder:
        path = Path(folder) / "probe.duckdb"
        try:
            connection.execute(f"attach '{path}' as mianzheng_probe {attach_clause(bytes(32))}")
        except Error:
            return False
        try:
            connection.execute("create table mianzheng_probe.probe as select 1 as one")
            connection.execute("checkpoint mianzheng_probe")
        except Error:
            return False
        finally:
            connection.execute("detach mianzheng_probe")
        return is_encrypted(path) is True


def attach_clause(data_key: bytes, *, read_only: bool = False) -> str:
    """The options of ATTACH under which a snapshot's `data.duckdb` is encrypted, e.g. `(encryption_key '…')`.

    The key is derived from the snapshot's data key (32 bytes), so that it is wrapped, rotated and destroyed with that.
    The clause is a secret: it belongs in no message and no log.
    """
    key = base64.b64encode(keyed_hash(data_key, _PURPOSE)).decode()
    return f"(encryption_key '{key}'{', read_only' if read_only else ''})"


def attach(path: Path, name: str, data_key: bytes | None, *, read_only: bool = True) -> str:
    """The statement that attaches a snapshot's data, encrypted or in clear, under a name. As secret as its key.

    Without the data key only data in clear can be attached.
    """
    where = str(path).replace("'", "''")
    if data_key is not None and is_encrypted(path):
        return f"attach '{where}' as {name} {attach_clause(data_key, read_only=read_only)}"
    return f"attach '{where}' as {name}{' (read_only)' if read_only else ''}"


def is_encrypted(path: Path) -> bool | None:
    """Whether a DuckDB file is encrypted, by its header; None where it is no DuckDB file. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(_FLAGS_AT + _FLAGS.size)
    if len(head) < _FLAGS_AT + _FLAGS.size or head[_MAGIC_AT : _MAGIC_AT + len(_MAGIC)] != _MAGIC:
        return None
    return bool(_FLAGS.unpack_from(head, _FLAGS_AT)[0] & _ENCRYPTED)
