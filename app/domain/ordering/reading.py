"""What carts, checkout and placing read together: product facts, tax, prices and free units."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import and_, bindparam, func, literal, select, true, union_all
from sqlalchemy.orm import Session, aliased

from app.core.database import BigInt
from app.core.keys import among
from app.core.tenancy import all_companies, read_rows
from app.domain.catalogue.buyers import Buyer
from app.domain.catalogue.models import Category, Product, TaxRate
from app.domain.catalogue.prices import OrderDiscount, Terms
from app.domain.catalogue.quantities import QuantityRule
from app.domain.catalogue.visibility import ALL, visible
from app.domain.inventory import ledger
from app.domain.inventory.models import ExpectedReceipt, StockLevel, Warehouse
from app.domain.inventory.rules import promise_date
from app.domain.ordering.judging import Judged, LinePrice, ProductFacts, judge
from app.domain.ordering.models import CartLine, OrderLine
from app.domain.ordering.rules import Totals, order_totals

_Successor = aliased(Product)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A line as asked for: its id where it has one, product and quantity, and the product's tax."""

    line_id: int
    product: ProductFacts
    quantity: int
    tax_code: str
    tax_rate_bps: int


@dataclass(frozen=True, slots=True)
class JudgedLine:
    """A wanted line with its verdict and price."""

    line_id: int
    product: ProductFacts
    quantity: int
    available: int
    judged: Judged
    tax_code: str
    tax_rate_bps: int

    @property
    def sku(self) -> str:
        return self.product.sku

    @property
    def verdict(self) -> Any:
        return self.judged.verdict

    @property
    def unit_price(self) -> Decimal | None:
        return self.judged.price.unit_price if self.judged.price else None

    def line_price(self) -> LinePrice:
        """The price as an order line keeps it. :raises ValueError: the line has none."""
        price = self.judged.price
        if price is None:
            raise ValueError(f"{self.sku} has no price")
        return LinePrice(
            unit_price=price.unit_price,
            agreement_id=price.ladder.agreement.id,
            step=price.step.min_quantity,
            reason=price.ladder.agreement.number,
            tax_code=self.tax_code,
            tax_rate_bps=self.tax_rate_bps,
        )


def _facts(is_visible: Any) -> Any:
    """Products as the checks need them, for the company of the parameter `company_id`."""
    return (
        select(
            Product.id,
            Product.sku,
            Product.name,
            Product.kind,
            Product.life_cycle,
            Product.is_backorderable,
            Product.min_quantity,
            Product.multiple,
            Product.max_quantity,
            Product.tax_class,
            Product.unit,
            Product.summary,
            Category.slug,
            _Successor.sku.label("successor_sku"),
            is_visible.label("is_visible"),
            TaxRate.code.label("tax_code"),
            TaxRate.rate_bps.label("tax_rate_bps"),
        )
        .join(Category, Category.id == Product.category_id)
        .outerjoin(_Successor, _Successor.id == Product.successor_id)
        .outerjoin(
            TaxRate,
            and_(
                TaxRate.company_id == bindparam("company_id", type_=BigInt),
                TaxRate.tax_class == Product.tax_class,
            ),
        )
    )


def _wanted(row: Any, *, line_id: int, quantity: int) -> Wanted:
    product = ProductFacts(
        id=row.id,
        sku=row.sku,
        name=row.name,
        kind=row.kind,
        life_cycle=row.life_cycle,
        is_backorderable=row.is_backorderable,
        rule=QuantityRule(row.min_quantity, row.multiple, row.max_quantity),
        tax_class=row.tax_class,
        unit=row.unit,
        summary=row.summary,
        category_slug=row.slug,
        successor_sku=row.successor_sku,
        is_visible=bool(row.is_visible),
    )
    return Wanted(line_id, product, quantity, row.tax_code or "", row.tax_rate_bps or 0)


def _in_cart(is_visible: Any, locks_products: bool) -> Any:
    statement = (
        _facts(is_visible)
        .add_columns(CartLine.id.label("line_id"), CartLine.quantity, CartLine.position)
        .join(CartLine, CartLine.product_id == Product.id)
        .where(CartLine.cart_id == bindparam("cart_id", type_=BigInt))
        .order_by(Product.id)
    )
    return statement.with_for_update(of=Product, key_share=True) if locks_products else statement


@lru_cache(maxsize=2)
def _everything_in_cart(locks_products: bool) -> Any:
    """For companies that see the whole catalogue; built once."""
    return _in_cart(true(), locks_products)


def cart_lines(
    session: Session, buyer: Buyer, cart_id: int, *, on: date, locks_products: bool = False
) -> list[Wanted]:
    """The lines of a cart in their order, in one statement; it locks their products as `ledger` does."""
    if buyer.visibility_mode == ALL:
        statement = _everything_in_cart(locks_products)
    else:
        statement = _in_cart(visible(buyer, on), locks_products)
    found = read_rows(session, statement, {"company_id": buyer.company_id, "cart_id": cart_id})
    rows = sorted(found, key=lambda row: (row.position, row.line_id))
    return [_wanted(row, line_id=row.line_id, quantity=row.quantity) for row in rows]


def products_wanted(
    session: Session, buyer: Buyer, quantities: dict[int, int], *, on: date
) -> dict[int, Wanted]:
    """Products by id with the quantities asked for, in one statement; `line_id` is the product's id."""
    statement = _facts(visible(buyer, on)).where(Product.id.in_(quantities))
    rows = read_rows(session, statement, {"company_id": buyer.company_id})
    return {row.id: _wanted(row, line_id=row.id, quantity=quantities[row.id]) for row in rows}


def judge_lines(lines: Sequence[Wanted], terms: Terms, available: dict[int, int]) -> list[JudgedLine]:
    """Judge every line against the buyer's terms and the free units by product."""
    return [
        JudgedLine(
            line_id=line.line_id,
            product=line.product,
            quantity=line.quantity,
            available=available.get(line.product.id, 0),
            judged=judge(
                line.product,
                terms.ladders.get(line.product.id, ()),
                quantity=line.quantity,
                available=available.get(line.product.id, 0),
            ),
            tax_code=line.tax_code,
            tax_rate_bps=line.tax_rate_bps,
        )
        for line in lines
    ]


def totals_of(lines: Sequence[JudgedLine], discount: OrderDiscount | None, currency: str) -> Totals:
    """Sums of the lines that have a price."""
    return order_totals(
        [
            (line.quantity, line.unit_price, line.tax_rate_bps)
            for line in lines
            if line.unit_price is not None
        ],
        currency=currency,
        discount_bps=discount.bps if discount else 0,
        discount_from=discount.from_amount if discount else Decimal(0),
    )


@dataclass(frozen=True, slots=True)
class Queue:
    """What is to come by product as (day, units), and how many units are waited for already."""

    receipts: dict[int, list[tuple[date, int]]]
    waiting: dict[int, int]

    def promise(self, missing: Mapping[int, int], *, on: date) -> dict[int, date | None]:
        """The day each product's missing units are promised for, behind everybody who waits already."""
        return {
            product_id: promise_date(
                units,
                waiting=self.waiting.get(product_id, 0),
                receipts=sorted((max(day, on), count) for day, count in self.receipts.get(product_id, ())),
            )
            for product_id, units in missing.items()
        }


@dataclass(frozen=True, slots=True)
class Supply:
    """Free units by (product, warehouse), the warehouses in the order they give, and the queue."""

    free: dict[tuple[int, int], int]
    warehouses: list[int]
    queue: Queue

    def available(self) -> dict[int, int]:
        """Free units by product."""
        units: Counter[int] = Counter()
        for (product_id, _warehouse), count in self.free.items():
            units[product_id] += count
        return dict(units)


def promise_dates(session: Session, missing: Mapping[int, int], *, on: date) -> dict[int, date | None]:
    """The day each product's missing units would be promised for now, in one statement."""
    if not missing:
        return {}
    with all_companies(session, reason="promised dates count every company's backorders"):
        rows = read_rows(session, _QUEUE, {"product_ids": list(missing)})
    return _queue_of(rows).promise(missing, on=on)


def read_supply(session: Session, product_ids: Collection[int], *, are_locked: bool = False) -> Supply:
    """What an order can have now and later, in one statement; the products are locked first."""
    if not are_locked:
        ledger.lock_products(session, product_ids)
    with all_companies(session, reason="promised dates count every company's backorders"):
        rows = read_rows(session, _SUPPLY, {"product_ids": product_ids})
    held = [row for row in rows if row.warehouse_id is not None]
    return Supply(
        free={(row.product_id, row.warehouse_id): int(row.units) for row in held},
        warehouses=[place for _position, place in sorted({(row.position, row.warehouse_id) for row in held})],
        queue=_queue_of(row for row in rows if row.warehouse_id is None),
    )


def _queue_of(rows: Iterable[Any]) -> Queue:
    queue = Queue({}, {})
    for row in rows:
        if row.due_on is None:
            queue.waiting[row.product_id] = int(row.units)
        else:
            queue.receipts.setdefault(row.product_id, []).append((row.due_on, int(row.units)))
    return queue


def _queue() -> tuple[Any, Any]:
    """Receipts to come of the products asked for, and sums of what waits where something is to come.

    A long queue without a receipt is not summed up.
    """
    no_number, no_day = (
        literal(None, StockLevel.warehouse_id.type),
        literal(None, ExpectedReceipt.due_on.type),
    )
    is_coming = and_(
        among(ExpectedReceipt.product_id, "product_ids"),
        ExpectedReceipt.is_open,
        ExpectedReceipt.quantity > ExpectedReceipt.received,
    )
    to_come = select(
        ExpectedReceipt.product_id,
        no_number.label("warehouse_id"),
        no_number.label("position"),
        ExpectedReceipt.due_on.label("due_on"),
        (ExpectedReceipt.quantity - ExpectedReceipt.received).label("units"),
    ).where(is_coming)
    waiting = (
        select(
            OrderLine.product_id,
            no_number.label("warehouse_id"),
            no_number.label("position"),
            no_day.label("due_on"),
            func.sum(OrderLine.backordered).label("units"),
        )
        .where(
            OrderLine.product_id.in_(select(ExpectedReceipt.product_id).where(is_coming)),
            OrderLine.backordered > 0,
        )
        .group_by(OrderLine.product_id)
    )
    return to_come, waiting


#: Built once.
_QUEUE: Any = union_all(*_queue())
_SUPPLY: Any = union_all(
    select(
        StockLevel.product_id,
        StockLevel.warehouse_id.label("warehouse_id"),
        Warehouse.position.label("position"),
        literal(None, ExpectedReceipt.due_on.type).label("due_on"),
        (StockLevel.on_hand - StockLevel.allocated).label("units"),
    )
    .join(Warehouse, Warehouse.id == StockLevel.warehouse_id)
    .where(among(StockLevel.product_id, "product_ids"), Warehouse.is_active),
    *_queue(),
)
