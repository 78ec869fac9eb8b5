"""A snapshot's manifest: what was published, from which delivery, under which contract, with its files' digests."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kernel.clock import parse_instant
from kernel.digest import digest, digest_text, parse_digest
from kernel.errors import Damaged
from schemas.contract import Contract

FORMAT = "mianzheng.snapshot/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDigest:
    """Size and SHA-256 of one file."""

    size: int
    sha256: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Rows of a delivery. `delivered` = `published` + `duplicates` + `quarantined` + `deleted`.

    `unattributable` of the quarantined rows name somebody whom nobody can tell. `tainted` counts identities and names.
    `deleted` rows are marked so by their registry. After a merge `delivered` is what is held in all, published or
    quarantined, and `deleted` what the changes brought.
    """

    delivered: int
    published: int
    duplicates: int
    quarantined: int
    unattributable: int
    subjects: int = 0
    tainted: int = 0
    deleted: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What the serving index holds: each field's number and type, and the properties that name subjects."""

    fields: Mapping[str, tuple[int, str]]
    subject_keys: tuple[str, ...]

    @classmethod
    def of(cls, contract: Contract) -> "Shape":
        """The shape that a contract gives its snapshots."""
        return cls(
            fields={each.name: (each.number, str(each.type)) for each in contract.properties},
            subject_keys=tuple(each.property for each in contract.subject_keys),
        )

    def serves(self, contract: Contract) -> bool:
        """Whether an index of this shape can be read under a contract: no field changed, and the same subjects."""
        wanted = Shape.of(contract)
        numbers = {number: (name, kind) for name, (number, kind) in self.fields.items()}
        same = all(numbers.get(number, (name, kind)) == (name, kind) for name, (number, kind) in wanted.fields.items())
        return same and set(self.subject_keys) == set(wanted.subject_keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One snapshot. Instants are in UTC; digests have 32 bytes.

    `absence_allowed` is false where so many quarantined rows cannot be attributed to anyone that the absence of a row
    proves nothing. `name_tainted` is true where rows were held back that only a name can attribute. `base` is the
    version that a delivery of changes was merged into, empty for a full one; `full_at` is when the whole registry was
    last read.
    """

    dataset: str
    version: str
    contract_version: str
    contract_digest: bytes
    run: str
    built_at: datetime
    data_as_of: datetime
    watermark: str
    delivery_digest: bytes
    counts: Counts
    absence_allowed: bool
    name_tainted: bool
    index_key_id: str
    shape: Shape
    files: Mapping[str, FileDigest]
    full_at: datetime
    base: str = ""

    def to_bytes(self) -> bytes:
        """JSON, the same bytes for the same manifest."""
        counts = self.counts
        data = {
            "format": FORMAT,
            "dataset": self.dataset,
            "version": self.version,
            "contract": {"version": self.contract_version, "digest": digest_text(self.contract_digest)},
            "run": self.run,
            "built_at": self.built_at.astimezone(UTC).isoformat(),
            "data_as_of": self.data_as_of.astimezone(UTC).isoformat(),
            "watermark": self.watermark,
            "base": self.base,
            "full_at": self.full_at.astimezone(UTC).isoformat(),
            "delivery": digest_text(self.delivery_digest),
            "counts": {name: getattr(counts, name) for name in counts.__slots__},
            "absence_allowed": self.absence_allowed,
            "name_tainted": self.name_tainted,
            "index_key_id": self.index_key_id,
            "fields": {name: list(field) for name, field in self.shape.fields.items()},
            "subject_keys": list(self.shape.subject_keys),
            "files": {
                name: {"size": each.size, "sha256": each.sha256.hex()} for name, each in sorted(self.files.items())
            },
        }
        return json.dumps(data, ensure_ascii=False, indent=1).encode() + b"\n"

    @property
    def digest(self) -> bytes:
        """SHA-256 of the manifest's bytes; 32 bytes."""
        return digest(self.to_bytes())

    @classmethod
    def parse(cls, raw: bytes) -> "Manifest":
        """What `to_bytes` made; raises Damaged."""
        try:
            return cls._read(json.loads(raw))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise Damaged("is no manifest", field="manifest.json", remedy="publish the dataset again") from error

    @classmethod
    def _read(cls, data: dict[str, Any]) -> "Manifest":
        if data["format"] != FORMAT:
            raise ValueError(FORMAT)
        return cls(
            dataset=_text(data["dataset"]),
            version=_text(data["version"]),
            contract_version=_text(data["contract"]["version"]),
            contract_digest=parse_digest(data["contract"]["digest"]),
            run=_text(data["run"]),
            built_at=parse_instant(data["built_at"]),
            data_as_of=parse_instant(data["data_as_of"]),
            watermark=_text(data["watermark"]),
            delivery_digest=parse_digest(data["delivery"]),
            counts=Counts(**{name: _number(value) for name, value in data["counts"].items()}),
            absence_allowed=_flag(data["absence_allowed"]),
            name_tainted=_flag(data["name_tainted"]),
            index_key_id=_text(data["index_key_id"]),
            shape=Shape(
                fields={name: (_number(field[0]), _text(field[1])) for name, field in data["fields"].items()},
                subject_keys=tuple(_text(each) for each in data["subject_keys"]),
            ),
            files={
                name: FileDigest(size=_number(each["size"]), sha256=bytes.fromhex(each["sha256"]))
                for name, each in data["files"].items()
            },
            # The first manifests, of before deliveries of changes, do not name these.
            full_at=parse_instant(data.get("full_at", data["built_at"])),
            base=_text(data.get("base", "")),
        )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(value)
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(value)
    return value
