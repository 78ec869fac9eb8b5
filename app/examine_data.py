"""Examinations of a hub's data and logs."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from app.custody import CustodySettings
from app.diagnosis import Diagnosis, ill, unknown, warning, well
from app.home import log_names
from app.hub import Hub
from app.volume import Encryption, volume_of
from audit.generation import log_name
from audit.place import LogPlace
from audit.publish import Edge
from audit.recover import ends_early, read_published
from audit.root_log import ROOT, milestones
from audit.verify_hub import verify_hub
from exchange.encryption import can_encrypt, is_encrypted
from exchange.index import IndexReader
from exchange.layout import DATA, Layout
from exchange.snapshot import check_files, manifest_in_force, open_snapshot, read_in_force
from kernel.errors import MianzhengError

_REPUBLISH = "restore it from a backup, or publish the dataset again"


def snapshots(hub: Hub, _: CustodySettings) -> Iterator[Diagnosis]:
    """Every snapshot in force opens: manifest, receipt, key, and the index against its digest and its seals."""
    opened = 0
    for dataset, contract in hub.catalogue.contracts.items():
        layout = Layout.of(hub.paths.exchange, dataset)
        try:
            current = read_in_force(layout)
            if current is None:
                yield warning(f"{dataset} 从未发布", f"{dataset} was never published", f"mianzheng publish {dataset}")
                continue
            found = open_snapshot(
                layout, current, contract, hub.index_keys, bytes_max=hub.exchange_settings.manifest_bytes_max
            )
            _unseal_one(found.index)
        except MianzhengError as error:
            yield ill(f"{dataset} 快照损坏", f"{dataset}: {error.code}: {error}", _REPUBLISH)
            continue
        opened += 1
        if not found.serves:
            yield ill(
                f"{dataset} 快照与现行协议不符",
                f"{dataset}: the contract in force cannot read the snapshot",
                f"mianzheng publish {dataset}",
            )
    yield well(f"{opened} 个快照可用", f"{opened} snapshots in force open, their indexes whole and sealed")


def snapshots_deep(hub: Hub, _: CustodySettings) -> Iterator[Diagnosis]:
    """Every file of every snapshot in force is the one that was published."""
    checked = 0
    for dataset in hub.catalogue.contracts:
        layout = Layout.of(hub.paths.exchange, dataset)
        try:
            manifest = manifest_in_force(layout, bytes_max=hub.exchange_settings.manifest_bytes_max)
            if manifest is not None:
                check_files(layout, manifest)
                checked += 1
        except MianzhengError as error:
            yield ill(f"{dataset} 快照损坏", f"{dataset}: {error}", _REPUBLISH)
    yield well(f"{checked} 个快照逐字节无误", f"{checked} snapshots are as they were published, byte for byte")


def encryption(hub: Hub, _: CustodySettings) -> Iterator[Diagnosis]:
    """What lies on the disk in clear, and whether the volume under it is encrypted."""
    in_clear = sum(is_encrypted(each) is False for each in _data_files(hub.paths.exchange))
    volume = volume_of(hub.paths.home)
    if in_clear:
        yield warning(
            f"{in_clear} 个 data.duckdb 为明文，所在卷必须加密",
            f"{in_clear} data.duckdb lie here in clear: the volume must be encrypted",
            "keep the home on an encrypted volume (LUKS)",
        )
    else:
        yield well("没有明文的 data.duckdb", "no data.duckdb lies here in clear")
    if _duckdb_encrypts():
        yield well("DuckDB 可写加密文件", "this machine's DuckDB can write encrypted files")
    else:
        yield unknown(
            "DuckDB 在本机拒绝写加密文件：缺少其加密模块",
            "this machine's DuckDB refuses to write encrypted files: its crypto module (extension httpfs) is not here",
            "data.duckdb stays in clear; the serving index is always sealed",
        )
    where = f"{volume.device or '?'} ({volume.filesystem or '?'})"
    match volume.encryption:
        case Encryption.YES:
            yield well(f"所在卷 {where} 已加密", f"the volume {where} is encrypted: {volume.why}")
        case Encryption.NOT_FOUND:
            yield warning(f"所在卷 {where} 未见加密", f"the volume {where} shows no encryption: {volume.why}")
        case Encryption.UNKNOWN:
            yield unknown(
                f"不知所在卷 {where} 是否加密",
                f"it cannot be told whether the volume {where} is encrypted: {volume.why}",
                "make sure that it is",
            )


def logs(hub: Hub, _: CustodySettings) -> Iterator[Diagnosis]:
    """Each log that goes on: its checkpoint is signed, its newest tiles lead to it, and nothing recorded is missing."""
    found = 0
    root = hub.logs.place(ROOT)
    if not root.checkpoint.exists():
        yield ill("根日志缺失", "the root log is missing", "restore the logs from a backup")
        return
    if not hub.paths.detail_keys.exists() and any(hub.paths.exchange.glob("*/versions/*.receipt")):
        yield ill("detail-keys.sqlite 缺失", "detail-keys.sqlite is missing", "restore it from a backup")
    suffix = log_name("", hub.logs.generation)
    for folder in _log_folders(hub, suffix):
        name = folder.name
        if not (folder / "journal").exists():
            if folder.exists() or any(milestones(root, name)):
                yield ill(f"日志 {name} 缺失", f"the log {name} is missing", "restore the logs from a backup")
            continue
        found += 1
        place = LogPlace(directory=folder, origin=hub.logs.place(folder.name.removesuffix(suffix)).origin)
        try:
            published = read_published(place, *hub.trust.log_keys(place.origin))
            if published is not None:
                Edge.load(place.public, published)
            if published is not None and ends_early(place, published):
                yield ill(
                    f"日志 {name} 的流水短于已公布部分",
                    f"the log {name}: its journal ends before what was published",
                    "restore the logs from a backup",
                )
            recorded = max((each.checkpoint.size for each in milestones(root, folder.name)), default=0)
        except MianzhengError as error:
            yield ill(f"日志 {folder.name} 损坏", f"the log {folder.name}: {error}", "mianzheng audit verify")
            continue
        if published is None or published.size < recorded:
            yield warning(
                f"日志 {folder.name} 尚未公布至 {recorded} 条",
                f"the log {folder.name} is not published up to the {recorded} entries that are recorded",
                "mianzheng audit verify",
            )
    yield well(f"{found} 个日志快检无误", f"{found} logs look right at their ends; --deep recomputes them")


def _log_folders(hub: Hub, suffix: str) -> list[Path]:
    """The folders of the newest generation's logs; those that the hub has keys for, also where they are gone."""
    ours = {hub.paths.audit / name for name in log_names(hub.settings, hub.logs.generation)}
    found = ours | {each.parent for each in hub.paths.audit.glob("*/journal")}
    return sorted(each for each in found if each.name.endswith(suffix) and (suffix or "." not in each.name))


def logs_deep(hub: Hub, _: CustodySettings) -> Iterator[Diagnosis]:
    """Every log is recomputed from its first byte."""
    report = verify_hub(hub.paths.audit, hub.trust, hub.detail_keys)
    for each in report.all_findings:
        yield ill("日志有误", str(each), "mianzheng audit verify")
    if not report.faults:
        yield well(f"{len(report.logs)} 个日志完好", f"{len(report.logs)} logs are sound")


def _unseal_one(index: IndexReader) -> None:
    """Unseal the first entry, if there is one; raises Damaged."""
    with suppress(StopIteration):
        next(iter(index.entries()))


def _data_files(store: Path) -> Iterator[Path]:
    """The data of every version, in force or not."""
    return store.glob(f"*/versions/*/{DATA}")


def _duckdb_encrypts() -> bool:
    import duckdb  # noqa: PLC0415 - heavy, and no other examination needs it

    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    with duckdb.connect(config=config) as connection:
        return can_encrypt(connection)
