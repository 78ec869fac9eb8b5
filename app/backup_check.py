"""Checking that a backup fits together, before anything of it is put anywhere.

Without its key: every byte, every log against the checkpoint that it signed, every snapshot against its manifest, and
every `current` against the snapshot that it names. With its key also that everything sealed can be unsealed.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from app.backup_contents import UNDER_SNAPSHOT, StoredFile, StoredLog
from app.backup_datasets import file_digests
from app.backup_logs import CHECKPOINT, JOURNAL, recorded_sizes
from app.backup_read import Backup, Unpacking
from app.custody import CustodySettings
from app.formats import HOME_FORMAT
from audit.checkpoint import Checkpoint, open_checkpoint
from audit.generation import generation_of, log_name, split_name
from audit.journal import read_frames
from audit.logs import origin_of
from audit.merkle import CompactRange, leaf_hash
from audit.note import NOTE_SIZE_MAX
from audit.root_log import ROOT
from exchange.current import Current
from exchange.layout import DATA, MANIFEST
from kernel.errors import Damaged, OtherFormat
from kernel.plain_file import open_plain, read_bounded
from kernel.trust import TRUST_SIZE_MAX, Trust

REQUIRED = (
    "FORMAT",
    "trust.json",
    "audit/detail-keys.sqlite",
    *(f"keys/{name}.key" for name in ("answer", "case", "index", "master")),
)
"""What no home can be without."""

_SMALL_FILE_MAX = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedBackup:
    """A backup that fits together, and the hub's keys as they were vouched for when it was taken."""

    backup: Backup
    trust: Trust
    checkpoints: tuple[Checkpoint, ...]


def check_backup(
    backup: Backup, settings: CustodySettings, *, tell: Callable[[str], None] = lambda _: None
) -> CheckedBackup:
    """Check everything that can be checked without the backup's key; raises Damaged, or OtherFormat."""
    contents = backup.contents
    if contents.home_format > HOME_FORMAT:
        raise OtherFormat(
            f"holds a home of format {contents.home_format}, and this version works on format {HOME_FORMAT}",
            field=backup.folder.name,
            remedy="restore it with the version that made it, or a newer one",
        )
    files = contents.by_path
    if missing := [name for name in REQUIRED if name not in files]:
        raise Damaged(f"has no {', '.join(missing)}", field=backup.folder.name)
    for stored in contents.files:
        tell(stored.path)
        _read_through(backup, stored, settings)
    trust = Trust.parse(_read(backup, files["trust.json"], TRUST_SIZE_MAX))
    if trust.hub != contents.hub:
        raise Damaged("is another hub's", field="trust.json")
    newest = log_name(ROOT, generation_of(trust))
    if newest not in {each.name for each in contents.logs}:
        raise Damaged("is missing", field=newest)
    checkpoints = []
    for each in contents.logs:
        tell(f"audit/{each.name}")
        checkpoints.append(_check_log(backup, each, trust))
    _check_sizes(backup, newest, trust)
    _check_snapshots(backup)
    return CheckedBackup(backup=backup, trust=trust, checkpoints=tuple(checkpoints))


def check_sealed(unpacking: Unpacking, files: Iterable[StoredFile], tell: Callable[[str], None]) -> None:
    """Unseal every sealed file and throw it away; raises Damaged or BadSeal."""
    for stored in files:
        if stored.sealed:
            tell(stored.path)
            for _ in unpacking.pieces(stored):
                pass


def _check_sizes(backup: Backup, newest: str, trust: Trust) -> None:
    """Return if every log that the newest root log records is here, with at least the size that it records."""
    journal = backup.folder / "audit" / newest / JOURNAL
    here = {each.name: each.size for each in backup.contents.logs}
    for name, size in recorded_sizes(journal, origin_of(trust.hub, newest)).items():
        if here.get(name, -1) < size:
            raise Damaged("is missing, or shorter than the root log records", field=f"audit/{name}")


def _check_log(backup: Backup, stored: StoredLog, trust: Trust) -> Checkpoint:
    """Recompute a log, and compare it with what the backup says and with the checkpoint that the log signed."""
    split_name(stored.name)
    folder = backup.folder / "audit" / stored.name
    origin = origin_of(trust.hub, stored.name)
    signed = None
    if f"audit/{stored.name}/{CHECKPOINT}" in backup.contents.by_path:
        signed = open_checkpoint(read_bounded(folder / CHECKPOINT, NOTE_SIZE_MAX), origin, trust.log_keys(origin))
    if f"audit/{stored.name}/{JOURNAL}" not in backup.contents.by_path:
        raise Damaged("is missing", field=f"audit/{stored.name}/{JOURNAL}")
    tree = CompactRange()
    held = signed is None or signed.size == 0
    with open_plain(folder / JOURNAL) as file:
        for frame in read_frames(file, origin):
            if frame.first != tree.size:
                raise Damaged("lacks entries", field=f"audit/{stored.name}/{JOURNAL}")
            for record in frame.records:
                tree.append(leaf_hash(record.entry))
            held = held or (signed is not None and (signed.size, signed.root) == (tree.size, tree.root()))
    found = Checkpoint.of(origin, tree)
    if not held or (found.size, found.root.hex()) != (stored.size, stored.root):
        raise Damaged("is not what the log signed", field=f"audit/{stored.name}/{JOURNAL}")
    return found


def _read_through(backup: Backup, stored: StoredFile, settings: CustodySettings) -> None:
    for _ in backup.pieces(stored, chunk=settings.chunk_bytes):
        pass


def _check_snapshots(backup: Backup) -> None:
    for path, stored in backup.contents.by_path.items():
        if path.startswith("exchange/") and path.endswith("/current"):
            _check_current(backup, stored)
        if path.endswith(f"/{MANIFEST}"):
            _check_version(backup, stored)


def _check_current(backup: Backup, stored: StoredFile) -> None:
    current = Current.parse(_read(backup, stored, _SMALL_FILE_MAX))
    dataset = stored.path.removesuffix("/current")
    base = f"{dataset}/versions/{current.version}"
    files = backup.contents.by_path
    manifest = files.get(f"{base}/{MANIFEST}")
    if manifest is None or f"{base}.key" not in files or f"{base}.receipt" not in files:
        raise Damaged("names a snapshot that is not here whole", field=stored.path)
    if bytes.fromhex(manifest.sha256) != current.manifest_digest:
        raise Damaged("names another manifest", field=stored.path)


def _check_version(backup: Backup, stored: StoredFile) -> None:
    raw = _read(backup, stored, _SMALL_FILE_MAX)
    base = stored.path.removesuffix(f"/{MANIFEST}")
    for name, wanted in file_digests(raw).items():
        found = backup.contents.by_path.get(f"{base}/{name}")
        if (
            found is None
            or (found.plain or found.sha256) != wanted
            or (name == DATA) != (found.sealed == UNDER_SNAPSHOT)
        ):
            raise Damaged("is not the file that was published", field=f"{base}/{name}")


def _read(backup: Backup, stored: StoredFile, size_max: int) -> bytes:
    if stored.size > size_max or stored.sealed:
        raise Damaged("is too large, or sealed", field=stored.path)
    return b"".join(backup.pieces(stored, chunk=size_max))
