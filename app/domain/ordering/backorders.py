"""Units that come in or are given back go to waiting lines, oldest order first, in the same transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, case, func, select, update
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.core.permissions import Actor, Permission, requires
from app.core.states import move
from app.core.tenancy import all_companies
from app.core.texts import _
from app.domain.accounts.queries import get_vendor
from app.domain.inventory import ledger
from app.domain.inventory.rules import Demand, allocate
from app.domain.ordering.changes import NOTED, note_changed
from app.domain.ordering.errors import NotReleasable
from app.domain.ordering.models import Order, OrderHold, OrderLine
from app.domain.ordering.states import CANCELLABLE, ORDER_MACHINE, OrderState


def serve_backorders(session: Session, actor: Actor, product_ids: Collection[int], *, now: datetime) -> int:
    """Allocate free units of the products to open backorders and release what may go; returns the units.

    The queue belongs to every company, whoever gave the units back.
    """
    free, warehouses = ledger.lock_free_units(session, product_ids)
    with all_companies(session, reason="free units serve the oldest order, whoever's it is"):
        waiting = _waiting(session, [product_id for product_id, _warehouse in free])
        takes = allocate(
            [Demand(row.id, row.product_id, row.backordered) for row in waiting], free, warehouses
        )
        if not takes:
            return 0
        ledger.set_aside(session, takes)
        gained: dict[int, int] = {}
        for take in takes:
            gained[take.key] = gained.get(take.key, 0) + take.quantity
        table: Any = OrderLine.__table__
        session.execute(
            update(table)
            .where(table.c.id == bindparam("line"))
            .values(
                allocated=table.c.allocated + bindparam("units"),
                backordered=table.c.backordered - bindparam("units"),
                promised_on=case(
                    (table.c.backordered == bindparam("units"), None), else_=table.c.promised_on
                ),
            ),
            [{"line": line_id, "units": units} for line_id, units in sorted(gained.items())],
            execution_options={NOTED: True},
        )
        note_changed(session, {row.order_id for row in waiting if row.id in gained})
        _forget(session, gained)
        _release_ready(session, actor, {row.order_id for row in waiting if row.id in gained}, now=now)
        session.flush()  # other companies' histories are written in this scope only
        return sum(gained.values())


def _forget(session: Session, line_ids: Collection[int]) -> None:
    """Rows of these lines in memory are stale now."""
    for row in list(session.identity_map.values()):
        if isinstance(row, OrderLine) and row.id in line_ids:
            session.expire(row)


def _waiting(session: Session, product_ids: Collection[int]) -> Sequence[Any]:
    """Lines that wait for the products, oldest order first."""
    if not product_ids:
        return []
    statement = (
        select(OrderLine.id, OrderLine.order_id, OrderLine.product_id, OrderLine.backordered, Order.placed_at)
        .join(Order, Order.id == OrderLine.order_id)
        .where(
            OrderLine.product_id.in_(set(product_ids)),
            OrderLine.backordered > 0,
            Order.state.in_(CANCELLABLE),
        )
        .order_by(func.coalesce(Order.queued_at, Order.placed_at), Order.id, OrderLine.position)
    )
    return session.execute(statement).all()


def _release_ready(session: Session, actor: Actor, order_ids: Collection[int], *, now: datetime) -> None:
    if not order_ids or not get_vendor(session).releases_automatically:
        return
    held = select(OrderHold.order_id).where(OrderHold.cleared_at.is_(None))
    orders = session.scalars(
        select(Order)
        .where(Order.id.in_(order_ids), Order.state == OrderState.CONFIRMED.value, Order.id.not_in(held))
        .order_by(Order.id)
        # Somebody may be releasing one of them by hand.
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    for order in orders.all():
        move(session, ORDER_MACHINE, order, "release", actor=actor, now=now)


def lock_order(session: Session, order_id: int) -> Order:
    """The order, locked together with the stock and the queues of its products, those first.

    :raises NotFound: none, or another company's.
    """
    products = session.scalars(
        select(OrderLine.product_id).where(OrderLine.order_id == order_id).distinct()
    ).all()
    ledger.lock_products(session, products)
    return _lock_header(session, order_id)


def _lock_header(session: Session, order_id: int) -> Order:
    order = session.scalars(
        select(Order).where(Order.id == order_id).with_for_update().execution_options(populate_existing=True)
    ).first()
    if order is None:
        raise NotFound()
    return order


@requires(Permission.ORDER_RELEASE)
def release_order(session: Session, actor: Actor, *, order_id: int, now: datetime) -> Order:
    """Hand a confirmed order to the warehouse.

    :raises IllegalMove: it is not confirmed.
    :raises NotReleasable: an open hold, or nothing allocated yet.
    """
    order = _lock_header(session, order_id)
    hold = session.scalar(
        select(OrderHold.reason)
        .where(OrderHold.order_id == order_id, OrderHold.cleared_at.is_(None))
        .limit(1)
    )
    if hold:
        raise NotReleasable(_("It is on hold: %(reason)s. Clear the hold first.", reason=hold))
    ORDER_MACHINE.target(order.state, "release")
    allocated = session.scalar(
        select(OrderLine.id).where(OrderLine.order_id == order_id, OrderLine.allocated > 0).limit(1)
    )
    if allocated is None:
        raise NotReleasable(_("No unit of it is in stock yet; it is released once one is."))
    move(session, ORDER_MACHINE, order, "release", actor=actor, now=now)
    return order
