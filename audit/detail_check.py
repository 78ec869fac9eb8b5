"""Checking what an entry commits to: that the sealed detail opens, and is the one."""

from collections.abc import Callable

from audit.detail import OPEN, DetailKey, detail_bytes, open_detail, parse_detail, sealing_key_id
from audit.detail_keys import DetailKeys
from audit.entry import Entry, instant
from audit.finding import Fault, Findings
from audit.journal import FRAME_SIZE_MAX
from audit.place import LogPlace
from audit.record import Prepared
from audit.tiles import open_detail_path
from kernel.digest import digest
from kernel.errors import Damaged, Malformed
from kernel.plain_file import read_bounded
from kernel.sealing import BadSeal
from schemas.wire.v1 import audit_pb2

OnDetail = Callable[[int, audit_pb2.Detail], None]
"""Is given the index and the detail of every entry whose detail could be opened and holds."""

_KEYS_KEPT_MAX = 4096


class DetailCheck:
    """Opens one log's details as far as the keys at hand go, and counts them."""

    def __init__(
        self, place: LogPlace, reach: int, findings: Findings, keys: DetailKeys | None, on_detail: OnDetail
    ) -> None:
        """Note faults in `findings`; entries below `reach` have their open details published."""
        self._place = place
        self._reach = reach
        self._findings = findings
        self._keys = keys
        self._on_detail = on_detail
        self._kept: dict[bytes, DetailKey | None] = {OPEN.id: OPEN}
        self.opened = 0
        self.erased = 0
        self.sealed = 0

    def check(self, index: int, raw: bytes, record: Prepared | None) -> None:
        """Check an entry's form, and its detail: from the journal, or (where that is lost) from the public part."""
        try:
            entry = Entry.parse(raw)
        except Malformed:
            self._findings.add(Fault.ENTRY_MALFORMED, "journal" if record else "public", index)
            return
        if record is None:
            self._check_published(index, entry)
            return
        key = self._key(index, sealing_key_id(record.sealed))
        if key is None:
            return
        try:
            detail = open_detail(record.sealed, key, entry.detail_digest)
        except BadSeal:
            self._findings.add(Fault.DETAIL_CHANGED, "journal", index)
        except Malformed:
            self._findings.add(Fault.DETAIL_DIFFERS, "journal", index)
        else:
            self._accept(index, entry, detail)
            if key is OPEN and index < self._reach and self._published(index) != detail_bytes(record.sealed, OPEN):
                self._findings.add(Fault.OPEN_DETAIL_DIFFERS, f"public/{open_detail_path(index)}", index)

    def _accept(self, index: int, entry: Entry, detail: audit_pb2.Detail) -> None:
        try:
            same = detail.kind == entry.kind and instant(detail.time) == entry.time
        except Malformed:
            same = False
        if not same:
            self._findings.add(Fault.DETAIL_DIFFERS, "journal", index)
            return
        self.opened += 1
        self._on_detail(index, detail)

    def _check_published(self, index: int, entry: Entry) -> None:
        raw = self._published(index)
        if raw is None:
            self.sealed += 1
        elif digest(raw) != entry.detail_digest:
            self._findings.add(Fault.OPEN_DETAIL_DIFFERS, f"public/{open_detail_path(index)}", index)
        else:
            try:
                detail = parse_detail(raw)
            except Malformed:
                self._findings.add(Fault.DETAIL_DIFFERS, f"public/{open_detail_path(index)}", index)
            else:
                self._accept(index, entry, detail)

    def _published(self, index: int) -> bytes | None:
        try:
            return read_bounded(self._place.public / open_detail_path(index), FRAME_SIZE_MAX)
        except (FileNotFoundError, Damaged):
            return None

    def _key(self, index: int, key_id: bytes) -> DetailKey | None:
        """The key of a detail; None, counted or noted, where there is none."""
        if key_id not in self._kept:
            if len(self._kept) >= _KEYS_KEPT_MAX:
                self._kept.pop(next(reversed(self._kept)))
            self._kept[key_id] = self._look_up(key_id)
        key = self._kept[key_id]
        if key is None:
            if self._keys is None:
                self.sealed += 1
            elif self._keys.knows(key_id):
                self.erased += 1
            else:
                self._findings.add(Fault.DETAIL_KEY_UNKNOWN, "journal", index)
        return key

    def _look_up(self, key_id: bytes) -> DetailKey | None:
        try:
            return self._keys.get(key_id) if self._keys else None
        except Damaged:
            return None
