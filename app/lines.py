"""What processes of a hub print: one line of JSON for each thing that happened, and no text that came from outside."""

import json
import logging
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import TextIO, cast

import structlog


class _Foreign(logging.Formatter):
    """A library's record: where it came from and its fixed text. What was put into the text could be anybody's data."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line = {
            "event": "library",
            "name": record.name,
            # Without arguments it may be a text that something was put into before.
            "text": record.msg if record.args and isinstance(record.msg, str) else "",
            "at": f"{record.module}:{record.lineno}",
            "level": record.levelname.lower(),
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
        }
        if record.exc_info and record.exc_info[0]:
            line["kind"] = record.exc_info[0].__name__
        return json.dumps(line, ensure_ascii=False)


class _Lossy:
    """Where lines are printed: one that does not fit on the disk is lost, and whoever had it to say goes on."""

    def write(self, text: str) -> None:
        """Print it, or do not."""
        with suppress(OSError):
            sys.stdout.write(text)

    def flush(self) -> None:
        """Have it where others read it, or not."""
        with suppress(OSError):
            sys.stdout.flush()


def print_json() -> None:
    """From now on this process prints JSON, whoever has something to say: our own code, or a library."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", _Lossy())),
    )
    foreign = logging.StreamHandler()
    foreign.setFormatter(_Foreign())
    logging.basicConfig(handlers=[foreign], level=logging.WARNING, force=True)


def say(event: str, **values: object) -> None:
    """Print what a supervisor did."""
    structlog.get_logger("mianzheng.supervisor").info(event, **values)
