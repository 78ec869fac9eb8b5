"""What was in force, kept: the files of agreements by their digests, so that an old answer can be computed again.

A statement names the digest of the agreements that it was answered under, a snapshot that of its contract. Both lead to
the very bytes that were read then. Format: docs/specs/agreements.md.
"""

import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kernel.clock import parse_instant
from kernel.digest import DIGEST_SIZE, digest, digest_text, parse_digest
from kernel.durable import create_file, make_folder, replace_file
from kernel.errors import Conflict, Damaged, Fault, MianzhengError
from kernel.plain_file import read_bounded
from schemas.catalogue import Catalogue, digest_of, load_catalogue
from schemas.contract import Contract
from schemas.settings import DEFAULTS, SchemaSettings
from schemas.single import read_single

FORMAT = "mianzheng.agreements/1"
CATALOGUE_BYTES_MAX = 4 << 20
_TAKEN_BYTES_MAX = 100
FOLDERS = ("datasets", "claims", "items", "clients", "grants")

_PATH = re.compile(r"(?:datasets/[a-z0-9_]+|claims|items|clients|grants)/[A-Za-z0-9_.@-]+\.yaml")


class NotKept(MianzhengError):
    """The archive does not hold what was asked for; whatever rests on it cannot be computed again."""

    code = "not_kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One version of an agreement, as the archive first saw it. `kind` is the folder, `path` where the file stood."""

    kind: str
    id: str
    version: str
    digest: bytes
    path: str
    kept_at: datetime


class Archive:
    """An archive's folder. What is kept is never changed; keeping the same again does nothing."""

    def __init__(self, folder: Path, settings: SchemaSettings = DEFAULTS) -> None:
        """Name the folder; nothing is made before something is kept."""
        self.folder = folder
        self._settings = settings

    def keep(self, catalogue: Catalogue, root: Path, *, now: datetime) -> None:
        """Keep the agreements that were read from `root`, durably.

        Raises Conflict where a file there has changed since: then what would be kept is not what is in force.
        """
        listing = self._catalogue(catalogue.digest)
        if listing.is_file():
            return
        for path, wanted in catalogue.files.items():
            self._keep_file((root / path).read_bytes(), wanted, path)
        for kind, each in _versioned(catalogue):
            path = _path_of(catalogue, kind, each.digest)
            self._name(kind, each.id, str(each.version), each.digest, path, now)
        files = {path: each.hex() for path, each in sorted(catalogue.files.items())}
        data = {"format": FORMAT, "kept_at": now.astimezone(UTC).isoformat(), "files": files}
        # The listing comes last: it promises that every file is there.
        _create(listing, json.dumps(data, ensure_ascii=False, indent=1).encode() + b"\n")

    def keep_contract(self, contract: Contract, *, now: datetime) -> None:
        """Keep one contract, under which something is published; raises Conflict as `keep` does."""
        path = f"datasets/{contract.department}/{contract.id}.odcs.yaml"
        if not self._file(contract.digest).is_file():
            self._keep_file(contract.raw_path.read_bytes(), contract.digest, path)
        self._name("datasets", contract.id, contract.version, contract.digest, path, now)

    def taken(self, log: str) -> bytes | None:
        """The digest of the agreements that were last recorded in a log; None where none ever were. Raises Damaged."""
        place = self.folder / "taken" / log
        try:
            return parse_digest(read_bounded(place, _TAKEN_BYTES_MAX).decode("ascii").strip())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise _damaged(place) from error

    def note_taken(self, log: str, catalogue: Catalogue) -> None:
        """Remember, durably, that these agreements are recorded in a log."""
        place = self.folder / "taken" / log
        if not place.parent.is_dir():
            make_folder(place.parent)
        replace_file(place, digest_text(catalogue.digest).encode() + b"\n")

    def contract(self, wanted: bytes) -> Contract:
        """The contract with this digest; raises NotKept, Damaged, or Faulty where this release cannot read it."""
        return read_single(self._bytes(wanted), f"{digest_text(wanted)}", self._settings)

    def contract_version(self, dataset: str, version: str) -> Contract:
        """The contract of a dataset that first bore this version; raises NotKept, Damaged or Faulty."""
        return self.contract(self._named("datasets", dataset, version).digest)

    @contextmanager
    def laid_out(self, wanted: bytes) -> Iterator[Path]:
        """The agreements with this digest as files below a folder, for the length of a block; NotKept or Damaged."""
        files = self.files(wanted)
        with tempfile.TemporaryDirectory(prefix="mianzheng-agreements-") as folder:
            root = Path(folder)
            for each in FOLDERS:
                (root / each).mkdir()
            for path, name in files.items():
                (root / path).parent.mkdir(exist_ok=True)
                (root / path).write_bytes(self._bytes(name))
            yield root

    def catalogue(self, wanted: bytes) -> Catalogue:
        """The agreements with this digest; raises NotKept, Damaged, or Faulty where this release cannot read them."""
        with self.laid_out(wanted) as root:
            return load_catalogue(root, self._settings)

    def files(self, wanted: bytes) -> Mapping[str, bytes]:
        """The digests by path of the agreements with this digest; raises NotKept or Damaged."""
        listing = self._catalogue(wanted)
        try:
            data = _read_json(listing)
            files = {str(path): bytes.fromhex(name) for path, name in data["files"].items()}
        except FileNotFoundError:
            raise NotKept("these agreements are not in the archive", field=digest_text(wanted)) from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise _damaged(listing) from error
        if digest_of(files) != wanted or not all(_PATH.fullmatch(path) for path in files):
            raise _damaged(listing)
        return files

    def catalogues(self) -> tuple[tuple[datetime, bytes], ...]:
        """When each of the agreements kept was first in force, and their digests, in that order; raises Damaged."""
        found = []
        for listing in sorted((self.folder / "catalogues").glob("*.json")):
            try:
                found.append((parse_instant(_read_json(listing)["kept_at"]), bytes.fromhex(listing.stem)))
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise _damaged(listing) from error
        return tuple(sorted(found))

    def versions(self, kind: str, ident: str) -> tuple[Kept, ...]:
        """Every version of an agreement that was ever in force here, oldest first."""
        place = self.folder / "versions" / kind / ident
        names = [path.name for path in place.iterdir()] if place.is_dir() else []
        found = [self._named(kind, ident, name) for name in names if not name.startswith(".")]
        return tuple(sorted(found, key=lambda kept: (kept.kept_at, kept.version)))

    def changed(self, catalogue: Catalogue, root: Path) -> Iterator[Fault]:
        """Agreements under `root` (loaded: `catalogue`) whose content is not what their version stood for in force."""
        for kind, each in _versioned(catalogue):
            try:
                kept = self._named(kind, each.id, str(each.version))
            except NotKept:
                continue
            if kept.digest != each.digest:
                path = _path_of(catalogue, kind, each.digest)
                yield Fault(
                    path=path,
                    line=_version_line(root / path),
                    what=f"{each.id} {each.version} was in force with other content",
                    remedy="raise its version (`mianzheng contracts diff` says how far), or undo the change",
                )

    def _keep_file(self, raw: bytes, wanted: bytes, path: str) -> None:
        if digest(raw) != wanted:
            raise Conflict(f"{path} has changed since it was read", remedy="start again, so that it is read anew")
        _create(self._file(wanted), raw)

    def _name(self, kind: str, ident: str, version: str, wanted: bytes, path: str, now: datetime) -> None:
        data = {"digest": digest_text(wanted), "path": path, "kept_at": now.astimezone(UTC).isoformat()}
        # Who comes first gives the version its meaning; `changed` tells of others.
        _create(self.folder / "versions" / kind / ident / version, json.dumps(data).encode() + b"\n")

    def _named(self, kind: str, ident: str, version: str) -> Kept:
        place = self.folder / "versions" / kind / ident / version
        try:
            data = _read_json(place)
            return Kept(
                kind=kind,
                id=ident,
                version=version,
                digest=parse_digest(data["digest"]),
                path=str(data["path"]),
                kept_at=parse_instant(data["kept_at"]),
            )
        except (FileNotFoundError, NotADirectoryError):
            raise NotKept(f"version {version} is not in the archive", field=ident) from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise _damaged(place) from error

    def _bytes(self, wanted: bytes) -> bytes:
        place = self._file(wanted)
        try:
            raw = read_bounded(place, self._settings.file_bytes_max)
        except FileNotFoundError:
            raise NotKept("this file is not in the archive", field=digest_text(wanted)) from None
        if digest(raw) != wanted:
            raise _damaged(place)
        return raw

    def _file(self, wanted: bytes) -> Path:
        return self.folder / "files" / f"{_hex(wanted)}.yaml"

    def _catalogue(self, wanted: bytes) -> Path:
        return self.folder / "catalogues" / f"{_hex(wanted)}.json"


def _versioned(catalogue: Catalogue) -> Iterable[tuple[str, Any]]:
    """Every agreement that has a version, each once, with its folder."""
    yield from (("datasets", each) for each in catalogue.contract_versions.values())
    yield from (("claims", each) for each in catalogue.claim_versions.values())
    yield from (("items", each) for each in catalogue.item_versions.values())


def _path_of(catalogue: Catalogue, kind: str, wanted: bytes) -> str:
    return next(path for path, each in catalogue.files.items() if path.startswith(f"{kind}/") and each == wanted)


def _version_line(path: Path) -> int:
    lines = path.read_text("utf-8").splitlines()
    return next((number for number, line in enumerate(lines, 1) if line.startswith("version:")), 1)


def _create(path: Path, data: bytes) -> None:
    """Put a file there once; who comes second finds the first one's."""
    if path.is_file():
        return
    for folder in reversed([each for each in (path.parent, *path.parent.parents) if not each.exists()]):
        make_folder(folder)
    try:
        create_file(path, data)
    except Conflict:
        return


def _read_json(path: Path) -> Any:
    return json.loads(read_bounded(path, CATALOGUE_BYTES_MAX))


def _hex(wanted: bytes) -> str:
    if len(wanted) != DIGEST_SIZE:
        raise NotKept("names no agreements", field="digest")
    return wanted.hex()


def _damaged(path: Path) -> Damaged:
    return Damaged(
        "is not as it was kept", field=f"agreements/{path.parent.name}/{path.name}", remedy="restore it from the backup"
    )
