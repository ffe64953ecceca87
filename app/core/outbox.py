"""Background work: job rows are written in the business transaction and delivered at least once."""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.core.database import Base


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


def enqueue(
    session: Session,
    kind: str,
    payload: dict[str, Any],
    *,
    now: datetime,
    run_at: datetime | None = None,
    max_attempts: int = 8,
) -> Job:
    """Add a job to the present transaction; it runs after the commit, or never when that rolls back."""
    job = Job(
        message_id=str(uuid.uuid4()),
        kind=kind,
        payload=payload,
        run_at=run_at or now,
        max_attempts=max_attempts,
        created_at=now,
    )
    session.add(job)
    return job
