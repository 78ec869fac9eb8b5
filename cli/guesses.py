"""`mianzheng guesses`: how much has been tried about one person, and letting a group try again."""

from typing import Annotated

import typer

from app.lifting import guessed, lift
from cli.options import By, Home, Reason, asked, opened

guesses_app = typer.Typer(help="试探限制。 How much may be guessed about one person.", no_args_is_help=True)

HIDDEN = "-"
Group = Annotated[str, typer.Option(help="接入方组。 The client group.")]
Number = Annotated[str, typer.Option(help="证件号码；缺省则另行输入，不显示。 The person's number; else prompted for.")]


@guesses_app.command()
def show(group: Group, party: Number = HIDDEN, home: Home = None) -> None:
    """查看某组对某人已试过多少不同的值。 Show how many different values a group has tried about a person."""
    hub = opened(home)
    most = hub.verifier_settings.guesses_max
    for dataset, count in guessed(hub, group, _number(party)).items():
        typer.echo(f"{dataset}: {count} / {most}")


@guesses_app.command("lift")
def lift_command(
    group: Group,
    reason: Reason,
    party: Number = HIDDEN,
    by: By = "",
    home: Home = None,
) -> None:
    """清除某组对某人的计数，使其可以再次核验。 Forget a group's guesses about a person, so that it may ask again."""
    hub = opened(home)
    count = lift(hub, group, _number(party), asked(by, reason))
    typer.echo(f"已清除 {count} 次试探，已记入审计日志。 {count} guesses forgotten, and recorded.")


def _number(party: str) -> str:
    """The number, asked for unseen and outside the shell's history where none is given."""
    return typer.prompt("证件号码 number", hide_input=True) if party == HIDDEN else party
