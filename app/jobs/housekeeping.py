"""Work by the clock: seal and check the audit trail, delete done jobs and ended sign-ins."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.core import audit, outbox
from app.core.outbox import JobView
from app.core.tenancy import all_companies
from app.domain.accounts.models import SignInSession
from app.jobs.registry import Context, Unworkable, handles
from app.jobs.schedule import PERIODIC_KINDS

#: Transactions last at most a minute on PostgreSQL; rows older than this are all committed.
SETTLE = timedelta(minutes=2)
SEAL_BATCH = 2000
#: A batch is sealed a minute; a trail that grows faster is caught up by the hourly look at all of it.
LOOK_BACK = 10_000
DONE_KEPT = timedelta(days=14)
#: The clock's own jobs come every minute and tell little.
PERIODIC_DONE_KEPT = timedelta(days=2)
#: Longer than any sign-in may last, so that people see their latest ones.
SIGN_INS_KEPT = timedelta(days=30)
PRUNE_BATCH = 5000


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


@handles("jobs.prune", lease_s=60)
def prune_jobs(session: Session, job: JobView, now: datetime) -> None:
    """Delete jobs that are long done. Failed ones stay until a person replays them."""
    outbox.prune_done(session, before=now - DONE_KEPT, limit=PRUNE_BATCH)
    outbox.prune_done(session, before=now - PERIODIC_DONE_KEPT, limit=PRUNE_BATCH, kinds=PERIODIC_KINDS)


@handles("sessions.prune", lease_s=60)
def prune_sign_ins(session: Session, job: JobView, now: datetime) -> None:
    """Delete sign-in sessions nobody has used for a month."""
    old = select(SignInSession.id).where(SignInSession.last_seen_at < now - SIGN_INS_KEPT)
    session.execute(
        delete(SignInSession)
        .where(SignInSession.id.in_(old.limit(PRUNE_BATCH)))
        .execution_options(synchronize_session=False)
    )
