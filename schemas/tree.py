"""The checked syntax tree of a CEL expression: what it reads, and which way more rows could turn it.

The tree is read from `cel.expr.CheckedExpr` (github.com/cel-expr/cel-spec, proto/cel/expr/checked.proto), whose
messages are declared here as far as they are needed; protobuf skips the rest.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory

_FIELD = descriptor_pb2.FieldDescriptorProto
_TEXT, _BOOL, _LONG, _INT = _FIELD.TYPE_STRING, _FIELD.TYPE_BOOL, _FIELD.TYPE_INT64, _FIELD.TYPE_INT32

# Message → field → (number, type or message name, repeated).
_MESSAGES: dict[str, dict[str, tuple[int, _FIELD.Type.ValueType | str, bool]]] = {
    "CheckedExpr": {
        "types": (3, "TypeEntry", True),
        "expr": (4, "Expr", False),
        "source": (5, "SourceInfo", False),
    },
    "TypeEntry": {"key": (1, _LONG, False), "value": (2, "Type", False)},
    "Type": {"message_type": (9, _TEXT, False)},
    "SourceInfo": {"positions": (4, "PositionEntry", True)},
    "PositionEntry": {"key": (1, _LONG, False), "value": (2, _INT, False)},
    "Constant": {"int64_value": (3, _LONG, False)},
    "Ident": {"name": (1, _TEXT, False)},
    "Select": {"operand": (1, "Expr", False), "field": (2, _TEXT, False), "test_only": (3, _BOOL, False)},
    "Call": {"target": (1, "Expr", False), "function": (2, _TEXT, False), "args": (3, "Expr", True)},
    "CreateList": {"elements": (1, "Expr", True)},
    "Entry": {"map_key": (3, "Expr", False), "value": (4, "Expr", False)},
    "CreateStruct": {"entries": (2, "Entry", True)},
    "Comprehension": {
        "iter_var": (1, _TEXT, False),
        "iter_range": (2, "Expr", False),
        "accu_var": (3, _TEXT, False),
        "accu_init": (4, "Expr", False),
        "loop_condition": (5, "Expr", False),
        "loop_step": (6, "Expr", False),
        "result": (7, "Expr", False),
    },
    "Expr": {
        "id": (2, _LONG, False),
        "const": (3, "Constant", False),
        "ident": (4, "Ident", False),
        "select": (5, "Select", False),
        "call": (6, "Call", False),
        "list": (7, "CreateList", False),
        "struct": (8, "CreateStruct", False),
        "loop": (9, "Comprehension", False),
    },
}
_COMPARISONS = frozenset({"_==_", "_!=_", "@in"})
_KINDS = ("const", "ident", "select", "call", "list", "struct", "loop")


def _checked_expr() -> Any:
    # Proto2, so that every field knows whether it is there: a constant 0 is not a constant that is no integer.
    file = descriptor_pb2.FileDescriptorProto(name="mianzheng/cel.proto", package="mianzheng.cel", syntax="proto2")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for label, (number, kind, repeated) in fields.items():
            made = message.field.add(
                name=label, number=number, label=_FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL
            )
            if isinstance(kind, str):
                made.type, made.type_name = _FIELD.TYPE_MESSAGE, f".mianzheng.cel.{kind}"
            else:
                made.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("mianzheng.cel.CheckedExpr"))


_CheckedExpr = _checked_expr()


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldUse:
    """A field that the expression reads, or asks `has()` of: the message type it belongs to, its name, its place."""

    message: str
    field: str
    test_only: bool
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Which way a further row could turn an expression: `rises` from false to true, `falls` from true to false."""

    rises: bool = False
    falls: bool = False

    def __or__(self, other: "Turn") -> "Turn":
        return Turn(rises=self.rises or other.rises, falls=self.falls or other.falls)

    def __invert__(self) -> "Turn":
        return Turn(rises=self.falls, falls=self.rises)


STILL = Turn()
RISES = Turn(rises=True)
FALLS = Turn(falls=True)
EITHER = Turn(rises=True, falls=True)


@dataclass(slots=True, kw_only=True)
class Tree:
    """A checked expression's syntax tree. Offsets are in characters from the expression's beginning.

    `calls` are the functions called, `compared` the message types (empty for plain values) of what is compared.
    """

    root: Any
    types: Mapping[int, str]
    positions: Mapping[int, int]
    calls: list[tuple[str, int]] = field(default_factory=list)
    compared: list[tuple[str, int]] = field(default_factory=list)
    uses: list[FieldUse] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    depth: int = 0

    @classmethod
    def parse(cls, serialised: bytes) -> "Tree":
        """The tree that `Expression.serialize()` of cel-expr-python gives."""
        checked = _CheckedExpr.FromString(any_pb2.Any.FromString(serialised).value)
        tree = cls(
            root=checked.expr,
            types={each.key: each.value.message_type for each in checked.types},
            positions={each.key: each.value for each in checked.source.positions},
        )
        tree._walk(checked.expr, 0)
        return tree

    def turn(self, lists: Collection[str]) -> Turn:
        """Which way one more element in any of these list variables could turn the expression."""
        return _turn(self.root, frozenset(lists))

    def _walk(self, expr: Any, depth: int) -> None:
        kind = _kind(expr)
        if kind == "ident":
            self.names.add(expr.ident.name)
        elif kind == "call":
            offset = self.positions.get(expr.id, 0)
            self.calls.append((expr.call.function, offset))
            if expr.call.function in _COMPARISONS:
                self.compared += [(self.types.get(each.id, ""), offset) for each in expr.call.args]
        elif kind == "select":
            self.uses.append(
                FieldUse(
                    message=self.types.get(expr.select.operand.id, ""),
                    field=expr.select.field,
                    test_only=expr.select.test_only,
                    offset=self.positions.get(expr.id, 0),
                )
            )
        elif kind == "loop":
            depth += 1
            self.depth = max(self.depth, depth)
        for child in _children(expr, kind):
            self._walk(child, depth)


def _kind(expr: Any) -> str:
    return next((kind for kind in _KINDS if expr.HasField(kind)), "")


def _children(expr: Any, kind: str) -> Iterator[Any]:
    match kind:
        case "select":
            yield expr.select.operand
        case "call":
            if expr.call.HasField("target"):
                yield expr.call.target
            yield from expr.call.args
        case "list":
            yield from expr.list.elements
        case "struct":
            for entry in expr.struct.entries:
                yield entry.map_key
                yield entry.value
        case "loop":
            loop = expr.loop
            yield from (loop.iter_range, loop.accu_init, loop.loop_condition, loop.loop_step, loop.result)


def _mentions(expr: Any, lists: frozenset[str]) -> bool:
    kind = _kind(expr)
    if kind == "ident":
        return expr.ident.name in lists
    return any(_mentions(child, lists) for child in _children(expr, kind))


def _turn(expr: Any, lists: frozenset[str]) -> Turn:
    turn = EITHER
    if not _mentions(expr, lists):
        turn = STILL
    elif _kind(expr) == "loop":
        turn = _turn_of_loop(expr.loop, lists)
    elif _kind(expr) == "call":
        args = expr.call.args
        match expr.call.function:
            case "!_":
                turn = ~_turn(args[0], lists)
            case "_&&_" | "_||_":
                turn = _turn(args[0], lists) | _turn(args[1], lists)
            case "_==_" if _is_size(args[0]) and _is_zero(args[1]):
                turn = FALLS
            case "_>_" | "_!=_" if _is_size(args[0]) and _is_zero(args[1]):
                turn = RISES
    return turn


def _turn_of_loop(loop: Any, lists: frozenset[str]) -> Turn:
    """`exists` rises and `all` falls with their list; whatever else loops may do either."""
    step = loop.loop_step.call
    plain = (
        len(step.args) == 2  # noqa: PLR2004  # an operator has two sides
        and step.args[0].ident.name == loop.accu_var
        and loop.result.ident.name == loop.accu_var
    )
    if not plain or step.function not in {"_||_", "_&&_"}:
        return EITHER
    inner = _turn(step.args[1], lists)
    if loop.iter_range.ident.name in lists:
        return inner | (RISES if step.function == "_||_" else FALLS)
    return inner if not _mentions(loop.iter_range, lists) else EITHER


def _is_size(expr: Any) -> bool:
    call = expr.call
    if call.function != "size":
        return False
    of = call.args[0] if call.args else call.target
    return bool(of.ident.name)


def _is_zero(expr: Any) -> bool:
    return bool(expr.const.HasField("int64_value")) and expr.const.int64_value == 0
