"""Publishing under faults: the public part may lag, but what stands there always hangs together."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from audit.checkpoint import Checkpoint, open_checkpoint
from audit.faulty_files import FaultyFiles
from audit.files import RealFiles
from audit.journal import Journal, encode_frame, preamble
from audit.log import AuditLog
from audit.merkle import CompactRange, leaf_hash, root_of
from audit.place import LogPlace
from audit.publish import Publication, Signed
from audit.record import Prepared, Record
from audit.settings import AuditSettings
from audit.tiles import TileReader, tiles_of
from kernel.errors import Damaged
from kernel.signing import SigningKey

ORIGIN = "wenling.mianzheng.example/audit/worker-0"
Open = Callable[..., AuditLog]
Make = Callable[..., Record]


class Grown:
    """A journal that grows group by group, without a log around it."""

    def __init__(self, directory: Path, signer: SigningKey) -> None:
        self.place = LogPlace(directory=directory, origin=ORIGIN)
        self.place.public.mkdir(parents=True)
        self.place.journal.write_bytes(preamble(ORIGIN))
        self.signer = signer
        self.tree = CompactRange()
        self.journal = Journal(self.place.journal, RealFiles(), len(preamble(ORIGIN)))

    def grow(self, count: int) -> Signed:
        group = [Prepared(entry=b"%d" % (self.tree.size + at), sealed=bytes([1] * 16)) for at in range(count)]
        self.journal.append(encode_frame(self.tree.size, group))
        for each in group:
            self.tree.append(leaf_hash(each.entry))
        checkpoint = Checkpoint.of(ORIGIN, self.tree)
        return Signed(checkpoint=checkpoint, note=checkpoint.sign(self.signer), end=self.journal.end)

    def check(self) -> int:
        """Check that the published checkpoint, if there is one, has all its tiles; gives its size."""
        if not self.place.checkpoint.exists():
            return 0
        found = open_checkpoint(self.place.checkpoint.read_bytes(), ORIGIN, [self.signer.public])
        reader = TileReader(directory=self.place.public, size=found.size)
        for tile in tiles_of(found.size):
            reader.read(tile)
        assert root_of(found.size, reader.node) == found.root
        assert [reader.entry(at) for at in range(found.size)] == [b"%d" % at for at in range(found.size)]
        return found.size


@pytest.fixture
def grown(tmp_path: Path, signer: SigningKey) -> Grown:
    return Grown(tmp_path / "worker-0", signer)


@pytest.mark.parametrize("lands", [False, True])
@pytest.mark.parametrize("operation", ["write", "flush", "rename", "flush_names"])
def test_a_fault_at_any_step_leaves_a_whole_public_part_and_a_retry_mends_it(
    operation: str, *, lands: bool, grown: Grown
) -> None:
    files = FaultyFiles(operation=operation, at=-1, lands=lands, partial=10)
    publication = Publication(grown.place, files, None, 0)
    publication.publish(grown.grow(250))
    step = 0
    while True:
        size = grown.tree.size
        signed = grown.grow(9)
        before = files.counts[operation]
        files.at = before + step
        try:
            publication.publish(signed)
        except OSError:
            assert grown.check() in {size, size + 9}
            files.at = -1
            publication.publish(signed)
            assert grown.check() == size + 9
            step += 1
        else:
            break
    assert step >= 3
    assert grown.check() == grown.tree.size


def test_until_a_newer_checkpoint_stands_the_older_one_has_its_tiles(grown: Grown) -> None:
    """Also where the public part is made anew, as after a fault."""
    Publication(grown.place, RealFiles(), None, 0).publish(grown.grow(300))
    faulty = FaultyFiles(operation="rename", at=0)
    with pytest.raises(OSError, match="Input/output"):
        Publication(grown.place, faulty, None, 0).publish(grown.grow(300))
    assert grown.check() == 300


def test_nothing_is_published_that_does_not_lead_to_the_signed_root(grown: Grown) -> None:
    publication = Publication(grown.place, RealFiles(), None, 0)
    publication.publish(grown.grow(5))
    before = grown.place.checkpoint.read_bytes()
    signed = grown.grow(5)
    other = Checkpoint(origin=ORIGIN, size=10, root=bytes(32))
    with pytest.raises(Damaged):
        publication.publish(Signed(checkpoint=other, note=other.sign(grown.signer), end=signed.end))
    assert grown.place.checkpoint.read_bytes() == before


def test_a_log_goes_on_while_its_public_part_cannot_be_written(open_log: Open, record: Make, tmp_path: Path) -> None:
    log = open_log()
    log.append(record(0))
    public = tmp_path / "worker-0" / "public"
    log.close()
    files = FaultyFiles(operation="rename", at=0, only="checkpoint")
    log = open_log(files=files)
    for number in range(1, 20):
        log.append(record(number))
    log.close()
    assert log.failure is None
    log = open_log()
    log.close()
    assert (public / "checkpoint").read_bytes() == log.signed.note
    assert log.signed.checkpoint.size == 20


def test_a_journal_changed_below_a_running_log_stops_it(open_log: Open, record: Make, tmp_path: Path) -> None:
    open_log().close()
    log = open_log(settings=AuditSettings(publish_pause_ms=60_000))
    directory = tmp_path / "worker-0"
    log.append(record(0))
    wait_for(lambda: b"\n1\n" in published(directory / "public" / "checkpoint"))
    begin = log.signed.end
    log.append(record(1))
    with (directory / "journal").open("r+b") as file:
        file.seek(begin + 60)
        file.write(b"?")
    log.close()
    assert isinstance(log.failure, Damaged)
    assert f"at byte {begin}" in str(log.failure)


def published(path: Path) -> bytes:
    """What has been published there; nothing before the first time."""
    return path.read_bytes() if path.exists() else b""


def wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_is_durable_is_public_within_a_second(open_log: Open, record: Make, tmp_path: Path) -> None:
    """The quickest of several: a busy machine may be late for reasons that are not the log's."""
    log = open_log(settings=AuditSettings())
    log.append(record(0))
    waits = []
    for number in range(1, 6):
        begun = time.monotonic()
        log.append(record(number))
        wait_for(lambda: published(tmp_path / "worker-0" / "public" / "checkpoint") == log.signed.note)
        waits.append(time.monotonic() - begun)
    assert min(waits) < 1
