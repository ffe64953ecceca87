"""What the vendor's staff read of orders: what waits for whom, who has which units, price requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import and_, case, exists, func, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from app.core.errors import NotFound
from app.core.pages import COUNT_LIMIT, Page, SortKey, paginate
from app.core.texts import _
from app.domain.accounts.models import Branch, Company
from app.domain.catalogue.models import Category, Product
from app.domain.catalogue.numbers import code_key
from app.domain.inventory.models import Allocation, Warehouse
from app.domain.ordering.models import Order, OrderHold, OrderLine, PriceRequest

CONFIRMED = "confirmed"
OPEN_REQUEST = "open"


def _count(session: Session, statement: Any) -> int:
    """Rows of the statement; 1,001 stands for more than a thousand."""
    some = statement.order_by(None).limit(COUNT_LIMIT + 1).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0


def _has_line(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(OrderLine.order_id == Order.id, condition).correlate(Order)


def is_releasable() -> ColumnElement[bool]:
    """Confirmed, no open hold, and a unit of it is allocated."""
    open_hold = exists().where(OrderHold.order_id == Order.id, OrderHold.cleared_at.is_(None))
    return and_(Order.state == CONFIRMED, ~open_hold.correlate(Order), _has_line(OrderLine.allocated > 0))


_WORK = (Order.id, Order.number, Order.placed_at, Order.line_count, Order.total, Order.currency)


def _work(condition: ColumnElement[bool], limit: int) -> Any:
    statement: Any = (
        select(*_WORK, Company.name.label("company_name"))
        .join(Company, Company.id == Order.company_id)
        .where(condition)
        .order_by(Order.placed_at, Order.id)
        .limit(limit)
    )
    return statement


def list_orders_to_release(session: Session, *, limit: int) -> Sequence[Any]:
    """Orders that only wait for somebody to release them, the oldest first."""
    return session.execute(_work(is_releasable(), limit)).all()


def list_latest_orders(session: Session, *, limit: int) -> Sequence[Any]:
    """The orders placed last, with their state, the newest first."""
    statement = (
        select(*_WORK, Order.state, Company.name.label("company_name"))
        .join(Company, Company.id == Order.company_id)
        .order_by(Order.placed_at.desc(), Order.id.desc())
        .limit(limit)
    )
    return session.execute(statement).all()


def count_orders_to_release(session: Session) -> int:
    """How many orders wait to be released; 1,001 stands for more than a thousand."""
    return _count(session, select(Order.id).where(is_releasable()))


def count_orders_waiting(session: Session) -> int:
    """How many orders have units on backorder; 1,001 stands for more than a thousand."""
    waiting = select(OrderLine.order_id).where(OrderLine.backordered > 0).distinct()
    return _count(session, waiting)


@dataclass(frozen=True, slots=True)
class Shortage:
    """A product that orders wait for: units and orders, and since when the oldest waits."""

    product_id: int
    sku: str
    name: str
    category_slug: str
    units: int
    orders: int
    since: datetime


def list_shortages(session: Session, *, limit: int) -> list[Shortage]:
    """Products with units on backorder, the one with the oldest waiting order first."""
    since = func.min(Order.placed_at)
    rows = session.execute(
        select(
            OrderLine.product_id,
            Product.sku,
            Product.name,
            Category.slug,
            func.sum(OrderLine.backordered),
            func.count(OrderLine.order_id.distinct()),
            since,
        )
        .join(Order, Order.id == OrderLine.order_id)
        .join(Product, Product.id == OrderLine.product_id)
        .join(Category, Category.id == Product.category_id)
        .where(OrderLine.backordered > 0)
        .group_by(OrderLine.product_id, Product.sku, Product.name, Category.slug)
        .order_by(since, OrderLine.product_id)
        .limit(limit)
    )
    return [
        Shortage(product_id, sku, name, slug, int(units), orders, at)
        for product_id, sku, name, slug, units, orders, at in rows
    ]


def _line_columns() -> Any:
    return (
        select(
            OrderLine.id,
            OrderLine.order_id,
            OrderLine.position,
            OrderLine.ordered,
            OrderLine.allocated,
            OrderLine.backordered,
            OrderLine.promised_on,
            Order.number.label("order_number"),
            Order.placed_at,
            Company.name.label("company_name"),
        )
        .join(Order, Order.id == OrderLine.order_id)
        .join(Company, Company.id == Order.company_id)
    )


def list_waiting_lines(session: Session, *, product_id: int, limit: int = 50) -> Sequence[Any]:
    """Order lines that wait for the product, in the order in which they will be served."""
    statement = _line_columns().where(OrderLine.product_id == product_id, OrderLine.backordered > 0)
    found: Sequence[Any] = session.execute(
        statement.order_by(
            func.coalesce(Order.queued_at, Order.placed_at), Order.id, OrderLine.position
        ).limit(limit)
    ).all()
    return found


def list_allocations(session: Session, *, product_id: int, limit: int = 50) -> Sequence[Any]:
    """Order lines that hold units of the product, with the warehouse and how many there."""
    statement = (
        _line_columns()
        .add_columns(Allocation.quantity, Warehouse.code.label("warehouse_code"))
        .join(Allocation, Allocation.order_line_id == OrderLine.id)
        .join(Warehouse, Warehouse.id == Allocation.warehouse_id)
        .where(Allocation.product_id == product_id)
    )
    found: Sequence[Any] = session.execute(
        statement.order_by(Order.placed_at, Order.id, OrderLine.position, Warehouse.position).limit(limit)
    ).all()
    return found


def allocations_by_line(session: Session, *, order_id: int) -> dict[int, list[tuple[str, int]]]:
    """Warehouse code and units set aside for each line of the order."""
    rows = session.execute(
        select(Allocation.order_line_id, Warehouse.code, Allocation.quantity)
        .join(OrderLine, OrderLine.id == Allocation.order_line_id)
        .join(Warehouse, Warehouse.id == Allocation.warehouse_id)
        .where(OrderLine.order_id == order_id)
        .order_by(Warehouse.position, Warehouse.id)
    )
    found: dict[int, list[tuple[str, int]]] = {}
    for line_id, code, quantity in rows:
        found.setdefault(line_id, []).append((code, quantity))
    return found


def list_holds(session: Session, *, order_id: int) -> list[OrderHold]:
    """An order's holds, open ones first, then the latest."""
    statement = select(OrderHold).where(OrderHold.order_id == order_id)
    order = (case((OrderHold.cleared_at.is_(None), 0), else_=1), OrderHold.id.desc())
    return list(session.scalars(statement.order_by(*order)))


def find_order_id(session: Session, number: str) -> int | None:
    """The order of an exact number, whatever its case."""
    return session.scalar(select(Order.id).where(Order.number == code_key(number)))


def find_request_id(session: Session, number: str) -> int | None:
    """The price request of an exact number, whatever its case."""
    return session.scalar(select(PriceRequest.id).where(PriceRequest.number == code_key(number)))


def find_orders(session: Session, text: str, *, limit: int) -> Sequence[Any]:
    """Orders whose number or PO number contains the text, the newest first."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    statement = (
        select(*_WORK, Order.state, Order.po_number, Company.name.label("company_name"))
        .join(Company, Company.id == Order.company_id)
        .where(
            or_(
                Order.number.like(f"%{escaped.upper()}%", escape="\\"),
                func.lower(Order.po_number).like(f"%{escaped.lower()}%", escape="\\"),
            )
        )
        .order_by(Order.placed_at.desc(), Order.id.desc())
        .limit(limit)
    )
    return session.execute(statement).all()


def count_orders_by_week(session: Session, *, weeks: int, now: datetime) -> list[int]:
    """Orders placed in each of the last `weeks` times seven days, the present one last."""
    edges = [now - timedelta(days=7 * back) for back in range(weeks, -1, -1)]
    counts = [
        func.count(case((and_(Order.placed_at > start, Order.placed_at <= end), 1)))
        for start, end in pairwise(edges)
    ]
    row = session.execute(select(*counts).where(Order.placed_at > edges[0], Order.placed_at <= now)).one()
    return [int(count) for count in row]


@dataclass(frozen=True, slots=True)
class RequestFilters:
    """`text` is a part of number, SKU, product name or company name."""

    state: str | None = OPEN_REQUEST
    text: str | None = None


def _requests(filters: RequestFilters) -> Any:
    statement: Any = (
        select(
            PriceRequest.id,
            PriceRequest.number,
            PriceRequest.state,
            PriceRequest.quantity,
            PriceRequest.note,
            PriceRequest.asked_by_name,
            PriceRequest.created_at,
            PriceRequest.answered_at,
            PriceRequest.answered_by_name,
            PriceRequest.unit_price,
            PriceRequest.valid_until,
            PriceRequest.answer,
            PriceRequest.version,
            PriceRequest.company_id,
            PriceRequest.branch_id,
            PriceRequest.product_id,
            Product.sku,
            Product.name,
            Product.mpn,
            Product.summary,
            Category.slug.label("category_slug"),
            Company.name.label("company_name"),
            Company.number.label("company_number"),
            Company.currency,
            Company.tier,
            Branch.name.label("branch_name"),
        )
        .join(Product, Product.id == PriceRequest.product_id)
        .join(Category, Category.id == Product.category_id)
        .join(Company, Company.id == PriceRequest.company_id)
        .join(Branch, Branch.id == PriceRequest.branch_id)
    )
    if filters.state is not None:
        statement = statement.where(PriceRequest.state == filters.state)
    if filters.text:
        statement = statement.where(_request_matches(filters.text))
    return statement


def _request_matches(text: str) -> ColumnElement[bool]:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    upper, lower = f"%{escaped.upper()}%", f"%{escaped.lower()}%"
    return or_(
        PriceRequest.number.like(upper, escape="\\"),
        Product.sku_key.like(upper, escape="\\"),
        Product.name_key.like(lower, escape="\\"),
        Company.name_key.like(lower, escape="\\"),
    )


def list_price_requests(
    session: Session, filters: RequestFilters, *, newest_first: bool = False, cursor: str | None = None
) -> Page[Any]:
    """Price requests; the oldest first, as they are to be answered."""
    return paginate(
        session,
        _requests(filters),
        sort=[
            SortKey(PriceRequest.created_at, descending=newest_first),
            SortKey(PriceRequest.id, descending=newest_first),
        ],
        read_keys=lambda row: (row.created_at, row.id),
        cursor=cursor,
    )


def get_price_request(session: Session, request_id: int) -> Any:
    """One row as in list_price_requests. :raises NotFound: there is no such request."""
    statement = _requests(RequestFilters(state=None)).where(PriceRequest.id == request_id)
    found = session.execute(statement).one_or_none()
    if found is None:
        raise NotFound(_("There is no price request by that number."))
    return found


def count_price_requests(session: Session, state: str = OPEN_REQUEST) -> int:
    """How many requests are in the state; 1,001 stands for more than a thousand."""
    return _count(session, select(PriceRequest.id).where(PriceRequest.state == state))
