"""Background work: job rows are written in the business transaction and delivered at least once.

A worker claims a job with a lease. A lease that runs out (the worker was killed) makes the job claimable
again; a worker that lost its lease cannot mark the job any more, because every mark names the lease.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, String, Text, case, delete, insert, literal, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.sql.elements import ColumnElement

from app.core.database import Base, UTCDateTime

#: Lease of a kind that asks for no other.
DEFAULT_LEASE = timedelta(seconds=60)
FIRST_RETRY_S = 10.0
LONGEST_RETRY_S = 3600.0
#: Errors are cut to this many characters; the end of a traceback says most.
ERROR_LENGTH = 4000
WORKER_LOST = "The worker was lost while it ran this job."


class JobState(StrEnum):
    """`dead` jobs have used up their attempts and wait for a person."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"


class Job(Base):
    """One piece of work. The table is the truth; carriers such as Celery only bring ids."""

    __tablename__ = "job"
    __table_args__ = (Index("ix_job_due", "state", "run_at", "id"), Index("ix_job_kind", "kind", "id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    #: The same for every delivery of the job; consumers drop what they have seen.
    message_id: Mapped[str] = mapped_column(String(36), unique=True)
    #: Name of the handler: `mail.render`.
    kind: Mapped[str] = mapped_column(String(60))
    payload: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(10), default=JobState.QUEUED.value)
    attempts: Mapped[int] = mapped_column(default=0)
    max_attempts: Mapped[int] = mapped_column(default=8)
    run_at: Mapped[datetime]
    lease_owner: Mapped[str | None] = mapped_column(String(80))
    lease_until: Mapped[datetime | None]
    #: When a carrier was last given the id.
    published_at: Mapped[datetime | None]
    progress_done: Mapped[int] = mapped_column(default=0)
    progress_total: Mapped[int | None]
    last_error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class WorkerBeat(Base):
    """A worker's latest sign of life, for readiness and the console."""

    __tablename__ = "worker_beat"

    worker: Mapped[str] = mapped_column(String(80), primary_key=True)
    seen_at: Mapped[datetime]


@dataclass(frozen=True, slots=True)
class JobView:
    """A claimed job as its handler sees it. `attempts` counts this one; `lease` names this claim alone."""

    id: int
    message_id: str
    kind: str
    payload: dict[str, Any]
    attempts: int
    lease: str


class LeaseLost(Exception):
    """The job belongs to another worker by now; whatever this one did for it must not be kept."""


def enqueue(
    session: Session,
    kind: str,
    payload: dict[str, Any],
    *,
    now: datetime,
    run_at: datetime | None = None,
    max_attempts: int = 8,
    message_id: str | None = None,
) -> Job:
    """Add a job to the present transaction; it runs after the commit, or never when that rolls back.

    A given `message_id` makes a second job of the same id a uniqueness failure.
    """
    job = Job(
        message_id=message_id or str(uuid.uuid4()),
        kind=kind,
        payload=payload,
        run_at=run_at or now,
        max_attempts=max_attempts,
        created_at=now,
    )
    session.add(job)
    return job


def enqueue_all(
    session: Session,
    kind: str,
    payloads: Sequence[dict[str, Any]],
    *,
    now: datetime,
    max_attempts: int = 8,
) -> None:
    """Add jobs of one kind to the present transaction in one statement; see :func:`enqueue`."""
    if payloads:
        session.execute(
            insert(Job),
            [
                {
                    "message_id": str(uuid.uuid4()),
                    "kind": kind,
                    "payload": payload,
                    "run_at": now,
                    "max_attempts": max_attempts,
                    "created_at": now,
                }
                for payload in payloads
            ],
        )


def retry_delay(attempts: int, *, jitter: float | None = None) -> timedelta:
    """Wait after the n-th failed attempt: 10 s doubling to an hour, times 0.8 to 1.2 (third: 32 to 48 s).

    `jitter` from 0 to 1 replaces the random part.
    """
    spread = random.random() if jitter is None else jitter  # noqa: S311 - jitter, not a secret
    delay = min(FIRST_RETRY_S * 2.0 ** min(attempts - 1, 20), LONGEST_RETRY_S)
    return timedelta(seconds=delay * (0.8 + 0.4 * spread))


def _due(now: datetime, but: Collection[str] = ()) -> list[ColumnElement[bool]]:
    due = [Job.state == JobState.QUEUED.value, Job.run_at <= now]
    return [*due, Job.kind.not_in(sorted(but))] if but else due


def has_due(session: Session, *, now: datetime, but: Collection[str] = ()) -> bool:
    """Whether a job waits to be claimed; reads only, so that an idle worker takes no write lock."""
    due = select(Job.id).where(*_due(now, but)).limit(1)
    return session.execute(due).first() is not None


def claim_next(
    session: Session,
    *,
    worker: str,
    now: datetime,
    leases: Mapping[str, timedelta],
    default_lease: timedelta = DEFAULT_LEASE,
    but: Collection[str] = (),
) -> JobView | None:
    """Claim the job that is due longest, or None; `leases` per kind where it is not the default.

    Kinds named by `but` are left alone: enough of them are being done.
    Two workers never claim the same job: PostgreSQL skips locked rows, SQLite has one writer.
    """
    due = (
        select(Job.id)
        .where(*_due(now, but))
        .order_by(Job.run_at, Job.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    return _claim(session, Job.id == due, worker, now, leases, default_lease)


def claim_job(
    session: Session,
    job_id: int,
    *,
    worker: str,
    now: datetime,
    leases: Mapping[str, timedelta],
    default_lease: timedelta = DEFAULT_LEASE,
) -> JobView | None:
    """Claim the job a carrier brought; None when it is not due or another worker has it or had it."""
    return _claim(session, Job.id == job_id, worker, now, leases, default_lease)


def _claim(
    session: Session,
    which: ColumnElement[bool],
    worker: str,
    now: datetime,
    leases: Mapping[str, timedelta],
    default_lease: timedelta,
) -> JobView | None:
    until: Any = literal(now + default_lease, UTCDateTime())
    if leases:
        branches = [(Job.kind == kind, literal(now + lease, UTCDateTime())) for kind, lease in leases.items()]
        until = case(*branches, else_=until)
    row = session.execute(
        update(Job)
        .where(which, Job.state == JobState.QUEUED.value, Job.run_at <= now)
        .values(
            state=JobState.RUNNING.value,
            attempts=Job.attempts + 1,
            lease_owner=f"{worker[:60]}/{uuid.uuid4().hex[:12]}",
            lease_until=until,
        )
        .returning(Job.id, Job.message_id, Job.kind, Job.payload, Job.attempts, Job.lease_owner)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if row is None:
        return None
    return JobView(row.id, row.message_id, row.kind, row.payload, row.attempts, row.lease_owner)


def release_expired(session: Session, *, now: datetime) -> int:
    """Put jobs whose lease ran out back into the queue, or to the dead where all attempts are used.

    :returns: how many leases had run out.
    """
    # A worker that is marking its job at this moment holds the row's lock and is left alone.
    expired = (
        select(Job.id)
        .where(Job.state == JobState.RUNNING.value, Job.lease_until < now)
        .with_for_update(skip_locked=True)
    )
    ids = list(session.scalars(expired))
    if not ids:
        return 0
    released: Any = session.execute(
        update(Job)
        .where(Job.id.in_(ids), Job.state == JobState.RUNNING.value, Job.lease_until < now)
        .values(
            state=case((Job.attempts >= Job.max_attempts, JobState.DEAD.value), else_=JobState.QUEUED.value),
            finished_at=case((Job.attempts >= Job.max_attempts, literal(now, UTCDateTime())), else_=None),
            run_at=now,
            lease_owner=None,
            lease_until=None,
            published_at=None,
            last_error=WORKER_LOST,
        )
        .execution_options(synchronize_session=False)
    )
    return int(released.rowcount)


def _mark(session: Session, job: JobView, **values: Any) -> bool:
    marked: Any = session.execute(
        update(Job)
        .where(Job.id == job.id, Job.lease_owner == job.lease, Job.state == JobState.RUNNING.value)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return bool(marked.rowcount == 1)


def extend_lease(session: Session, job: JobView, *, now: datetime, lease: timedelta) -> None:
    """Keep the job for another `lease` from now. :raises LeaseLost: another worker has it."""
    if not _mark(session, job, lease_until=now + lease):
        raise LeaseLost(job.message_id)


def report_progress(
    session: Session, job: JobView, *, done: int, total: int | None, now: datetime, lease: timedelta
) -> None:
    """Store how far a job is, and extend its lease. :raises LeaseLost: another worker has it."""
    if not _mark(session, job, progress_done=done, progress_total=total, lease_until=now + lease):
        raise LeaseLost(job.message_id)


def finish(session: Session, job: JobView, *, now: datetime) -> None:
    """Mark the job done in the present transaction. :raises LeaseLost: another worker has it."""
    done = {"state": JobState.DONE.value, "finished_at": now, "last_error": None}
    if not _mark(session, job, lease_owner=None, lease_until=None, **done):
        raise LeaseLost(job.message_id)


def fail(
    session: Session,
    job: JobView,
    error: str,
    *,
    now: datetime,
    may_retry: bool = True,
    delay: timedelta | None = None,
) -> None:
    """Store the failure and queue the job again after a while; dead where the attempts are used up.

    Does nothing where another worker has the job by now.
    """
    wait = retry_delay(job.attempts) if delay is None else delay
    is_dead = or_(Job.attempts >= Job.max_attempts, literal(not may_retry))
    _mark(
        session,
        job,
        state=case((is_dead, JobState.DEAD.value), else_=JobState.QUEUED.value),
        finished_at=case((is_dead, literal(now, UTCDateTime())), else_=None),
        run_at=now + wait,
        lease_owner=None,
        lease_until=None,
        published_at=None,
        last_error=error[-ERROR_LENGTH:],
    )


def give_back(session: Session, job: JobView, *, now: datetime) -> None:
    """Queue the job again at once without counting the attempt: its worker is asked to stop."""
    _mark(
        session,
        job,
        state=JobState.QUEUED.value,
        attempts=Job.attempts - 1,
        run_at=now,
        lease_owner=None,
        lease_until=None,
        published_at=None,
    )


def postpone(session: Session, kind: str, *, until: datetime) -> None:
    """Let the queued jobs of a kind wait: what they all need is away. No attempt is counted."""
    session.execute(
        update(Job)
        .where(Job.state == JobState.QUEUED.value, Job.run_at < until, Job.kind == kind)
        .values(run_at=until, published_at=None)
        .execution_options(synchronize_session=False)
    )


def beat(session: Session, worker: str, *, now: datetime) -> None:
    """Store a worker's sign of life."""
    seen: Any = session.execute(
        update(WorkerBeat)
        .where(WorkerBeat.worker == worker)
        .values(seen_at=now)
        .execution_options(synchronize_session=False)
    )
    if seen.rowcount == 0:
        session.add(WorkerBeat(worker=worker, seen_at=now))


def forget_beats(session: Session, *, before: datetime, worker: str | None = None) -> None:
    """Drop signs of life older than the moment given, and that of a worker that ends."""
    old = WorkerBeat.seen_at < before
    which = or_(old, WorkerBeat.worker == worker) if worker else old
    session.execute(delete(WorkerBeat).where(which).execution_options(synchronize_session=False))


def latest_beat(session: Session, prefix: str = "") -> datetime | None:
    """The youngest sign of life of the workers whose name begins with `prefix`."""
    seen = select(WorkerBeat.seen_at).where(WorkerBeat.worker.startswith(prefix, autoescape=True))
    return session.scalars(seen.order_by(WorkerBeat.seen_at.desc()).limit(1)).first()
