"""A verifier killed under load, in every window of a commit: what anybody was told is in the log, and it comes back."""

import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from app.verification import client_tls
from samples.personas import Personas
from schemas.wire.v1 import statement_pb2
from schemas.wire.v1 import verification_pb2 as wire
from tests.torture.town import ENDED, PATIENCE_S, SIGKILLED, Town

FULL = os.environ.get("MIANZHENG_TORTURE") == "full"
KILLS = int(os.environ.get("MIANZHENG_TORTURE_KILLS", "300" if FULL else "6"))
"""The whole count in `make torture`; elsewhere a seeded share that still meets every window."""
BYTES = 20_000 if FULL else 100
"""Requests of garbage to each call."""
WINDOWS = ("before-write", "half-written", "write-to-flush", "flush-to-checkpoint", "before-reply", "outside")
SEED = int(os.environ.get("MIANZHENG_TORTURE_SEED", "20261124"))
PASSAGES = range(12, 80)
"""Which passage of a window is the last: past the opening of the log, and soon."""
OUTSIDE_SECONDS = (0.2, 1.0)


@pytest.mark.timeout(3600)
@pytest.mark.xdist_group("torture")
def test_whatever_a_client_was_told_survives_every_kill(
    town: Town, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    town = town.copied(tmp_path / "town")
    chance = random.Random(SEED)
    hits: Counter[str] = Counter()
    for number in range(KILLS):
        window = WINDOWS[number % len(WINDOWS)]
        with town.worker(window, chance.choice(PASSAGES)) as worker, town.clerks(worker.port):
            if window == "outside":
                time.sleep(chance.uniform(*OUTSIDE_SECONDS))
                worker.process.kill()
            # In any other window the process has killed itself there: nobody else does.
            assert worker.process.wait(PATIENCE_S) == SIGKILLED
        hits[window] += 1
    with town.worker() as worker:
        town.ask(worker.port)
        assert worker.end() == ENDED
    entries = town.judge()
    assert hits.keys() == set(WINDOWS)
    assert len(town.told) > 10 * KILLS
    # Whoever was not answered was told that nobody answers: a killed process has no other words.
    assert {kind for kind, _ in town.refused} == {"Unavailable"}
    with capsys.disabled():
        sys.stdout.write(f"\n{KILLS} kills: {dict(hits)}\n")
        sys.stdout.write(
            f"{len(town.told)} answers, {len(town.checkpoints())} checkpoints, {entries} entries, nothing lost\n"
        )


@pytest.mark.timeout(900)
@pytest.mark.xdist_group("torture")
def test_garbage_gets_one_named_refusal_and_the_service_lives(town: Town, tmp_path: Path) -> None:
    town = town.copied(tmp_path / "town")
    chance = random.Random(SEED)
    seen: Counter[str] = Counter()
    tls = client_tls(town.hub, "counter-hall-01")
    with town.worker() as worker:
        credentials = grpc.ssl_channel_credentials(tls.authority, tls.key, tls.certificate)
        with grpc.secure_channel(f"localhost:{worker.port}", credentials) as channel:
            for method, sample in samples(town.people).items():
                call: Callable[..., bytes] = channel.unary_unary(f"/mianzheng.v1.{method}")
                for _ in range(BYTES):
                    try:
                        call(garbage(sample, chance), timeout=5)
                        seen["answered"] += 1
                    except grpc.RpcError as refused:
                        seen[refused.code().name] += 1
        assert worker.process.poll() is None
        town.ask(worker.port)
    assert seen.keys() <= {"answered", "INVALID_ARGUMENT", "PERMISSION_DENIED", "NOT_FOUND", "FAILED_PRECONDITION"}
    assert seen["INVALID_ARGUMENT"] > BYTES


def samples(people: Personas) -> dict[str, bytes]:
    """A well-formed request of each call, to spoil."""
    parties = [wire.Party(role="applicant", number=people.elder.number)]
    opening = wire.OpenCaseRequest(
        item="senior_allowance",
        parties=parties,
        operator="o",
        legal_basis="b",
        presence=statement_pb2.PRESENCE_OPERATOR_WORD,
        nonce=b"n" * 16,
    )
    asking = wire.VerifyItemRequest(case_number="c", case_token=b"t" * 200, parties=parties, nonce=b"n" * 16)
    naming = wire.VerifyRequest(
        case_number="c",
        case_token=b"t" * 200,
        parties=parties,
        nonce=b"n" * 16,
        questions=[wire.Question(claim="person.alive", role="applicant")],
    )
    return {
        "VerificationService/OpenCase": opening.SerializeToString(),
        "VerificationService/VerifyItem": asking.SerializeToString(),
        "VerificationService/Verify": naming.SerializeToString(),
        "VerificationService/VerifyBatch": wire.VerifyBatchRequest(
            questions=[asking.SerializeToString()] * 2
        ).SerializeToString(),
        "VerificationService/CloseCase": wire.CloseCaseRequest(case_token=b"t" * 99).SerializeToString(),
        "CatalogueService/GetItem": wire.GetItemRequest(item="senior_allowance").SerializeToString(),
    }


def garbage(sample: bytes, chance: random.Random) -> bytes:
    """Random bytes, or a request with some bytes changed, dropped or doubled."""
    if chance.random() < 1 / 4:
        return chance.randbytes(chance.randrange(300))
    spoilt = bytearray(sample)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(spoilt) or 1)
        match chance.randrange(3):
            case 0 if spoilt:
                spoilt[at] = chance.randrange(256)
            case 1:
                del spoilt[at : at + chance.randint(1, 9)]
            case _:
                spoilt[at:at] = spoilt[at : at + chance.randint(1, 9)]
    return bytes(spoilt)
