"""Examinations of a hub's home: everything but data and logs."""

import ctypes
import platform
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version

from cryptography import x509

from app.airflow_api import AirflowApi, AirflowUnavailable
from app.custody import CustodySettings
from app.diagnosis import Diagnosis, ill, unknown, warning, well
from app.formats import HOME_FORMAT, check_home, home_format
from app.home import log_names
from app.hub import Hub
from app.key_list import list_keys
from app.last_backup import read_last_backup
from app.master_key import NEXT, OLD, standing
from audit.detail_keys import VERSION as DETAIL_KEYS_VERSION
from audit.generation import generation_of
from exchange.layout import Layout
from exchange.snapshot import read_current
from kernel.errors import MianzhengError
from kernel.trust import ANSWER
from verifier.closures import VERSION as CASES_VERSION
from verifier.guesses import VERSION as GUESSES_VERSION
from verifier.limits import VERSION as LIMITS_VERSION
from verifier.once import VERSION as REPLIES_VERSION

PACKAGES = (
    "mianzheng",
    "apache-airflow-core",
    "cryptography",
    "duckdb",
    "great-expectations",
    "grpcio",
    "lmdb",
    "protobuf",
    "cel-expr-python",
)
_PRIVATE_NAMES = (".key", ".sqlite")
_LOOPBACK = "127.0.0.1"
_TIME_ERROR = 5
"""What adjtimex(2) returns while the clock is not synchronised."""
_TIMEX_SIZE = 512


def formats(hub: Hub, _: CustodySettings) -> Iterator[Diagnosis]:
    """The home's format, and its SQLite files'."""
    check_home(hub.paths)
    if home_format(hub.paths) is None:
        yield ill("此处没有枢纽", "there is no hub here", "mianzheng init")
        return
    yield well(f"目录格式 {HOME_FORMAT}", f"the home has format {HOME_FORMAT}")
    for path, wanted in (
        (hub.paths.detail_keys, DETAIL_KEYS_VERSION),
        (hub.paths.cases, CASES_VERSION),
        (hub.paths.guesses, GUESSES_VERSION),
        (hub.paths.limits, LIMITS_VERSION),
        (hub.paths.replies, REPLIES_VERSION),
    ):
        if not path.exists():
            continue
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            (found,) = database.execute("PRAGMA user_version").fetchone()
        if found != wanted:
            yield ill(f"{path.name} 格式 {found}", f"{path.name} has format {found}, not {wanted}", "mianzheng upgrade")


def permissions(hub: Hub, _: CustodySettings) -> Iterator[Diagnosis]:
    """Nobody but the hub's account may look into the home, and least of all at its keys."""
    home = hub.paths.home
    # Whatever is below the first two is shut in by them, and again by itself where it is a key.
    folders = [each for each in (home, hub.paths.keys, hub.paths.keys / "logs", hub.paths.pki) if each.exists()]
    files = [
        each
        for folder in (home, hub.paths.keys, hub.paths.pki, hub.paths.audit)
        for each in (folder.glob("*") if folder in {home, hub.paths.audit} else folder.rglob("*"))
        if each.is_file() and each.suffix in _PRIVATE_NAMES
    ]
    open_to_others = [each for each in (*folders, *files) if stat.S_IMODE(each.stat().st_mode) & 0o077]
    for each in open_to_others:
        mode = "700" if each.is_dir() else "600"
        name = "." if each == home else each.relative_to(home)
        yield ill(f"{name} 他人可读", f"{name} is open to others", f"chmod {mode} {each}")
    if not open_to_others:
        yield well("目录与密钥仅本账户可读", "home and keys are the hub's account's alone")


def keys(hub: Hub, _: CustodySettings) -> Iterator[Diagnosis]:
    """Every key can be read, is vouched for, and no rotation is left half done."""
    trust, settings, rows = hub.trust, hub.settings, list(list_keys(hub))
    names = {row.name for row in rows}
    for row in rows:
        if row.fault:
            yield ill(f"密钥 {row.name} 不可读", f"the key {row.name} cannot be read: {row.fault}", "restore it")
    logs = [f"logs/{name}" for name in log_names(settings, generation_of(trust))]
    wanted = {"answer", "case", "index", "master", f"tag-{settings.tag_epoch}", *logs}
    for name in sorted(wanted - names):
        yield ill(f"缺少密钥 {name}", f"the key {name} is missing", "restore it; never make another in its place")
    now = hub.clock.now()
    vouched = {each.key.id for each in trust.keys}
    ids = {row.name: row.id for row in rows}
    for name in ("answer", *logs):
        if name in names and ids[name] not in vouched:
            yield ill(f"信任文件不含密钥 {name}", f"the trust file does not vouch for the key {name}", "restore it")
    signing = {each.key.id for each in trust.keys if each.use == ANSWER and each.held_at(now)}
    if not signing & set(ids.values()):
        yield ill("没有可用的签署密钥", "no answer key may sign now", "mianzheng keys rotate answer")
    if standing(hub.paths.keys) & {NEXT, OLD}:
        yield warning(
            "主密钥轮换未完成", "a rotation of the master key is not finished", "mianzheng keys rotate master"
        )
    if "root" in names:
        yield warning(
            "根密钥在本机", "the root key is on this machine", "before real use, move keys/root.key to an offline place"
        )
    yield well(f"密钥 {len(rows)} 个", f"{len(rows)} keys; newest log generation {_generation(hub)}")


def disk(hub: Hub, settings: CustodySettings) -> Iterator[Diagnosis]:
    """Room for the next publication of the largest dataset, and for the logs."""
    free = shutil.disk_usage(hub.paths.home).free
    largest = max((_snapshot_size(folder) for folder in _datasets(hub)), default=0)
    need = max(settings.free_bytes_min, int(largest * settings.free_factor))
    words = (
        f"剩余 {free / 1e9:.1f} GB，需要 {need / 1e9:.1f} GB",
        f"{free / 1e9:.1f} GB free, {need / 1e9:.1f} GB needed",
    )
    yield well(*words) if free >= need else ill(*words, "make room: a full disk stops publishing and answering")


def clock(hub: Hub, settings: CustodySettings) -> Iterator[Diagnosis]:
    """The clock is not behind what the hub has signed, and somebody keeps it right."""
    now = hub.clock.now()
    newest = max((each for each in _instants(hub)), default=now)
    if newest > now + timedelta(seconds=settings.clock_ahead_s):
        yield ill(
            f"时钟落后于已有记录 {newest.isoformat(timespec='seconds')}",
            f"the clock says {now.isoformat(timespec='seconds')}, and there are files from "
            f"{newest.isoformat(timespec='seconds')}",
            "set the clock; do not publish or answer before",
        )
    match _synchronised():
        case True:
            yield well("时钟已同步", "the clock is synchronised")
        case False:
            yield warning("时钟未同步", "nobody synchronises the clock", "run chrony, or another NTP client")
        case None:
            yield unknown("不知时钟是否同步", "it cannot be told whether the clock is synchronised")


def certificates(hub: Hub, settings: CustodySettings) -> Iterator[Diagnosis]:
    """No certificate is missing, has ended, or ends soon."""
    for name in ("ca.pem", "server.pem", "server.key"):
        if not (hub.paths.pki / name).exists():
            yield ill(f"缺少 {name}", f"{name} is missing", "restore it")
    now = hub.clock.now()
    soonest: tuple[datetime, str] | None = None
    for path in sorted(hub.paths.pki.rglob("*.pem")):
        name = path.relative_to(hub.paths.pki).as_posix()
        try:
            end = x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
        except ValueError:
            yield ill(f"{name} 不是证书", f"{name} is no certificate", "restore it")
            continue
        left = (end - now).days
        words = (f"{name} 于 {end:%Y-%m-%d} 到期", f"{name} ends on {end:%Y-%m-%d}, in {left} days")
        if end <= now:
            yield ill(*words, "have a new one issued")
        elif left < settings.certificate_days_min:
            yield warning(*words, "have a new one issued")
        soonest = min(soonest or (end, name), (end, name))
    if soonest is None:
        yield ill("没有证书", "there are no certificates", "mianzheng init")
    else:
        yield well(f"最先到期 {soonest[0]:%Y-%m-%d}", f"the first to end is {soonest[1]}, on {soonest[0]:%Y-%m-%d}")


def backups(hub: Hub, settings: CustodySettings) -> Iterator[Diagnosis]:
    """There is a backup, and it is not too old."""
    last = read_last_backup(hub.paths)
    if last is None:
        yield warning("从未备份", "there never was a backup", "mianzheng backup TARGET")
        return
    days = (hub.clock.now() - last.taken_at).days
    words = (f"{days} 天前备份至 {last.folder}", f"the last backup is {days} days old: {last.folder}")
    yield well(*words) if days <= settings.backup_days_max else warning(*words, "mianzheng backup TARGET")


def airflow(hub: Hub, settings: CustodySettings) -> Iterator[Diagnosis]:
    """Airflow can be reached, where this home has one of its own."""
    memory = hub.paths.airflow / "port"
    if not memory.exists():
        yield unknown("本机未运行过 Airflow", "no Airflow ever ran on this home", "mianzheng serve")
        return
    api = AirflowApi(
        host=_LOOPBACK, port=int(memory.read_text("ascii")), request_within_s=settings.airflow_within_s, poll_s=0.1
    )
    try:
        api.wait_until_healthy(within_s=settings.airflow_within_s)
    except AirflowUnavailable as error:
        yield warning("Airflow 不可达", f"Airflow cannot be reached: {error}", "mianzheng serve")
    else:
        yield well("Airflow 可达", "Airflow is healthy")


def versions(_: Hub, __: CustodySettings) -> Iterator[Diagnosis]:
    """What runs here."""
    found = [f"Python {platform.python_version()}"]
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} –")
    yield well("、".join(found[:3]), ", ".join(found))


def _generation(hub: Hub) -> str:
    return generation_of(hub.trust) or "1"


def _datasets(hub: Hub) -> list[Layout]:
    store = hub.paths.exchange
    return [Layout(folder=each) for each in sorted(store.iterdir()) if each.is_dir()] if store.is_dir() else []


def _snapshot_size(layout: Layout) -> int:
    try:
        current = read_current(layout)
    except MianzhengError:
        return 0
    folder = layout.version(current.version) if current else None
    return sum(each.stat().st_size for each in folder.iterdir()) if folder and folder.is_dir() else 0


def _instants(hub: Hub) -> Iterator[datetime]:
    """When the hub last wrote: its journals, and its versions by their names."""
    for path in hub.paths.audit.glob("*/journal"):
        yield datetime.fromtimestamp(path.stat().st_mtime, UTC)
    for layout in _datasets(hub):
        for each in layout.versions.iterdir() if layout.versions.is_dir() else []:
            try:
                yield datetime.strptime(each.name[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            except ValueError:
                continue


def _synchronised() -> bool | None:
    """Whether the kernel holds the clock for synchronised; None where it does not say."""
    try:
        state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_SIZE))
    except (AttributeError, OSError):
        return None
    return None if state < 0 else state != _TIME_ERROR
