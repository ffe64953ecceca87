"""Many people at once: threads with a session each that start at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.orm import Session

from app.core.database import configure_engine
from app.core.errors import DomainError
from app.core.tenancy import TenantSession

Work = Callable[[Session], Any]


@contextmanager
def crowded(url: str, *, connections: int = 20) -> Iterator[Engine]:
    """An engine whose threads wait for one of so many connections."""
    engine = create_engine(url, pool_size=connections, max_overflow=0, pool_timeout=120)
    configure_engine(engine)
    try:
        yield engine
    finally:
        engine.dispose()


def at_once(engine: Engine, work: Sequence[Work]) -> list[Any]:
    """Do every piece in a thread of its own, all started together; results, refusals and faults in order."""
    start = threading.Barrier(len(work))
    results: list[Any] = [None] * len(work)

    def do(place: int, piece: Work) -> None:
        with TenantSession(bind=engine) as session:
            start.wait()
            try:
                results[place] = piece(session)
            except Exception as error:
                results[place] = error

    threads = [threading.Thread(target=do, args=(place, piece)) for place, piece in enumerate(work)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def faults(results: Sequence[Any]) -> list[Exception]:
    """What was raised and is no refusal that a person can act on."""
    return [
        result for result in results if isinstance(result, Exception) and not isinstance(result, DomainError)
    ]


@contextmanager
def deadlocks_of(engine: Engine) -> Iterator[list[str]]:
    """The deadlocks PostgreSQL breaks while the block runs, also those that a retry hides."""
    found: list[str] = []

    def note(context: Any) -> None:
        if getattr(context.original_exception, "sqlstate", None) == "40P01":
            found.append(str(context.original_exception))

    event.listen(engine, "handle_error", note)
    try:
        yield found
    finally:
        event.remove(engine, "handle_error", note)
