"""What the audit's tests share: a log, records to put into it, and the public test vectors."""

import json
import os
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from audit.detail import DetailKey
from audit.files import UnflushedFiles
from audit.log import AuditLog
from audit.record import Record
from audit.settings import AuditSettings
from kernel.clock import FixedClock
from kernel.signing import SigningKey
from schemas.wire.v1 import audit_pb2

ORIGIN = "wenling.mianzheng.example/audit/worker-0"
UNFLUSHED = UnflushedFiles()
VECTORS_VARIABLE = "MIANZHENG_VECTORS"
BESIDE = Path(__file__).parents[3] / "shared" / "vectors"


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The folder of public test vectors; skips where there is none, which fails in CI where it stands beside us."""
    folder = Path(os.environ.get(VECTORS_VARIABLE) or BESIDE)
    if folder.is_dir():
        return folder
    reason = f"no test vectors at {folder}: set {VECTORS_VARIABLE}"
    if os.environ.get("CI") == "true" and BESIDE.is_dir():
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def vector(vectors: Path) -> Callable[[str], Any]:
    """Reads one JSON file of the vectors."""
    return lambda name: json.loads((vectors / name).read_text("utf-8"))


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock.on(date(2026, 11, 24))


@pytest.fixture(scope="session")
def signer() -> SigningKey:
    return SigningKey(bytes(range(32)))


@pytest.fixture
def key() -> DetailKey:
    return DetailKey(id=b"k" * 16, key=b"s" * 32)


@pytest.fixture
def record(key: DetailKey) -> Callable[..., Record]:
    """Makes a record; the number tells one from another."""

    def make(number: int = 0, seal: DetailKey = key) -> Record:
        detail = audit_pb2.Detail(client="spiffe://hub/counter/1", case_number="20261124-00", request=b"r%d" % number)
        return Record(kind=audit_pb2.ENTRY_KIND_ANSWERED, detail=detail, seal=seal, statement=b"s%d" % number)

    return make


@pytest.fixture
def settings() -> AuditSettings:
    return AuditSettings(publish_pause_ms=0)


@pytest.fixture
def open_log(
    tmp_path: Path, signer: SigningKey, clock: FixedClock, settings: AuditSettings
) -> Iterator[Callable[..., AuditLog]]:
    """Opens the log below the test's directory, as often as asked; closes what is left open."""
    opened: list[AuditLog] = []

    def make(**changes: Any) -> AuditLog:
        asked = {
            "origin": ORIGIN,
            "signer": signer,
            "clock": clock,
            "settings": settings,
            **({"files": UNFLUSHED} | changes),
        }
        opened.append(AuditLog.open(tmp_path / "worker-0", **asked))
        return opened[-1]

    yield make
    for each in opened:
        each.close()
