"""`mianzheng sample-city`: make an invented city and deliver its registries."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from kernel.clock import SystemClock
from kernel.settings import load
from samples.deliveries import deliver_city
from samples.settings import DEFAULTS, SampleSettings
from samples.tables import TABLES


def sample_city(
    out: Annotated[
        Path, typer.Option(help="交付目录，每个部门一个文件夹 The deliveries' folder, one in it a department.")
    ],
    residents: Annotated[int, typer.Option(help="居民人数 People who live in the city.")] = DEFAULTS.residents,
    seed: Annotated[int, typer.Option(help="种子相同则城市相同 Equal seeds, equal cities.")] = 1,
    today: Annotated[str, typer.Option(help="城市的日期 YYYY-MM-DD，默认今天 The city's day; else today.")] = "",
) -> None:
    """样例城市：生成虚构的温岭市及各部门交付的数据。 Make a sample city and deliver its registries."""
    try:
        day = date.fromisoformat(today) if today else SystemClock().today()
    except ValueError as error:
        raise typer.BadParameter("write it as YYYY-MM-DD", param_hint="--today") from error
    settings = load(SampleSettings, "samples", file=None)
    manifest = deliver_city(out, residents=residents, seed=seed, today=day, settings=settings)
    typer.echo(f"样例城市 {residents} 人，{day}，种子 {seed} · a city of {residents}, seed {seed}")
    for table in TABLES:
        count, bad = manifest.records[table.dataset], manifest.bad_rows(table.dataset)
        typer.echo(f"  {table.path}: {count} 条 records, {bad} 条不合格 dirty")
    typer.echo(f"  {out / 'truth'}: 仅供测试 for tests only")
