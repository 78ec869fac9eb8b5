"""Which keys a hub has: their ids and ages, and never a key."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.hub import Hub
from app.master_key import CURRENT, NEXT, OLD, secret_id
from app.secret_file import read_secret
from kernel.errors import Malformed
from kernel.signing import SigningKey

_USES = {
    "root": ("签署密钥史；正式使用前移出本机", "signs the key history; belongs off this machine"),
    "answer": ("签署核验结果", "signs statements"),
    "index": ("由证件号码得出索引键", "makes index keys of identities"),
    "case": ("封存办件令牌", "seals case tokens"),
    CURRENT.removesuffix(".key"): ("封装其他密钥", "wraps other keys"),
    NEXT.removesuffix(".key"): ("轮换中的新主密钥", "the new master key of a rotation under way"),
    OLD.removesuffix(".key"): ("轮换中的旧主密钥", "the old master key of a rotation under way"),
}
_USES_OF_MANY = {"tag": ("得出当事人标签", "makes subject tags"), "answer": _USES["answer"]}
_SIGNING = frozenset({"root", "answer"})


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """One key: its file's name below `keys/`, what it is for, its id (16 hex digits), and since when it is there.

    `fault` says why it cannot be read; then the id is empty.
    """

    name: str
    zh: str
    en: str
    id: str
    since: datetime
    fault: str = ""

    def age(self, now: datetime) -> timedelta:
        """How old the key is."""
        return now - self.since


def list_keys(hub: Hub) -> Iterator[KeyRow]:
    """Every key of a hub, in the order of names; the logs' last."""
    folder = hub.paths.keys
    since = {each.key.id: each.valid_from for each in hub.trust.keys}
    for path in sorted(folder.glob("*.key")):
        name = path.stem
        # Some are named for what they are of: an epoch, or their own id.
        zh, en = _USES.get(name) or _USES_OF_MANY.get(name.partition("-")[0], ("", "unknown"))
        yield _row(path, name, zh, en, since, signs=name.partition("-")[0] in _SIGNING)
    for path in sorted((folder / "logs").glob("*.key")):
        yield _row(path, f"logs/{path.stem}", "签署日志检查点", "signs a log's checkpoints", since, signs=True)


def _row(path: Path, name: str, zh: str, en: str, since: dict[str, datetime], *, signs: bool) -> KeyRow:
    made = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    try:
        known = SigningKey.read(path).public.id if signs else secret_id(read_secret(path))
    except (Malformed, OSError) as error:
        fault = error.message if isinstance(error, Malformed) else str(error.strerror)
        return KeyRow(name=name, zh=zh, en=en, id="", since=made, fault=fault)
    return KeyRow(name=name, zh=zh, en=en, id=known, since=since.get(known, made))
