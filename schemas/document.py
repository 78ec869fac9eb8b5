"""One YAML file of an agreement, with the line of everything in it.

Faults are collected, never raised one by one: whoever mends a file wants to see all of them.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from kernel.digest import digest
from kernel.errors import Fault
from schemas.settings import DEFAULTS, SchemaSettings

Place = tuple[str | int, ...]
"""Where something stands in a file: keys and list positions from the top."""

_Shape = TypeVar("_Shape", bound=BaseModel)
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NESTING_MAX = 32
_UNKNOWN = "extra_forbidden"


@dataclass(slots=True)
class Faults:
    """Every fault found so far."""

    found: list[Fault] = field(default_factory=list)

    def add(self, path: str, line: int, what: str, remedy: str) -> None:
        """Note one fault."""
        self.found.append(Fault(path=path, line=line, what=what, remedy=remedy))


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A YAML file as plain values.

    `path` is relative to the root of the agreements, `digest` is SHA-256 of the file's bytes.
    """

    path: str
    digest: bytes
    data: Mapping[str, Any]
    lines: Mapping[Place, int]
    literals: frozenset[Place]
    faults: Faults

    def line(self, *place: str | int) -> int:
        """The line (from 1) of a place, or of the nearest place around it that exists."""
        for length in range(len(place), -1, -1):
            if place[:length] in self.lines:
                return self.lines[place[:length]]
        return 1

    def text_line(self, place: Place, offset: int) -> int:
        """The line of a text's own line `offset` (from 1): exact where the text is a literal block (`|`)."""
        return self.line(*place) + (offset if place in self.literals else 0)

    def fault(self, what: str, remedy: str, *place: str | int) -> None:
        """Note a fault at a place of this file."""
        self.faults.add(self.path, self.line(*place), what, remedy)

    def shaped(
        self, shape: type[_Shape], data: Any = None, at: Place = (), locate: Callable[[str], Place] | None = None
    ) -> _Shape | None:
        """The file, or what stands `at` a place, in the shape it must have; None after noting every departure.

        Unknown keys are noted and then left out, so that what else is wrong can be found as well. `locate` gives the
        place, within `at`, of a key of `data` that does not stand there as a key.
        """
        value = self.data if data is None else data
        try:
            return shape.model_validate(value)
        except ValidationError as error:
            faults = error.errors(include_url=False, include_context=False, include_input=False)
        for each in faults:
            head, tail = each["loc"][:1], each["loc"][1:]
            place = at + (locate(str(head[0])) if locate and head else head) + tail
            self.fault(_what(each["loc"], each["type"], each["msg"]), _remedy(each["type"]), *place)
        if any(each["type"] != _UNKNOWN for each in faults):
            return None
        return shape.model_validate(_without(value, [each["loc"] for each in faults]))


def read_document(root: Path, file: Path, faults: Faults, settings: SchemaSettings = DEFAULTS) -> Document | None:
    """Read one file; None after noting why it is no mapping of plain values."""
    return parse_document(file.relative_to(root).as_posix(), file.read_bytes(), faults, settings)


def parse_document(path: str, raw: bytes, faults: Faults, settings: SchemaSettings = DEFAULTS) -> Document | None:
    """A file from its bytes, `path` being what it is called; None after noting why it is no mapping of plain values."""
    if len(raw) > settings.file_bytes_max:
        faults.add(path, 1, f"is larger than {settings.file_bytes_max} bytes", "split it")
        return None
    try:
        node = yaml.compose(raw, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        faults.add(path, line, f"is no YAML: {error.problem}", "mend the syntax")
        return None
    except (yaml.YAMLError, ValueError) as error:
        faults.add(path, 1, f"is no YAML: {type(error).__name__}", "save it as UTF-8 text")
        return None
    if not isinstance(node, yaml.MappingNode):
        faults.add(path, 1, "holds no keys and values", "write `key: value` lines")
        return None
    reading = _Reading(path=path, faults=faults)
    data = reading.value(node, ())
    return Document(
        path=path,
        digest=digest(raw),
        data=data,
        lines=reading.lines,
        literals=frozenset(reading.literals),
        faults=faults,
    )


@dataclass(slots=True, kw_only=True)
class _Reading:
    """Turns composed nodes into plain values, noting the line of each."""

    path: str
    faults: Faults
    lines: dict[Place, int] = field(default_factory=dict)
    literals: set[Place] = field(default_factory=set)
    seen: set[int] = field(default_factory=set)

    def value(self, node: yaml.Node, place: Place) -> Any:
        line = self.lines.setdefault(place, node.start_mark.line + 1)
        # An alias is the same node again; refusing it keeps a small file from unfolding into a huge one.
        if id(node) in self.seen or len(place) > _NESTING_MAX:
            self.faults.add(self.path, line, "uses an alias or is nested too deeply", "write the value out")
            return None
        self.seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(each, (*place, at)) for at, each in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.style == "|":
            self.literals.add(place)
        return self._scalar(node, line)

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = self._scalar(key_node, line) if isinstance(key_node, yaml.ScalarNode) else None
            if not isinstance(key, str):
                self.faults.add(self.path, line, "has a key that is no text", "write the key as a plain word")
            elif key in values:
                self.faults.add(self.path, line, f"says {key} twice", "keep one of them")
            else:
                self.lines[(*place, key)] = line
                values[key] = self.value(value_node, (*place, key))
        return values

    def _scalar(self, node: yaml.Node, line: int) -> Hashable:
        try:
            value: Hashable = yaml.constructor.SafeConstructor().construct_object(node)
        except (yaml.YAMLError, ValueError):
            self.faults.add(self.path, line, "has a value that cannot be read", "quote it")
            return None
        return value


def _without(value: Any, places: Sequence[Place]) -> Any:
    """A copy of a value without the keys at some places."""
    pruned = deepcopy(value)
    for *way, key in places:
        around = pruned
        for step in way:
            around = around[step]
        around.pop(key, None)
    return pruned


def _what(place: Place, kind: str, message: str) -> str:
    name = ".".join(str(part) for part in place) or "the file"
    match kind:
        case "missing":
            return f"{name} is missing"
        case _ if kind == _UNKNOWN:
            return f"{name} is no known key"
        case _:
            return f"{name}: {message[:1].lower()}{message[1:]}"


def _remedy(kind: str) -> str:
    match kind:
        case "missing":
            return "add it"
        case _ if kind == _UNKNOWN:
            return "remove it, or correct its spelling"
        case _:
            return "correct it"
