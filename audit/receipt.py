"""A receipt: the proof that an entry is in a log (C2SP tlog-proof v1): index, inclusion proof, signed checkpoint."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass

from audit import text as plain
from audit.checkpoint import Checkpoint, open_checkpoint
from audit.merkle import Growth, check_inclusion, leaf_hash
from audit.note import Note
from kernel.errors import Malformed
from kernel.signing import VerifyKey

HEADER = "c2sp.org/tlog-proof@v1"
RECEIPT_SIZE_MAX = 1 << 17
PROOF_LENGTH_MAX = 63
_BEFORE_INDEX = f"{HEADER}\nindex ".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Says that the entry `index` is under the checkpoint of a signed note; believe it after `check`.

    `proof` runs from the leaf's sibling to the root's child, 32 bytes each; `note` is kept as it was sent; `extra` is
    opaque and trusted by nobody.
    """

    index: int
    proof: tuple[bytes, ...]
    note: bytes
    extra: bytes | None = None

    @classmethod
    def parse(cls, raw: bytes) -> "Receipt":
        """A receipt from its bytes; raises Malformed."""
        if len(raw) > RECEIPT_SIZE_MAX:
            raise Malformed("is too large", field="receipt")
        head, blank, note = raw.partition(b"\n\n")
        try:
            lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError as error:
            raise Malformed("is no ASCII before its checkpoint", field="receipt") from error
        if not blank or lines.pop(0) != HEADER:
            raise Malformed(f"is no {HEADER}", field="receipt")
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = plain.decode(lines.pop(0).removeprefix("extra "), "receipt extra")
        if not lines or not lines[0].startswith("index "):
            raise Malformed("has no index", field="receipt")
        index = plain.parse_decimal(lines.pop(0).removeprefix("index "), "receipt index")
        if len(lines) > PROOF_LENGTH_MAX:
            raise Malformed("has too long a proof", field="receipt")
        proof = tuple(plain.decode_hash(line, "receipt proof") for line in lines)
        Checkpoint.parse(Note.parse(note).text)
        return cls(index=index, proof=proof, note=note, extra=extra)

    def encode(self) -> bytes:
        """The receipt's bytes; `parse` gives the receipt back."""
        extra = "" if self.extra is None else f"extra {plain.encode(self.extra)}\n"
        lines = "".join(f"{plain.encode(each)}\n" for each in self.proof)
        return f"{HEADER}\n{extra}index {self.index}\n{lines}\n".encode() + self.note

    def check(self, entry: bytes, origin: str, keys: Iterable[VerifyKey]) -> Checkpoint:
        """The checkpoint, if it is the log's and the entry is under it; raises Malformed, BadSignature or BadProof."""
        checkpoint = open_checkpoint(self.note, origin, keys)
        check_inclusion(leaf_hash(entry), self.index, checkpoint.size, self.proof, checkpoint.root)
        return checkpoint

    @property
    def origin(self) -> str:
        """The log that it says it is of: look its keys up, then `check`."""
        return Checkpoint.parse(Note.parse(self.note).text).origin


def receipts(growth: Growth, note: bytes) -> list[bytes]:
    """The receipts of every new leaf of a tree, in order, under the signed checkpoint of its new size."""
    tail = b"\n" + note
    paths = growth.paths(tail, _join)
    return [b"%b%d\n%b" % (_BEFORE_INDEX, growth.first + at, path) for at, path in enumerate(paths)]


def _join(sibling: bytes, path: bytes) -> bytes:
    return base64.b64encode(sibling) + b"\n" + path
