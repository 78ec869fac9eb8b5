"""A registry that nobody here has seen is connected and asked by following docs/how-to/connect-a-registry.md itself.

Nothing is known to this test but the page: its files are written, its statements and commands are run, in its order,
and what it says that they print is what they must print.
"""

import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.adapters import database_servers
from tests.adapters.database_servers import DatabaseServer

pytestmark = pytest.mark.xdist_group("databases")

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "how-to" / "connect-a-registry.md"
BLOCK = re.compile(
    r"^```(?P<kind>sql|sh|text|yaml|toml)(?: (?P<file>\S+))?\n(?P<content>.*?)^```$", re.MULTILINE | re.DOTALL
)
HOME_ON_PAGE, ADDRESS_ON_PAGE = "/srv/mianzheng", 'host = "10.20.30.40"\nport = 5432'
WHATEVER = "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One fenced block: a file to write, statements or commands to run, or what the commands before it print."""

    kind: str
    file: str
    content: str


def blocks() -> list[Block]:
    text = PAGE.read_text("utf-8")
    found = [
        Block(kind=each["kind"], file=each["file"] or "", content=each["content"]) for each in BLOCK.finditer(text)
    ]
    assert 2 * len(found) == len(re.findall("^```", text, re.MULTILINE)), "every block of the page is followed"
    return found


@dataclass(slots=True, kw_only=True)
class Reader:
    """Somebody who does what the page says, with a home and a database of their own."""

    home: Path
    server: DatabaseServer
    environ: dict[str, str]
    printed: str = ""

    def do(self, block: Block) -> None:
        """Follow one block."""
        match block.kind:
            case "sql":
                self._statements(block.content)
            case "sh":
                self.printed = self._commands(block.content)
            case "text":
                assert_printed(block.content, self.printed)
            case _:
                self._write(block)

    def _write(self, block: Block) -> None:
        path = self.home / block.file
        content = block.content
        if block.file == "connections.toml":
            assert path.stat().st_mode & 0o077 == 0, "the page has made it private before anything is written into it"
            assert ADDRESS_ON_PAGE in content
            content = content.replace(ADDRESS_ON_PAGE, f'host = "127.0.0.1"\nport = {self.server.port}')
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")

    def _statements(self, content: str) -> None:
        command = ["psql", "--no-psqlrc", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.server.port)]
        environ = {**os.environ, "PGPASSWORD": "owner", "PGCLIENTENCODING": "UTF8"}
        subprocess.run(
            [*command, "-U", "owner", "-d", "disability"], input=content.encode(), env=environ, check=True, timeout=30
        )

    def _commands(self, content: str) -> str:
        script = content.replace(HOME_ON_PAGE, str(self.home))
        done = subprocess.run(
            ["bash", "-euc", script],
            cwd=ROOT,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def assert_printed(expected: str, printed: str) -> None:
    """Each expected line stands in what was printed, in this order; `…` stands for whatever is there."""
    lines = printed.splitlines()
    for line in expected.splitlines():
        pattern = re.compile(".*".join(map(re.escape, line.split(WHATEVER))))
        at = next((at for at, each in enumerate(lines) if pattern.fullmatch(each.rstrip())), None)
        assert at is not None, f"not printed, or not here: {line}\n{printed}"
        lines = lines[at + 1 :]


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    home = tmp_path / "hub"
    environ = {
        **os.environ,
        "MIANZHENG_HOME": str(home),
        "MIANZHENG_VERIFIER_PORT": port,
        "MIANZHENG_CLIENT_ADDRESS": f"localhost:{port}",
        "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
        "PYTHONWARNINGS": "ignore",
    }
    with database_servers.postgresql() as server:
        server.run("create database disability", database="postgres")
        yield Reader(home=home, server=server, environ=environ)
        end_verifiers(home)


def end_verifiers(home: Path) -> None:
    """End the workers that the page started in the background: those of this home."""
    for each in Path("/proc").glob("[0-9]*"):
        try:
            environ, command = (each / "environ").read_bytes(), (each / "cmdline").read_bytes()
        except OSError:
            continue
        if f"MIANZHENG_HOME={home}\0".encode() in environ and b"verifier\0run" in command:
            os.kill(int(each.name), signal.SIGTERM)


def test_whoever_follows_the_page_connects_the_registry_and_is_answered(reader: Reader) -> None:
    for block in blocks():
        reader.do(block)
    newest = max((reader.home / "exchange" / "disability_certificates" / "versions").glob("*/manifest.json"))
    assert json.loads(newest.read_bytes())["base"], "the last delivery held changes only"
    everything = [path for path in reader.home.rglob("*") if path.is_file() and path.name != "connections.toml"]
    assert not [path for path in everything if b"change-me" in path.read_bytes()], "the password stands nowhere else"


def test_the_check_notices_what_is_not_printed() -> None:
    assert_printed("a…c\nd", "abc\nx\nd\n")
    for expected in ("a…c\na…c", "d\na…c", "e", "ab"):
        with pytest.raises(AssertionError, match="not printed"):
            assert_printed(expected, "abc\nx\nd\n")
