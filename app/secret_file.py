"""A secret of the hub's: 32 bytes, in hex, in a file that only the hub's account reads."""

from pathlib import Path

from kernel.errors import Malformed
from kernel.sealing import KEY_SIZE

KEY_REMEDY = "restore it from a backup; never make another in its place"


def read_secret(path: Path) -> bytes:
    """A 32-byte secret kept in hex; raises Malformed."""
    try:
        secret = bytes.fromhex(path.read_text("ascii"))
    except (OSError, ValueError) as error:
        raise Malformed("cannot be read as a key", field=path.name, remedy=KEY_REMEDY) from error
    if len(secret) != KEY_SIZE:
        raise Malformed(f"is not {KEY_SIZE} bytes", field=path.name, remedy="restore it from the backup")
    return secret
