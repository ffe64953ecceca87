"""Placing is whole or not at all, and costs the same number of statements whatever the number of lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, event, select, text
from sqlalchemy.orm import Session

from app.core.database import Base, run, writing
from app.core.tenancy import all_companies
from app.domain.catalogue.models import PriceAgreement, PriceRow, Product
from app.domain.inventory.queries import find_unbalanced
from app.domain.ordering import actions
from app.domain.ordering.models import Order
from app.domain.ordering.placing import Checkout
from tests.factories.accounts import make_end_customer, read
from tests.factories.catalogue import make_agreement, make_category, make_tax_rate
from tests.factories.ordering import (
    NOW,
    Shop,
    make_receipt,
    settle,
    stock_in,
    units_of,
    view_cart,
)

_BOOKKEEPING = re.compile(r"\s*(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE)", re.IGNORECASE)


class Broken(Exception):
    """The machine stopped here."""


@contextmanager
def watched(engine: Engine, *, break_at: int | None = None) -> Iterator[list[str]]:
    """The statements sent; the one numbered `break_at` (from 1) is not sent but raises."""
    seen: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_rest: Any) -> None:
        if _BOOKKEEPING.match(statement):
            return
        seen.append(statement)
        if len(seen) == break_at:
            raise Broken

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def contents(engine: Engine) -> dict[str, list[Any]]:
    """Every row of every table."""
    with engine.connect() as connection:
        return {
            table.name: sorted(
                (tuple(row) for row in connection.execute(text(f'SELECT * FROM "{table.name}"'))), key=repr
            )
            for table in Base.metadata.sorted_tables
        }


def make_products(session: Session, agreement: PriceAgreement, count: int) -> list[Product]:
    """Products at 10.00 each under the agreement, in one transaction."""
    category_id = make_category(session).id
    with writing(session), all_companies(session, reason="test data"):
        products = [
            Product(
                sku=f"MANY-{n:05}",
                sku_key=f"MANY-{n:05}",
                name=f"Quill {n}",
                name_key=f"quill {n}",
                category_id=category_id,
                created_at=NOW,
                updated_at=NOW,
            )
            for n in range(count)
        ]
        session.add_all(products)
        session.flush()
        session.add_all(
            PriceRow(agreement_id=agreement.id, product_id=product.id, unit_price=Decimal(10))
            for product in products
        )
        session.commit()
    return products


def full_scene(shop: Shop, lines: int) -> tuple[Any, Checkout, Decimal]:
    """A cart in which every kind of row is written: backorder with a date, discount, tax, drop-ship."""
    session = shop.session
    own = make_agreement(
        session, company=shop.company, order_discount_bps=200, order_discount_from=Decimal(0)
    )
    make_tax_rate(session, shop.company, rate_bps=1000)
    products = make_products(session, own, lines)
    stock_in(session, products[0], 5)
    stock_in(session, products[1], 1)
    make_receipt(session, products[1], 50, date(2026, 12, 2))
    customer = make_end_customer(session, shop.company)
    settle(session)
    shop.place({products[0]: 1})
    cart = shop.cart(dict.fromkeys(products, 2))
    checkout = Checkout(
        branch_id=cart.branch_id,
        po_number="PO-9",
        end_customer_id=customer.id,
        to_end_customer=True,
    )
    return cart, checkout, view_cart(session, shop.company, cart).totals.total


def place(session: Session, shop: Shop, cart: Any, checkout: Checkout, total: Decimal) -> Order:
    return run(
        session,
        actions.place_order,
        shop.buyer,
        cart_id=cart.id,
        shown_total=total,
        checkout=checkout,
        now=NOW,
    )


@pytest.mark.parametrize("lines", [5, 300])
def test_placing_takes_at_most_fifteen_statements(
    engine: Engine, session: Session, shop: Shop, lines: int
) -> None:
    cart, checkout, total = full_scene(shop, lines)
    with watched(engine) as seen:
        order = place(session, shop, cart, checkout, total)
    assert order.line_count == lines
    assert order.discount > 0
    assert order.tax > 0
    assert len(seen) <= 15, "\n".join(statement[:90] for statement in seen)


def test_an_order_of_two_thousand_lines_is_placed(engine: Engine, session: Session, shop: Shop) -> None:
    cart, checkout, total = full_scene(shop, 2000)
    order = place(session, shop, cart, checkout, total)
    settle(session)
    assert (order.line_count, order.net) == (2000, Decimal("40000.00"))
    assert order.discount == Decimal("800.00")
    assert order.total == Decimal("43120.00")
    units = units_of(session, order)
    assert units[:3] == [(2, 2, 0, 0), (2, 1, 1, 0), (2, 0, 2, 0)]
    with all_companies(session, reason="test"):
        assert find_unbalanced(session) == []


def test_a_failure_at_any_statement_leaves_everything_as_it_was(
    engine: Engine, session: Session, shop: Shop
) -> None:
    cart, checkout, total = full_scene(shop, 4)
    before = contents(engine)
    broken = 0
    while True:
        try:
            with watched(engine, break_at=broken + 1):
                order = place(session, shop, cart, checkout, total)
            break
        except Broken:
            broken += 1
            settle(session)
            assert contents(engine) == before, f"statement {broken}"
    assert broken >= 12
    assert order.number == "SO-26-00002"
    assert read(session, select(Order.number).order_by(Order.id)) == ["SO-26-00001", "SO-26-00002"]


def test_a_failure_at_any_statement_of_a_cancellation_leaves_everything_as_it_was(
    engine: Engine, session: Session, shop: Shop
) -> None:
    product, other = shop.product("10.00", stock=3), shop.product("5.00", stock=2)
    order = shop.place({product: 3, other: 2})
    waiting = shop.place_other({product: 4})
    before = contents(engine)
    broken = 0
    while True:
        try:
            with watched(engine, break_at=broken + 1):
                run(
                    session,
                    actions.cancel_order,
                    shop.buyer,
                    order_id=order.id,
                    reason="No longer needed",
                    now=NOW,
                )
            break
        except Broken:
            broken += 1
            settle(session)
            assert contents(engine) == before, f"statement {broken}"
    settle(session)
    assert broken >= 10
    assert units_of(session, order) == [(3, 0, 0, 3), (2, 0, 0, 2)]
    assert units_of(session, waiting) == [(4, 3, 1, 0)]
