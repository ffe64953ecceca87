"""Reading stock: what is free, and what is to come."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Date, exists, func, literal, null, select, union_all
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from app.core.keys import among
from app.core.tenancy import read_rows
from app.domain.catalogue.models import Product
from app.domain.inventory.models import Allocation as AllocationRow
from app.domain.inventory.models import ExpectedReceipt, StockLevel, StockMovement, Warehouse


@dataclass(frozen=True, slots=True)
class StockView:
    """A product's units over all warehouses, and (day, units) still to come in order of days."""

    on_hand: int = 0
    allocated: int = 0
    receipts: tuple[tuple[date, int], ...] = ()

    @property
    def available(self) -> int:
        return self.on_hand - self.allocated


#: (product, None, on hand, allocated) of levels and (product, day, units to come, 0) of receipts.
STOCK_PARTS: tuple[Any, ...] = (
    select(
        StockLevel.product_id,
        null().cast(Date).label("due_on"),
        func.sum(StockLevel.on_hand).label("units"),
        func.sum(StockLevel.allocated).label("allocated"),
        literal(0).label("receipt_id"),
    )
    .where(among(StockLevel.product_id, "product_ids"))
    .group_by(StockLevel.product_id),
    select(
        ExpectedReceipt.product_id,
        ExpectedReceipt.due_on,
        ExpectedReceipt.quantity - ExpectedReceipt.received,
        literal(0),
        ExpectedReceipt.id,
    ).where(
        among(ExpectedReceipt.product_id, "product_ids"),
        ExpectedReceipt.is_open,
        ExpectedReceipt.quantity > ExpectedReceipt.received,
    ),
)
_STOCK: Any = union_all(*STOCK_PARTS)


def stock_for(session: Session, product_ids: Collection[int], *, on: date) -> dict[int, StockView]:
    """Stock of each product that has any, or has receipts to come; one statement.

    A receipt whose day has passed without arriving counts for `on` itself.
    """
    if not product_ids:
        return {}
    return stock_of(read_rows(session, _STOCK, {"product_ids": product_ids}), on=on)


def stock_of(rows: Iterable[Any], *, on: date) -> dict[int, StockView]:
    """Stock by product of the rows that STOCK_PARTS found."""
    levels: dict[int, tuple[int, int]] = {}
    receipts: dict[int, list[tuple[date, int, int]]] = {}
    for product_id, due_on, units, allocated, receipt_id in rows:
        if due_on is None:
            levels[product_id] = (int(units), int(allocated))
        else:
            receipts.setdefault(product_id, []).append((due_on, receipt_id, int(units)))
    return {
        product_id: StockView(
            *levels.get(product_id, (0, 0)),
            tuple((max(day, on), units) for day, _id, units in sorted(receipts.get(product_id, ()))),
        )
        for product_id in levels.keys() | receipts.keys()
    }


def receipts_of(product_ids: Collection[int]) -> Any:
    """Statement for (product, day, units still to come) of open receipts, by day."""
    return (
        select(
            ExpectedReceipt.product_id,
            ExpectedReceipt.due_on,
            ExpectedReceipt.quantity - ExpectedReceipt.received,
        )
        .where(
            ExpectedReceipt.product_id.in_(product_ids),
            ExpectedReceipt.is_open,
            ExpectedReceipt.quantity > ExpectedReceipt.received,
        )
        .order_by(ExpectedReceipt.due_on, ExpectedReceipt.id)
    )


def ready_to_ship() -> ColumnElement[bool]:
    """Condition on Product: a unit is free in some warehouse."""
    return (
        exists()
        .where(StockLevel.product_id == Product.id, StockLevel.on_hand > StockLevel.allocated)
        .correlate(Product)
    )


def warehouse_order(session: Session) -> list[int]:
    """Ids of the warehouses that give stock, first asked first."""
    return list(
        session.scalars(
            select(Warehouse.id).where(Warehouse.is_active).order_by(Warehouse.position, Warehouse.id)
        )
    )


def find_unbalanced(session: Session) -> list[str]:
    """Levels that differ from their ledger or their allocations, in words; empty while all agree."""
    moved = dict(_sums(session, StockMovement, StockMovement.delta))
    set_aside = dict(_sums(session, AllocationRow, AllocationRow.quantity))
    wrong = []
    for level in session.execute(
        select(StockLevel.product_id, StockLevel.warehouse_id, StockLevel.on_hand, StockLevel.allocated)
    ):
        place = (level.product_id, level.warehouse_id)
        ledger, allocated = moved.pop(place, 0), set_aside.pop(place, 0)
        if ledger != level.on_hand:
            wrong.append(f"{place}: on hand {level.on_hand}, ledger {ledger}")
        if allocated != level.allocated:
            wrong.append(f"{place}: allocated {level.allocated}, allocations {allocated}")
    wrong += [f"{place}: ledger {units} without a level" for place, units in moved.items() if units]
    wrong += [f"{place}: allocations {units} without a level" for place, units in set_aside.items()]
    return wrong


def _sums(session: Session, model: Any, column: Any) -> list[tuple[tuple[int, int], int]]:
    rows = session.execute(
        select(model.product_id, model.warehouse_id, func.sum(column)).group_by(
            model.product_id, model.warehouse_id
        )
    )
    return [((product_id, warehouse_id), int(units)) for product_id, warehouse_id, units in rows]
