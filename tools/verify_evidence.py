#!/usr/bin/env python3
"""Check an evidence file against a trust file, without the product that made them.

One file; needs only Python 3.11 and `cryptography`. It follows docs/specs/statement.md, evidence.md and trust.md,
prints every step, and lists every fault. Exit code 0: the evidence holds. 1: it does not. 2: no two files were named.
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
HASHES_MAX, HASH_SIZE = 63, 32
VARINT, BYTES, FIXED = 0, 2, {1: 8, 5: 4}
ANSWERED, DISCLOSED = 1, 5
YEAR_9999_ENDS, NANOS_A_SECOND = 253402300799, 10**9
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
        length, at = varint(raw, at) if tag & 7 in (VARINT, BYTES) else (FIXED.get(tag & 7, len(raw) + 1), at)
        value = length if tag & 7 == VARINT else raw[at : at + length]
        at += 0 if tag & 7 == VARINT else length
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


def instant(raw: bytes) -> datetime:
    """A protobuf Timestamp."""
    seconds, nanos = last(fields(raw), 1, 0), last(fields(raw), 2, 0)
    if seconds > YEAR_9999_ENDS or nanos >= NANOS_A_SECOND:
        raise Wrong("has no time")
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds, microseconds=nanos // 1000)


def roles(parties: list[Any]) -> list[bytes]:
    """The roles of the parties of a request or a statement: field 1 in both."""
    return sorted(last(fields(each), 1, b"") for each in parties)


def signed(key: bytes, signature: bytes, message: bytes, kind: bytes = b"") -> bool:
    """Whether an Ed25519 signature holds; over DSSE v1's pre-authentication encoding, if a type is given."""
    if kind:
        message = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(message), message)
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


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


def read_trust(path: Path) -> dict[str, Any]:
    """The trust file's key history, once the root's signature over it holds."""
    try:
        outer = json.loads(path.read_bytes())
        if outer["format"] != TRUST_FORMAT:
            raise Wrong(f"is not {TRUST_FORMAT}")
        history = unbase64(outer["history"])
        if not signed(unbase64(outer["root"]), unbase64(outer["signature"]), history, HISTORY_TYPE):
            raise Wrong("the root key did not sign this key history")
        inner = {"hub": str(json.loads(history)["hub"]), "keys": json.loads(history)["keys"]}
        for key in inner["keys"]:
            raw_key = unbase64(key["public"])
            key["raw"], key["ident"] = raw_key, sha256(raw_key).hex()[:16]
            key["after"] = datetime.fromisoformat(key["from"])
            key["before"] = datetime.fromisoformat(key["until"]) if key["until"] else datetime.max.replace(tzinfo=UTC)
            key["origin"] = key["vkey"].split("+")[0] if key["use"] == "log" else ""
    except (OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise Wrong("is no trust file") from error
    return inner


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
        """The steps in order, by the part that each is about."""
        first = [self.statement_is_this_hubs, self.signature_holds, self.request_is_the_one_answered]
        steps = [*first, self.entry_is_the_statements, self.receipt_proves_the_entry]
        return {each.__name__.partition("_")[0]: each for each in steps}

    def statement_is_this_hubs(self) -> None:
        """It is a protobuf message and names the hub that the trust file is of."""
        if last(fields(self.statement), 1, b"") != self.trust["hub"].encode():
            raise Wrong("another hub's statement")

    def signature_holds(self) -> None:
        """An answer key, trusted at the statement's time, signed its bytes as they are."""
        issued = instant(last(fields(self.statement), 16, b""))
        keys = [k for k in self.trust["keys"] if k["use"] == "answer" and k["ident"] == self.key_id]
        keys = [k for k in keys if k["after"] <= issued < k["before"]]
        # Whoever has stolen a key can date a statement back, and not its entry.
        keys = [k for k in keys if k["after"] <= instant(last(fields(self.entry), 2, b"")) < k["before"]]
        if not keys:
            raise Wrong("no trusted answer key has this id at that time")
        if not signed(keys[0]["raw"], self.signature, self.statement, STATEMENT_TYPE):
            raise Wrong("the signature does not hold")

    def request_is_the_one_answered(self) -> None:
        """The statement commits to its bytes, and both speak of the same case, nonce and roles."""
        statement = fields(self.statement)
        if last(statement, 11, b"") != sha256(self.request):
            raise Wrong("the statement answers another request")
        request = fields(self.request)
        if any(last(request, asked, b"") != last(statement, said, b"") for asked, said in ((1, 5), (4, 12))):
            raise Wrong("request and statement differ in case number or nonce")
        if roles(request.get(3, [])) != roles(statement.get(8, [])):
            raise Wrong("request and statement differ in their parties")

    def entry_is_the_statements(self) -> None:
        """It records an answer, and commits to the statement's bytes."""
        entry = fields(self.entry)
        if last(entry, 1, 0) not in (ANSWERED, DISCLOSED):
            raise Wrong("the entry records no answer")
        if last(entry, 3, b"") != sha256(self.statement):
            raise Wrong("the entry is another statement's")

    def receipt_proves_the_entry(self) -> None:
        """Its checkpoint is signed by a trusted log, and the entry is in that tree."""
        head, _, note = self.receipt.decode(errors="replace").partition("\n\n")
        header, _, rest = head.partition("\nindex ")
        place, *hashes = rest.split("\n")
        index, proof = number(place), [unbase64(line) for line in hashes]
        if header != PROOF_HEADER or len(proof) > HASHES_MAX or any(len(each) != HASH_SIZE for each in proof):
            raise Wrong("is no C2SP tlog-proof")
        size, root = self.checkpoint(note)
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
        logged = instant(last(fields(self.entry), 2, b""))
        keys = [k for k in self.trust["keys"] if k["use"] == "log" and k["origin"] == origin]
        keys = [k["raw"] for k in keys if logged < k["before"]]
        if not keys:
            raise Wrong("the root vouches for no such log, or for no key of it at that time")
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
            role, claim = (last(answer, number, b"").decode(errors="replace") for number in (5, 2))
            lines.append(f"{role}: {claim} = {outcome} {reason}".rstrip())
        return lines


def step(name: str, check: Callable[[], Any], faults: list[str]) -> Any:
    """Do one step, print how it went, keep its fault."""
    try:
        result = check()
        print(f"ok    {name}")
    except Wrong as fault:
        print(f"FAIL  {name}: {fault}")
        faults.append(name)
        return None
    return result


def read_chain(path: Path, trust: dict[str, Any]) -> Chain:
    """The evidence file's parts."""
    try:
        with path.open("rb") as file:
            return Chain(json.loads(file.read(FILE_SIZE_MAX)), trust)
    except (OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise Wrong("is no evidence file") from error


def main() -> int:
    """Check one file; the exit code."""
    parser = argparse.ArgumentParser(description="Check a Mianzheng evidence file against a trust file.")
    parser.add_argument("evidence", type=Path)
    parser.add_argument("trust", type=Path)
    given = parser.parse_args()
    faults: list[str] = []
    trust = step("trust: the root signed the key history", lambda: read_trust(given.trust), faults)
    chain = trust and step("evidence: the file holds its parts", lambda: read_chain(given.evidence, trust), faults)
    for name, check in chain.steps().items() if chain else ():
        step(f"{name}: {check.__doc__}", check, faults)
    if faults:
        print(f"the evidence is FALSE: {len(faults)} of its steps do not hold")
        return 1
    print("the evidence holds; it says:")
    for line in chain.answers():
        print(f"      {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
