"""Options that commands share, and the hub and the decision that they come to."""

from pathlib import Path
from typing import Annotated

import typer

from app.case_endings import Asked
from app.hub import Hub, open_hub
from app.paths import home_from_environment
from cli.given import who_types

Home = Annotated[Path | None, typer.Option(help="枢纽目录，否则 MIANZHENG_HOME，否则 ./hub The hub's home.")]
AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON。 Print JSON.")]
Reason = Annotated[str, typer.Option(help="理由，会记入审计日志。 Why; it is recorded.")]
By = Annotated[str, typer.Option(help="经手人；缺省为当前账户。 Who; else who is logged in.")]


def opened(home: Path | None) -> Hub:
    """The hub whose home is named, else the environment's."""
    return open_hub(home or home_from_environment())


def asked(by: str, reason: str) -> Asked:
    """Who decides, and why; nobody named is who types."""
    return Asked(by=by or who_types(), reason=reason)
