"""Hostile bytes for everything that is read from outside: each gives a value or one named error, and tells nothing.

A seeded share runs with the other tests; `make torture` runs a million. The same seed (MIANZHENG_FUZZ_SEED) gives the
same inputs again, another one gives others.
"""

import base64
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from audit.entry import timestamp
from kernel.errors import Malformed, MalformedIdentity, MianzhengError, NotYourCase
from kernel.sealing import Sealer
from kernel.signing import SigningKey
from schemas.wire.v1 import statement_pb2
from schemas.wire.v1 import verification_pb2 as wire
from verifier.assertion import Claims
from verifier.cases import unsealed
from verifier.evidence import Evidence
from verifier.peer import Peer
from verifier.refusals import KINDS, status_of
from verifier.roll import Operator, Roll, Rolls

FULL = os.environ.get("MIANZHENG_TORTURE") == "full"
SEED = int(os.environ.get("MIANZHENG_FUZZ_SEED", "20261201"))
TIMES = int(os.environ.get("MIANZHENG_FUZZ_TIMES", "100" if FULL else "1"))
"""The whole is about a million inputs: a hundred shares of eleven thousand."""

BATCH, QUESTIONS, OPENINGS, OTHERS, STREAMS, PIECES = 100, 4000, 400, 100, 20, 1500
KEY = SigningKey(b"1" * 32)
OPERATOR = "0731"

pytestmark = pytest.mark.timeout(7200 if FULL else 300)

Message = Any


def flipped(rng: random.Random, raw: bytes, _: Sequence[bytes]) -> bytes:
    changed = bytearray(raw)
    for _ in range(rng.randint(1, 4)):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def cut(rng: random.Random, raw: bytes, _: Sequence[bytes]) -> bytes:
    first, last = sorted(rng.randrange(len(raw) + 1) for _ in range(2))
    return raw[:first] + raw[last:]


def grown(rng: random.Random, raw: bytes, _: Sequence[bytes]) -> bytes:
    at = rng.randrange(len(raw) + 1)
    return raw[:at] + rng.choice((rng.randbytes(rng.randint(1, 40)), b"\x00" * 9, b"\xff" * 11)) + raw[at:]


def repeated(rng: random.Random, raw: bytes, _: Sequence[bytes]) -> bytes:
    first, last = sorted(rng.randrange(len(raw) + 1) for _ in range(2))
    return raw[:last] + raw[first:last] * rng.randint(1, 3) + raw[last:]


def spliced(rng: random.Random, raw: bytes, corpus: Sequence[bytes]) -> bytes:
    other = rng.choice(corpus)
    return raw[: rng.randrange(len(raw) + 1)] + other[rng.randrange(len(other) + 1) :]


def made_up(rng: random.Random, _: bytes, __: Sequence[bytes]) -> bytes:
    return rng.randbytes(rng.randrange(200))


MUTATIONS = (flipped, cut, grown, repeated, spliced, made_up)


def mutated(rng: random.Random, corpus: Sequence[bytes]) -> bytes:
    """One of the corpus, changed once to three times."""
    raw = rng.choice(corpus)
    for _ in range(rng.randint(1, 3)):
        raw = rng.choice(MUTATIONS)(rng, raw, corpus)
    return raw


STRANGE = (
    "",
    "0",
    "\x00",
    "\u202e",
    "a" * 5000,
    "'; DROP TABLE ended;--",
    "../../keys/case",
    "11010119000101000X",
    "\U0001f4a5",
    "%s%n",
    "applicant",
    "marriage.unmarried",
    "fund_loan",
)


def rewritten(rng: random.Random, message: Message) -> bytes:
    """A message that is sound protobuf, with one of its values, however deep, replaced by something strange."""
    copy = type(message)()
    copy.CopyFrom(message)
    within = rng.choice(list(nested(copy)))
    if not within.DESCRIPTOR.fields:
        return rng.randbytes(8)
    found = rng.choice(within.DESCRIPTOR.fields)
    value = getattr(within, found.name)
    if isinstance(value, str):
        setattr(within, found.name, rng.choice(STRANGE))
    elif isinstance(value, bytes):
        setattr(within, found.name, rng.choice((b"", rng.randbytes(rng.choice((1, 16, 32, 64, 65, 9000))))))
    elif isinstance(value, int):
        setattr(within, found.name, rng.choice((0, 1, 5, 99, 2**31 - 1)))
    elif hasattr(value, "add") and len(value):
        rng.choice((value.add, value.pop, lambda: value.extend(list(value) * 20)))()
    else:
        within.ClearField(found.name)
    return bytes(copy.SerializeToString())


def nested(message: Message) -> Iterator[Message]:
    """A message and all that are in it."""
    yield message
    for found, value in message.ListFields():
        if found.message_type is None or found.message_type.GetOptions().map_entry:
            continue
        for each in value if hasattr(value, "add") else (value,):
            yield from nested(each)


class Judge:
    """Counts what became of hostile input, and looks that nothing was told about anybody."""

    def __init__(self, hub: str, planted: Sequence[str]) -> None:
        self.hub, self.planted, self.found = hub, planted, Counter[str]()

    def refused(self, error: MianzhengError) -> None:
        assert type(error).code in KINDS, error
        assert error.code != "internal", error
        told = status_of(error, self.hub).SerializeToString()
        assert not [each for each in self.planted if each.encode() in told or each in str(error)]
        self.found[error.code] += 1


@pytest.fixture
def hall(new_station: Any, town: Any, tmp_path: Path) -> Any:
    """A worker that a counter has cases at; one operator is on its roll. No limit gets in the way."""
    path = tmp_path / "fuzzed-roll.json"
    secret = town.hub.secret("case")
    path.write_bytes(
        Roll(operators={OPERATOR: Operator(id=OPERATOR, groups=("counter",), key=KEY.public.raw)}).encode(secret)
    )
    return new_station(rolls=Rolls(path, secret), guesses_max=10**9)


@pytest.fixture
def peer(town: Any) -> Peer:
    return Peer.of_certificate(town.tls("counter-hall-01").certificate)


@pytest.fixture
def judge(town: Any) -> Judge:
    people = town.people
    return Judge(town.name, [each for who in people.everybody() for each in (who.number, who.name)])


def opening_of(station: Any, peer: Peer) -> wire.OpenCaseRequest:
    """An opening that says everything that can be said."""
    people, now = station.town.people, station.clock.now().replace(microsecond=0)
    claims = Claims(
        hub=station.town.name,
        operator=OPERATOR,
        certificate=peer.fingerprint,
        issued_at=now,
        expires_at=now + timedelta(hours=8),
    )
    evidence = statement_pb2.PresenceEvidence(device="reader-3", at=timestamp(now), record_digest=b"d" * 32)
    return wire.OpenCaseRequest(
        item="property_mortgage",
        parties=[wire.Party(role="applicant", number=people.owner.number, name=people.owner.name)],
        inputs={"certificate_no": people.certificate_no},
        operator=OPERATOR,
        legal_basis="《不动产登记暂行条例》",
        presence=statement_pb2.PRESENCE_CARD_READ,
        nonce=b"n" * 16,
        assertion=claims.signed(KEY),
        presence_evidence=evidence,
        agent=wire.Agent(number=people.buyer.number, name=people.buyer.name, basis="委托书"),
    )


def question_of(station: Any, peer: Peer, *claims: str) -> wire.VerifyRequest:
    opening = opening_of(station, peer)
    opened = station.verifier.open_case(peer, opening.SerializeToString())
    return wire.VerifyRequest(
        case_number=opened.case_number,
        case_token=opened.case_token,
        parties=opening.parties,
        nonce=b"m" * 16,
        questions=[wire.Question(claim=each, role="applicant") for each in claims],
    )


def inputs(name: str, message: Message, times: int) -> Iterator[bytes]:
    """So many hostile inputs, always the same for a seed."""
    rng = random.Random(f"{SEED} {name}")
    corpus = [message.SerializeToString()]
    for _ in range(times * TIMES):
        yield rewritten(rng, message) if rng.random() < 0.4 else mutated(rng, corpus)


def test_hostile_questions_get_an_answer_or_a_named_error_each_with_its_entry(
    hall: Any, peer: Peer, judge: Judge
) -> None:
    question = question_of(hall, peer, "dwelling.owns_this")
    before = len(hall.entries())
    asked = 0
    some = inputs("questions", question, QUESTIONS)
    while batch := [each for _, each in zip(range(BATCH), some, strict=False)]:
        asked += len(batch)
        reply = hall.verifier.verify_batch(peer, wire.VerifyBatchRequest(questions=batch).SerializeToString())
        assert len(reply.answered) == len(batch)
        for raw, each in zip(batch, reply.answered, strict=True):
            if each.HasField("refused"):
                refused = each.refused
                judge.refused(KINDS[refused.code](refused.message, field=refused.field, remedy=refused.remedy))
            else:
                # What is answered is answered as it was asked, and proved.
                evidence = Evidence.of(raw, each.signed)
                assert Evidence.parse(evidence.encode()) == evidence
                judge.found["answered"] += 1
    assert asked == QUESTIONS * TIMES
    if TIMES == 1:
        kinds = [entry.kind_name for entry, _ in hall.entries()[before:]]
        assert len(kinds) == asked
        assert kinds.count("REFUSED") == asked - judge.found["answered"]
    assert len(judge.found) > 6, judge.found


def test_hostile_openings_get_a_case_or_a_named_error(hall: Any, peer: Peer, judge: Judge) -> None:
    for raw in inputs("openings", opening_of(hall, peer), OPENINGS):
        try:
            hall.verifier.open_case(peer, raw)
        except MianzhengError as error:
            judge.refused(error)
        else:
            judge.found["opened"] += 1
    assert sum(judge.found.values()) == OPENINGS * TIMES
    assert len(judge.found) > 4, judge.found


def test_every_other_call_gets_a_reply_or_a_named_error(hall: Any, peer: Peer, judge: Judge) -> None:
    question, verifier = question_of(hall, peer), hall.verifier
    closing = wire.CloseCaseRequest(case_number=question.case_number, case_token=question.case_token)
    batch = wire.VerifyBatchRequest(questions=[question.SerializeToString()] * 3)
    calls = (
        ("CloseCase", verifier.close_case, closing),
        ("VerifyBatch", verifier.verify_batch, batch),
        ("ListItems", verifier.list_items, wire.ListItemsRequest()),
        ("GetItem", verifier.get_item, wire.GetItemRequest(item="fund_loan")),
        ("VerifyItem", verifier.verify_item, question),
    )
    for name, call, message in calls:
        for raw in inputs(name, message, OTHERS):
            try:
                call(peer, raw)
            except MianzhengError as error:
                judge.refused(error)
            else:
                judge.found[name] += 1
    assert sum(judge.found.values()) == len(calls) * OTHERS * TIMES


def test_hostile_streams_end_with_a_named_error_or_go_on(hall: Any, peer: Peer, judge: Judge) -> None:
    question = question_of(hall, peer).SerializeToString()
    message = wire.VerifyStreamRequest(questions=[wire.Numbered(number=1, question=question)] * 3)
    for first in inputs("streams", message, STREAMS):
        stream = hall.verifier.stream(peer)
        for told in stream.answers(iter([message.SerializeToString(), first])):
            judge.found["told"] += len(wire.VerifyStreamResponse.FromString(told).answered)
        if stream.ending is not None:
            judge.refused(stream.ending)
    assert judge.found["told"] >= STREAMS * TIMES


def read_token(station: Any) -> tuple[bytes, Callable[[bytes], object]]:
    sealer = Sealer(station.town.hub.secret("case"))
    token = question_of(station, Peer.of_certificate(station.town.tls("counter-hall-01").certificate)).case_token

    def read(raw: bytes) -> object:
        if raw != token:
            with pytest.raises(NotYourCase):
                unsealed(raw, sealer)
        return None

    return token, read


def read_assertion(station: Any) -> tuple[bytes, Callable[[bytes], object]]:
    peer = Peer.of_certificate(station.town.tls("counter-hall-01").certificate)
    return opening_of(station, peer).assertion.payload, Claims.parse


def read_certificate(station: Any) -> tuple[bytes, Callable[[bytes], object]]:
    pem = station.town.tls("counter-hall-01").certificate

    def read(raw: bytes) -> object:
        # Whatever it is, it is read without a fault, and names nobody whom it does not name.
        assert Peer.of_certificate(raw).id in {"", Peer.of_certificate(pem).id} or b"CERTIFICATE" in raw
        return None

    return pem, read


def read_encoded_certificate(station: Any) -> tuple[bytes, Callable[[bytes], object]]:
    der = base64.b64decode(b"".join(station.town.tls("counter-hall-01").certificate.split(b"\n")[1:-2]))

    def read(raw: bytes) -> object:
        # As text whatever it is, so that it is always looked into.
        pem = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(raw) + b"-----END CERTIFICATE-----\n"
        found = Peer.of_certificate(pem)
        assert not found.id or (found.serial and found.fingerprint)
        return None

    return der, read


def read_evidence(station: Any) -> tuple[bytes, Callable[[bytes], object]]:
    peer = Peer.of_certificate(station.town.tls("counter-hall-01").certificate)
    raw = question_of(station, peer).SerializeToString()
    return Evidence.of(raw, station.verifier.verify_item(peer, raw).signed).encode(), Evidence.parse


@pytest.mark.parametrize(
    "made", [read_token, read_assertion, read_certificate, read_encoded_certificate, read_evidence]
)
def test_hostile_pieces_are_read_or_malformed(hall: Any, judge: Judge, made: Any) -> None:
    raw, read = made(hall)
    rng = random.Random(f"{SEED} {made.__name__}")
    for _ in range(PIECES * TIMES):
        try:
            read(mutated(rng, [raw, raw[::-1]]))
        except (Malformed, MalformedIdentity) as error:
            judge.refused(error)
        else:
            judge.found["read"] += 1
    assert sum(judge.found.values()) == PIECES * TIMES
