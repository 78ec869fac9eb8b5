"""A registry of millions of rows, made up and delivered: what the benches of publishing at city scale work on."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from exchange.job import Job
from exchange.keys import IndexKeys
from exchange.recorder import Recorder
from kernel.clock import FixedClock
from kernel.digest import digest
from kernel.sealing import new_key
from schemas.catalogue import load_contracts
from schemas.contract import Contract

DATASET = "residents"
NOW = datetime(2026, 11, 24, 4, tzinfo=UTC)
_CONTRACTS = Path(__file__).parent / "registry"
_CHUNK = 4 << 20

_ROWS = """
    with numbered as (
        select i, '331081' || strftime(date '1930-01-01' + (i // 1000 * 3 % 34000)::integer, '%Y%m%d')
            || lpad((i % 1000)::varchar, 3, '0') as body
        from range({first}, {last}) as range(i)
    )
    select
        body || {check} as "证件号码",
        ['王', '李', '张', '刘', '陈'][1 + (hash(i + 1) % 5)::integer]
            || ['伟', '芳', '娜', '敏', '静', '丽'][1 + (hash(i + 2) % 6)::integer] as "姓名",
        ['男', '女'][1 + (i % 2)::integer] as "性别",
        '汉族' as "民族",
        substr(body, 7, 8) as "出生日期",
        'H' || lpad((i // 3)::varchar, 9, '0') as "户号",
        '331081' || lpad((i % 16)::varchar, 3, '0') as "区划代码",
        '温岭市太平街道人民路' || (hash(i) % 2000)::varchar || '号' as "地址",
        case when i % 2000 = 7 then '20271301' else strftime(date '2024-01-01' + (hash(i + 5) % 900)::integer, '%Y%m%d')
            end as "登记日期",
        ['户籍', '居住'][1 + (hash(i + {salt}) % 2)::integer] as "人员状态",
        (hash(i + {salt}) % 300)::varchar as "累计缴费月数",
        strftime(timestamp '2026-01-01' + to_seconds((hash(i + {salt}) % 28000000)::integer), '%Y-%m-%d %H:%M:%S')
            as "更新时间"
    from numbered
"""
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "substr('10X98765432', 1 + ({}) % 11, 1)".format(
    " + ".join(f"{weight} * substr(body, {place}, 1)::integer" for place, weight in enumerate(_WEIGHTS, 1))
)


def people(rows: int, *, salt: int = 3, first: int = 0) -> str:
    """The SQL of so many people's records, every column text; another salt changes something about each of them."""
    return _ROWS.format(first=first, last=first + rows, check=_CHECK, salt=salt)


class Unrecorded(Recorder):
    """Records nothing and says so with a digest: these benches measure publishing, not the log."""

    def record(self, kind: str, attributes: object) -> bytes:
        """A stand-in for the receipt."""
        return digest(f"{kind} {attributes}".encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Large:
    """The registry's deliveries and the exchange that takes them, in one folder."""

    folder: Path
    keys: IndexKeys
    contract: Contract

    @classmethod
    def made(cls, folder: Path) -> "Large":
        """An empty exchange."""
        keys = IndexKeys(index=new_key(), master=new_key())
        return cls(folder=folder, keys=keys, contract=load_contracts(_CONTRACTS)[DATASET])

    @property
    def delivery(self) -> Path:
        """The delivered file, in GB18030."""
        return self.folder / "deliveries" / self.contract.server.path

    @property
    def plain(self) -> Path:
        """The same rows in UTF-8, for DuckDB's own load."""
        return self.folder / "plain.csv"

    def deliver(self, rows: int, *, salt: int = 3, first: int = 0) -> None:
        """Write a delivery of so many people; another salt changes something about each of them."""
        import duckdb  # noqa: PLC0415 - only here

        self.delivery.parent.mkdir(exist_ok=True)
        made = people(rows, salt=salt, first=first)
        with duckdb.connect() as connection:
            connection.execute(f"copy ({made}) to '{self.plain}' (header, delimiter ',')")
        with (
            self.plain.open(encoding="utf-8", newline="") as source,
            self.delivery.open("w", encoding="gb18030", newline="") as target,
        ):
            while part := source.read(_CHUNK):
                target.write(part)

    def job(self, run: str) -> Job:
        """A run of publishing what is delivered."""
        return Job(
            contract=self.contract,
            delivery_root=self.folder / "deliveries",
            store=self.folder / "exchange",
            keys=self.keys,
            recorder=Unrecorded(),
            clock=FixedClock(instant=datetime.now(UTC)),
            run_id=run,
        )
