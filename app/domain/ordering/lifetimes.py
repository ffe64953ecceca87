"""Orders that nobody releases give their stock to those who wait for it, and queue behind them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, exists, func, select
from sqlalchemy.orm import Session, aliased

from app.core import audit
from app.core.permissions import Actor, Permission, requires
from app.core.tenancy import all_companies
from app.domain.accounts.queries import find_vendor
from app.domain.inventory import ledger
from app.domain.ordering.backorders import lock_order, serve_backorders
from app.domain.ordering.models import Order, OrderLine
from app.domain.ordering.promises import renew_promises
from app.domain.ordering.states import CANCELLABLE, OrderState

_QUEUED_SINCE = func.coalesce(Order.queued_at, Order.placed_at)


def _cutoff(session: Session, now: datetime) -> datetime | None:
    """Orders queued before this moment keep their stock no longer; None where they keep it always."""
    vendor = find_vendor(session)
    if vendor is None or vendor.allocation_days is None:
        return None
    return now - timedelta(days=vendor.allocation_days)


def _wanted_lines() -> Select[Any]:
    """Lines with allocated units that another order waits for."""
    other, its_line = aliased(Order), aliased(OrderLine)
    somebody_waits = exists().where(
        its_line.product_id == OrderLine.product_id,
        its_line.order_id != OrderLine.order_id,
        its_line.backordered > 0,
        other.id == its_line.order_id,
        other.state.in_(CANCELLABLE),
    )
    return select(OrderLine).where(OrderLine.allocated > 0, somebody_waits)


def list_outlived(session: Session, *, now: datetime, limit: int = 200) -> Sequence[int]:
    """Orders that wait for release longer than they may keep what others wait for, oldest first."""
    cutoff = _cutoff(session, now)
    if cutoff is None:
        return []
    lines = _wanted_lines().with_only_columns(OrderLine.order_id)
    statement = (
        select(Order.id)
        .where(Order.state == OrderState.CONFIRMED.value, cutoff > _QUEUED_SINCE, Order.id.in_(lines))
        .order_by(_QUEUED_SINCE, Order.id)
        .limit(limit)
    )
    return session.scalars(statement).all()


@requires(Permission.ORDER_MANAGE)
def end_allocations(session: Session, actor: Actor, *, order_id: int, now: datetime) -> int:
    """Give what others wait for of an unreleased order's stock to them; returns the units given back.

    The order queues anew from now on, and gets what nobody before it needs. Nothing happens where it was
    released meanwhile, or nobody waits any more.
    """
    order, cutoff = lock_order(session, order_id), _cutoff(session, now)
    if order.state != OrderState.CONFIRMED.value or cutoff is None:
        return 0
    if (order.queued_at or order.placed_at) >= cutoff:
        return 0
    with all_companies(session, reason="whoever waits, of any company"):
        lines = session.scalars(_wanted_lines().where(OrderLine.order_id == order_id)).all()
    if not lines:
        return 0
    given = {line.id: line.allocated for line in lines}
    before = {line.sku: line.allocated for line in lines}
    for line in lines:
        line.backordered += line.allocated
        line.allocated = 0
    order.queued_at = now
    order.version += 1
    session.flush()
    products = ledger.give_back(session, given)
    audit.record(
        session,
        actor,
        "order.allocations_ended",
        subject_type="order",
        subject_id=order.id,
        company_id=order.company_id,
        now=now,
        before={"allocated": before},
        after={"queued_at": now.isoformat()},
    )
    serve_backorders(session, actor, products, now=now)
    renew_promises(session, products, now=now)
    return sum(given.values())
