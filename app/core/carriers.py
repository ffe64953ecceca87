"""Which jobs' ids a carrier such as Celery is given; the job table stays the truth."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from app.core.outbox import Job, JobState


def _full(session: Session, most: Mapping[str, int], fresh: ColumnElement[bool]) -> list[str]:
    """Kinds of which as many as may be are with the carrier or running."""
    out = or_(Job.state == JobState.RUNNING.value, (Job.state == JobState.QUEUED.value) & fresh)
    return [
        kind
        for kind, limit in sorted(most.items())
        if len(session.scalars(select(Job.id).where(Job.kind == kind, out).limit(limit)).all()) >= limit
    ]


def take_unpublished(
    session: Session,
    *,
    now: datetime,
    again_after: timedelta,
    window: int,
    most: Mapping[str, int] | None = None,
) -> list[int]:
    """Ids of due jobs to give to a carrier, marked as published now.

    At most `window` ids are with the carrier at a time, and of a kind at most as many as `most` says; those
    it has had for `again_after` are given again.
    """
    due = (Job.state == JobState.QUEUED.value, Job.run_at <= now)
    fresh = Job.published_at > now - again_after
    # One id of such a kind at a time, so that no more of them are given than its limit.
    limited = dict(most or {})
    full = _full(session, limited, fresh)
    firsts = [
        select(func.min(Job.id)).where(*due, Job.kind == kind, or_(Job.published_at.is_(None), ~fresh))
        for kind in sorted(limited)
        if kind not in full
    ]
    first_ids = [found for one in firsts if (found := session.scalar(one)) is not None]
    with_carrier = len(session.scalars(select(Job.id).where(*due, fresh).limit(window)).all())
    if with_carrier >= window:
        return []
    waiting = (
        select(Job.id)
        .where(*due, or_(Job.published_at.is_(None), ~fresh))
        .where(or_(Job.kind.not_in(sorted(limited)), Job.id.in_(first_ids)))
        .order_by(Job.run_at, Job.id)
        .limit(window - with_carrier)
        .with_for_update(skip_locked=True)
    )
    ids = list(session.scalars(waiting))
    if ids:
        session.execute(
            update(Job)
            .where(Job.id.in_(ids))
            .values(published_at=now)
            .execution_options(synchronize_session=False)
        )
    return ids


def withdraw_published(session: Session, ids: list[int]) -> None:
    """Forget that the ids were published: the carrier did not take them."""
    session.execute(
        update(Job)
        .where(Job.id.in_(ids), Job.state == JobState.QUEUED.value)
        .values(published_at=None)
        .execution_options(synchronize_session=False)
    )
