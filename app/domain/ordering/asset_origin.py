"""Where a unit comes from: its order line and shipment, as far as the reader's scope reaches."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.ordering.models import Order, OrderLine, Shipment, ShipmentLine


def find_origin(session: Session, *, order_line_id: int | None, shipment_line_id: int | None) -> Any | None:
    """Order number, line, PO number and shipment of a unit; None where it was not ordered here.

    In a company's scope only its own orders are found: a unit that was handed on shows none.
    """
    if order_line_id is None:
        return None
    return session.execute(
        select(
            Order.id.label("order_id"),
            Order.number,
            Order.po_number,
            Order.placed_at,
            OrderLine.position,
            OrderLine.sku,
            Shipment.number.label("shipment_number"),
            Shipment.carrier,
            Shipment.tracking,
        )
        .select_from(OrderLine)
        .join(Order, Order.id == OrderLine.order_id)
        .outerjoin(
            ShipmentLine,
            (ShipmentLine.order_line_id == OrderLine.id) & (ShipmentLine.id == shipment_line_id),
        )
        .outerjoin(Shipment, Shipment.id == ShipmentLine.shipment_id)
        .where(OrderLine.id == order_line_id)
    ).one_or_none()
