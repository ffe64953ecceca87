"""The worker does what is due, keeps failures, gives back what it cannot finish, and keeps the clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import audit, outbox
from app.core.audit import AuditEntry, AuditSeal
from app.core.outbox import Job, JobView, LeaseLost, WorkerBeat
from app.core.permissions import Actor
from app.jobs import registry, schedule
from app.jobs.execution import execute, in_transaction, sessions_of
from app.jobs.registry import Context, Interrupted, Unworkable, handles
from app.jobs.worker import Pace, Worker, keep_house
from tests.factories.accounts import read

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)


@pytest.fixture
def handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Handlers declared by a test are forgotten afterwards."""
    registry.load()
    monkeypatch.setattr(registry, "_handlers", dict(registry._handlers))


@pytest.fixture
def add(app: Flask) -> Callable[..., None]:
    def enqueue(kind: str, **values: Any) -> None:
        in_transaction(sessions_of(app), outbox.enqueue, kind, {}, now=datetime.now(UTC), **values)

    return enqueue


def note(session: Session, action: str) -> None:
    actor = Actor(name="test", permissions=frozenset())
    audit.record(session, actor, action, subject_type="job", subject_id=1, now=NOW)
    session.flush()


def notes(session: Session) -> list[str]:
    return list(read(session, select(AuditEntry.action).order_by(AuditEntry.id)))


def states(session: Session) -> list[tuple[str, str, int]]:
    return [(job.kind, job.state, job.attempts) for job in read(session, select(Job).order_by(Job.id))]


@pytest.mark.usefixtures("handlers")
def test_a_plain_handlers_effect_and_its_mark_are_one_transaction(
    app: Flask, session: Session, add: Callable[..., None]
) -> None:
    @handles("test.plain")
    def plain(session: Session, job: JobView, now: datetime) -> None:
        note(session, f"attempt {job.attempts}")
        if job.attempts == 1:
            raise RuntimeError("broken pipe")

    add("test.plain")
    worker = Worker(sessions_of(app))

    assert (worker.run_one(), worker.run_one()) == ("failed", None)
    assert (notes(session), states(session)) == ([], [("test.plain", "queued", 1)])
    assert "RuntimeError: broken pipe" in read(session, select(Job.last_error))[0]

    in_transaction(sessions_of(app), _make_due)
    assert worker.run_one() == "done"
    assert (notes(session), states(session)) == (["attempt 2"], [("test.plain", "done", 2)])


def _make_due(session: Session) -> None:
    for job in session.scalars(select(Job)):
        job.run_at = datetime.now(UTC)


@pytest.mark.usefixtures("handlers")
def test_a_handler_that_lost_its_lease_leaves_no_effect(
    app: Flask, session: Session, add: Callable[..., None]
) -> None:
    @handles("test.plain")
    def plain(session: Session, job: JobView, now: datetime) -> None:
        note(session, "effect")

    add("test.plain")
    sessions = sessions_of(app)
    stale = in_transaction(sessions, outbox.claim_next, worker="a", now=datetime.now(UTC), leases={})
    in_transaction(sessions, outbox.release_expired, now=datetime.now(UTC) + timedelta(minutes=2))

    assert execute(sessions, stale, stopping=threading.Event()) == "lost"
    assert notes(session) == []


@pytest.mark.usefixtures("handlers")
def test_a_kind_nobody_handles_is_tried_again_and_said(
    app: Flask, session: Session, add: Callable[..., None]
) -> None:
    add("test.unknown")

    assert Worker(sessions_of(app)).run_one() == "failed"
    assert states(session) == [("test.unknown", "queued", 1)]
    assert "no handler knows jobs of kind test.unknown" in read(session, select(Job.last_error))[0]


@pytest.mark.usefixtures("handlers")
def test_a_job_that_can_never_be_done_is_dead_with_its_message(
    app: Flask, session: Session, add: Callable[..., None]
) -> None:
    @handles("test.plain")
    def plain(session: Session, job: JobView, now: datetime) -> None:
        raise Unworkable("There is no such file.")

    add("test.plain")
    assert Worker(sessions_of(app)).run_one() == "failed"
    assert states(session) == [("test.plain", "dead", 1)]
    assert read(session, select(Job.last_error)) == ["There is no such file."]


@pytest.mark.usefixtures("handlers")
def test_a_long_handler_reports_progress_and_keeps_its_lease(
    app: Flask, session: Session, add: Callable[..., None]
) -> None:
    seen: list[Any] = []

    @handles("test.long", own_transactions=True)
    def long(session: Session, job: JobView, context: Context) -> None:
        with sessions_of(app)() as other:
            before = other.scalars(select(Job.lease_until)).one()
        context.progress(3, 10)
        time.sleep(0.7)
        with sessions_of(app)() as other:
            row = other.scalars(select(Job)).one()
            seen.append((row.progress_done, row.progress_total, row.lease_until > before, row.state))
        assert not context.cancelled()

    add("test.long")
    assert Worker(sessions_of(app), pace=Pace(lease=timedelta(seconds=1))).run_one() == "done"
    assert seen == [(3, 10, True, "running")]
    assert states(session) == [("test.long", "done", 1)]


@pytest.mark.usefixtures("handlers")
def test_a_stopping_worker_gives_a_long_job_back_at_its_next_border(
    app: Flask, session: Session, add: Callable[..., None]
) -> None:
    started = threading.Event()

    @handles("test.long", own_transactions=True)
    def long(session: Session, job: JobView, context: Context) -> None:
        started.set()
        while True:
            if context.cancelled():
                raise Interrupted
            time.sleep(0.01)

    add("test.long")
    worker = Worker(sessions_of(app), threads=1, pace=Pace(drain_s=5))
    worker.start()
    assert started.wait(10)
    worker.drain()

    kinds = [state for state in states(session) if state[0] == "test.long"]
    assert kinds == [("test.long", "queued", 0)]
    assert read(session, select(WorkerBeat)) == []


@pytest.mark.usefixtures("handlers")
def test_a_job_that_outlasts_the_draining_is_given_back_and_its_late_mark_refused(
    app: Flask, session: Session, add: Callable[..., None]
) -> None:
    started, go_on, outcome = threading.Event(), threading.Event(), []

    @handles("test.long", own_transactions=True)
    def long(session: Session, job: JobView, context: Context) -> None:
        started.set()
        go_on.wait(10)
        try:
            context.heartbeat()
        except (Interrupted, LeaseLost) as error:
            outcome.append(type(error).__name__)
            raise

    add("test.long")
    worker = Worker(sessions_of(app), threads=1, pace=Pace(drain_s=0.2))
    worker.start()
    assert started.wait(10)
    worker.drain()
    assert [state for state in states(session) if state[0] == "test.long"] == [("test.long", "queued", 0)]

    go_on.set()
    for thread in worker._threads:
        thread.join(10)
    assert outcome == ["Interrupted"]
    assert [state for state in states(session) if state[0] == "test.long"] == [("test.long", "queued", 0)]


def test_the_clocks_work_is_enqueued_once_a_slot_however_many_workers_look(
    app: Flask, session: Session
) -> None:
    sessions = sessions_of(app)
    threads = [
        threading.Thread(target=schedule.enqueue_due, args=(sessions,), kwargs={"now": NOW}) for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(read(session, select(Job.kind))) == sorted(schedule.PERIODIC_KINDS)
    assert schedule.enqueue_due(sessions, now=NOW + timedelta(seconds=59)) == 0
    assert schedule.enqueue_due(sessions, now=NOW + timedelta(seconds=60)) == 1


def test_slots_begin_at_whole_multiples() -> None:
    moment = datetime(2026, 11, 24, 14, 58, 8, tzinfo=UTC)

    assert schedule.slot_start(moment, timedelta(minutes=1)) == datetime(2026, 11, 24, 14, 58, tzinfo=UTC)
    assert schedule.slot_start(moment, timedelta(days=1)) == datetime(2026, 11, 24, tzinfo=UTC)


def test_the_clocks_work_is_done(app: Flask, session: Session) -> None:
    in_transaction(sessions_of(app), note, "order.placed")
    keep_house(sessions_of(app), "embedded:test:1")
    worker = Worker(sessions_of(app))
    registry.load()

    assert list(iter(worker.run_one, None)) == ["done"] * len(schedule.PERIODIC)
    assert {state for _, state, _ in states(session)} == {"done"}
    assert read(session, select(WorkerBeat.worker)) == ["embedded:test:1"]
    assert read(session, select(AuditSeal.audit_id)) == [1]


def test_a_broken_audit_trail_ends_among_the_dead_jobs(
    app: Flask, session: Session, add: Callable[..., None]
) -> None:
    sessions = sessions_of(app)
    registry.load()
    in_transaction(sessions, note, "order.placed")
    add("audit.seal")
    worker = Worker(sessions)
    worker.run_one()

    def tamper(session: Session) -> None:
        session.scalars(select(AuditEntry)).one().actor_name = "somebody else"

    in_transaction(sessions, tamper)
    add("audit.check")
    assert worker.run_one() == "failed"

    assert states(session)[-1] == ("audit.check", "dead", 1)
    assert "from place 1 on" in read(session, select(Job.last_error).order_by(Job.id.desc()))[0]
