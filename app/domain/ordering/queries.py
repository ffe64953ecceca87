"""Reading orders: a reseller's list with progress, one order's page, the export."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import case, func, or_, select
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.core.pages import COUNT_LIMIT, Page, SortKey, paginate
from app.core.states import StateChange
from app.domain.accounts.models import Branch, EndCustomer
from app.domain.catalogue.models import Category, Product
from app.domain.catalogue.numbers import code_key
from app.domain.ordering.cart_view import (
    CartLineView,
    CartView,
    find_current_cart,
    get_cart_view,
    list_carts,
    quantities_in_cart,
    stock_and_cart,
)
from app.domain.ordering.models import Order, OrderDiscount, OrderHold, OrderLine
from app.domain.ordering.states import CANCELLABLE, ORDER_MACHINE

__all__ = [
    "CartLineView",
    "CartView",
    "OrderFilters",
    "OrderLineView",
    "OrderRow",
    "OrderView",
    "find_current_cart",
    "find_order_id",
    "get_cart_view",
    "get_order_view",
    "iter_orders_for_export",
    "list_carts",
    "list_orders",
    "quantities_in_cart",
    "stock_and_cart",
]

#: One step of the progress drawing: units done, of how many, and how many of the rest wait for stock.
Step = tuple[int, int, int]
SORTS = {
    "newest": (SortKey(Order.placed_at, descending=True), SortKey(Order.id, descending=True)),
    "oldest": (SortKey(Order.placed_at), SortKey(Order.id)),
    "largest": (SortKey(Order.total, descending=True), SortKey(Order.id, descending=True)),
}


@dataclass(frozen=True, slots=True)
class OrderFilters:
    """Half open in time. `text` is a part of number, PO number or reference, or the beginning of a SKU."""

    text: str | None = None
    state: str | None = None
    branch_id: int | None = None
    placed_from: datetime | None = None
    placed_before: datetime | None = None
    sort: str = "newest"
    #: Only orders that still have something to come.
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order of the list with its progress."""

    id: int
    number: str
    state: str
    po_number: str | None
    reference: str | None
    placed_at: datetime
    placed_by_name: str
    total: Decimal
    currency: str
    line_count: int
    ship_to: dict[str, Any]
    ordered: int = 0
    allocated: int = 0
    backordered: int = 0
    cancelled: int = 0
    shipped: int = 0
    #: Backordered units without a promised day.
    undated: int = 0
    promised_on: date | None = None

    @property
    def ship_to_name(self) -> str:
        return str(self.ship_to.get("name", ""))

    @property
    def steps(self) -> tuple[Step, ...]:
        return progress_steps(
            self.ordered - self.cancelled, self.allocated + self.shipped, self.backordered, self.shipped
        )


def progress_steps(wanted: int, held: int, short: int, shipped: int) -> tuple[Step, ...]:
    """The six steps of the drawing: placed, approved, allocated, shipped, invoiced, paid.

    What was cancelled is not counted. Nothing opens an approval yet; invoices come with billing.
    """
    return (
        (wanted, wanted, 0),
        (wanted, wanted, 0),
        (held, wanted, short),
        (shipped, wanted, 0),
        (0, wanted, 0),
        (0, wanted, 0),
    )


_ROW = (
    Order.id,
    Order.number,
    Order.state,
    Order.po_number,
    Order.reference,
    Order.placed_at,
    Order.placed_by_name,
    Order.total,
    Order.currency,
    Order.line_count,
    Order.ship_to,
)


def _like(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _filtered(filters: OrderFilters) -> Any:
    statement: Any = select(*_ROW)
    if filters.state:
        statement = statement.where(Order.state == filters.state)
    if filters.is_open:
        statement = statement.where(Order.state.in_(CANCELLABLE))
    if filters.branch_id is not None:
        statement = statement.where(Order.branch_id == filters.branch_id)
    if filters.placed_from:
        statement = statement.where(Order.placed_at >= filters.placed_from)
    if filters.placed_before:
        statement = statement.where(Order.placed_at < filters.placed_before)
    if filters.text:
        statement = statement.where(_matches(filters.text))
    return statement


def _matches(text: str) -> Any:
    code, lower = code_key(text), _like(text.lower())
    products = select(Product.id).where(Product.sku_key >= code, Product.sku_key < code + "\U0010ffff")
    return or_(
        Order.number.like(_like(text.upper()), escape="\\"),
        func.lower(Order.po_number).like(lower, escape="\\"),
        func.lower(Order.reference).like(lower, escape="\\"),
        Order.id.in_(select(OrderLine.order_id).where(OrderLine.product_id.in_(products))),
    )


def list_orders(
    session: Session, *, filters: OrderFilters, cursor: str | None = None, size: int = 24
) -> Page[OrderRow]:
    """A page of the company's orders with progress; three statements."""
    statement = _filtered(filters)
    some = statement.order_by(None).limit(COUNT_LIMIT + 1).subquery()
    total = session.scalar(select(func.count()).select_from(some))
    sort = SORTS.get(filters.sort, SORTS["newest"])
    column = sort[0].column.key
    page = paginate(
        session,
        statement,
        sort=sort,
        read_keys=lambda row: (getattr(row, column), row.id),
        cursor=cursor,
        size=size,
        total=total,
    )
    return replace(page, items=_with_units(session, page.items))


def _with_units(session: Session, rows: Sequence[Any]) -> list[OrderRow]:
    if not rows:
        return []
    sums = session.execute(
        select(
            OrderLine.order_id,
            func.sum(OrderLine.ordered),
            func.sum(OrderLine.allocated),
            func.sum(OrderLine.backordered),
            func.sum(OrderLine.cancelled),
            func.sum(OrderLine.shipped),
            func.sum(case((OrderLine.promised_on.is_(None), OrderLine.backordered), else_=0)),
            func.max(OrderLine.promised_on),
        )
        .where(OrderLine.order_id.in_([row.id for row in rows]))
        .group_by(OrderLine.order_id)
    )
    units: dict[int, Sequence[Any]] = {order_id: counts for order_id, *counts in sums}
    return [_with_counts(OrderRow(*row[:11]), units[row.id]) for row in rows]


def _with_counts(row: OrderRow, counts: Sequence[Any]) -> OrderRow:
    ordered, allocated, backordered, cancelled, shipped, undated, promised_on = counts
    return replace(
        row,
        ordered=int(ordered),
        allocated=int(allocated),
        backordered=int(backordered),
        cancelled=int(cancelled),
        shipped=int(shipped),
        undated=int(undated),
        promised_on=promised_on,
    )


def find_order_id(session: Session, number: str) -> int | None:
    """The order with this number."""
    return session.scalar(select(Order.id).where(Order.number == number.strip().upper()))


def find_order_of_cart(session: Session, cart_id: int) -> str | None:
    """The number of the order that a cart became."""
    return session.scalar(select(Order.number).where(Order.cart_id == cart_id))


def find_order_number(session: Session, text: str) -> str | None:
    """The number of the one order with this number or PO number; None for none or several."""
    found = session.scalars(
        select(Order.number)
        .where(or_(Order.number == text.strip().upper(), Order.po_number == text.strip()))
        .limit(2)
    ).all()
    return found[0] if len(found) == 1 else None


@dataclass(frozen=True, slots=True)
class OrderLineView:
    """A line with its product's category and progress."""

    line: OrderLine
    category_slug: str
    life_cycle: str

    @property
    def open_units(self) -> int:
        return self.line.allocated + self.line.backordered

    @property
    def cancellable(self) -> int:
        return self.open_units - self.line.picked

    @property
    def steps(self) -> tuple[Step, ...]:
        line = self.line
        return progress_steps(
            line.ordered - line.cancelled, line.allocated + line.shipped, line.backordered, line.shipped
        )


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order with everything its page shows."""

    order: Order
    branch_name: str
    end_customer_name: str | None
    lines: tuple[OrderLineView, ...]
    discounts: Sequence[OrderDiscount]
    holds: Sequence[OrderHold]
    history: Sequence[StateChange]

    @property
    def may_cancel(self) -> bool:
        return (
            "cancel" in ORDER_MACHINE.events_from(self.order.state)
            and any(line.open_units for line in self.lines)
            and not any(line.line.picked for line in self.lines)
        )

    @property
    def short_lines(self) -> list[OrderLineView]:
        return [line for line in self.lines if line.line.backordered]

    @property
    def steps(self) -> tuple[Step, ...]:
        lines = [line.line for line in self.lines]
        return progress_steps(
            sum(line.ordered - line.cancelled for line in lines),
            sum(line.allocated + line.shipped for line in lines),
            sum(line.backordered for line in lines),
            sum(line.shipped for line in lines),
        )


def get_order_view(session: Session, number: str) -> OrderView:
    """The order of a number; five statements. :raises NotFound: none, or another company's."""
    row = session.execute(
        select(Order, Branch.name, EndCustomer.name)
        .join(Branch, Branch.id == Order.branch_id)
        .outerjoin(EndCustomer, EndCustomer.id == Order.end_customer_id)
        .where(Order.number == number)
    ).one_or_none()
    if row is None:
        raise NotFound()
    order, branch_name, customer_name = row
    lines = session.execute(
        select(OrderLine, Category.slug, Product.life_cycle)
        .join(Product, Product.id == OrderLine.product_id)
        .join(Category, Category.id == Product.category_id)
        .where(OrderLine.order_id == order.id)
        .order_by(OrderLine.position)
    ).all()
    return OrderView(
        order=order,
        branch_name=branch_name,
        end_customer_name=customer_name,
        lines=tuple(OrderLineView(line, slug, life_cycle) for line, slug, life_cycle in lines),
        discounts=session.scalars(select(OrderDiscount).where(OrderDiscount.order_id == order.id)).all(),
        holds=session.scalars(
            select(OrderHold).where(OrderHold.order_id == order.id, OrderHold.cleared_at.is_(None))
        ).all(),
        history=session.scalars(
            select(StateChange)
            .where(StateChange.machine == ORDER_MACHINE.name, StateChange.subject_id == order.id)
            .order_by(StateChange.id)
        ).all(),
    )


def iter_orders_for_export(session: Session, filters: OrderFilters, *, batch: int = 500) -> Iterator[Any]:
    """Every line of the filtered orders, newest order first, streamed: order columns, then line columns."""
    keys = SORTS.get(filters.sort, SORTS["newest"])
    order = [key.column.desc() if key.descending else key.column.asc() for key in keys]
    statement = (
        _filtered(filters)
        .add_columns(
            OrderLine.position,
            OrderLine.sku,
            OrderLine.name.label("product_name"),
            OrderLine.ordered,
            OrderLine.allocated,
            OrderLine.backordered,
            OrderLine.shipped,
            OrderLine.cancelled,
            OrderLine.unit_price,
            OrderLine.net,
            OrderLine.discount_share,
            OrderLine.tax,
        )
        .join(OrderLine, OrderLine.order_id == Order.id)
        .order_by(*order, OrderLine.position)
        .execution_options(yield_per=batch)
    )
    yield from session.execute(statement)
