"""Work that comes round by the clock, enqueued once however many workers there are.

A slot's job has a message id made from its kind and the slot's start, and message ids are unique: of
several workers that enqueue the same slot, one row stays.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.core.outbox import Job, enqueue
from app.jobs.execution import Sessions, in_transaction

_SLOTS = uuid.UUID("6f3a1f8e-5d0c-4a4e-9a59-6b1d3f6c2a10")


@dataclass(frozen=True, slots=True)
class Periodic:
    """A kind of job and how often it comes round."""

    kind: str
    every: timedelta


PERIODIC = (
    Periodic("audit.seal", timedelta(minutes=1)),
    Periodic("audit.seal_all", timedelta(hours=1)),
    Periodic("audit.check", timedelta(days=1)),
    Periodic("jobs.prune", timedelta(hours=1)),
    Periodic("sessions.prune", timedelta(hours=1)),
    Periodic("orders.end_allocations", timedelta(hours=1)),
    Periodic("imports.prune", timedelta(hours=1)),
    Periodic("requests.prune", timedelta(hours=1)),
    Periodic("company_exports.prune", timedelta(hours=1)),
)
PERIODIC_KINDS = tuple(periodic.kind for periodic in PERIODIC)


def slot_start(now: datetime, every: timedelta) -> datetime:
    """Start of the slot `now` is in: 14:58:08 in slots of a minute is 14:58:00."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return epoch + every * int((now - epoch) // every)


def slot_message_id(kind: str, start: datetime) -> str:
    """The message id of a kind's slot."""
    return str(uuid.uuid5(_SLOTS, f"{kind}@{start.isoformat()}"))


def enqueue_due(sessions: Sessions, *, now: datetime) -> int:
    """Enqueue the present slot of every kind that has none yet; returns how many were added here."""
    wanted = {
        slot_message_id(periodic.kind, slot_start(now, periodic.every)): periodic for periodic in PERIODIC
    }
    with sessions() as session:
        known = set(session.scalars(select(Job.message_id).where(Job.message_id.in_(wanted))))
    added = 0
    for message_id, periodic in wanted.items():
        if message_id not in known:
            added += _enqueue_slot(sessions, periodic.kind, message_id, now)
    return added


def _enqueue_slot(sessions: Sessions, kind: str, message_id: str, now: datetime) -> int:
    payload: dict[str, Any] = {}
    try:
        in_transaction(sessions, _enqueue_unless_known, kind, payload, now=now, message_id=message_id)
    except IntegrityError:
        return 0
    return 1


def _enqueue_unless_known(
    session: Any, kind: str, payload: dict[str, Any], *, now: datetime, message_id: str
) -> None:
    known = session.execute(select(Job.id).where(Job.message_id == message_id)).first()
    if known is None:
        enqueue(session, kind, payload, now=now, message_id=message_id)
