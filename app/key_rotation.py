"""New keys of answers and logs, and the end of old ones: each change is a new key history that the offline root signs.

Where the root key is at hand one command does it all. Where it is not, as it should be, the change is proposed in a
file, carried to the root and signed there (`mianzheng keys sign`), carried back and accepted. Either way the trust file
is replaced at once and whole; workers look at it again within a fraction of a second, and sign with the new key when
its time has come. Killed anywhere, the same command goes on: a key that was made and is not vouched for is used.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from app.home import log_names
from app.hub import Hub
from audit.generation import generation_of
from audit.logs import origin_of
from kernel.clock import parse_instant
from kernel.durable import locked, replace_file
from kernel.errors import Conflict, Malformed
from kernel.plain_file import read_bounded
from kernel.settings import setting
from kernel.signing import SigningKey
from kernel.trust import ANSWER, LOG, TRUST_SIZE_MAX, Trust, TrustedKey, propose, sign_history

REQUEST = "key-history.request.json"
"""The proposed history, in the hub's home."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySettings:
    """Section `keys`."""

    announce_seconds: int = setting(86_400, "how long a new key is announced in the trust file before it signs")
    overlap_seconds: int = setting(3_600, "how long the old key may still sign once the new one does")


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A change of the key history: in force, or, where `request` names a file, waiting for the root's signature.

    `key` is the id of the key that begins or ends; of several, each log's, with spaces between.
    """

    number: int
    key: str
    at: datetime
    request: Path | None = None


def rotate_answer(hub: Hub, *, root: SigningKey | None, announce: timedelta, overlap: timedelta) -> Changed:
    """Announce a new answer key, which signs from `announce` on; the old ones may sign for `overlap` longer.

    Raises Conflict where the root's signature for another change is awaited, and Malformed.
    """
    with locked(hub.paths.keys / ".history.lock"):
        trust, now = read_trust(hub), hub.clock.now()
        key = _unvouched(hub.answer_keys(), trust) or _new_key(hub.paths.keys, "answer-")
        begins = now + announce
        added = TrustedKey(use=ANSWER, key=key.public, valid_from=begins)
        return _change(hub, trust, _rotated(trust, [added], begins + overlap), root, key=key.public.id, at=begins)


def rotate_logs(hub: Hub, *, root: SigningKey | None, announce: timedelta, overlap: timedelta) -> Changed:
    """The same for every log of the newest generation: each gets a new key, which open logs take up by themselves.

    Raises Conflict where the root's signature for another change is awaited, and Malformed.
    """
    with locked(hub.paths.keys / ".history.lock"):
        trust, now = read_trust(hub), hub.clock.now()
        begins = now + announce
        added = []
        for name in log_names(hub.settings, generation_of(trust)):
            key = _unvouched(hub.log_keys(name), trust) or _new_key(hub.paths.keys / "logs", f"{name}@")
            origin = origin_of(trust.hub, name)
            added.append(TrustedKey(use=LOG, key=key.public, valid_from=begins, origin=origin))
        ids = " ".join(each.key.id for each in added)
        return _change(hub, trust, _rotated(trust, added, begins + overlap), root, key=ids, at=begins)


def end_key(hub: Hub, key_id: str, since: datetime, *, root: SigningKey | None) -> Changed:
    """End a key from an instant on, which may lie in the past: what it signed and was logged since is void.

    Raises Malformed where there is no such key, where it ended before, or where none of its use would be left to sign.
    """
    with locked(hub.paths.keys / ".history.lock"):
        trust, now = read_trust(hub), hub.clock.now()
        found = next((each for each in trust.keys if each.key.id == key_id), None)
        if found is None:
            raise Malformed("is no key in this hub's history", field=key_id, remedy="mianzheng keys list")
        if found.valid_until is not None and found.valid_until <= since:
            raise Malformed("has ended before", field=key_id)
        keys = [replace(each, valid_until=since) if each is found else each for each in trust.keys]
        if not any((each.use, each.origin) == (found.use, found.origin) and each.held_at(now) for each in keys):
            remedy = f"mianzheng keys rotate {found.use}"
            raise Malformed("is the only key that may sign now", field=key_id, remedy=remedy)
        return _change(hub, trust, keys, root, key=key_id, at=since)


def sign_request(request: Path, root: SigningKey) -> bytes:
    """The trust file that a request asks for, signed by the root: needs no hub. Raises Malformed."""
    history = read_bounded(request, TRUST_SIZE_MAX)
    signed = sign_history(root, history)
    Trust.parse(signed)
    return signed


def accept(hub: Hub, raw: bytes) -> Trust:
    """Put a trust file that the root signed in the place of the one in force, and record it.

    Raises Malformed where it does not follow the one in force, or no longer vouches for a key that it vouched for.
    """
    with locked(hub.paths.keys / ".history.lock"):
        return _accept(hub, read_trust(hub), raw)


def read_trust(hub: Hub) -> Trust:
    """The trust file as it is now, whoever changed it; raises Malformed."""
    return Trust.parse(read_bounded(hub.paths.trust, TRUST_SIZE_MAX))


def _change(
    hub: Hub, trust: Trust, keys: Sequence[TrustedKey], root: SigningKey | None, *, key: str, at: datetime
) -> Changed:
    history = propose(trust.hub, keys, now=hub.clock.now(), after=trust)
    if root is not None:
        accepted = _accept(hub, trust, sign_history(root, history))
        return Changed(number=accepted.number, key=key, at=at)
    request = hub.paths.home / REQUEST
    if request.exists():
        raise Conflict(f"{REQUEST} waits for the root's signature", remedy="have it signed, or remove it")
    replace_file(request, history)
    return Changed(number=trust.number + 1, key=key, at=at, request=request)


def _accept(hub: Hub, held: Trust, raw: bytes) -> Trust:
    offered = Trust.parse(raw)
    if offered.history == held.history:
        return held
    offered.check_follows(held)
    if offered.number != held.number + 1:
        raise Malformed("is not the next after the one in force", field="trust.number")
    gone = {each.key.raw for each in held.keys} - {each.key.raw for each in offered.keys}
    if gone:
        raise Malformed("no longer names a key that signed before", field="trust.keys")
    # Recorded first: an entry about a change that a kill prevented is harmless, a change without an entry is not.
    known = {each.key.raw for each in held.keys}
    added = [each.key.id for each in offered.keys if each.key.raw not in known]
    attributes = {"number": str(offered.number), "previous": offered.previous, "added": " ".join(added)}
    hub.recorder.record("KEY_CHANGED", attributes)
    replace_file(hub.paths.trust, raw)
    (hub.paths.home / REQUEST).unlink(missing_ok=True)
    return offered


def _rotated(trust: Trust, added: Sequence[TrustedKey], until: datetime) -> list[TrustedKey]:
    """The keys with new ones; those in use whose place they take end at `until`."""
    taken = {(each.use, each.origin) for each in added}
    ending = [
        replace(each, valid_until=until) if (each.use, each.origin) in taken and each.valid_until is None else each
        for each in trust.keys
    ]
    return [*ending, *added]


def _unvouched(keys: Iterable[SigningKey], trust: Trust) -> SigningKey | None:
    """A key that an interrupted rotation has made."""
    known = {each.key.raw for each in trust.keys}
    return next((each for each in keys if each.public.raw not in known), None)


def _new_key(folder: Path, prefix: str) -> SigningKey:
    key = SigningKey.generate()
    key.write(folder / f"{prefix}{key.public.id}.key")
    return key


def instant_of(text: str) -> datetime:
    """An instant as it is given to a command; raises Malformed."""
    try:
        return parse_instant(text)
    except ValueError as error:
        raise Malformed("is no instant", field=text, remedy="write 2026-12-01T08:00:00+08:00") from error
