"""How people name who can open a backup: a passphrase, or a key in PEM."""

from pathlib import Path
from typing import Annotated

import typer

from app.custody import CustodySettings
from app.envelope import Closes, Holder, Opens, Passphrase, Recipient
from cli.given import read_given

_FILE_BYTES_MAX = 16 << 10

PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file", help="口令文件；否则提示输入。 The file of the passphrase; else it is asked for."
    ),
]


def closing(passphrase_file: Path | None, recipient: Path | None, settings: CustodySettings) -> Closes:
    """Who shall be able to open a new backup; asks for a passphrase, twice, where nothing is given."""
    if recipient is not None:
        return Recipient.parse(read_given(recipient, _FILE_BYTES_MAX))
    return _passphrase(passphrase_file, settings, confirm=True)


def opening(passphrase_file: Path | None, private_key: Path | None, settings: CustodySettings) -> Opens:
    """Who opens a backup; asks for the passphrase where nothing is given."""
    if private_key is not None:
        return Holder.parse(read_given(private_key, _FILE_BYTES_MAX))
    return _passphrase(passphrase_file, settings, confirm=False)


def _passphrase(file: Path | None, settings: CustodySettings, *, confirm: bool) -> Passphrase:
    if file is None:
        text = typer.prompt("备份口令 passphrase", hide_input=True, confirmation_prompt=confirm, err=True)
    else:
        # One line; an editor's newline at its end is no part of it.
        text = read_given(file, _FILE_BYTES_MAX).decode("utf-8", "surrogateescape").rstrip("\r\n")
    return Passphrase(text=text, settings=settings)
