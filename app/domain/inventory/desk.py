"""What the vendor's staff read of stock: levels by product, the ledger, receipts to come, warehouses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import and_, exists, func, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from app.core.errors import NotFound
from app.core.pages import COUNT_LIMIT, Page, SortKey, paginate
from app.core.texts import _
from app.domain.catalogue import search
from app.domain.catalogue.models import Category, Product
from app.domain.inventory.models import ExpectedReceipt, StockLevel, StockMovement, Warehouse

#: Up to this many available units a product counts as low.
LOW_AVAILABLE = 10
EXPORT_BATCH = 500


class StockShow(StrEnum):
    """Which products a list of stock shows."""

    HELD = "held"
    LOW = "low"
    NONE = "none"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class StockFilters:
    """`text` is searched as in the catalogue: words of the name, any part of a number."""

    text: str | None = None
    warehouse_id: int | None = None
    show: StockShow = StockShow.HELD


@dataclass(frozen=True, slots=True)
class Level:
    """Balance of a product in one warehouse."""

    warehouse_id: int
    warehouse_code: str
    warehouse_name: str
    on_hand: int
    allocated: int

    @property
    def available(self) -> int:
        return self.on_hand - self.allocated


@dataclass(frozen=True, slots=True)
class StockRow:
    """A product with its balances and what is still to come."""

    id: int
    sku: str
    sku_key: str
    name: str
    mpn: str | None
    life_cycle: str
    category_slug: str
    levels: tuple[Level, ...]
    expected: int
    expected_on: date | None

    @property
    def on_hand(self) -> int:
        return sum(level.on_hand for level in self.levels)

    @property
    def allocated(self) -> int:
        return sum(level.allocated for level in self.levels)

    @property
    def available(self) -> int:
        return self.on_hand - self.allocated


def list_warehouses(session: Session, *, also_closed: bool = False) -> list[Warehouse]:
    """Warehouses in the order in which they are allocated from."""
    statement = select(Warehouse).order_by(Warehouse.position, Warehouse.id)
    if not also_closed:
        statement = statement.where(Warehouse.is_active)
    return list(session.scalars(statement))


def get_warehouse(session: Session, warehouse_id: int, *, locked: bool = False) -> Warehouse:
    """:raises NotFound: there is no such warehouse."""
    statement = select(Warehouse).where(Warehouse.id == warehouse_id)
    found = session.scalars(statement.with_for_update() if locked else statement).one_or_none()
    if found is None:
        raise NotFound(_("There is no warehouse by that number."))
    return found


def _level_of(warehouse_id: int | None) -> ColumnElement[bool]:
    condition = StockLevel.product_id == Product.id
    return condition if warehouse_id is None else and_(condition, StockLevel.warehouse_id == warehouse_id)


def _products(session: Session, filters: StockFilters) -> Any:
    statement: Any = select(
        Product.id,
        Product.sku,
        Product.sku_key,
        Product.name,
        Product.mpn,
        Product.life_cycle,
        Category.slug.label("category_slug"),
    ).join(Category, Category.id == Product.category_id)
    query = search.parse_query(filters.text or "")
    if query:
        statement = statement.where(search.matches(session, query, None))
    if filters.show is not StockShow.ALL:
        statement = statement.where(exists().where(_level_of(filters.warehouse_id)).correlate(Product))
    if filters.show in (StockShow.LOW, StockShow.NONE):
        available = (
            select(func.sum(StockLevel.on_hand - StockLevel.allocated))
            .where(_level_of(filters.warehouse_id))
            .correlate(Product)
            .scalar_subquery()
        )
        if filters.show is StockShow.LOW:
            statement = statement.where(available > 0, available <= LOW_AVAILABLE)
        else:
            statement = statement.where(available == 0)
    return statement


def _levels(
    session: Session, product_ids: Sequence[int], warehouse_id: int | None = None
) -> dict[int, list[Level]]:
    statement = (
        select(
            StockLevel.product_id,
            Warehouse.id,
            Warehouse.code,
            Warehouse.name,
            StockLevel.on_hand,
            StockLevel.allocated,
        )
        .join(Warehouse, Warehouse.id == StockLevel.warehouse_id)
        .where(StockLevel.product_id.in_(product_ids))
        .order_by(Warehouse.position, Warehouse.id)
    )
    if warehouse_id is not None:
        statement = statement.where(StockLevel.warehouse_id == warehouse_id)
    found: dict[int, list[Level]] = {}
    for product_id, place, code, name, on_hand, allocated in session.execute(statement):
        found.setdefault(product_id, []).append(Level(place, code, name, on_hand, allocated))
    return found


def _expected(
    session: Session, product_ids: Sequence[int], warehouse_id: int | None = None
) -> dict[int, tuple[int, date]]:
    statement = (
        select(
            ExpectedReceipt.product_id,
            func.sum(ExpectedReceipt.quantity - ExpectedReceipt.received),
            func.min(ExpectedReceipt.due_on),
        )
        .where(ExpectedReceipt.product_id.in_(product_ids), ExpectedReceipt.is_open)
        .group_by(ExpectedReceipt.product_id)
    )
    if warehouse_id is not None:
        statement = statement.where(ExpectedReceipt.warehouse_id == warehouse_id)
    return {product_id: (int(units), due_on) for product_id, units, due_on in session.execute(statement)}


def _rows(session: Session, products: Sequence[Any], warehouse_id: int | None) -> list[StockRow]:
    ids = [product.id for product in products]
    levels = _levels(session, ids, warehouse_id) if ids else {}
    expected = _expected(session, ids, warehouse_id) if ids else {}
    return [
        StockRow(
            **product._mapping,
            levels=tuple(levels.get(product.id, ())),
            expected=expected.get(product.id, (0, None))[0],
            expected_on=expected.get(product.id, (0, None))[1],
        )
        for product in products
    ]


def list_stock(session: Session, filters: StockFilters, *, cursor: str | None = None) -> Page[StockRow]:
    """Products by SKU with their balances and open receipts; four statements whatever the number of rows."""
    statement = _products(session, filters)
    some = statement.with_only_columns(Product.id).order_by(None).limit(COUNT_LIMIT + 1).subquery()
    page = paginate(
        session,
        statement,
        sort=[SortKey(Product.sku_key)],
        read_keys=lambda row: (row.sku_key,),
        cursor=cursor,
        total=session.scalar(select(func.count()).select_from(some)),
    )
    return Page(
        items=_rows(session, page.items, filters.warehouse_id),
        first_index=page.first_index,
        next_cursor=page.next_cursor,
        previous_cursor=page.previous_cursor,
        total=page.total,
    )


def iter_stock(session: Session, filters: StockFilters) -> Iterator[StockRow]:
    """All rows of the list, read in batches."""
    statement, last = _products(session, filters), ""
    while True:
        batch = session.execute(
            statement.where(Product.sku_key > last).order_by(Product.sku_key).limit(EXPORT_BATCH)
        ).all()
        yield from _rows(session, batch, filters.warehouse_id)
        if len(batch) < EXPORT_BATCH:
            return
        last = batch[-1].sku_key


def get_stock(session: Session, product_id: int) -> StockRow:
    """One product's stock in every active warehouse, also those that hold none.

    :raises NotFound: there is no such product.
    """
    found = session.execute(
        _products(session, StockFilters(show=StockShow.ALL)).where(Product.id == product_id)
    ).one_or_none()
    if found is None:
        raise NotFound(_("There is no product by that number."))
    row = _rows(session, [found], None)[0]
    held = {level.warehouse_id for level in row.levels}
    empty = [
        Level(warehouse.id, warehouse.code, warehouse.name, 0, 0)
        for warehouse in list_warehouses(session)
        if warehouse.id not in held
    ]
    return replace(row, levels=(*row.levels, *empty))


_MOVEMENT = (
    StockMovement.id,
    StockMovement.product_id,
    StockMovement.delta,
    StockMovement.kind,
    StockMovement.reference,
    StockMovement.at,
    StockMovement.actor_name,
    Warehouse.code.label("warehouse_code"),
)


def list_movements(
    session: Session, *, product_id: int, warehouse_id: int | None = None, cursor: str | None = None
) -> Page[Any]:
    """A product's ledger, the newest entry first."""
    statement: Any = (
        select(*_MOVEMENT)
        .join(Warehouse, Warehouse.id == StockMovement.warehouse_id)
        .where(StockMovement.product_id == product_id)
    )
    if warehouse_id is not None:
        statement = statement.where(StockMovement.warehouse_id == warehouse_id)
    return paginate(
        session,
        statement,
        sort=[SortKey(StockMovement.id, descending=True)],
        read_keys=lambda row: (row.id,),
        cursor=cursor,
    )


def latest_movements(session: Session, *, warehouse_id: int, limit: int = 10) -> Sequence[Any]:
    """The last entries of a warehouse's ledger with their products, for whoever counts there."""
    statement: Any = (
        select(*_MOVEMENT, Product.sku, Product.name)
        .join(Warehouse, Warehouse.id == StockMovement.warehouse_id)
        .join(Product, Product.id == StockMovement.product_id)
        .where(StockMovement.warehouse_id == warehouse_id)
        .order_by(StockMovement.id.desc())
        .limit(limit)
    )
    return session.execute(statement).all()


@dataclass(frozen=True, slots=True)
class ReceiptFilters:
    """`is_open` None shows closed ones as well; `due_until` keeps what is due up to that day."""

    is_open: bool | None = True
    product_id: int | None = None
    due_until: date | None = None


def _receipts(filters: ReceiptFilters) -> Any:
    statement: Any = (
        select(
            ExpectedReceipt.id,
            ExpectedReceipt.product_id,
            ExpectedReceipt.quantity,
            ExpectedReceipt.received,
            (ExpectedReceipt.quantity - ExpectedReceipt.received).label("outstanding"),
            ExpectedReceipt.due_on,
            ExpectedReceipt.reference,
            ExpectedReceipt.is_open,
            Product.sku,
            Product.name,
            Category.slug.label("category_slug"),
            Warehouse.id.label("warehouse_id"),
            Warehouse.code.label("warehouse_code"),
            Warehouse.name.label("warehouse_name"),
        )
        .join(Product, Product.id == ExpectedReceipt.product_id)
        .join(Category, Category.id == Product.category_id)
        .join(Warehouse, Warehouse.id == ExpectedReceipt.warehouse_id)
    )
    if filters.is_open is not None:
        statement = statement.where(ExpectedReceipt.is_open.is_(filters.is_open))
    if filters.product_id is not None:
        statement = statement.where(ExpectedReceipt.product_id == filters.product_id)
    if filters.due_until is not None:
        statement = statement.where(ExpectedReceipt.due_on <= filters.due_until)
    return statement


def list_receipts(session: Session, filters: ReceiptFilters, *, cursor: str | None = None) -> Page[Any]:
    """Expected receipts, the earliest due first."""
    return paginate(
        session,
        _receipts(filters),
        sort=[SortKey(ExpectedReceipt.due_on), SortKey(ExpectedReceipt.id)],
        read_keys=lambda row: (row.due_on, row.id),
        cursor=cursor,
    )


def get_receipt(session: Session, receipt_id: int) -> Any:
    """One row as in list_receipts. :raises NotFound: there is no such receipt."""
    statement = _receipts(ReceiptFilters(is_open=None)).where(ExpectedReceipt.id == receipt_id)
    found = session.execute(statement).one_or_none()
    if found is None:
        raise NotFound(_("There is no expected receipt by that number."))
    return found


def count_receipts(session: Session, *, today: date) -> tuple[int, int]:
    """Open receipts that were due before today, and those due today; each up to 1,001."""
    counts = []
    for due in (ExpectedReceipt.due_on < today, ExpectedReceipt.due_on == today):
        some = (
            select(ExpectedReceipt.id).where(ExpectedReceipt.is_open, due).limit(COUNT_LIMIT + 1).subquery()
        )
        counts.append(session.scalar(select(func.count()).select_from(some)) or 0)
    return counts[0], counts[1]
