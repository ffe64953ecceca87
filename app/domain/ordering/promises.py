"""Promised dates of waiting lines, worked out anew when receipts change."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from app.core.clock import business_date
from app.core.tenancy import all_companies
from app.domain.accounts.queries import get_vendor
from app.domain.inventory.queries import receipts_of
from app.domain.inventory.rules import promise_date
from app.domain.ordering.changes import NOTED, note_changed
from app.domain.ordering.models import Order, OrderLine
from app.domain.ordering.states import CANCELLABLE


def renew_promises(session: Session, product_ids: Collection[int], *, now: datetime) -> int:
    """Write the dates of lines that wait for the products, oldest order first; returns how many changed."""
    on = business_date(now, get_vendor(session).timezone)
    receipts: dict[int, list[tuple[date, int]]] = {}
    for product_id, due_on, units in session.execute(receipts_of(product_ids)):
        receipts.setdefault(product_id, []).append((max(due_on, on), units))
    with all_companies(session, reason="promised dates follow the queue of every company"):
        waiting = session.execute(
            select(
                OrderLine.id,
                OrderLine.product_id,
                OrderLine.backordered,
                OrderLine.promised_on,
                OrderLine.order_id,
            )
            .join(Order, Order.id == OrderLine.order_id)
            .where(
                OrderLine.product_id.in_(product_ids),
                OrderLine.backordered > 0,
                Order.state.in_(CANCELLABLE),
            )
            .order_by(func.coalesce(Order.queued_at, Order.placed_at), Order.id, OrderLine.position)
        ).all()
        ahead: dict[int, int] = {}
        changes, orders = [], set()
        for line_id, product_id, units, known, order_id in waiting:
            before = ahead.get(product_id, 0)
            promised = promise_date(units, waiting=before, receipts=receipts.get(product_id, ()))
            ahead[product_id] = before + units
            if promised != known:
                changes.append({"line": line_id, "promised": promised})
                orders.add(order_id)
        if changes:
            table: Any = OrderLine.__table__
            session.execute(
                update(table)
                .where(table.c.id == bindparam("line"))
                .values(promised_on=bindparam("promised")),
                changes,
                execution_options={NOTED: True},
            )
            note_changed(session, orders)
        return len(changes)
