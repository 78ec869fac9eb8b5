"""The house keeps its shape: sizes, names, seams. Each rule says why it stands."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
ROOMS = ("adapters", "app", "audit", "cli", "dags", "exchange", "kernel", "samples", "schemas", "verifier")

MODULE_LINES_MAX = 340
"""A module is read in one sitting: about 300 lines, and a tenth of grace."""

FUNCTION_LINES_MAX = 66
"""A function is seen on one screen: about 60 lines, and a tenth of grace."""

BANNED_NAMES = {
    "utils": "say what it does",
    "util": "say what it does",
    "helpers": "say what it helps with",
    "manager": "say what it manages, as a verb",
    "common": "put it where its first user is, or in the kernel",
    "misc": "say what it is",
}

GRPC_MODULES = {
    "client",
    "asking_stream",
    "retry",
    "deferral",
    "servicer",
    "server",
    "health",
    "refusals",
    "health_check",
}
"""The wire modules of the verifier: elsewhere a call is a plain value."""


@cache
def modules() -> tuple[Path, ...]:
    """Every module that people write."""
    found = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    return tuple(sorted(path for path in found if "_pb2" not in path.name))


@cache
def tree(path: Path) -> ast.Module:
    """A module's syntax tree."""
    return ast.parse(path.read_text("utf-8"))


def imported(path: Path) -> Iterator[str]:
    """Every module that a module imports, wherever in it."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{each.name}" for each in node.names)


def dotted(path: Path) -> str:
    """A module's dotted name."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def tracked() -> list[Path]:
    """Every file that the repository holds."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_a_module_is_read_in_one_sitting(path: Path) -> None:
    lines = len(path.read_text("utf-8").splitlines())
    assert lines <= MODULE_LINES_MAX, f"{lines} lines: split it by what it is about"
    long = [
        f"{node.name}: {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno
        and node.end_lineno - node.lineno + 1 > FUNCTION_LINES_MAX
    ]
    assert not long, "a function is seen on one screen"


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_a_module_is_named_for_what_it_is(path: Path) -> None:
    words = set(re.split(r"[_.]", dotted(path)))
    assert not words & BANNED_NAMES.keys(), BANNED_NAMES


def test_only_wire_modules_know_grpc() -> None:
    knowing = {dotted(path) for path in modules() if any(name.split(".")[0] == "grpc" for name in imported(path))}
    assert knowing <= {f"verifier.{name}" for name in GRPC_MODULES}
    assert "verifier.servicer" in knowing or "verifier.server" in knowing


def test_one_module_knows_the_quality_engine() -> None:
    knowing = {dotted(p) for p in modules() if any(n.split(".")[0] == "great_expectations" for n in imported(p))}
    assert knowing == {"exchange.judge"}


def test_the_dags_folder_parses_without_heavy_imports() -> None:
    heavy = {"duckdb", "great_expectations", "exchange", "pandas"}
    for path in (ROOT / "dags").glob("*.py"):
        top = {
            name.split(".")[0]
            for node in tree(path).body
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in ([each.name for each in node.names] if isinstance(node, ast.Import) else [node.module or ""])
        }
        assert not top & heavy, f"{dotted(path)}: Airflow parses this file again and again"


def test_rooms_have_no_cycles_inside() -> None:
    known = {dotted(path) for path in modules()}
    graph = {dotted(path): {name for name in imported(path) if name in known} for path in modules()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail[trail.index(name) :], name))
        if name not in done:
            for other in sorted(graph[name] - {name}):
                visit(other, (*trail, name))
            done.add(name)

    for name in sorted(graph):
        visit(name, ())


def test_no_file_names_a_package_registry_or_leaves_work_for_later() -> None:
    hosts = re.compile(r"\b(pypi|pythonhosted|npmjs|debian|crates|golang)\.(org|com|io)\b", re.IGNORECASE)
    later = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    itself = Path(__file__)
    for path in tracked():
        if path == itself or path.suffix in {".csv", ".png"}:
            continue
        text = path.read_text("utf-8")
        assert not hosts.search(text), f"{path.name} names a registry's host"
        assert not later.search(text) or path.suffix == ".lock", f"{path.name} leaves work for later"


def test_every_room_of_tests_mirrors_a_room_of_the_house() -> None:
    allowed = {*ROOMS, "house", "e2e", "interop", "torture", "docker", "benchmarks", "tools", "docs"}
    assert {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name[0] not in "._"} <= allowed
