"""The keys of the serving index: how subjects become index keys, and how a snapshot's own data key is kept.

An index key is a keyed hash of the canonical identity, so that an index tells nobody's number. A snapshot's values are
sealed under a data key of its own, which lies wrapped under the master key outside the snapshot's digests: rotating the
master key rewraps it and touches no published file.
"""

from dataclasses import dataclass, field

from kernel.errors import Damaged
from kernel.identity import Identity
from kernel.sealing import BadSeal, Seals, hmac_blocks, keyed_hash, sealer

INDEX_KEY_SIZE = 16
"""Bytes of a key in the serving index."""

_KEY_ID_SIZE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexKeys:
    """The hub's index key and master key, 32 bytes each; in place of the latter, what seals under it."""

    index: bytes = field(repr=False)
    master: bytes | Seals = field(repr=False)

    @property
    def index_key_id(self) -> str:
        """Names the index key without telling it: an index made under another key would seem to be empty."""
        return keyed_hash(self.index, b"mianzheng.index-key-id")[:_KEY_ID_SIZE].hex()

    @property
    def index_blocks(self) -> tuple[bytes, bytes]:
        """The index key's inner and outer block, for making subjects' index keys where the rows are."""
        return hmac_blocks(self.index)

    def subject(self, canonical: str) -> bytes:
        """Where the rows of the subject with this canonical identity stand; 16 bytes."""
        return keyed_hash(self.index, canonical.encode())[:INDEX_KEY_SIZE]

    def identity(self, identity: Identity) -> bytes:
        """Where a subject's rows stand; 16 bytes."""
        return self.subject(identity.canonical)

    def name(self, match_form: str) -> bytes:
        """Where the taint of a name, in its match form, stands; 16 bytes."""
        return keyed_hash(self.index, b"name:" + match_form.encode())[:INDEX_KEY_SIZE]

    def wrap(self, data_key: bytes, dataset: str, version: str) -> bytes:
        """A snapshot's data key, sealed under the master key for this snapshot only.

        What it gives is written at once, under the dataset's lock: rotation takes that lock, and rewraps what stands.
        """
        return sealer(self.master).seal(data_key, _purpose(dataset, version))

    def unwrap(self, wrapped: bytes, dataset: str, version: str) -> bytes:
        """A snapshot's data key; raises Damaged where the file is not what `wrap` made for this snapshot."""
        try:
            return sealer(self.master).unseal(wrapped, _purpose(dataset, version))
        except BadSeal as error:
            raise Damaged(
                "its data key cannot be unwrapped",
                field=f"{dataset}/{version}.key",
                remedy="restore the key file, or the master key it was wrapped under",
            ) from error


def _purpose(dataset: str, version: str) -> bytes:
    """What a snapshot's data key is sealed for."""
    return f"mianzheng.snapshot-key:{dataset}/{version}".encode()
