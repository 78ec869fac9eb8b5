"""How logs stand to what others hold, in words and in JSON: Chinese first, English beside."""

from collections.abc import Iterable, Iterator
from typing import Any

from audit.witness import Comparison


def promise_lines(named: Iterable[tuple[str, Comparison]]) -> Iterator[str]:
    """A line for each receipt or checkpoint: its file's name, the log, and how that stands to it."""
    for name, each in named:
        mark = "✗" if each.is_fault else "✓" if each.here >= each.size else "!"
        sizes = f"{each.here} / {each.size}"
        yield f"{mark} {name}: {each.origin} {sizes} 条 entries: {each.standing.zh} {each.standing.en}"


def promise_json(named: Iterable[tuple[str, Comparison]]) -> list[dict[str, Any]]:
    """The same for programs."""
    return [
        {
            "file": name,
            "origin": each.origin,
            "size": each.size,
            "here": each.here,
            "standing": each.standing.name.lower(),
            "fault": each.is_fault,
        }
        for name, each in named
    ]
