"""Settings as data: every bound, retry, timeout and default has a name, a default and a help text.

A room declares a frozen dataclass whose fields are made by `setting`; `load` fills it from the environment
(`MIANZHENG_<SECTION>_<NAME>`), then from the hub's `hub.toml`, then from the defaults.
"""

import math
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from kernel.errors import Fault, Faulty

_S = TypeVar("_S")


def setting(default: Any, help_text: str) -> Any:
    """Declare one setting: its default, and what it does."""
    return field(default=default, metadata={"help": help_text})


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """One setting as documentation shows it."""

    section: str
    name: str
    default: object
    help: str

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return f"MIANZHENG_{self.section}_{self.name}".upper()


def described(section: str, kind: type) -> Iterator[Described]:
    """Every setting of a section, in order."""
    for each in fields(kind):
        yield Described(section=section, name=each.name, default=each.default, help=each.metadata["help"])


def load(kind: type[_S], section: str, *, file: Path | None, environ: Mapping[str, str] | None = None) -> _S:
    """Fill a section's settings; raises Faulty with every setting that cannot be read."""
    environ = os.environ if environ is None else environ
    table = _section(file, section)
    where = str(file or "hub.toml")
    known = {each.name: each.default for each in fields(kind)}  # type: ignore[arg-type]
    values = {}
    faults = [
        Fault(path=where, line=1, what=f"unknown setting {section}.{name}", remedy="remove it")
        for name in table.keys() - known.keys()
    ]
    for name, default in known.items():
        variable = f"MIANZHENG_{section}_{name}".upper()
        raw = environ.get(variable, table.get(name))
        if raw is None:
            continue
        try:
            values[name] = _convert(raw, type(default))
        except ValueError:
            faults.append(
                Fault(
                    path=where,
                    line=1,
                    what=f"{section}.{name} is not a valid {type(default).__name__}",
                    remedy=f"correct it there or in {variable}",
                )
            )
    if faults:
        raise Faulty(faults)
    return kind(**values)


def _section(file: Path | None, section: str) -> dict[str, Any]:
    if file is None or not file.exists():
        return {}
    try:
        table = tomllib.loads(file.read_text("utf-8")).get(section, {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Faulty([Fault(path=str(file), line=1, what=f"is no TOML: {error}", remedy="mend the file")]) from error
    if not isinstance(table, dict):
        raise Faulty([Fault(path=str(file), line=1, what=f"{section} is no table", remedy=f"write [{section}]")])
    return table


def _convert(raw: object, kind: type) -> object:
    if kind is bool:
        match str(raw).lower():
            case "1" | "true" | "yes":
                return True
            case "0" | "false" | "no":
                return False
            case _:
                raise ValueError(raw)
    table = isinstance(raw, list | dict)
    if table or (kind is float and not math.isfinite(float(str(raw)))):
        raise ValueError(kind)
    if kind in (int, float, str):
        return kind(str(raw))
    if kind is Path:
        return Path(str(raw))
    raise ValueError(kind)
