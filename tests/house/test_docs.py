"""Documentation keeps its promises: links lead somewhere, both languages say the same, commands exist."""

import re
from pathlib import Path

import pytest

from cli.main import COMMANDS

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "docker").glob("*.md")])
LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda each: str(each.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    dead = [link for link in LINK.findall(page.read_text("utf-8")) if not (page.parent / link).exists()]
    assert not dead


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_every_command_that_a_readme_names_exists(name: str) -> None:
    named = set(re.findall(r"^mianzheng ([a-z-]+)", (ROOT / name).read_text("utf-8"), re.MULTILINE))
    assert len(named) > 5
    assert named <= COMMANDS.keys()


def test_both_readmes_show_the_same_commands() -> None:
    shown = [
        re.findall(r"^(?:mianzheng|make|python) [a-z-]+", (ROOT / name).read_text("utf-8"), re.MULTILINE)
        for name in ("README.md", "README.zh-CN.md")
    ]
    assert shown[0] == shown[1]


def test_every_decision_is_numbered_once() -> None:
    numbers = [path.name[:4] for path in sorted((ROOT / "docs" / "decisions").glob("*.md"))]
    assert numbers == [f"{number:04d}" for number in range(1, len(numbers) + 1)]


def test_every_file_that_the_architecture_names_is_there() -> None:
    named = set(re.findall(r"`((?:[a-z_]+/)+[a-z_0-9.]+\.[a-z]+)`", (ROOT / "ARCHITECTURE.md").read_text("utf-8")))
    assert len(named) > 15
    assert not [name for name in sorted(named) if not (ROOT / name).exists()]
