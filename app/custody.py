"""Taking care of a hub's home: what backup, restore, rotation and migration have in common."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from app.paths import Paths
from kernel.durable import locked
from kernel.errors import Conflict
from kernel.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class CustodySettings:
    """Section `custody`: backups, keys, and when `mianzheng doctor` begins to worry."""

    scrypt_log2_n: int = setting(17, "cost of a backup's passphrase: scrypt's N as a power of two (17: 128 MB, 0.4 s)")
    scrypt_r: int = setting(8, "scrypt's block size")
    scrypt_p: int = setting(1, "scrypt's parallelism")
    scrypt_bytes_max: int = setting(1 << 30, "most memory that opening a backup may ask of scrypt, in bytes")
    passphrase_length_min: int = setting(16, "shortest passphrase of a backup, in characters")
    chunk_bytes: int = setting(1 << 20, "bytes that are copied, hashed and sealed at a time")
    manifest_bytes_max: int = setting(64 << 20, "largest list of a backup's files that is read, in bytes")
    rewrap_batch: int = setting(200, "detail keys that are rewrapped while others wait")
    publishing_wait_s: float = setting(900.0, "seconds that a rotation waits for a dataset that is being published")
    look_again_s: float = setting(0.2, "seconds between two looks at what a rotation waits for")
    certificate_days_min: int = setting(30, "days before a certificate's end from which doctor warns")
    free_bytes_min: int = setting(2 << 30, "free bytes below which doctor warns, whatever the datasets' size")
    free_factor: float = setting(3.0, "free space that doctor wants, in sizes of the largest snapshot in force")
    backup_days_max: int = setting(7, "days after which doctor misses a newer backup")
    clock_ahead_s: float = setting(300.0, "seconds by which the newest log entry may be ahead of the clock")
    airflow_within_s: float = setting(2.0, "seconds within which Airflow must reply to doctor")


@contextmanager
def in_custody(paths: Paths) -> Iterator[None]:
    """Keep every other backup, rotation and migration off a home; raises Conflict where one is under way."""
    with ExitStack() as held:
        try:
            held.enter_context(locked(paths.home / ".custody.lock", wait=False))
        except Conflict as error:
            raise Conflict(
                "a backup, a rotation of keys or a migration is under way here",
                field=str(paths.home),
                remedy="wait until it has finished",
            ) from error
        yield
