"""Whether stock and orders agree, and the totals by which two copies of an instance are compared."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.catalogue.models import Product
from app.domain.inventory.models import Allocation, StockLevel, StockMovement
from app.domain.inventory.queries import find_unbalanced
from app.domain.ordering.judging import WITHOUT_STOCK
from app.domain.ordering.models import Order, OrderLine, Shipment, ShipmentLine, ShipmentUnit


def find_differences(session: Session) -> list[str]:
    """Where ledger, balances, allocations and order lines differ, in words; empty while all agree."""
    set_aside = func.coalesce(func.sum(Allocation.quantity), 0)
    lines = session.execute(
        select(OrderLine.id, OrderLine.allocated, set_aside)
        .join(Product, Product.id == OrderLine.product_id)
        .outerjoin(Allocation, Allocation.order_line_id == OrderLine.id)
        .where(Product.kind.not_in(WITHOUT_STOCK))
        .group_by(OrderLine.id, OrderLine.allocated)
        .having(set_aside != OrderLine.allocated)
        .order_by(OrderLine.id)
    )
    wrong = [
        f"order line {line_id}: allocated {allocated}, allocations {units}"
        for line_id, allocated, units in lines
    ]
    return find_unbalanced(session) + wrong + _find_unshipped(session)


def _find_unshipped(session: Session) -> list[str]:
    """Lines whose shipped units are not those of the shipments that stand, or less than their serials."""
    undone = select(Shipment.reverses_id).where(Shipment.reverses_id.is_not(None))
    serials = (
        select(ShipmentUnit.shipment_line_id, func.count().label("units"))
        .group_by(ShipmentUnit.shipment_line_id)
        .subquery()
    )
    standing = (
        select(
            ShipmentLine.order_line_id,
            func.sum(ShipmentLine.quantity).label("sent"),
            func.max(func.coalesce(serials.c.units, 0) - ShipmentLine.quantity).label("excess"),
        )
        .outerjoin(serials, serials.c.shipment_line_id == ShipmentLine.id)
        .where(ShipmentLine.shipment_id.not_in(undone))
        .group_by(ShipmentLine.order_line_id)
        .subquery()
    )
    sent = func.coalesce(standing.c.sent, 0)
    lines = session.execute(
        select(OrderLine.id, OrderLine.shipped, sent, func.coalesce(standing.c.excess, 0))
        .outerjoin(standing, standing.c.order_line_id == OrderLine.id)
        .where((OrderLine.shipped != sent) | (standing.c.excess > 0))
        .order_by(OrderLine.id)
    )
    return [
        f"order line {line_id}: {units} more serials than units shipped"
        if shipped == shipments
        else f"order line {line_id}: shipped {shipped}, shipments {shipments}"
        for line_id, shipped, shipments, units in lines
    ]


def ledger_totals(session: Session) -> dict[str, str]:
    """Sums over the whole instance: units of the ledger, of levels and allocations, orders by currency."""
    sums: dict[str, Any] = {
        "units in the ledger": StockMovement.delta,
        "units on hand": StockLevel.on_hand,
        "units allocated": StockLevel.allocated,
        "units of allocations": Allocation.quantity,
        "units ordered": OrderLine.ordered,
        "units shipped": OrderLine.shipped,
    }
    totals = {
        name: str(int(session.scalar(select(func.coalesce(func.sum(column), 0))) or 0))
        for name, column in sums.items()
    }
    orders = select(Order.currency, func.sum(Order.total)).group_by(Order.currency).order_by(Order.currency)
    for currency, amount in session.execute(orders):
        totals[f"orders in {currency}"] = f"{amount:.4f}"
    return totals
