"""`mianzheng upgrade`: bring a home that an older version made to today's format."""

import typer

from app.custody import in_custody
from app.formats import HOME_FORMAT, home_format
from app.formats import upgrade as upgrade_home
from cli.options import Home, opened
from kernel.errors import Malformed


def upgrade(
    home: Home = None,
) -> None:
    """将旧版本建立的枢纽目录迁移到现行格式；中断后可再运行。 Bring an older home to today's format."""
    hub = opened(home)
    nothing = Malformed("there is no hub here", field=str(hub.paths.home), remedy="mianzheng init")
    if home_format(hub.paths) is None:
        raise nothing
    with in_custody(hub.paths):
        before = upgrade_home(hub.paths, tag_epoch=hub.settings.tag_epoch)
    if before == HOME_FORMAT:
        typer.echo(f"格式已是 {HOME_FORMAT} the format is {HOME_FORMAT} already")
    else:
        typer.echo(f"格式 {before} → {HOME_FORMAT} the home had format {before} and has {HOME_FORMAT} now")
