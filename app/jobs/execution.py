"""Do one claimed job: the same for the embedded worker and for Celery."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from typing import Any

from flask import Flask
from sqlalchemy.orm import Session

from app.core import clock, logs, outbox, statements
from app.core.database import run
from app.core.outbox import JobView, LeaseLost
from app.core.permissions import Actor, Permission, requires
from app.core.web.extensions import db
from app.jobs import registry
from app.jobs.registry import Handler, Interrupted, TryLater, Unworkable

log = logging.getLogger("sellthru.jobs")

#: Opens a session of its own and closes it.
Sessions = Callable[[], AbstractContextManager[Session]]
WORKER = Actor.system("worker")


def sessions_of(app: Flask) -> Sessions:
    """Sessions of the application's database, each inside an application context."""

    @contextmanager
    def open_session() -> Iterator[Session]:
        with app.app_context():
            yield db.session()

    return open_session


@requires(Permission.JOB_WORK)
def do_statement(
    session: Session, actor: Actor, statement: Callable[..., Any], /, *args: Any, **kw: Any
) -> Any:
    """Run one of the outbox's statements in a transaction of its own."""
    return statement(session, *args, **kw)


def in_transaction(sessions: Sessions, statement: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Open a session and run one of the outbox's statements in a transaction."""
    with sessions() as session:
        return run(session, do_statement, WORKER, statement, *args, **kwargs)


@requires(Permission.JOB_WORK)
def do_plain_job(session: Session, actor: Actor, handler: Handler, job: JobView, now: datetime) -> None:
    """Mark the job done and do it, both or neither.

    Marked first: the row's lock keeps every other worker away until the commit, so no heartbeat is needed.
    """
    outbox.finish(session, job, now=now)
    handler.call(session, job, now)


class LongJob:
    """The context of a handler with transactions of its own, and the thread that keeps its lease."""

    def __init__(
        self, sessions: Sessions, job: JobView, *, lease: timedelta, stopping: threading.Event
    ) -> None:
        self._sessions = sessions
        self._job = job
        self._lease = lease
        self._stopping = stopping
        self._lost = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"lease-{job.id}", daemon=True)

    def now(self) -> datetime:
        return clock.now()

    def heartbeat(self) -> None:
        self._check()
        self._extend()

    def progress(self, done: int, total: int | None = None) -> None:
        self._check()
        try:
            in_transaction(
                self._sessions,
                outbox.report_progress,
                self._job,
                done=done,
                total=total,
                now=clock.now(),
                lease=self._lease,
            )
        except LeaseLost:
            self._lost.set()
            raise

    def cancelled(self) -> bool:
        return self._stopping.is_set() or self._lost.is_set()

    def __enter__(self) -> LongJob:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join(timeout=self._lease.total_seconds())

    def _check(self) -> None:
        if self._lost.is_set():
            raise LeaseLost(self._job.message_id)
        if self._stopping.is_set():
            raise Interrupted("the worker is stopping")

    def _extend(self) -> None:
        try:
            in_transaction(self._sessions, outbox.extend_lease, self._job, now=clock.now(), lease=self._lease)
        except LeaseLost:
            self._lost.set()
            raise

    def _keep(self) -> None:
        while not self._over.wait(self._lease.total_seconds() / 3):
            try:
                self._extend()
            except LeaseLost:
                log.warning("lost the lease of job %s", self._job.id)
                return
            except Exception:
                log.exception("could not extend the lease of job %s", self._job.id)


def execute(
    sessions: Sessions, job: JobView, *, stopping: threading.Event, lease: timedelta | None = None
) -> str:
    """Do a claimed job and mark it; returns done, failed, given_back or lost.

    Faults of the job are stored with it and never raised. `lease` replaces the handler's own.
    """
    asked, began = statements.begin(), time.perf_counter()
    with logs.fields(job_id=job.id, job_kind=job.kind):
        outcome = _execute(sessions, job, stopping, lease)
        logs.event(
            log,
            logging.INFO,
            "job",
            outcome=outcome,
            attempt=job.attempts,
            duration_ms=round((time.perf_counter() - began) * 1000, 1),
            statements=asked.count,
        )
    return outcome


def _execute(sessions: Sessions, job: JobView, stopping: threading.Event, lease: timedelta | None) -> str:
    handler = registry.handler_of(job.kind)
    try:
        if handler is None:
            raise LookupError(f"no handler knows jobs of kind {job.kind}")
        if handler.has_own_transactions:
            _do_long(sessions, handler, job, lease or handler.lease, stopping)
        else:
            with sessions() as session:
                run(session, do_plain_job, Actor.system(job.kind), handler, job, clock.now())
    except LeaseLost:
        log.warning("job %s %s was taken over by another worker", job.id, job.kind)
        return "lost"
    except Interrupted:
        in_transaction(sessions, outbox.give_back, job, now=clock.now())
        return "given_back"
    except TryLater as error:
        log.warning("job %s %s waits (attempt %s): %s", job.id, job.kind, job.attempts, error)
        _store_failure(sessions, job, error)
        return "failed"
    except Exception as error:
        log.exception("job %s %s failed (attempt %s)", job.id, job.kind, job.attempts)
        _store_failure(sessions, job, error)
        return "failed"
    return "done"


def _do_long(
    sessions: Sessions, handler: Handler, job: JobView, lease: timedelta, stopping: threading.Event
) -> None:
    with LongJob(sessions, job, lease=lease, stopping=stopping) as context:
        with sessions() as session:
            handler.call(session, job, context)
        in_transaction(sessions, outbox.finish, job, now=clock.now())


def _store_failure(sessions: Sessions, job: JobView, error: Exception) -> None:
    if isinstance(error, Unworkable | TryLater):
        text = str(error)
    else:
        text = "".join(traceback.format_exception(error, limit=-6))
    in_transaction(
        sessions, outbox.fail, job, text, now=clock.now(), may_retry=not isinstance(error, Unworkable)
    )
