"""Many people at once: threads with a session each that start together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from app.core.database import configure_engine
from app.core.tenancy import TenantSession


def at_once(engine: Engine, tasks: Sequence[Callable[[Session], Any]]) -> list[Any]:
    """What each task returned, or the exception it raised; all begin at the same moment."""
    own = create_engine(engine.url, pool_size=20, max_overflow=0)
    configure_engine(own)
    barrier = threading.Barrier(len(tasks))
    results: list[Any] = [None] * len(tasks)

    def work(place: int) -> None:
        with TenantSession(bind=own) as session:
            barrier.wait()
            try:
                results[place] = tasks[place](session)
            except Exception as error:
                results[place] = error

    threads = [threading.Thread(target=work, args=(place,)) for place in range(len(tasks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    own.dispose()
    return results


def errors_of(results: Sequence[Any]) -> list[str]:
    """Names of the errors among the results."""
    return sorted(type(result).__name__ for result in results if isinstance(result, Exception))
