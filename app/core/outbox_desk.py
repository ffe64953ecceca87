"""What the vendor's staff see of background work, and how they start failed jobs again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.core import audit
from app.core.errors import NotFound
from app.core.outbox import Job, JobState, WorkerBeat, enqueue
from app.core.pages import COUNT_LIMIT, Page, SortKey, paginate
from app.core.permissions import Actor, Permission, requires
from app.core.texts import _


def get_job(session: Session, job_id: int) -> Job:
    """:raises NotFound: there is no such job, or it was done so long ago that it is deleted."""
    job = session.get(Job, job_id)
    if job is None:
        raise NotFound(_("There is no job by that number. Jobs are deleted two weeks after they are done."))
    return job


def list_jobs(
    session: Session, *, state: str | None = None, kind: str | None = None, cursor: str | None = None
) -> Page[Any]:
    """Jobs, the newest first."""
    statement = select(
        Job.id,
        Job.kind,
        Job.state,
        Job.attempts,
        Job.max_attempts,
        Job.run_at,
        Job.created_at,
        Job.finished_at,
        Job.progress_done,
        Job.progress_total,
        Job.last_error,
    )
    sort = [SortKey(Job.id, descending=True)]
    if state is not None:
        # Within a state the index runs by the time they were due.
        statement = statement.where(Job.state == state)
        sort = [SortKey(Job.run_at, descending=True), *sort]
    if kind is not None:
        statement = statement.where(Job.kind == kind)
    keys = (lambda row: (row.run_at, row.id)) if state is not None else (lambda row: (row.id,))
    return paginate(session, statement, sort=sort, read_keys=keys, cursor=cursor)


def count_jobs(session: Session, states: Sequence[str]) -> dict[str, int]:
    """How many jobs are in each state; 1,001 stands for more than a thousand."""
    counts: dict[str, int] = {}
    for state in states:
        some = select(Job.id).where(Job.state == state).limit(COUNT_LIMIT + 1).subquery()
        counts[state] = session.scalar(select(func.count()).select_from(some)) or 0
    return counts


def list_kinds(session: Session) -> list[str]:
    """Kinds of job there are at present."""
    kinds: list[str] = []
    # One step through the index per kind, not a look at every row.
    following = session.scalar(select(func.min(Job.kind)))
    while following is not None:
        kinds.append(following)
        following = session.scalar(select(func.min(Job.kind)).where(Job.kind > following))
    return kinds


def list_beats(session: Session) -> list[WorkerBeat]:
    """Workers with their latest signs of life, the youngest first."""
    return list(session.scalars(select(WorkerBeat).order_by(WorkerBeat.seen_at.desc()).limit(50)))


@requires(Permission.JOB_REPLAY)
def replay_dead_jobs(session: Session, actor: Actor, *, job_ids: list[int] | None, now: datetime) -> int:
    """Queue dead jobs again with all their attempts (all of them where `job_ids` is None); returns how many.

    The message ids stay, so what was done already is not done twice.
    """
    dead = update(Job).where(Job.state == JobState.DEAD.value)
    if job_ids is not None:
        dead = dead.where(Job.id.in_(job_ids))
    replayed = session.scalars(
        dead.values(state=JobState.QUEUED.value, attempts=0, run_at=now, finished_at=None, published_at=None)
        .returning(Job.id)
        .execution_options(synchronize_session=False)
    ).all()
    for job_id in sorted(replayed):
        audit.record(session, actor, "job.replayed", subject_type="job", subject_id=job_id, now=now)
    return len(replayed)


@requires(Permission.AUDIT_READ)
def request_audit_check(session: Session, actor: Actor, *, now: datetime) -> None:
    """Ask for a check of the whole audit trail; it runs in the background."""
    enqueue(session, "audit.check", {}, now=now, max_attempts=1)


def latest_job(session: Session, kind: str) -> Job | None:
    """The newest job of a kind, or None."""
    return session.scalars(select(Job).where(Job.kind == kind).order_by(Job.id.desc()).limit(1)).first()
