"""Simultaneous orders, cancellations and stock: nothing is sold twice, given back twice or forgotten."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from app.core.database import run, writing
from app.core.outbox import Job
from app.core.permissions import Actor
from app.core.tenancy import all_companies
from app.domain.catalogue.models import Product
from app.domain.inventory.models import StockLevel
from app.domain.inventory.queries import find_unbalanced
from app.domain.ordering import actions
from app.domain.ordering.models import Cart, Order
from app.domain.ordering.placing import Checkout
from tests.domain.ordering.parallel import at_once, errors_of
from tests.factories.accounts import read
from tests.factories.catalogue import make_agreement, make_product
from tests.factories.ordering import (
    NOW,
    Shop,
    make_cart,
    make_warehouse,
    settle,
    state_of,
    stock_in,
    units_of,
)

ROUNDS = 5


def placing(actor: Actor, cart: Cart, total: str) -> Callable[[Session], Any]:
    """A task that places the cart and returns the order's number."""

    def task(session: Session) -> Any:
        return run(
            session,
            actions.place_order,
            actor,
            cart_id=cart.id,
            shown_total=Decimal(total),
            checkout=Checkout(branch_id=cart.branch_id),
            now=NOW,
        ).number

    return task


def acting(action: Any, actor: Actor, **values: Any) -> Callable[[Session], Any]:
    """A task that runs an action."""

    def task(session: Session) -> Any:
        run(session, action, actor, now=NOW, **values)
        return "done"

    return task


def levels(session: Session) -> list[tuple[int, int]]:
    """(on hand, allocated) of every level."""
    settle(session)
    with all_companies(session, reason="test"):
        rows = session.execute(select(StockLevel.on_hand, StockLevel.allocated)).all()
    settle(session)
    return [(row.on_hand, row.allocated) for row in rows]


def is_balanced(session: Session) -> bool:
    settle(session)
    with all_companies(session, reason="test"):
        wrong = find_unbalanced(session)
    settle(session)
    return wrong == []


def test_twenty_buyers_of_five_units_place_five_orders(engine: Engine, session: Session, shop: Shop) -> None:
    product = shop.product("10.00", stock=5, is_backorderable=False)
    carts = [shop.cart({product: 1}, name=f"Cart {n}") for n in range(20)]
    results = at_once(engine, [placing(shop.buyer, cart, "10.00") for cart in carts])
    assert errors_of(results) == ["LinesRefused"] * 15
    assert sorted(number for number in results if isinstance(number, str)) == [
        f"SO-26-0000{n}" for n in range(1, 6)
    ]
    assert read(session, select(func.count(Order.id))) == [5]
    assert levels(session) == [(5, 5)]
    assert is_balanced(session)


def test_reading_first_and_writing_after_sells_the_same_units_again(
    engine: Engine, session: Session, shop: Shop
) -> None:
    """The control: without lock and guard the race above is there."""
    product = shop.product("10.00", stock=5, is_backorderable=False)
    everybody_has_read = threading.Barrier(20)

    def sell(own: Session) -> Any:
        with all_companies(own, reason="control"):
            row = own.execute(
                select(StockLevel.on_hand, StockLevel.allocated).where(StockLevel.product_id == product.id)
            ).one()
            own.rollback()
            everybody_has_read.wait()
            if row.on_hand - row.allocated < 1:
                return "sold out"
            with writing(own):
                own.execute(
                    update(StockLevel)
                    .where(StockLevel.product_id == product.id)
                    .values(allocated=row.allocated + 1)
                )
                own.commit()
            return "sold"

    assert at_once(engine, [sell] * 20).count("sold") == 20
    assert levels(session) == [(5, 1)]


def test_a_cart_submitted_fifty_times_is_one_order(engine: Engine, session: Session, shop: Shop) -> None:
    product = shop.product("10.00", stock=9)
    cart = shop.cart({product: 2})
    results = at_once(engine, [placing(shop.buyer, cart, "20.00")] * 50)
    assert results == ["SO-26-00001"] * 50
    assert read(session, select(func.count(Order.id))) == [1]
    assert levels(session) == [(9, 2)]
    assert read(session, select(func.count(Job.id)).where(Job.kind == "mail.render")) == [2]
    assert is_balanced(session)


def test_numbers_of_simultaneous_orders_have_no_gap(engine: Engine, session: Session, shop: Shop) -> None:
    product = shop.product("10.00", stock=4)
    carts = [shop.cart({product: 1}, name=f"Cart {n}") for n in range(12)]
    results = at_once(engine, [placing(shop.buyer, cart, "10.00") for cart in carts])
    assert sorted(results) == [f"SO-26-{n:05}" for n in range(1, 13)]


def test_an_order_is_cancelled_once(engine: Engine, session: Session, shop: Shop) -> None:
    product = shop.product("10.00", stock=5)
    order = shop.place({product: 4})
    results = at_once(engine, [acting(actions.cancel_order, shop.buyer, order_id=order.id)] * 8)
    assert results.count("done") == 1
    assert errors_of(results) == ["NotCancellable"] * 7
    assert levels(session) == [(5, 0)]
    assert is_balanced(session)


@pytest.mark.parametrize("round_number", range(ROUNDS))
def test_units_given_back_while_others_come_in_all_reach_who_waits(
    engine: Engine, session: Session, shop: Shop, round_number: int
) -> None:
    product = shop.product("10.00", stock=5)
    first = shop.place({product: 5})
    second = shop.place_other({product: 7})
    receive = {"product_id": product.id, "warehouse_id": shop.warehouse.id, "quantity": 2}
    results = at_once(
        engine,
        [
            acting(actions.cancel_order, shop.buyer, order_id=first.id),
            acting(actions.receive_stock, shop.clerk, **receive),
        ],
    )
    assert results == ["done", "done"]
    assert units_of(session, second) == [(7, 7, 0, 0)]
    assert state_of(session, second) == "released"
    assert levels(session) == [(7, 7)]
    assert is_balanced(session)


@pytest.mark.parametrize("round_number", range(ROUNDS))
def test_an_order_and_the_first_units_of_its_product_find_each_other(
    engine: Engine, session: Session, shop: Shop, round_number: int
) -> None:
    product = shop.product("10.00")
    cart = shop.cart({product: 3})
    receive = {"product_id": product.id, "warehouse_id": shop.warehouse.id, "quantity": 3}
    results = at_once(
        engine,
        [placing(shop.buyer, cart, "30.00"), acting(actions.receive_stock, shop.clerk, **receive)],
    )
    assert results == ["SO-26-00001", "done"]
    assert levels(session) == [(3, 3)]
    order = read(session, select(Order))[0]
    assert units_of(session, order) == [(3, 3, 0, 0)]
    assert order.state == "released"


def test_orders_of_the_same_products_the_other_way_round_do_not_block_each_other(
    engine: Engine, session: Session, shop: Shop
) -> None:
    one, two = shop.product("10.00", stock=6), shop.product("20.00", stock=6)
    carts = [shop.cart({one: 1, two: 1} if n % 2 else {two: 1, one: 1}, name=f"Cart {n}") for n in range(10)]
    results = at_once(engine, [placing(shop.buyer, cart, "30.00") for cart in carts])
    assert errors_of(results) == []
    assert levels(session) == [(6, 6), (6, 6)]
    assert is_balanced(session)


@pytest.mark.parametrize("round_number", range(ROUNDS))
def test_orders_that_feed_each_other_are_cancelled_at_the_same_time(
    engine: Engine, session: Session, shop: Shop, round_number: int
) -> None:
    one, two = shop.product("10.00", stock=4), shop.product("20.00", stock=4)
    first = shop.place({one: 4})
    second = shop.place_other({two: 4})
    third = shop.place({one: 3, two: 3})
    fourth = shop.place_other({two: 2, one: 2})
    results = at_once(
        engine,
        [
            acting(actions.cancel_order, shop.buyer, order_id=first.id),
            acting(actions.cancel_order, shop.other_buyer, order_id=second.id),
        ],
    )
    assert results == ["done", "done"]
    assert units_of(session, third) == [(3, 3, 0, 0), (3, 3, 0, 0)]
    assert units_of(session, fourth) == [(2, 1, 1, 0), (2, 1, 1, 0)]
    assert is_balanced(session)


def test_adding_the_same_product_from_two_tabs_makes_one_line(
    engine: Engine, session: Session, shop: Shop
) -> None:
    product = shop.product("10.00", stock=50)
    cart = shop.cart({})
    results = at_once(
        engine,
        [acting(actions.add_to_cart, shop.buyer, cart_id=cart.id, code=product.sku, quantity=2)] * 8,
    )
    assert results == ["done"] * 8
    from app.domain.ordering.models import CartLine

    assert read(session, select(CartLine.quantity)) == [16]


def test_a_line_added_while_the_cart_is_placed_is_ordered_or_refused(
    engine: Engine, session: Session, shop: Shop
) -> None:
    product, other = shop.product("10.00", stock=50), shop.product("20.00", stock=50)
    cart = shop.cart({product: 1})
    results = at_once(
        engine,
        [
            placing(shop.buyer, cart, "10.00"),
            acting(actions.add_to_cart, shop.buyer, cart_id=cart.id, code=other.sku, quantity=1),
        ],
    )
    orders = read(session, select(Order.line_count))
    if orders:
        assert errors_of(results) == ["CartClosed"]
        assert orders == [1]
    else:
        assert errors_of(results) == ["TotalChanged"]


def test_last_units_of_two_warehouses_are_shared_exactly(
    engine: Engine, session: Session, shop: Shop
) -> None:
    west = make_warehouse(session, "WEST", position=2)
    product = make_product(session, is_backorderable=False)
    make_agreement(session, prices={product: [(1, "10.00")]})
    stock_in(session, product, 3, warehouse=shop.warehouse)
    stock_in(session, product, 3, warehouse=west)
    carts = [make_cart(session, shop.company, {product: 2}, name=f"Cart {n}") for n in range(6)]
    results = at_once(engine, [placing(shop.buyer, cart, "20.00") for cart in carts])
    assert errors_of(results) == ["LinesRefused"] * 3
    assert sorted(levels(session)) == [(3, 3), (3, 3)]
    assert is_balanced(session)


def test_receipts_are_received_once(engine: Engine, session: Session, shop: Shop) -> None:
    from tests.factories.ordering import make_receipt

    product: Product = shop.product("10.00")
    receipt = make_receipt(session, product, 5, date(2026, 12, 2))
    results = at_once(
        engine,
        [
            acting(
                actions.receive_stock,
                shop.clerk,
                product_id=product.id,
                warehouse_id=shop.warehouse.id,
                quantity=5,
                receipt_id=receipt.id,
            )
        ]
        * 6,
    )
    assert results.count("done") == 1
    assert levels(session) == [(5, 0)]
    assert is_balanced(session)


def test_units_entered_by_one_form_come_in_once(engine: Engine, session: Session, shop: Shop) -> None:
    product = shop.product("10.00")
    values = {
        "product_id": product.id,
        "warehouse_id": shop.warehouse.id,
        "entry_key": "form-0000000000000001",
    }
    entries = [
        acting(actions.receive_stock, shop.clerk, quantity=5, **values),
        acting(actions.receive_stock, shop.clerk, quantity=5, **values),
    ]
    assert at_once(engine, entries * 4) == ["done"] * 8
    assert levels(session) == [(5, 0)]
    assert is_balanced(session)
