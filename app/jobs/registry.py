"""Which function does a kind of job. Every handler may be called twice with the same message id.

A plain handler works on the database alone: it runs in one transaction together with the mark "done", so
its effect happens exactly once. A handler with transactions of its own (an import's batches, a delivery)
gets a context to report progress and to notice that it has to stop, and drops what it has done before.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy.orm import Session

from app.core.outbox import JobView

#: Modules whose handlers the worker knows.
HANDLER_MODULES = [
    "app.jobs.mail",
    "app.jobs.mail_sending",
    "app.jobs.lifetimes",
    "app.jobs.housekeeping",
    "app.jobs.pruning",
    "app.jobs.companies",
    "app.jobs.company_exports",
    "app.jobs.imports",
    "app.jobs.import_pruning",
]


class Interrupted(Exception):
    """The worker is asked to stop; the job goes back into the queue and its attempt is not counted."""


class Unworkable(Exception):
    """The job can never be done as it is; it goes to the dead at once, with this message."""


class TryLater(Exception):
    """What the job needs is away; it is tried again after a while, and this message is kept with it."""


class Context(Protocol):
    """What a handler with transactions of its own gets beside its job."""

    def now(self) -> datetime: ...

    def heartbeat(self) -> None:
        """Extend the lease now (a thread does so every third of it as well).

        :raises Interrupted: the worker is stopping.
        :raises LeaseLost: another worker has the job.
        """

    def progress(self, done: int, total: int | None = None) -> None:
        """Store the progress and extend the lease, in a transaction of its own: call between batches.

        :raises Interrupted: the worker is stopping.
        :raises LeaseLost: another worker has the job.
        """

    def cancelled(self) -> bool:
        """Whether to stop at the next safe place, and raise Interrupted there."""


PlainHandler = Callable[[Session, JobView, datetime], None]
LongHandler = Callable[[Session, JobView, Context], None]


@dataclass(frozen=True, slots=True)
class Handler:
    """A handler with its lease; `has_own_transactions` says which of the two shapes it has.

    One that `waits_outside` for somebody else's server leaves a worker's other threads to other kinds.
    """

    kind: str
    lease: timedelta
    has_own_transactions: bool
    call: Callable[..., Any]
    waits_outside: bool = False


_handlers: dict[str, Handler] = {}


def handles(
    kind: str, *, lease_s: float = 60, own_transactions: bool = False, waits_outside: bool = False
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Declare the handler of a kind: `(session, job, now)`.

    With own transactions its shape is `(session, job, context)`.
    """

    def declare(function: Callable[..., None]) -> Callable[..., None]:
        known = _handlers.get(kind)
        if known is not None and known.call.__module__ != function.__module__:
            raise ValueError(f"{kind} is handled by {known.call.__module__} already")
        _handlers[kind] = Handler(kind, timedelta(seconds=lease_s), own_transactions, function, waits_outside)
        return function

    return declare


def load() -> None:
    """Import every module that declares handlers."""
    for module in HANDLER_MODULES:
        importlib.import_module(module)


def handler_of(kind: str) -> Handler | None:
    """The handler of a kind, or None."""
    return _handlers.get(kind)


def kinds_waiting_outside() -> frozenset[str]:
    """Kinds whose handlers wait for somebody else's server."""
    return frozenset(kind for kind, handler in _handlers.items() if handler.waits_outside)


def leases() -> dict[str, timedelta]:
    """The lease of every known kind."""
    return {kind: handler.lease for kind, handler in _handlers.items()}
