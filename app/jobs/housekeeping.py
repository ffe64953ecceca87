"""Work by the clock: seal and check the audit trail."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.core import audit
from app.core.outbox import JobView
from app.core.tenancy import all_companies
from app.jobs.registry import Context, Unworkable, handles

#: Transactions last at most a minute on PostgreSQL; rows older than this are all committed.
SETTLE = timedelta(minutes=2)
SEAL_BATCH = 2000
#: A batch is sealed a minute; a trail that grows faster is caught up by the hourly look at all of it.
LOOK_BACK = 10_000


@handles("audit.seal", lease_s=60)
def seal_audit(session: Session, job: JobView, now: datetime) -> None:
    """Chain the audit rows that are older than two minutes."""
    audit.seal_entries(session, now=now, settle=SETTLE, limit=SEAL_BATCH, look_back=LOOK_BACK)


@handles("audit.seal_all", lease_s=60)
def seal_stragglers(session: Session, job: JobView, now: datetime) -> None:
    """Chain rows wherever they are in the trail."""
    audit.seal_entries(session, now=now, settle=SETTLE, limit=SEAL_BATCH)


@handles("audit.check", lease_s=120, own_transactions=True)
def check_audit(session: Session, job: JobView, context: Context) -> None:
    """Recompute the whole chain; a broken one ends up in the list of dead jobs with its place.

    Reads only, outside a transaction that writes: on SQLite everybody else would wait for it.
    """
    with all_companies(session, reason="check of the audit trail"):
        place = audit.first_broken_seal(session)
    if place is not None:
        raise Unworkable(
            f"The audit trail does not fit its seals from place {place} on: a row was changed or removed."
        )
