"""The evidence file: everything that an outsider needs to check one statement, and the check itself.

Format: docs/specs/evidence.md. It names people by their numbers (the request does), so whoever asked keeps it.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, fields

from audit.entry import Entry, instant
from audit.receipt import Receipt
from kernel.digest import digest
from kernel.errors import Malformed
from kernel.trust import Trust
from schemas.wire.v1 import audit_pb2, statement_pb2, verification_pb2
from verifier.statement import Signed, parse_request, parse_statement

FORMAT = "mianzheng.evidence/1"
FILE_SIZE_MAX = 4 << 20
SUFFIX = ".evidence.json"
ANSWERS = frozenset({audit_pb2.ENTRY_KIND_ANSWERED, audit_pb2.ENTRY_KIND_DISCLOSED})
"""The kinds of entry that record an answer."""


class FalseEvidence(Malformed):
    """The evidence does not hold; the message names every step that does not."""

    code = "false_evidence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the check. `fault` says why it does not hold; empty where it does."""

    name: str
    promise: str
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A question and its answer, in the bytes that travelled, with the proof that the answer was logged."""

    request: bytes
    statement: bytes
    signature: bytes
    key_id: str
    entry: bytes
    receipt: bytes

    @classmethod
    def of(cls, request: bytes, signed: verification_pb2.SignedStatement) -> "Evidence":
        """The evidence of a reply."""
        return cls(
            request=request,
            statement=signed.statement,
            signature=signed.signature,
            key_id=signed.key_id,
            entry=signed.entry,
            receipt=signed.receipt,
        )

    def encode(self) -> bytes:
        """The file's bytes; `parse` gives the evidence back."""
        content = {"format": FORMAT}
        for each in fields(self):
            value = getattr(self, each.name)
            content[each.name] = value if isinstance(value, str) else base64.b64encode(value).decode()
        return json.dumps(content, indent=1).encode() + b"\n"

    @classmethod
    def parse(cls, raw: bytes) -> "Evidence":
        """The evidence in a file; raises Malformed. It is not checked yet."""
        if len(raw) > FILE_SIZE_MAX:
            raise Malformed("is too large", field="evidence")
        try:
            content = json.loads(raw)
            if content["format"] != FORMAT or content.keys() != {"format", *(each.name for each in fields(cls))}:
                raise Malformed(f"is not {FORMAT}", field="evidence")
            if not isinstance(content["key_id"], str):
                raise Malformed("is no text", field="evidence.key_id")
            parts = {name: _unbase64(content[name], name) for name in _PARTS}
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise Malformed("is no evidence file", field="evidence") from error
        return cls(key_id=content["key_id"], **parts)


def check(evidence: Evidence, trust: Trust) -> tuple[Step, ...]:
    """Every step of the chain from the request to the log's root, in order; all are tried, whatever fails."""
    return tuple(
        _tried(name, promise, lambda step=step: step(evidence, trust))  # type: ignore[misc]
        for name, promise, step in _STEPS
    )


def believed(evidence: Evidence, trust: Trust) -> statement_pb2.Statement:
    """What the statement says, if all of the evidence holds; raises FalseEvidence naming every step that does not."""
    faults = [f"{step.name}: {step.fault}" for step in check(evidence, trust) if step.fault]
    if faults:
        raise FalseEvidence("; ".join(faults))
    return parse_statement(evidence.statement)


def check_logged(entry: bytes, receipt: bytes, trust: Trust) -> None:
    """Return if a log of the hub holds the entry; raises Malformed, BadSignature or BadProof."""
    read = Receipt.parse(receipt)
    if read.extra is not None:
        # Nothing of ours is in there, and nothing would prove it.
        raise Malformed("carries something that nobody proves", field="receipt")
    keys = trust.log_keys(read.origin, Entry.parse(entry).time)
    if not keys:
        raise Malformed("the root vouches for no such log, or for no key of it at that time", field="receipt")
    read.check(entry, read.origin, keys)


def _hub(evidence: Evidence, trust: Trust) -> None:
    if parse_statement(evidence.statement).hub != trust.hub:
        raise Malformed("another hub's statement")


def _signature(evidence: Evidence, trust: Trust) -> None:
    issued = instant(parse_statement(evidence.statement).issued_at)
    signed = Signed(statement=evidence.statement, signature=evidence.signature, key_id=evidence.key_id)
    signed.check(trust.answer_key(evidence.key_id, issued, Entry.parse(evidence.entry).time))


def _request(evidence: Evidence, _: Trust) -> None:
    statement = parse_statement(evidence.statement)
    if statement.request_digest != digest(evidence.request):
        raise Malformed("the statement answers another request")
    request = parse_request(evidence.request)
    if (request.case_number, request.nonce) != (statement.case_number, statement.nonce):
        raise Malformed("request and statement differ in case number or nonce")
    if sorted(each.role for each in request.parties) != sorted(each.role for each in statement.parties):
        raise Malformed("request and statement differ in their parties")


def _entry(evidence: Evidence, _: Trust) -> None:
    entry = Entry.parse(evidence.entry)
    if entry.kind not in ANSWERS:
        raise Malformed("the entry records no answer")
    if entry.statement_digest != digest(evidence.statement):
        raise Malformed("the entry is another statement's")


def _receipt(evidence: Evidence, trust: Trust) -> None:
    check_logged(evidence.entry, evidence.receipt, trust)


_PARTS = ("request", "statement", "signature", "entry", "receipt")
_STEPS: tuple[tuple[str, str, Callable[[Evidence, Trust], None]], ...] = (
    ("statement", "it is this hub's", _hub),
    ("signature", "a trusted answer key signed the statement", _signature),
    ("request", "it is the one that the statement answers", _request),
    ("entry", "it records this statement", _entry),
    ("receipt", "a trusted log holds the entry", _receipt),
)


def _tried(name: str, promise: str, step: Callable[[], None]) -> Step:
    try:
        step()
    except Malformed as fault:
        return Step(name=name, promise=promise, fault=str(fault))
    return Step(name=name, promise=promise)


def _unbase64(text: str, name: str) -> bytes:
    """Bytes from base64 in its one canonical spelling, so that no changed character goes unseen."""
    raw = base64.b64decode(text, validate=True)
    if base64.b64encode(raw).decode() != text:
        raise Malformed("is not spelt as base64 spells it", field=f"evidence.{name}")
    return raw
