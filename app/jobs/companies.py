"""What is left to do after companies were merged."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from app.core.outbox import JobView
from app.core.permissions import Actor
from app.domain.ordering.merging import SWEEP, sweep_merged
from app.jobs.registry import handles


@handles(SWEEP, lease_s=60)
def sweep(session: Session, job: JobView, now: datetime) -> None:
    """Move what somebody wrote into a company in the moment it was merged."""
    sweep_merged(session, Actor.system("merge"), company_id=int(job.payload["company_id"]), now=now)
