"""How agreements name each other where two versions stand side by side.

`<id>` is the version in force; `<id>@<n>` is the one whose first number is n, whether in force or standing beside it.
"""

import re

_REFERENCE = re.compile(r"([^@]+)(?:@([1-9][0-9]{0,9}))?")
BESIDE = "@"


def split(reference: str) -> tuple[str, int]:
    """The id, and the version's first number: 0 where none is named, -1 where what stands after @ is no number."""
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        return reference.partition(BESIDE)[0], -1
    return match[1], int(match[2] or 0)


def base(reference: str) -> str:
    """The id alone: what expressions, grants and statements say."""
    return reference.partition(BESIDE)[0]


def beside(name: str, version: int) -> str:
    """The reference to one version."""
    return f"{name}{BESIDE}{version}"


def major(version: str | int) -> int:
    """A version's first number."""
    return int(str(version).partition(".")[0])
