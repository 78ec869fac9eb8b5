"""The journal's frames, and opening a log whose end was torn or whose middle was changed."""

import io
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.files import UnflushedFiles
from audit.journal import (
    FRAME_SIZE_MAX,
    BrokenFrame,
    encode_frame,
    parse_frame,
    parse_header,
    parse_records,
    preamble,
    read_frames,
)
from audit.log import AuditLog
from audit.place import LogPlace
from audit.record import Prepared, Record
from audit.recover import recover
from audit.settings import AuditSettings
from audit.tiles import tiles_of
from kernel.errors import Damaged, LogUnavailable, Malformed
from kernel.signing import SigningKey

ORIGIN = "wenling.mianzheng.example/audit/worker-0"
Open = Callable[..., AuditLog]
Make = Callable[..., Record]
records = st.builds(Prepared, entry=st.binary(max_size=60), sealed=st.binary(min_size=16, max_size=60))
groups = st.lists(records, min_size=1, max_size=5)
QUIET = AuditSettings(publish_pause_ms=0)


@given(st.integers(0, 1 << 40), groups)
def test_a_group_comes_back_from_its_frame(first: int, group: list[Prepared]) -> None:
    assert parse_frame(encode_frame(first, group)) == (first, tuple(group))


@given(st.integers(0, 1 << 40), groups, st.data())
def test_a_changed_byte_in_a_frame_is_found(first: int, group: list[Prepared], data: st.DataObject) -> None:
    raw = encode_frame(first, group)
    at = data.draw(st.integers(0, len(raw) - 1))
    with pytest.raises(Malformed):
        parse_frame(raw[:at] + bytes([raw[at] ^ data.draw(st.integers(1, 255))]) + raw[at + 1 :])


@given(st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_malformed(raw: bytes) -> None:
    for parse in (parse_frame, parse_header):
        with suppress(Malformed):
            parse(raw)
    with suppress(Malformed):
        parse_records(raw, 2)


def test_a_journal_of_another_log_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_bytes(preamble("other") + encode_frame(0, [Prepared(entry=b"e", sealed=bytes(16))]))
    with path.open("rb") as file, pytest.raises(Damaged, match="not this log's"):
        list(read_frames(file, ORIGIN))


@given(st.binary(max_size=300))
def test_any_bytes_behind_the_preamble_are_frames_or_one_broken_frame(raw: bytes) -> None:
    file = io.BytesIO(preamble(ORIGIN) + raw)
    with suppress(BrokenFrame):
        list(read_frames(file, ORIGIN, end=len(preamble(ORIGIN) + raw)))


def _written(open_log: Open, record: Make, groups: int) -> tuple[list[int], int]:
    """Write groups of one entry each; gives where each frame ends. The public part stays behind at the first."""
    log = open_log(settings=QUIET)
    ends = []
    for number in range(groups):
        log.append(record(number))
        ends.append(log.signed.end)
    log.close()
    return ends, log.signed.checkpoint.size


def _forget_publication(directory: Path) -> None:
    """As if the process had ended before anything was published."""
    (directory / "resume").unlink(missing_ok=True)
    (directory / "public" / "checkpoint").unlink(missing_ok=True)


def test_a_tail_torn_at_any_byte_is_cut_off_and_what_was_whole_stays(
    open_log: Open, record: Make, signer: SigningKey, tmp_path: Path
) -> None:
    ends, _ = _written(open_log, record, 3)
    directory = tmp_path / "worker-0"
    whole = (directory / "journal").read_bytes()
    assert len(whole) == ends[2]
    _forget_publication(directory)
    place = LogPlace(directory=directory, origin=ORIGIN)
    for length in range(ends[1], ends[2]):
        (directory / "journal").write_bytes(whole[:length])
        recovered = recover(place, signer.known, UnflushedFiles(), rescan=True)
        recovered.journal.close()
        assert recovered.tree.size == 2
        assert recovered.torn == length - ends[1]
        assert (directory / "journal").read_bytes() == whole[: ends[1]]
        if length > ends[1]:
            assert (directory / f"torn-{ends[1]}").read_bytes() == whole[ends[1] : length]


def test_a_tail_whose_pages_never_came_is_cut_off(open_log: Open, record: Make, tmp_path: Path) -> None:
    ends, _ = _written(open_log, record, 3)
    directory = tmp_path / "worker-0"
    whole = (directory / "journal").read_bytes()
    for at in (ends[1], ends[1] + 40):
        _forget_publication(directory)
        (directory / "journal").write_bytes(whole[:at] + bytes(len(whole) - at))
        log = open_log()
        assert log.signed.checkpoint.size == 2
        log.close()


def test_a_byte_changed_in_the_middle_is_named_and_the_log_refused(
    open_log: Open, record: Make, tmp_path: Path
) -> None:
    ends, _ = _written(open_log, record, 3)
    path = tmp_path / "worker-0" / "journal"
    whole = path.read_bytes()
    begin = len(preamble(ORIGIN))
    for at in range(begin, ends[1], 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        start = begin if at < ends[0] else ends[0]
        with pytest.raises(Damaged, match=f"journal at byte {start}"):
            open_log()
        assert path.stat().st_size == len(whole)


def test_a_byte_changed_in_what_was_published_last_is_no_torn_tail(
    open_log: Open, record: Make, tmp_path: Path
) -> None:
    ends, _ = _written(open_log, record, 3)
    path = tmp_path / "worker-0" / "journal"
    whole = path.read_bytes()
    for at in range(ends[1], ends[2], 11):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(Damaged, match="ends before the published checkpoint"):
            open_log()
        assert path.stat().st_size == len(whole)


@pytest.mark.parametrize("rescan", [True, False])
def test_a_journal_cut_short_behind_its_checkpoint_is_refused(
    *, rescan: bool, open_log: Open, record: Make, tmp_path: Path
) -> None:
    ends, _ = _written(open_log, record, 3)
    path = tmp_path / "worker-0" / "journal"
    path.write_bytes(path.read_bytes()[: ends[1]])
    with pytest.raises(Damaged, match="ends before the published checkpoint"):
        open_log(settings=AuditSettings(rescan_on_open=rescan))
    path.unlink()
    with pytest.raises(Damaged, match="journal: is missing"):
        open_log(settings=AuditSettings(rescan_on_open=rescan))


def test_a_rewritten_history_is_refused_even_if_its_frames_hold(open_log: Open, record: Make, tmp_path: Path) -> None:
    _written(open_log, record, 3)
    path = tmp_path / "worker-0" / "journal"
    with path.open("rb") as file:
        frames = list(read_frames(file, ORIGIN))
    other = frames[1].records
    rewritten = [encode_frame(0, other), encode_frame(1, other), encode_frame(2, frames[2].records)]
    path.write_bytes(preamble(ORIGIN) + b"".join(rewritten))
    with pytest.raises(Damaged, match="does not hold the 3 entries that were published"):
        open_log()


def test_frames_out_of_order_are_refused(open_log: Open, record: Make, tmp_path: Path) -> None:
    _written(open_log, record, 3)
    directory = tmp_path / "worker-0"
    _forget_publication(directory)
    with (directory / "journal").open("rb") as file:
        frames = list(read_frames(file, ORIGIN))
    kept = [encode_frame(each.first, each.records) for each in (frames[0], frames[2])]
    (directory / "journal").write_bytes(preamble(ORIGIN) + b"".join(kept))
    with pytest.raises(Damaged, match="holds entry 2 where 1 belongs"):
        open_log()


def test_a_checkpoint_by_another_key_is_refused(open_log: Open, record: Make) -> None:
    _written(open_log, record, 1)
    with pytest.raises(Damaged, match="public/checkpoint"):
        open_log(signer=SigningKey.generate())


def test_public_files_that_were_lost_are_made_again(open_log: Open, record: Make, tmp_path: Path) -> None:
    log = open_log()
    for future in [log.submit(record(number)) for number in range(600)]:
        future.result()
    log.close()
    public = tmp_path / "worker-0" / "public"
    needed = [public / tile.path for tile in tiles_of(600)]
    before = [path.read_bytes() for path in needed]
    for path in needed:
        path.unlink()
    open_log().close()
    assert [path.read_bytes() for path in needed] == before


def test_a_directory_that_cannot_be_made_is_an_unavailable_log(tmp_path: Path, open_log: Open) -> None:
    (tmp_path / "worker-0").write_bytes(b"a file stands here")
    with pytest.raises(LogUnavailable):
        open_log()


@pytest.mark.parametrize("skew", [-40, -1, 1])
def test_a_hint_that_the_journal_does_not_bear_out_costs_no_entry(
    skew: int, open_log: Open, record: Make, tmp_path: Path
) -> None:
    with open_log() as log:
        for number in range(3):
            log.append(record(number))
    hint = tmp_path / "worker-0" / "resume"
    said = json.loads(hint.read_bytes())
    hint.write_text(json.dumps(said | {"last": said["last"] + skew}))
    before = (tmp_path / "worker-0" / "journal").read_bytes()
    with open_log(settings=AuditSettings(rescan_on_open=False)) as log:
        assert log.torn == 0
        assert log.append(record(3)).index == 3
    assert (tmp_path / "worker-0" / "journal").read_bytes().startswith(before)


def test_a_frame_that_nobody_would_read_back_is_not_written() -> None:
    with pytest.raises(Malformed):
        encode_frame(0, [Prepared(entry=b"e", sealed=bytes(FRAME_SIZE_MAX))])
