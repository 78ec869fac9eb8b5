"""The peer: the same questions answered by FastAPI over PostgreSQL, each answer a JWS, each access an audit row.

Built as a good engineer would who has no log that proves anything: one prepared statement reads all that a question
needs, one inserts the audit row and waits for its commit (PostgreSQL shares flushes between connections); a batch is
read and audited with one statement each; a stream is a WebSocket whose messages are answered side by side. There are
no receipts, sealed details, snapshots, taint, names, nor links between numbers: it does less. Run by uvicorn.
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg  # type: ignore[import-untyped] # no types are published
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI, HTTPException, Request, Response, WebSocket

BALANCE_FEN, MONTHS = 1_000_000, 12
STREAM_WINDOW = 64
CONNECTIONS = 16

READ = """
    select q.n,
        (select row(item, parties, expires_at, closed) from cases where number = q.number) as opened,
        (select array_agg(row(status, balance_fen)) from fund_accounts where person_id = q.person) as accounts,
        (select array_agg(row(status, use)) from dwellings where owner_id = q.person) as dwellings,
        (select array_agg(row(scheme, status, months_paid)) from social_insurance where person_id = q.person) as insured
    from unnest($1::text[], $2::text[]) with ordinality as q(number, person, n) order by q.n
"""
AUDIT = """
    insert into audit (at, client, operator, case_number, item, subject, request, answers, statement_digest)
    select now(), $1, * from unnest(
        $2::text[], $3::text[], $4::text[], $5::bytea[], $6::bytea[], $7::text[], $8::bytea[])
"""


class Party(msgspec.Struct):
    """A party, in clear."""

    role: str
    number: str


class Question(msgspec.Struct):
    """A question in a case."""

    case_number: str
    parties: list[Party]
    nonce: str


_question = msgspec.json.Decoder(Question)
_questions = msgspec.json.Decoder(list[Question])
_encode = msgspec.json.Encoder().encode
_HEADER = base64.urlsafe_b64encode(b'{"alg":"EdDSA","typ":"JWT"}').rstrip(b"=")


class Answerer:
    """Reads, judges, signs, audits."""

    def __init__(self, pool: asyncpg.Pool, key: Ed25519PrivateKey, tag_key: bytes) -> None:
        """Take the database, the answer key and the key of the tags."""
        self._pool = pool
        self._key = key
        self._tag_key = tag_key

    async def answer(self, client: str, asked: Sequence[tuple[Question, bytes]]) -> list[bytes]:
        """The signed answers, audited; raises HTTPException where a case may not be asked in."""
        numbers = [question.case_number for question, _ in asked]
        people = [question.parties[0].number for question, _ in asked]
        async with self._pool.acquire() as connection:
            found = await connection.fetch(READ, numbers, people)
            now = datetime.now(UTC)
            made = [self._judged(question, raw, row, now) for (question, raw), row in zip(asked, found, strict=True)]
            await connection.execute(
                AUDIT,
                client,
                ["bench"] * len(asked),
                numbers,
                [item for item, _, _ in made],
                [self._tag(person) for person in people],
                [raw for _, raw in asked],
                [answers for _, answers, _ in made],
                [hashlib.sha256(token).digest() for _, _, token in made],
            )
        return [token for _, _, token in made]

    def _judged(self, question: Question, raw: bytes, row: Any, now: datetime) -> tuple[str, str, bytes]:
        opened = row["opened"]
        if opened is None or opened[3] or opened[2] < now or opened[1] != question.parties[0].number:
            raise HTTPException(403, "the case may not be asked in")
        accounts, dwellings, insured = (row[each] or () for each in ("accounts", "dwellings", "insured"))
        old_age = [each for each in insured if each[0] == "养老"]
        answers = (
            ("fund.account_active", any(each[0] == "正常" for each in accounts), bool(accounts)),
            ("fund.balance_at_least", any(a[0] == "正常" and a[1] >= BALANCE_FEN for a in accounts), bool(accounts)),
            ("dwelling.owns_none", not any(d[0] == "现势" and d[1] == "住宅" for d in dwellings), True),
            ("social.months_at_least", any(each[2] >= MONTHS for each in old_age), bool(insured)),
            ("social.insured_now", any(each[1] == "正常" for each in old_age), bool(insured)),
        )
        told = [{"claim": claim, "outcome": _outcome(holds=holds, there=there)} for claim, holds, there in answers]
        payload = {
            "case": question.case_number,
            "item": opened[0],
            "nonce": question.nonce,
            "request": hashlib.sha256(raw).hexdigest(),
            "party": self._tag(question.parties[0].number).hex(),
            "answers": told,
            "iat": int(now.timestamp()),
        }
        body = base64.urlsafe_b64encode(_encode(payload)).rstrip(b"=")
        signed = _HEADER + b"." + body
        signature = base64.urlsafe_b64encode(self._key.sign(signed)).rstrip(b"=")
        return opened[0], _encode(told).decode(), signed + b"." + signature

    def _tag(self, number: str) -> bytes:
        return hmac.digest(self._tag_key, number.encode(), "sha256")


def _outcome(*, holds: bool, there: bool) -> str:
    if not there:
        return "NO_RECORD"
    return "CONFIRMED" if holds else "NOT_CONFIRMED"


def application(environ: Mapping[str, str]) -> FastAPI:
    """The service over the database that the environment names."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        async with asyncpg.create_pool(environ["PEER_DATABASE"], min_size=CONNECTIONS, max_size=CONNECTIONS) as pool:
            key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(environ["PEER_KEY"]))
            app.state.answerer = Answerer(pool, key, os.urandom(32))
            yield

    app = FastAPI(lifespan=life)

    @app.post("/verify")
    async def verify(request: Request) -> Response:
        raw = await request.body()
        (token,) = await app.state.answerer.answer("bench", [(_question.decode(raw), raw)])
        return Response(token, media_type="application/jose")

    @app.post("/verify-batch")
    async def verify_batch(request: Request) -> Response:
        raws = msgspec.json.decode(await request.body(), type=list[msgspec.Raw])
        asked = [(_question.decode(each), bytes(each)) for each in raws]
        return Response(b"\n".join(await app.state.answerer.answer("bench", asked)), media_type="application/jose")

    @app.websocket("/stream")
    async def stream(socket: WebSocket) -> None:
        await socket.accept()
        window = asyncio.Semaphore(STREAM_WINDOW)

        async def answer(raw: bytes) -> None:
            try:
                (token,) = await app.state.answerer.answer("bench", [(_question.decode(raw), raw)])
                await socket.send_bytes(token)
            finally:
                window.release()

        with contextlib.suppress(ExceptionGroup):
            async with asyncio.TaskGroup() as under_way:
                while True:
                    await window.acquire()
                    under_way.create_task(answer(await socket.receive_bytes()))

    return app


def create() -> FastAPI:
    """What uvicorn is told to run (`--factory`)."""
    return application(os.environ)
