"""By the clock: orders that nobody releases give their stock to those who wait."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.core.database import run
from app.core.outbox import JobView
from app.core.permissions import Actor
from app.core.tenancy import all_companies
from app.domain.ordering.lifetimes import end_allocations, list_outlived
from app.jobs.registry import Context, handles


@handles("orders.end_allocations", lease_s=120, own_transactions=True)
def end_outlived(session: Session, job: JobView, context: Context) -> None:
    """One order a transaction, the oldest first; what is left is seen to by the next run."""
    with all_companies(session, reason="allocations that have lived too long"):
        found = list(list_outlived(session, now=context.now()))
    for order_id in found:
        context.heartbeat()
        run(session, end_allocations, Actor.system("stock"), order_id=order_id, now=context.now())
