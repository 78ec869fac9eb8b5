"""`mianzheng guesses`: how much has been tried about one person, and letting a group try again."""

from pathlib import Path
from typing import Annotated

import typer

from app.case_endings import Asked
from app.hub import open_hub
from app.lifting import guessed, lift
from app.paths import home_from_environment
from cli.given import who_types

guesses_app = typer.Typer(help="试探限制。 How much may be guessed about one person.", no_args_is_help=True)

HIDDEN = "-"
Home = Annotated[Path | None, typer.Option(help="枢纽目录，否则 MIANZHENG_HOME，否则 ./hub The hub's home.")]
Group = Annotated[str, typer.Option(help="接入方组。 The client group.")]
Number = Annotated[str, typer.Option(help="证件号码；缺省则另行输入，不显示。 The person's number; else prompted for.")]


@guesses_app.command()
def show(group: Group, party: Number = HIDDEN, home: Home = None) -> None:
    """查看某组对某人已试过多少不同的值。 Show how many different values a group has tried about a person."""
    hub = open_hub(home or home_from_environment())
    most = hub.verifier_settings.guesses_max
    for dataset, count in guessed(hub, group, _number(party)).items():
        typer.echo(f"{dataset}: {count} / {most}")


@guesses_app.command("lift")
def lift_command(
    group: Group,
    reason: Annotated[str, typer.Option(help="理由，会记入审计日志。 Why; it is recorded.")],
    party: Number = HIDDEN,
    by: Annotated[str, typer.Option(help="经手人；缺省为当前账户。 Who; else who is logged in.")] = "",
    home: Home = None,
) -> None:
    """清除某组对某人的计数，使其可以再次核验。 Forget a group's guesses about a person, so that it may ask again."""
    hub = open_hub(home or home_from_environment())
    count = lift(hub, group, _number(party), Asked(by=by or who_types(), reason=reason))
    typer.echo(f"已清除 {count} 次试探，已记入审计日志。 {count} guesses forgotten, and recorded.")


def _number(party: str) -> str:
    """The number, asked for unseen and outside the shell's history where none is given."""
    return typer.prompt("证件号码 number", hide_input=True) if party == HIDDEN else party
