"""A checkpoint: what a log commits to at one size (C2SP tlog-checkpoint v1), the text of a signed note."""

from collections.abc import Iterable
from dataclasses import dataclass

from audit import text as plain
from audit.merkle import CompactRange
from audit.note import Note, NoteKey, sign
from kernel.errors import Malformed
from kernel.signing import SigningKey, VerifyKey

_LINES_MIN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A log's origin, its number of entries, and the root of the tree over them. `extensions` are opaque lines."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @classmethod
    def of(cls, origin: str, tree: CompactRange) -> "Checkpoint":
        """The checkpoint of a tree as it stands."""
        return cls(origin=origin, size=tree.size, root=tree.root())

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """A checkpoint from a note's text; raises Malformed."""
        if not text.endswith("\n"):
            raise Malformed("does not end in a newline", field="checkpoint")
        lines = text[:-1].split("\n")
        if len(lines) < _LINES_MIN or not all(lines):
            raise Malformed("is not origin, size and root", field="checkpoint")
        size = plain.parse_decimal(lines[1], "checkpoint size")
        root = plain.decode_hash(lines[2], "checkpoint root")
        return cls(origin=lines[0], size=size, root=root, extensions=tuple(lines[3:]))

    def text(self) -> str:
        """The note text; `parse` gives the checkpoint back."""
        lines = (self.origin, str(self.size), plain.encode(self.root), *self.extensions)
        return "\n".join(lines) + "\n"

    def sign(self, signer: SigningKey) -> bytes:
        """The bytes of the signed note; the key's name is the origin."""
        return sign(self.text(), self.origin, signer)


def open_checkpoint(raw: bytes, origin: str, keys: Iterable[VerifyKey]) -> Checkpoint:
    """A log's checkpoint from its signed note; raises Malformed, Unsigned, or BadSignature.

    Only signatures made in the log's own name by one of its keys count.
    """
    note = Note.parse(raw)
    checkpoint = Checkpoint.parse(note.text)
    if checkpoint.origin != origin:
        raise Malformed("is of another log", field="checkpoint origin")
    note.check(NoteKey(name=origin, key=key) for key in keys)
    return checkpoint
