"""What a piece of work asked of the database: how many statements, how long, and which were slow."""

from __future__ import annotations

import logging
import time
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, event

from app.core import logs

log = logging.getLogger("sellthru.sql")
# Commands, which install no log, stay silent.
log.addHandler(logging.NullHandler())

_LONGEST = 2000


@dataclass(slots=True)
class Asked:
    """Statements of the present request or job."""

    count: int = 0
    seconds: float = 0.0


_asked: ContextVar[Asked | None] = ContextVar("asked", default=None)
#: Slow statements of this process.
slow_in_process = Asked()


def begin() -> Asked:
    """Count anew for this thread."""
    asked = Asked()
    _asked.set(asked)
    return asked


def watch(engine: Engine, *, slow_ms: int) -> None:
    """Count the engine's statements, and log those of `slow_ms` or more by their text; 0 logs none."""

    def before(
        connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        if context is not None:
            context._sellthru_began = time.perf_counter()

    def after(
        connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        began = getattr(context, "_sellthru_began", None)
        if began is None:
            return
        seconds = time.perf_counter() - began
        asked = _asked.get()
        if asked is not None:
            asked.count += 1
            asked.seconds += seconds
        if slow_ms and seconds * 1000 >= slow_ms:
            slow_in_process.count += 1
            slow_in_process.seconds += seconds
            _say_slow(statement, seconds)

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)


def _say_slow(statement: str, seconds: float) -> None:
    # Values travel apart from the text, so it holds none.
    text = " ".join(statement.split())[:_LONGEST]
    logs.event(log, logging.WARNING, "slow_query", duration_ms=round(seconds * 1000, 1), statement=text)
