"""Old snapshots, and reports of held deliveries, go when the contract's retention is over.

Until then an answer can be computed again as of its day, and a snapshot rolled back to. Receipts stay: they say nothing
about anybody, and prove what was once in force. Whoever has a retired version pinned keeps reading it.
"""

import shutil
from datetime import UTC, datetime, timedelta

from exchange.layout import Layout


def retire(layout: Layout, *, in_force: str, now: datetime, days: int) -> None:
    """Remove what is older than so many days, but never the version in force."""
    oldest = now - timedelta(days=days)
    for folder in list(layout.versions.iterdir()):
        if not folder.is_dir() or folder.name == in_force or _made(folder.name, now) >= oldest:
            continue
        # The key goes first: without it the index can never be read again, whatever becomes of the files.
        layout.key(folder.name).unlink(missing_ok=True)
        shutil.rmtree(folder)
    for folder in list(layout.held.iterdir()):
        if datetime.fromtimestamp(folder.stat().st_mtime, UTC) < oldest:
            shutil.rmtree(folder)


def _made(version: str, now: datetime) -> datetime:
    """When a version was made, which its name says; a folder with another name is none of ours, and stays."""
    try:
        return datetime.strptime(version.partition("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return now
