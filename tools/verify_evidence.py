#!/usr/bin/env python3
"""Check an evidence file against a trust file, without the product that made them.

One file; needs only Python 3.11 and `cryptography`. It follows docs/specs/statement.md, evidence.md and trust.md,
prints every step, and lists every fault. Exit code 0: the evidence holds. 1: it does not. 2: wrong use.
"""

import argparse
import base64
import hashlib
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

EVIDENCE_FORMAT = "mianzheng.evidence/1"
TRUST_FORMAT = "mianzheng.trust/1"
STATEMENT_TYPE = b"application/vnd.mianzheng.statement.v1+protobuf"
HISTORY_TYPE = b"application/vnd.mianzheng.keyhistory.v1+json"
PROOF_HEADER = "c2sp.org/tlog-proof@v1"
PARTS = ("request", "statement", "signature", "entry", "receipt")
FILE_SIZE_MAX = 4 << 20
HASHES_MAX = 63
VARINT, BYTES = 0, 2
ANSWERED, DISCLOSED = 1, 5
YEAR_9999_ENDS = 253402300799
OUTCOMES = {1: "CONFIRMED", 2: "NOT_CONFIRMED", 3: "NO_RECORD", 4: "CANNOT_VERIFY", 5: "PENDING"}
REASONS = {1: "STALE", 2: "QUALITY", 3: "OUT_OF_COVERAGE", 4: "AMBIGUOUS", 5: "SOURCE_UNAVAILABLE"}


class Wrong(Exception):
    """One step does not hold; the text says why."""


def unbase64(text: object) -> bytes:
    """Bytes from base64 in its one canonical spelling, so that no changed character goes unseen."""
    if not isinstance(text, str):
        raise Wrong("is no base64 text")
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Wrong("is no base64") from error
    if base64.b64encode(raw).decode() != text:
        raise Wrong("is not spelt as base64 spells it")
    return raw


def varint(raw: bytes, at: int) -> tuple[int, int]:
    """A protobuf varint and where it ends."""
    value = 0
    for count, byte in enumerate(raw[at : at + 10]):
        value |= (byte & 0x7F) << (7 * count)
        if not byte & 0x80:
            return value, at + count + 1
    raise Wrong("is no protobuf message")


def fields(raw: bytes) -> dict[int, list[Any]]:
    """A protobuf message as field number → values (integers, or bytes)."""
    found: dict[int, list[Any]] = {}
    at = 0
    while at < len(raw):
        tag, at = varint(raw, at)
        value: int | bytes
        value, at = varint(raw, at) if tag & 7 in (VARINT, BYTES) else ({1: 8, 5: 4}.get(tag & 7, len(raw) + 1), at)
        if tag & 7 != VARINT:
            value, at = raw[at : at + value], at + value
        if at > len(raw) or tag >> 3 == 0:
            raise Wrong("is no protobuf message")
        found.setdefault(tag >> 3, []).append(value)
    return found


def last(message: dict[int, list[Any]], number: int, default: Any) -> Any:
    """A field's value: the last one counts, as protobuf says; raises Wrong if it is of another type."""
    value = message.get(number, [default])[-1]
    if not isinstance(value, type(default)):
        raise Wrong("is no protobuf message of this type")
    return value


def text(message: dict[int, list[Any]], number: int) -> str:
    """A text field."""
    try:
        return str(last(message, number, b"").decode())
    except UnicodeDecodeError as error:
        raise Wrong("holds text that is no UTF-8") from error


def instant(raw: bytes) -> datetime:
    """A protobuf Timestamp."""
    seconds = last(fields(raw), 1, 0)
    if seconds > YEAR_9999_ENDS:
        raise Wrong("has no time")
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds, microseconds=last(fields(raw), 2, 0) // 1000)


def roles(message: dict[int, list[Any]], number: int) -> list[str]:
    """The roles of parties (of a request or a statement: the role is field 1 in both)."""
    return sorted(text(fields(each), 1) for each in message.get(number, []))


def signed(key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether an Ed25519 signature holds."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def pae(kind: bytes, payload: bytes) -> bytes:
    """DSSE v1 pre-authentication encoding."""
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def sha256(raw: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(raw).digest()


def root_of(leaf: bytes, index: int, size: int, proof: list[bytes]) -> bytes:
    """The root that an inclusion proof leads to: RFC 9162, 2.1.3.2."""
    at, end, node = index, size - 1, sha256(b"\x00" + leaf)
    for each in proof:
        if end == 0:
            raise Wrong("the inclusion proof is too long")
        if at & 1 or at == end:
            node = sha256(b"\x01" + each + node)
            while not at & 1 and at:
                at, end = at >> 1, end >> 1
        else:
            node = sha256(b"\x01" + node + each)
        at, end = at >> 1, end >> 1
    if end:
        raise Wrong("the inclusion proof is too short")
    return node


def number(digits: str) -> int:
    """A decimal number in its one spelling."""
    if not digits.isascii() or not digits.isdigit() or str(int(digits[:20])) != digits:
        raise Wrong("holds no number where one belongs")
    return int(digits)


def read_trust(raw: bytes) -> dict[str, Any]:
    """The trust file's key history, once the root's signature over it holds."""
    try:
        outer = json.loads(raw)
        if outer["format"] != TRUST_FORMAT:
            raise Wrong(f"is not {TRUST_FORMAT}")
        history = unbase64(outer["history"])
        if not signed(unbase64(outer["root"]), unbase64(outer["signature"]), pae(HISTORY_TYPE, history)):
            raise Wrong("the root key did not sign this key history")
        inner = json.loads(history)
        for key in inner["keys"]:
            raw_key = unbase64(key["public"])
            key["raw"], key["ident"] = raw_key, sha256(raw_key).hex()[:16]
            key["after"] = datetime.fromisoformat(key["from"])
            key["before"] = datetime.fromisoformat(key["until"]) if key["until"] else datetime.max.replace(tzinfo=UTC)
            key["origin"] = key["vkey"].split("+")[0] if key["use"] == "log" else ""
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise Wrong("is no trust file") from error
    return dict(inner)


class Chain:
    """An evidence file's parts, and one method a step."""

    def __init__(self, evidence: dict[str, Any], trust: dict[str, Any]) -> None:
        self.trust = trust
        if evidence.keys() != {"format", "key_id", *PARTS} or evidence["format"] != EVIDENCE_FORMAT:
            raise Wrong(f"is not {EVIDENCE_FORMAT}")
        self.request, self.statement, self.signature, self.entry, self.receipt = (unbase64(evidence[n]) for n in PARTS)
        self.key_id = evidence["key_id"]
        if not isinstance(self.key_id, str):
            raise Wrong("has a key id that is no text")

    def steps(self) -> dict[str, Callable[[], None]]:
        """The steps by name, in order."""
        return {
            "statement": self.statement_is_this_hubs,
            "signature": self.signature_holds,
            "request": self.request_is_the_one_answered,
            "entry": self.entry_is_the_statements,
            "receipt": self.receipt_proves_the_entry,
        }

    def statement_is_this_hubs(self) -> None:
        """The statement is a protobuf message and names the hub that the trust file is of."""
        if text(fields(self.statement), 1) != self.trust["hub"]:
            raise Wrong("another hub's statement")

    def signature_holds(self) -> None:
        """An answer key, trusted at the statement's time, signed the statement's bytes as they are."""
        issued = instant(last(fields(self.statement), 16, b""))
        keys = [k for k in self.trust["keys"] if k["use"] == "answer" and k["ident"] == self.key_id]
        keys = [k for k in keys if k["after"] <= issued < k["before"]]
        if not keys:
            raise Wrong("no trusted answer key has this id at that time")
        if not signed(keys[0]["raw"], self.signature, pae(STATEMENT_TYPE, self.statement)):
            raise Wrong("the signature does not hold")

    def request_is_the_one_answered(self) -> None:
        """The statement commits to the request's bytes, and both speak of the same case, nonce and roles."""
        statement = fields(self.statement)
        if last(statement, 11, b"") != sha256(self.request):
            raise Wrong("the statement answers another request")
        request = fields(self.request)
        if text(request, 1) != text(statement, 5) or last(request, 4, b"") != last(statement, 12, b""):
            raise Wrong("request and statement differ in case number or nonce")
        if roles(request, 3) != roles(statement, 8):
            raise Wrong("request and statement differ in their parties")

    def entry_is_the_statements(self) -> None:
        """The log's entry records an answer, and commits to the statement's bytes."""
        entry = fields(self.entry)
        if last(entry, 1, 0) not in (ANSWERED, DISCLOSED):
            raise Wrong("the entry records no answer")
        if last(entry, 3, b"") != sha256(self.statement):
            raise Wrong("the entry is another statement's")

    def receipt_proves_the_entry(self) -> None:
        """The receipt's checkpoint is signed by a trusted log, and the entry is in its tree."""
        head, _, note = self.receipt.decode(errors="replace").partition("\n\n")
        header, _, rest = head.partition("\nindex ")
        place, *hashes = rest.split("\n")
        if header != PROOF_HEADER or len(hashes) > HASHES_MAX:
            raise Wrong("is no C2SP tlog-proof")
        size, root = self.checkpoint(note)
        index, proof = number(place), [unbase64(line) for line in hashes]
        if index >= size:
            raise Wrong("the checkpoint is older than the entry")
        if root_of(self.entry, index, size, proof) != root:
            raise Wrong("the entry is not in the log at this place")

    def checkpoint(self, note: str) -> tuple[int, bytes]:
        """Tree size and root of a C2SP checkpoint, once a trusted log's signature over it holds."""
        body, separator, signatures = note.partition("\n\n")
        origin, _, rest = body.partition("\n")
        size, _, root = rest.partition("\n")
        if not separator or not signatures.endswith("\n"):
            raise Wrong("holds no checkpoint")
        keys = [k["raw"] for k in self.trust["keys"] if k["use"] == "log" and k["origin"] == origin]
        if not keys:
            raise Wrong("the root vouches for no such log")
        for line in signatures[:-1].split("\n"):
            for key in keys:
                prefix = f"\u2014 {origin} "
                ident = sha256(origin.encode() + b"\n\x01" + key)[:4]
                blob = unbase64(line[len(prefix) :]) if line.startswith(prefix) else b""
                if blob[:4] == ident and signed(key, blob[4:], (body + "\n").encode()):
                    return number(size), unbase64(root)
        raise Wrong("the checkpoint's signature does not hold")

    def answers(self) -> list[str]:
        """What the statement says, a line an answer."""
        lines = []
        for raw in fields(self.statement).get(15, []):
            answer = fields(raw)
            outcome, reason = OUTCOMES.get(last(answer, 7, 0), "?"), REASONS.get(last(answer, 8, 0), "")
            lines.append(f"{text(answer, 5)}: {text(answer, 2)} = {outcome} {reason}".rstrip())
        return lines


def step(name: str, check: Callable[[], Any], faults: list[str]) -> Any:
    """Do one step, print how it went, keep its fault."""
    try:
        result = check()
    except Wrong as fault:
        print(f"FAIL  {name}: {fault}")
        faults.append(name)
        return None
    print(f"ok    {name}")
    return result


def read_chain(path: Path, trust: dict[str, Any]) -> Chain:
    """The evidence file's parts."""
    try:
        with path.open("rb") as file:
            return Chain(json.loads(file.read(FILE_SIZE_MAX)), trust)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise Wrong("is no evidence file") from error


def main() -> int:
    """Check one file; the exit code."""
    parser = argparse.ArgumentParser(description="Check a Mianzheng evidence file against a trust file.")
    parser.add_argument("evidence", type=Path)
    parser.add_argument("trust", type=Path)
    given = parser.parse_args()
    for path in (given.evidence, given.trust):
        if not path.is_file():
            parser.error(f"there is no file {path}")
    faults: list[str] = []
    trust = step("trust: the root signed the key history", lambda: read_trust(given.trust.read_bytes()), faults)
    chain = trust and step("evidence: the file holds its parts", lambda: read_chain(given.evidence, trust), faults)
    for name, check in chain.steps().items() if chain else ():
        step(f"{name}: {check.__name__.replace('_', ' ')}", check, faults)
    if faults:
        print(f"the evidence is FALSE: {len(faults)} of its steps do not hold")
        return 1
    print("the evidence holds; it says:")
    for line in chain.answers():
        print(f"      {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
