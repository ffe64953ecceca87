"""What is left to do after companies were merged, and requests that nobody confirmed."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.core.outbox import JobView
from app.core.permissions import Actor
from app.domain.accounts.applications import forget_unconfirmed
from app.domain.ordering.merging import SWEEP, sweep_merged
from app.jobs.registry import handles

#: Ten times the life of the link that confirms.
UNCONFIRMED_KEPT = timedelta(days=30)
PRUNE_BATCH = 1000


@handles(SWEEP, lease_s=60)
def sweep(session: Session, job: JobView, now: datetime) -> None:
    """Move what somebody wrote into a company in the moment it was merged."""
    sweep_merged(session, Actor.system("merge"), company_id=int(job.payload["company_id"]), now=now)


@handles("requests.prune", lease_s=60)
def prune_requests(session: Session, job: JobView, now: datetime) -> None:
    """Forget who asked to become a reseller and never confirmed the address."""
    forget_unconfirmed(session, before=now - UNCONFIRMED_KEPT, limit=PRUNE_BATCH)
