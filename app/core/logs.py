"""One JSON object a line for every event, without personal data or secrets, whatever a visitor sends.

Control characters are escaped, so that no text of a visitor begins a line of its own.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

#: What every event of the present request or job carries.
_present: ContextVar[dict[str, Any] | None] = ContextVar("log_fields", default=None)

_REDACTED = (
    # The parameters of a statement, and the row that PostgreSQL quotes beside an error.
    (re.compile(r"\[parameters: .*", re.DOTALL), "[parameters left out]"),
    (re.compile(r"(DETAIL|CONTEXT): .*"), r"\1: left out"),
    # A password in an address, before the pattern of mail addresses takes half of it.
    (re.compile(r"://[^/\s:@]*:[^/\s@]*@"), "://***@"),
    (re.compile(r"[\w.+-]{1,64}@[\w-]{1,64}(\.[\w-]{1,64})+"), "(address)"),
    (re.compile(r"/(reset|invitation|confirm|answer)/[\w.~-]+"), r"/\1/…"),
)
_LONGEST = 8000


def redact(text: str) -> str:
    """The text without mail addresses, passwords in addresses, single-use links and values of statements."""
    for pattern, instead in _REDACTED:
        text = pattern.sub(instead, text)
    return text


def event(log: logging.Logger, level: int, name: str, **fields: Any) -> None:
    """Log an event by its name and fields."""
    log.log(level, name, extra={"fields": fields})


def begin_fields(**fields: Any) -> None:
    """From now on every event of this thread carries these; what it carried before is forgotten."""
    _present.set(fields)


@contextmanager
def fields(**named: Any) -> Iterator[None]:
    """Events within the block carry these as well."""
    token = _present.set({**(_present.get() or {}), **named})
    try:
        yield
    finally:
        _present.reset(token)


class JsonLines(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(self.line(record), default=str)

    def line(self, record: logging.LogRecord) -> dict[str, Any]:
        """What the event says."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": redact(record.getMessage())[:_LONGEST],
            "pid": record.process,
            **(_present.get() or {}),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["traceback"] = redact(self.formatException(record.exc_info))[-_LONGEST:]
        return line


class TextLines(JsonLines):
    """The same for people: moment, level, logger and event, then the rest by name."""

    def format(self, record: logging.LogRecord) -> str:
        line = self.line(record)
        begin = " ".join(_plain(line.pop(name)) for name in ("at", "level", "logger", "event"))
        return " ".join([begin, *(f"{name}={_plain(value)}" for name, value in line.items())])


def _plain(value: Any) -> str:
    return json.dumps(str(value))[1:-1]


def install() -> None:
    """Write the events of this process to standard error, once: LOG_FORMAT=text for people, else JSON.

    LOG_LEVEL names the least level; a demo is quiet.
    """
    root = logging.getLogger()
    if root.handlers:
        return
    handler = logging.StreamHandler(sys.stderr)
    if os.environ.get("LOG_FORMAT") == "text":
        handler.setFormatter(TextLines())
    else:
        handler.setFormatter(JsonLines())
    usual = "WARNING" if os.environ.get("DEMO") == "1" else "INFO"
    level = logging.getLevelNamesMapping().get((os.environ.get("LOG_LEVEL") or usual).upper(), logging.INFO)
    root.addHandler(handler)
    root.setLevel(level)
    # It tells of every look at the schema's revision.
    logging.getLogger("alembic").setLevel(logging.WARNING)
