"""Whether stock and orders agree, and the totals by which two copies of an instance are compared."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.catalogue.models import Product
from app.domain.inventory.models import Allocation, StockLevel, StockMovement
from app.domain.inventory.queries import find_unbalanced
from app.domain.ordering.judging import WITHOUT_STOCK
from app.domain.ordering.models import Order, OrderLine


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
    return find_unbalanced(session) + wrong


def ledger_totals(session: Session) -> dict[str, str]:
    """Sums over the whole instance: units of the ledger, of levels and allocations, orders by currency."""
    sums: dict[str, Any] = {
        "units in the ledger": StockMovement.delta,
        "units on hand": StockLevel.on_hand,
        "units allocated": StockLevel.allocated,
        "units of allocations": Allocation.quantity,
        "units ordered": OrderLine.ordered,
    }
    totals = {
        name: str(int(session.scalar(select(func.coalesce(func.sum(column), 0))) or 0))
        for name, column in sums.items()
    }
    orders = select(Order.currency, func.sum(Order.total)).group_by(Order.currency).order_by(Order.currency)
    for currency, amount in session.execute(orders):
        totals[f"orders in {currency}"] = f"{amount:.4f}"
    return totals
