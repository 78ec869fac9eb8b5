"""Values as reports may show them: their shape, and nothing of what they say.

Every digit becomes 9, every Latin letter A, every other letter 字; spaces and signs stay, since they are what is often
wrong. A column's class is no help here: a shifted row has names and numbers in any column.
"""

import unicodedata

SHAPE_LENGTH_MAX = 60
"""Characters of the longest shape; the rest is counted."""


def shape(text: str | None) -> str:
    """A value's shape, e.g. `999999999999999A` or `字字·字`; empty for an absent one."""
    if text is None:
        return ""
    shown = "".join(_shape(each) for each in text[:SHAPE_LENGTH_MAX])
    rest = len(text) - SHAPE_LENGTH_MAX
    return f"{shown}…(+{rest})" if rest > 0 else shown


def _shape(character: str) -> str:
    if character.isascii():
        if character.isdigit():
            return "9"
        return "A" if character.isalpha() else character if character.isprintable() else "�"
    kind = unicodedata.category(character)
    if kind.startswith("L"):
        return "字"
    if kind.startswith("N"):
        # A full-width digit is told from a plain one, since that is often what is wrong.
        return "９"
    return character if kind.startswith(("P", "S", "Z")) else "�"
