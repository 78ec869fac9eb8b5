"""Replies kept by request id, so that asking again is told the same again: one SQLite file that every worker shares.

The rule, and what it guarantees, is written in docs/decisions/0023-replies-are-kept-by-request-id.md. Replies are
sealed; the ids and requests are kept as keyed hashes.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic

import structlog

from kernel.errors import Malformed, RequestIdReused, Unavailable, UnderWay
from kernel.sealing import BadSeal, Sealer, keyed_hash
from kernel.sqlite_store import SqliteStore

VERSION = 1
"""The file's format, kept as SQLite's `user_version`."""

REQUEST_ID = "request-id"
"""The header under which a client may give a call an id of its own."""

_TROUBLE = "it cannot be told what was answered before"
_PURPOSE = b"mianzheng.replies/1"
_CLAIM_SIZE = 16
_FORGET_SECONDS = 5.0
"""How often what is over is dropped, so that its room is there for others."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS replies (
    tag BLOB PRIMARY KEY,           -- keyed hash: the client and its id
    request BLOB NOT NULL,          -- keyed hash: the method and the request
    begun_at INTEGER NOT NULL,      -- seconds since 1970
    holder TEXT NOT NULL,           -- the worker that answers
    claim BLOB NOT NULL,            -- which of its attempts
    reply BLOB                      -- sealed; NULL while it is under way
) STRICT;
CREATE INDEX IF NOT EXISTS begun ON replies (begun_at);
"""

_LOGGER = structlog.get_logger("mianzheng.verifier")


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A request that nobody else answers meanwhile; `keep` or `release` ends it."""

    tag: bytes
    claim: bytes


class KeptReplies:
    """The replies of the last while. Used by any thread; other workers use the same file.

    They outlive every process, and not an outage of the machine: what is forgotten is answered anew.
    """

    def __init__(  # noqa: PLR0913 - each is a bound of its own
        self,
        path: Path,
        key: bytes,
        *,
        holder: str,
        busy_seconds: float,
        window: timedelta,
        begun: timedelta,
        length_max: int,
        bytes_max: int,
    ) -> None:
        """Open or begin the file; raises OtherFormat where a newer version made it.

        `holder` is the worker: no other process may be it, for what it had begun is let go here. A reply is kept for
        `window` from its request on; a request that `begun` ago has no reply is taken for lost.
        """
        self._key = keyed_hash(key, _PURPOSE)
        self._sealer = Sealer(keyed_hash(key, _PURPOSE + b" seal"))
        self._holder, self._window, self._begun, self._length_max = holder, window, begun, length_max
        self._forget_again = 0.0
        # An outage may take the last replies back, and nothing else; flushing each would cost as much as the log does.
        self._store = SqliteStore(
            path,
            holds="replies",
            version=VERSION,
            schema=_SCHEMA,
            busy_seconds=busy_seconds,
            outlives_outages=False,
        )
        with self._store.reading(_TROUBLE) as database:
            (page,) = database.execute("PRAGMA page_size").fetchone()
            database.execute(f"PRAGMA max_page_count = {bytes_max // page}")
        with self._store.writing(_TROUBLE) as database:
            database.execute("DELETE FROM replies WHERE holder = ? AND reply IS NULL", (holder,))

    def begin(self, client: str, method: str, request_id: str, raw: bytes, now: datetime) -> Begun | bytes:
        """The reply that was given to this very request, or the right to answer it.

        Raises Malformed where that is no id, RequestIdReused where the client used it for another request, UnderWay
        where somebody is about to answer, and Unavailable where none of this can be told.
        """
        if not (0 < len(request_id) <= self._length_max and request_id.isascii() and request_id.isprintable()):
            raise Malformed(f"has 1 to {self._length_max} printable ASCII characters", field=REQUEST_ID)
        tag = keyed_hash(self._key, f"{client}\n{request_id}".encode())
        request = keyed_hash(self._key, method.encode() + b"\n" + raw)
        self._forget_sometimes(now)
        begun = Begun(tag=tag, claim=secrets.token_bytes(_CLAIM_SIZE))
        at = int(now.timestamp())
        with self._store.writing(_TROUBLE) as database:
            row = database.execute("SELECT request, begun_at, reply FROM replies WHERE tag = ?", (tag,)).fetchone()
            if row is not None and row[1] > at - self._window.total_seconds():
                if row[0] != request:
                    raise RequestIdReused("this id was another request's", field=REQUEST_ID, remedy="use a new id")
                if row[2] is not None:
                    return self._unsealed(row[2], tag)
                if row[1] > at - self._begun.total_seconds():
                    raise UnderWay("the same request is being answered", remedy="ask again later, with the same id")
            database.execute(
                "INSERT OR REPLACE INTO replies (tag, request, begun_at, holder, claim) VALUES (?, ?, ?, ?, ?)",
                (tag, request, at, self._holder, begun.claim),
            )
        return begun

    def keep(self, begun: Begun, reply: bytes) -> None:
        """Keep a reply before it leaves. One that cannot be kept leaves all the same: it is in the log."""
        sealed = self._sealer.seal(reply, _PURPOSE + begun.tag)
        try:
            with self._store.writing(_TROUBLE) as database:
                database.execute(
                    "UPDATE replies SET reply = ? WHERE tag = ? AND claim = ?", (sealed, begun.tag, begun.claim)
                )
        except Unavailable:
            _LOGGER.warning("reply not kept")

    def release(self, begun: Begun) -> None:
        """Let a request go that was not answered: whoever asks again is answered anew."""
        try:
            with self._store.writing(_TROUBLE) as database:
                database.execute("DELETE FROM replies WHERE tag = ? AND claim = ?", (begun.tag, begun.claim))
        except Unavailable:
            _LOGGER.warning("request not let go")

    def forget(self, now: datetime) -> None:
        """Drop the replies whose time is over; raises Unavailable."""
        with self._store.writing(_TROUBLE) as database:
            since = int((now - self._window).timestamp())
            database.execute("DELETE FROM replies WHERE begun_at <= ?", (since,))

    def end(self) -> None:
        """Let the file go."""
        self._store.end()

    def _forget_sometimes(self, now: datetime) -> None:
        if monotonic() >= self._forget_again:
            self._forget_again = monotonic() + _FORGET_SECONDS
            self.forget(now)

    def _unsealed(self, sealed: bytes, tag: bytes) -> bytes:
        try:
            return self._sealer.unseal(sealed, _PURPOSE + tag)
        except BadSeal as error:
            raise Unavailable("the reply that was given cannot be read", remedy="ask anew, with a new id") from error
