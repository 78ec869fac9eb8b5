"""How the logs of a restored hub go on: each is closed as it was restored, and one of a new generation begins.

A restored log may be behind what it once signed: whoever asked after the backup was taken holds a receipt for an entry
that is not here. Another entry in that place would make it a log with two histories. So nothing is ever written to it
again: its private key is destroyed, the new root log records at which size it was closed and from which backup, and new
logs under new names and new keys, for which the hub's root key vouches, take over.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from app.backup_check import CheckedBackup
from app.home import log_names
from app.hub import Hub
from app.master_key import secret_id
from app.paths import Paths
from app.rotation import KEY_CHANGED
from app.secret_file import read_secret
from audit.checkpoint import Checkpoint
from audit.files import RealFiles
from audit.generation import generation_of, log_name, next_generation, split_name
from audit.logs import origin_of
from audit.note import NOTE_SIZE_MAX, Note, NoteKey
from audit.place import LogPlace
from audit.publish import Signed
from audit.recover import recover
from audit.root_log import ROOT, Restored, RootLog
from audit.shared import SharedLog
from kernel.clock import Clock
from kernel.durable import PRIVATE, locked, replace_file
from kernel.errors import Damaged, Malformed
from kernel.plain_file import read_bounded
from kernel.sealing import new_key
from kernel.signing import SigningKey, VerifyKey
from kernel.trust import LOG, Trust, TrustedKey, issue

_FILES = RealFiles()


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuation:
    """The logs that were closed, at their restored sizes, and the generation that goes on."""

    generation: str
    closed: tuple[Checkpoint, ...]


def merged(restored: Trust, newest: Trust | None) -> Trust:
    """The keys of both trust files, of which one came with the backup; raises Malformed where they are two hubs'."""
    if newest is None:
        return restored
    if (newest.hub, newest.root.raw) != (restored.hub, restored.root.raw):
        raise Malformed("is another hub's, or signed by another root key", field="trust")
    known = {(each.use, each.origin, each.key.raw) for each in newest.keys}
    missing = tuple(each for each in restored.keys if (each.use, each.origin, each.key.raw) not in known)
    return replace(newest, keys=(*newest.keys, *missing))


def continue_logs(
    paths: Paths,
    checked: CheckedBackup,
    trust: Trust,
    *,
    root: SigningKey,
    known: Mapping[str, int],
    clock: Clock,
) -> Continuation:
    """Close the logs of a home that has been unpacked, and begin the next generation.

    `trust` holds every key that the hub is known to have had, `known` the sizes that logs are known to have signed.
    Raises Malformed where the root key is another, Conflict where the clock is behind the logs, Damaged.
    """
    if root.public.raw != trust.root.raw:
        raise Malformed("is not the key that vouches for this hub", field="root key")
    now = clock.now()
    before, generation = generation_of(checked.trust), next_generation(now, generation_of(trust))
    for checkpoint in checked.checkpoints:
        _publish(paths, checkpoint, checked.trust)
    hub = Hub(paths.home, clock)
    keys = {name: SigningKey.generate() for name in log_names(hub.settings, generation)}
    for name, key in keys.items():
        key.write(paths.keys / "logs" / f"{name}.key")
    replace_file(paths.trust, _vouched(trust, keys, root, now))
    closing = [each for each in checked.checkpoints if split_name(_name(each))[1] == before]
    _record(paths, checked, closing, keys[log_name(ROOT, generation)], known, clock)
    for path in (paths.keys / "logs").glob("*.key"):
        if path.stem not in keys:
            path.unlink()
    _renew_case_key(hub, checked.backup.contents.id)
    return Continuation(generation=generation, closed=tuple(closing))


def _publish(paths: Paths, checkpoint: Checkpoint, trust: Trust) -> None:
    """Make a restored log's public part anew, from its journal; sign for its end where the backup did not get that."""
    name = _name(checkpoint)
    place = LogPlace(directory=paths.audit / name, origin=checkpoint.origin)
    note = read_bounded(place.checkpoint, NOTE_SIZE_MAX) if place.checkpoint.exists() else None
    key = _signer_of(checkpoint, note, trust)
    with locked(place.lock):
        recovered = recover(place, [key], _FILES, rescan=True)
        try:
            if note is None or Checkpoint.parse(Note.parse(note).text) != checkpoint:
                note = checkpoint.sign(SigningKey.read(paths.keys / "logs" / f"{name}.key"))
            recovered.publication.publish(Signed(checkpoint=checkpoint, note=note, end=recovered.journal.end))
        finally:
            recovered.journal.close()


def _signer_of(checkpoint: Checkpoint, note: bytes | None, trust: Trust) -> VerifyKey:
    keys = trust.log_keys(checkpoint.origin)
    if not keys:
        raise Damaged("is not vouched for", field=checkpoint.origin)
    if note is None:
        return keys[-1]
    signed = Note.parse(note).check(NoteKey(name=checkpoint.origin, key=key) for key in keys)
    return signed[0].key


def _vouched(trust: Trust, keys: Mapping[str, SigningKey], root: SigningKey, now: datetime) -> bytes:
    """The trust file in which the older logs' keys have ended, and the new ones begin."""
    ended = [
        replace(each, valid_until=now) if each.use == LOG and each.valid_until is None else each for each in trust.keys
    ]
    begun = [
        TrustedKey(use=LOG, key=key.public, valid_from=now, origin=origin_of(trust.hub, name))
        for name, key in keys.items()
    ]
    return issue(root, trust.hub, [*ended, *begun], now=now, after=trust)


def _record(
    paths: Paths,
    checked: CheckedBackup,
    closing: list[Checkpoint],
    signer: SigningKey,
    known: Mapping[str, int],
    clock: Clock,
) -> None:
    """Begin the new root log: first the closing of the old one, then of all others, then its own opening."""
    contents, trust = checked.backup.contents, checked.trust
    generation = generation_of(Trust.parse(paths.trust.read_bytes()))
    place = LogPlace(
        directory=paths.audit / log_name(ROOT, generation), origin=origin_of(trust.hub, log_name(ROOT, generation))
    )
    log = SharedLog(place.directory, origin=place.origin, signer=signer, clock=clock)
    root = RootLog(log)
    for checkpoint in sorted(closing, key=lambda each: (split_name(_name(each))[0] != ROOT, each.origin)):
        role = split_name(_name(checkpoint))[0]
        restored = Restored(
            backup=contents.id,
            taken_at=contents.taken_at.isoformat(timespec="seconds"),
            successor=origin_of(trust.hub, log_name(role, generation)),
            known_size=max(known.get(checkpoint.origin, 0), checkpoint.size),
        )
        root.closed(trust.log_keys(checkpoint.origin)[-1], checkpoint, restored)
    root.opened(signer.public, log.signed().checkpoint)


def _renew_case_key(hub: Hub, backup: str) -> None:
    """Make every case token of before worthless: which cases were closed since the backup, nobody here knows."""
    path = hub.paths.keys / "case.key"
    old, new = read_secret(path), new_key()
    replace_file(path, new.hex().encode(), mode=PRIVATE)
    attributes = {"key": "case", "step": "restored", "old": secret_id(old), "new": secret_id(new), "backup": backup}
    hub.recorder.record(KEY_CHANGED, attributes)
    hub.detail_keys.close()


def _name(checkpoint: Checkpoint) -> str:
    return checkpoint.origin.rpartition("/")[2]
