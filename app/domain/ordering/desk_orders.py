"""All companies' orders as the vendor's staff list, export and open them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from app.core import audit
from app.core.pages import COUNT_LIMIT, Page, SortKey, paginate
from app.core.permissions import Actor, Permission, requires
from app.domain.accounts.models import Company
from app.domain.catalogue.models import Product
from app.domain.catalogue.numbers import code_key
from app.domain.ordering.desk import is_releasable
from app.domain.ordering.erp import Exported, changed_after, ids_by_number, is_exported, mark_exported
from app.domain.ordering.models import Order, OrderLine


class Waits(StrEnum):
    """What an order waits for."""

    RELEASE = "release"
    STOCK = "stock"


class OrderSort(StrEnum):
    """Ways to sort the list."""

    NEWEST = "newest"
    OLDEST = "oldest"
    LARGEST = "largest"
    COMPANY = "company"


@dataclass(frozen=True, slots=True)
class DeskFilters:
    """Half open in time. `text` is a part of number, PO number or company, or the beginning of a SKU."""

    text: str | None = None
    state: str | None = None
    company_id: int | None = None
    source: str | None = None
    waits: Waits | None = None
    placed_from: datetime | None = None
    placed_before: datetime | None = None
    #: Whether the vendor's ERP has it.
    exported: Exported | None = None
    #: Only what changed after the change of this number.
    changed_after: int | None = None


@dataclass(frozen=True, slots=True)
class Units:
    """Units of an order or a line by where they are; `ordered` is the sum of the others."""

    ordered: int = 0
    allocated: int = 0
    backordered: int = 0
    cancelled: int = 0
    shipped: int = 0

    @property
    def wanted(self) -> int:
        """Units that were not cancelled."""
        return self.ordered - self.cancelled

    @property
    def held(self) -> int:
        """Units that have been allocated, shipped ones as well."""
        return self.allocated + self.shipped


@dataclass(frozen=True, slots=True)
class DeskRow:
    """An order of the list with its units."""

    id: int
    number: str
    state: str
    source: str
    po_number: str | None
    placed_at: datetime
    placed_by_name: str
    total: Any
    currency: str
    line_count: int
    company_id: int
    company_name: str
    company_number: str
    name_key: str
    units: Units = Units()


def _like(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _matches(text: str) -> ColumnElement[bool]:
    code, lower = code_key(text), _like(text.lower())
    products = select(Product.id).where(Product.sku_key >= code, Product.sku_key < code + "\U0010ffff")
    return or_(
        Order.number.like(_like(text.upper()), escape="\\"),
        func.lower(Order.po_number).like(lower, escape="\\"),
        Company.name_key.like(lower, escape="\\"),
        Company.number == text,
        Order.id.in_(select(OrderLine.order_id).where(OrderLine.product_id.in_(products))),
    )


def _filtered(filters: DeskFilters) -> Any:
    statement: Any = select(
        Order.id,
        Order.number,
        Order.state,
        Order.source,
        Order.po_number,
        Order.placed_at,
        Order.placed_by_name,
        Order.total,
        Order.currency,
        Order.line_count,
        Order.company_id,
        Company.name.label("company_name"),
        Company.number.label("company_number"),
        Company.name_key,
    ).join(Company, Company.id == Order.company_id)
    wanted: list[tuple[bool, Any]] = [
        (bool(filters.text), lambda: _matches(filters.text or "")),
        (filters.state is not None, lambda: Order.state == filters.state),
        (filters.company_id is not None, lambda: Order.company_id == filters.company_id),
        (filters.source is not None, lambda: Order.source == filters.source),
        (filters.waits is Waits.RELEASE, is_releasable),
        (filters.waits is Waits.STOCK, _waits_for_stock),
        (filters.placed_from is not None, lambda: Order.placed_at >= filters.placed_from),
        (filters.placed_before is not None, lambda: Order.placed_at < filters.placed_before),
        (filters.exported is not None, lambda: is_exported(filters.exported or Exported.NO)),
        (filters.changed_after is not None, lambda: changed_after(filters.changed_after or 0)),
    ]
    return statement.where(*(condition() for is_wanted, condition in wanted if is_wanted))


def _waits_for_stock() -> ColumnElement[bool]:
    return exists().where(OrderLine.order_id == Order.id, OrderLine.backordered > 0).correlate(Order)


_SORTS: dict[OrderSort, tuple[list[SortKey], Any]] = {
    OrderSort.NEWEST: (
        [SortKey(Order.placed_at, descending=True), SortKey(Order.id, descending=True)],
        lambda row: (row.placed_at, row.id),
    ),
    OrderSort.OLDEST: ([SortKey(Order.placed_at), SortKey(Order.id)], lambda row: (row.placed_at, row.id)),
    OrderSort.LARGEST: (
        [SortKey(Order.total, descending=True), SortKey(Order.id, descending=True)],
        lambda row: (row.total, row.id),
    ),
    OrderSort.COMPANY: ([SortKey(Company.name_key), SortKey(Order.id)], lambda row: (row.name_key, row.id)),
}


def list_orders(
    session: Session,
    filters: DeskFilters,
    *,
    sort: OrderSort = OrderSort.NEWEST,
    cursor: str | None = None,
) -> Page[DeskRow]:
    """A page of orders with their units; three statements whatever the number of rows."""
    statement = _filtered(filters)
    keys, read_keys = _SORTS[sort]
    some = statement.with_only_columns(Order.id).limit(COUNT_LIMIT + 1).subquery()
    total = session.scalar(select(func.count()).select_from(some))
    page = paginate(session, statement, sort=keys, read_keys=read_keys, cursor=cursor, total=total)
    return replace(page, items=_with_units(session, page.items))


def _with_units(session: Session, rows: Sequence[Any]) -> list[DeskRow]:
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
        )
        .where(OrderLine.order_id.in_([row.id for row in rows]))
        .group_by(OrderLine.order_id)
    )
    units = {order_id: Units(*(int(count) for count in counts)) for order_id, *counts in sums}
    return [DeskRow(**row._mapping, units=units.get(row.id, Units())) for row in rows]


def filtered_ids(session: Session, filters: DeskFilters) -> Sequence[int]:
    """Ids of all orders of the list, by number."""
    return ids_by_number(session, _filtered(filters))


@requires(Permission.ORDER_READ)
def record_export(session: Session, actor: Actor, *, filters: dict[str, str], now: datetime) -> None:
    """Write down that orders were exported, and with which filters."""
    audit.record(
        session, actor, "order.exported", subject_type="order", subject_id=None, now=now, after=filters
    )


@requires(Permission.ORDER_MANAGE)
def mark_list_exported(
    session: Session, actor: Actor, *, filters: DeskFilters, change: int, now: datetime
) -> int:
    """Mark the list's orders as they were shown; those that changed since are left for the next export.

    Returns how many were not marked so before.
    """
    shown = _filtered(filters).with_only_columns(Order.id).where(Order.change_number <= change)
    return mark_exported(session, actor, order_ids=session.scalars(shown).all(), change=change, now=now)
