"""The format of an SQLite store, kept as its `user_version`; 0 is the first format, from before it was kept."""

import sqlite3

from kernel.errors import OtherFormat


def check_version(database: sqlite3.Connection, version: int, name: str) -> None:
    """Return if a store is new or of a format up to this one; else close it and raise OtherFormat, naming it so."""
    (found,) = database.execute("PRAGMA user_version").fetchone()
    if found > version:
        database.close()
        raise OtherFormat(
            f"has format {found}, and this version reads up to {version}",
            field=name,
            remedy="run the version that made it, or a newer one",
        )


def keep_version(database: sqlite3.Connection, version: int) -> None:
    """Note that a store has this format, once its tables are made; nothing is written where it says so already."""
    (found,) = database.execute("PRAGMA user_version").fetchone()
    if found < version:
        database.execute(f"PRAGMA user_version = {version}")
