"""Whatever is changed in a log is found, and named."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from audit.checkpoint import Checkpoint
from audit.detail import OPEN
from audit.detail_keys import DetailKeys
from audit.files import RealFiles
from audit.finding import Fault
from audit.journal import encode_frame, preamble, read_frames
from audit.log import AuditLog
from audit.merkle import CompactRange, leaf_hash
from audit.place import LogPlace
from audit.publish import Edge, Publication, Signed
from audit.record import Prepared, Record
from audit.settings import AuditSettings
from audit.tiles import tiles_of
from audit.verify import LogReport, verify_log
from kernel.signing import SigningKey
from schemas.wire.v1.statement_pb2 import PartyTag

ORIGIN = "wenling.mianzheng.example/audit/worker-0"
SIZE = 600
TAG = PartyTag(role="applicant", tag=bytes(32), tag_epoch="2026")


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[DetailKeys]:
    store = DetailKeys(tmp_path / "keys.sqlite", bytes(32), epoch="2026")
    yield store
    store.close()


@pytest.fixture
def place(tmp_path: Path) -> LogPlace:
    return LogPlace(directory=tmp_path / "worker-0", origin=ORIGIN)


@pytest.fixture
def written(open_log: Callable[..., AuditLog], record: Callable[..., Record], keys: DetailKeys) -> None:
    """A closed log of 600 entries: two full tiles, partial ones, an open detail, and details of one case."""
    case = keys.for_case("20261124-00", [TAG])
    log = open_log(settings=AuditSettings(publish_pause_ms=0, group_entries_max=50))
    for future in [log.submit(record(number, OPEN if number == 7 else case)) for number in range(SIZE)]:
        future.result()
    log.close()


@pytest.fixture
def verify(place: LogPlace, keys: DetailKeys, signer: SigningKey) -> Callable[[], LogReport]:
    return lambda: verify_log(place, [signer.public], detail_keys=keys)


def flip(path: Path, at: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(raw)


def named(report: LogReport) -> set[tuple[Fault, str, int | None]]:
    return {(found.fault, found.place, found.entry) for found in report.findings}


pytestmark = pytest.mark.usefixtures("written")


def other_end(raw: bytes) -> bytes:
    """The same bytes but for the last."""
    return raw[:-1] + bytes([raw[-1] ^ 1])


def test_a_log_that_nobody_touched_is_sound(verify: Callable[[], LogReport]) -> None:
    report = verify()
    assert report.findings == ()
    assert (report.size, report.published, report.opened, report.unfinished) == (SIZE, SIZE, SIZE, 0)
    assert report.first_bad is None


def test_every_file_of_the_public_part_is_checked(verify: Callable[[], LogReport], place: LogPlace) -> None:
    for tile in tiles_of(SIZE):
        path = place.public / tile.path
        for at in (0, path.stat().st_size // 2, path.stat().st_size - 1):
            flip(path, at)
            assert any(tile.path in found.place for found in verify().findings), tile.path
            flip(path, at)
        data = path.read_bytes()
        path.unlink()
        assert (Fault.TILE_UNREADABLE, f"public/{tile.path}", None) in named(verify())
        path.write_bytes(data)
    assert verify().findings == ()


def test_a_changed_hash_and_a_changed_entry_are_named_apart(verify: Callable[[], LogReport], place: LogPlace) -> None:
    flip(place.public / "tile/0/001", 32 * 5 + 3)
    assert named(verify()) == {(Fault.HASH_IN_TILE, "public/tile/0/001", 261)}
    flip(place.public / "tile/0/001", 32 * 5 + 3)
    bundle = (place.public / "tile/entries/000").read_bytes()
    length = int.from_bytes(bundle[:2], "big")
    flip(place.public / "tile/entries/000", (length + 2) * 9 + 20)
    report = verify()
    assert named(report) == {(Fault.ENTRY_IN_BUNDLE, "public/tile/entries/000", 9)}
    assert report.first_bad is not None
    assert report.first_bad.entry == 9


def test_a_changed_byte_of_the_checkpoint_is_found(verify: Callable[[], LogReport], place: LogPlace) -> None:
    for at in range(0, place.checkpoint.stat().st_size, 10):
        flip(place.checkpoint, at)
        assert (Fault.CHECKPOINT_BAD, "public/checkpoint", None) in named(verify()), at
        flip(place.checkpoint, at)
    place.checkpoint.unlink()
    assert (Fault.CHECKPOINT_MISSING, "public/checkpoint", None) in named(verify())


def test_a_changed_byte_of_the_journal_is_found_and_the_frame_named(
    verify: Callable[[], LogReport], place: LogPlace
) -> None:
    with place.journal.open("rb") as file:
        frames = list(read_frames(file, ORIGIN))
    for frame in (frames[0], frames[len(frames) // 2], frames[-1]):
        for at in (0, 5, 20, 30, 60, (frame.end - frame.start) // 2, frame.end - frame.start - 1):
            flip(place.journal, frame.start + at)
            found = named(verify())
            assert (Fault.JOURNAL_BROKEN, f"journal at byte {frame.start}", None) in found, (frame.first, at)
            flip(place.journal, frame.start + at)
    flip(place.journal, 3)
    assert (Fault.JOURNAL_FOREIGN, "journal", None) in named(verify())
    place.journal.unlink()
    assert (Fault.JOURNAL_MISSING, "journal", None) in named(verify())


def rewrite(place: LogPlace, change: Callable[[int, Prepared], Prepared | None]) -> None:
    """Rewrite the journal as somebody would who knows its format: with frames that hold."""
    with place.journal.open("rb") as file:
        frames = list(read_frames(file, ORIGIN))
    data = [preamble(ORIGIN)]
    for frame in frames:
        kept = [change(index, each) for index, each in enumerate(frame.records, frame.first)]
        data.append(encode_frame(frame.first, [each for each in kept if each is not None]))
    place.journal.write_bytes(b"".join(data))


def test_a_changed_entry_in_a_journal_whose_frames_hold_is_named(
    verify: Callable[[], LogReport], place: LogPlace
) -> None:
    rewrite(
        place, lambda index, each: each if index != 77 else Prepared(entry=other_end(each.entry), sealed=each.sealed)
    )
    report = verify()
    assert named(report) == {(Fault.ENTRY_IN_JOURNAL, "journal", 77)}


def test_a_changed_detail_in_a_journal_whose_frames_hold_is_named(
    verify: Callable[[], LogReport], place: LogPlace
) -> None:
    rewrite(
        place, lambda index, each: each if index != 78 else Prepared(entry=each.entry, sealed=other_end(each.sealed))
    )
    assert named(verify()) == {(Fault.DETAIL_CHANGED, "journal", 78)}


def test_a_detail_exchanged_for_another_genuine_one_is_named(verify: Callable[[], LogReport], place: LogPlace) -> None:
    sealed: dict[int, bytes] = {}
    rewrite(place, lambda index, each: (sealed.setdefault(index, each.sealed), each)[1])
    rewrite(place, lambda index, each: each if index != 79 else Prepared(entry=each.entry, sealed=sealed[80]))
    assert named(verify()) == {(Fault.DETAIL_DIFFERS, "journal", 79)}


def test_a_detail_under_a_key_that_never_was_is_named(verify: Callable[[], LogReport], place: LogPlace) -> None:
    rewrite(
        place,
        lambda index, each: each if index != 80 else Prepared(entry=each.entry, sealed=b"?" * 16 + each.sealed[16:]),
    )
    assert named(verify()) == {(Fault.DETAIL_KEY_UNKNOWN, "journal", 80)}


def test_an_entry_taken_out_of_the_journal_is_found(verify: Callable[[], LogReport], place: LogPlace) -> None:
    rewrite(place, lambda index, each: None if index == 81 else each)
    assert any(found.fault in {Fault.JOURNAL_GAP, Fault.ENTRY_IN_JOURNAL} for found in verify().findings)


def test_a_whole_rewritten_history_does_not_lead_to_the_signed_root(
    verify: Callable[[], LogReport], place: LogPlace
) -> None:
    """Somebody without the log's key rewrites journal, bundles and tiles alike."""
    note = place.checkpoint.read_bytes()
    rewrite(
        place, lambda index, each: each if index != 82 else Prepared(entry=each.entry[:-1] + b"!", sealed=each.sealed)
    )
    tree = CompactRange()
    with place.journal.open("rb") as file:
        for frame in read_frames(file, ORIGIN):
            for each in frame.records:
                tree.append(leaf_hash(each.entry))
    shutil.rmtree(place.public)
    place.public.mkdir()
    signed = Signed(checkpoint=Checkpoint.of(ORIGIN, tree), note=b"", end=place.journal.stat().st_size)
    Publication(place, RealFiles(), None, 0).publish(signed)
    place.checkpoint.write_bytes(note)
    assert (Fault.ROOT_DIFFERS, "public/checkpoint", None) in named(verify())


def test_a_journal_cut_short_is_found(verify: Callable[[], LogReport], place: LogPlace) -> None:
    with place.journal.open("rb") as file:
        last = list(read_frames(file, ORIGIN))[-1]
    os.truncate(place.journal, last.start)
    report = verify()
    assert Fault.JOURNAL_SHORT in {found.fault for found in report.findings}
    assert report.first_bad is not None
    assert report.first_bad.entry == last.first


def test_the_public_detail_is_checked(verify: Callable[[], LogReport], place: LogPlace) -> None:
    path = place.public / "detail" / "007"
    flip(path, 40)
    assert named(verify()) == {(Fault.OPEN_DETAIL_DIFFERS, "public/detail/007", 7)}
    path.unlink()
    assert named(verify()) == {(Fault.OPEN_DETAIL_DIFFERS, "public/detail/007", 7)}


@pytest.mark.parametrize("stands", ["pipe", "folder", "loop"])
@pytest.mark.parametrize("name", ["public/checkpoint", "public/tile/0/000", "public/detail/007", "journal", "resume"])
def test_what_is_no_plain_file_is_named_and_keeps_nobody_waiting(
    name: str, stands: str, verify: Callable[[], LogReport], place: LogPlace
) -> None:
    path = place.directory / name
    path.unlink()
    {"pipe": os.mkfifo, "folder": os.mkdir, "loop": lambda at: at.symlink_to(at)}[stands](path)
    report = verify()
    assert bool(report.findings) == (name != "resume")
    assert all(found.place == name for found in report.findings if name.startswith("public/tile"))


def test_strays_among_the_tiles_are_named(verify: Callable[[], LogReport], place: LogPlace) -> None:
    (place.public / "tile" / "0" / "note.txt").write_text("x")
    assert named(verify()) == {(Fault.FILE_STRAY, "public/tile/0/note.txt", None)}


def test_an_older_partial_tile_that_is_no_part_of_the_newer_is_named(
    verify: Callable[[], LogReport], place: LogPlace
) -> None:
    newest = place.public / "tile/0/002.p/88"
    older = newest.with_name("3")
    older.write_bytes(newest.read_bytes()[: 32 * 3])
    assert verify().findings == ()
    flip(older, 40)
    assert named(verify()) == {(Fault.HASH_IN_TILE, "public/tile/0/002.p/3", None)}


def test_erased_details_are_no_fault_and_every_proof_stays(verify: Callable[[], LogReport], keys: DetailKeys) -> None:
    assert keys.destroy([TAG]) == 1
    report = verify()
    assert report.findings == ()
    assert (report.opened, report.erased) == (1, SIZE - 1)


def test_without_keys_the_open_details_are_checked_and_the_others_counted(place: LogPlace, signer: SigningKey) -> None:
    report = verify_log(place, [signer.public])
    assert report.findings == ()
    assert (report.opened, report.sealed) == (1, SIZE - 1)


def test_a_log_in_use_is_sound(
    verify: Callable[[], LogReport], open_log: Callable[..., AuditLog], record: Callable[..., Record], keys: DetailKeys
) -> None:
    log = open_log(settings=AuditSettings(publish_pause_ms=5))
    case = keys.for_case("20261124-00", [])
    futures = []
    for number in range(1500):
        futures.append(log.submit(record(number, case)))
        if number % 300 == 0:
            assert verify().findings == ()
    for future in futures:
        future.result()
    assert verify().findings == ()


def test_an_edge_is_read_back_from_its_tiles(place: LogPlace, signer: SigningKey) -> None:
    raw = place.checkpoint.read_bytes()
    checkpoint = Checkpoint.parse(raw.decode().partition("\n\n")[0] + "\n")
    assert Edge.load(place.public, checkpoint).compact().root() == checkpoint.root
    assert checkpoint.sign(signer) == raw
