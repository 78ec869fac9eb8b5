"""The `mianzheng` command: one module a group, each imported only when it is called.

Exit codes: 0 done; 1 the check found faults; 2 bad usage or input; 3 refused; 4 unavailable.
"""

import importlib
import sys
from collections.abc import Callable
from typing import Any

import typer
from typer import Context
from typer.core import TyperGroup
from typer.main import get_command

from kernel.durable import DISK_FAULTS
from kernel.errors import MianzhengError, Refusal, Unavailable

COMMANDS = {
    "init": ("cli.init", "init"),
    "sample-city": ("cli.sample_city", "sample_city"),
    "check": ("cli.check", "check"),
    "connections": ("cli.connections", "connections"),
    "publish": ("cli.publish", "publish"),
    "ask": ("cli.ask", "ask"),
    "verify": ("cli.verify", "verify"),
    "contracts": ("cli.contracts", "contracts_app"),
    "datasets": ("cli.datasets", "datasets_app"),
    "clients": ("cli.clients", "clients_app"),
    "operators": ("cli.operators", "operators_app"),
    "cases": ("cli.cases", "cases_app"),
    "guesses": ("cli.guesses", "guesses_app"),
    "grants": ("cli.grants", "grants_app"),
    "replay": ("cli.replay", "replay_evidence"),
    "audit": ("cli.audit", "audit_app"),
    "verifier": ("cli.verifier", "verifier_app"),
    "serve": ("cli.serve", "serve"),
    "backup": ("cli.backup", "backup"),
    "restore": ("cli.restore", "restore"),
    "upgrade": ("cli.upgrade", "upgrade"),
    "keys": ("cli.keys", "keys_app"),
    "doctor": ("cli.doctor", "doctor"),
    "demo": ("cli.demo", "demo"),
}
"""Each command's module and its function or group."""

BAD_INPUT, REFUSED, UNAVAILABLE = 2, 3, 4


class _Commands(TyperGroup):
    """Imports a command's module when it is named: `mianzheng verify` waits for no server and no database."""

    def list_commands(self, ctx: Context) -> list[str]:  # type: ignore[override]  # noqa: ARG002 (typer publishes another type than it uses)
        return list(COMMANDS)

    def get_command(self, ctx: Context, cmd_name: str) -> Any:  # type: ignore[override]  # noqa: ARG002 (the same)
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name]
        return _command(cmd_name, getattr(importlib.import_module(module), name))


app = typer.Typer(
    name="mianzheng", cls=_Commands, add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False
)


@app.callback()
def mianzheng() -> None:
    """免证：政务数据共享与核验枢纽。 A hub for certificate-free services."""


def main() -> None:
    """Run the command line; every error of ours becomes one line and an exit code."""
    try:
        app(prog_name="mianzheng")
    except MianzhengError as error:
        typer.echo(f"{error.code}: {error}", err=True)
        sys.exit(_exit_code(error))
    except OSError as error:
        if error.errno not in DISK_FAULTS:
            raise
        typer.echo(
            f"{Unavailable.code}: {error.strerror}: {error.filename or ''} (mend the disk, or make room)", err=True
        )
        sys.exit(UNAVAILABLE)


def _exit_code(error: MianzhengError) -> int:
    match error:
        case Unavailable():
            return UNAVAILABLE
        case Refusal():
            return REFUSED
        case _:
            return BAD_INPUT


def _command(name: str, what: typer.Typer | Callable[..., Any]) -> Any:
    if isinstance(what, typer.Typer):
        group = get_command(what)
        # Else the list of commands shows a group without its name.
        group.name = name
        return group
    alone = typer.Typer(add_completion=False)
    alone.command(name=name)(what)
    return get_command(alone)


if __name__ == "__main__":
    main()
