"""`mianzheng doctor`: is this hub well, on one page."""

import json
from typing import Annotated

import typer

from app.custody import CustodySettings
from app.diagnosis import Diagnosis, Level
from app.doctor import Examined, examine, is_well
from cli.options import AsJson, Home, opened
from kernel.settings import load

ILL = 1
_COLOURS = {Level.ILL: "red", Level.WARNING: "yellow"}


def doctor(
    home: Home = None,
    deep: Annotated[bool, typer.Option("--deep", help="逐字节全检。 Read everything, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """体检：权限、密钥、磁盘、时钟、快照、日志、格式、证书、加密、调度、版本。 Is this hub well?

    Exit code 0: nothing is ill (there may be warnings); 1: something is.
    """
    hub = opened(home)
    settings = load(CustodySettings, "custody", file=hub.paths.settings)
    found = []
    for each in examine(hub, settings, deep=deep):
        found.append(each)
        if not as_json:
            _show(each)
    healthy = is_well(found)
    if as_json:
        shown = {"well": healthy, "examinations": [_json(each) for each in found]}
        typer.echo(json.dumps(shown, ensure_ascii=False, indent=1))
    else:
        typer.echo("✓ 状态正常 it is well" if healthy else "✗ 需要处理 something is ill")
    if not healthy:
        raise typer.Exit(ILL)


def _show(found: Examined) -> None:
    for each in found.findings:
        line = f"{each.level.mark} {found.examination.zh} {found.examination.en}: {each.zh} {each.en}"
        typer.secho(line, fg=_COLOURS.get(each.level))
        if each.remedy and each.level is not Level.WELL:
            typer.echo(f"    → {each.remedy}")


def _json(found: Examined) -> dict[str, object]:
    return {
        "code": found.examination.code,
        "level": found.level.name.lower(),
        "findings": [_finding(each) for each in found.findings],
    }


def _finding(each: Diagnosis) -> dict[str, object]:
    return {"level": each.level.name.lower(), "zh": each.zh, "en": each.en, "remedy": each.remedy or None}
