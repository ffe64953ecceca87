"""Products are locked first and in key order, so that nobody waits for somebody who waits for him."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session

from app.core.database import run
from app.core.errors import DomainError
from app.core.tenancy import all_companies
from app.domain.inventory.queries import find_unbalanced
from app.domain.ordering import actions
from app.domain.ordering.models import Order, OrderLine
from app.domain.ordering.placing import Checkout
from tests.domain.ordering.parallel import at_once
from tests.factories.accounts import read
from tests.factories.ordering import NOW, Shop, make_receipt, settle, stock_in, view_cart


@contextmanager
def deadlocks() -> Iterator[list[str]]:
    """The deadlocks PostgreSQL breaks while the block runs, also those that a retry hides."""
    found: list[str] = []

    def note(context: Any) -> None:
        if getattr(context.original_exception, "sqlstate", None) == "40P01":
            found.append(str(context.original_exception))

    event.listen(Engine, "handle_error", note)
    try:
        yield found
    finally:
        event.remove(Engine, "handle_error", note)


def task(action: Any, actor: Any, **values: Any) -> Callable[[Session], Any]:
    def work(session: Session) -> None:
        run(session, action, actor, now=NOW, **values)

    return work


def placing(shop: Shop, products: list[Any]) -> Callable[[Session], Any]:
    cart = shop.cart(dict.fromkeys(products, 2))
    total = view_cart(shop.session, shop.company, cart).totals.total
    checkout = Checkout(branch_id=cart.branch_id)
    return task(actions.place_order, shop.buyer, cart_id=cart.id, shown_total=total, checkout=checkout)


def test_orders_cancellations_counts_and_receipts_of_the_same_products_do_not_deadlock(
    engine: Engine, session: Session, shop: Shop
) -> None:
    products = [shop.product("10.00", stock=6) for _number in range(4)]
    chance = random.Random(20261124)
    with deadlocks() as found:
        for _round in range(3):
            there = [shop.place(dict.fromkeys(products, 3)) for _number in range(4)]
            receipts = [make_receipt(session, product, 5, NOW.date()) for product in products]
            work = [task(actions.cancel_order, shop.buyer, order_id=order.id) for order in there[:2]]
            for order in there[2:]:
                line = read(session, select(OrderLine).where(OrderLine.order_id == order.id))[-1]
                work.append(
                    task(actions.cancel_line, shop.buyer, order_id=order.id, line_id=line.id, quantity=1)
                )
                work.append(task(actions.release_order, shop.seller, order_id=order.id))
            work += [placing(shop, chance.sample(products, 4)) for _number in range(6)]
            work += [task(actions.close_receipt, shop.clerk, receipt_id=row.id) for row in receipts[:2]]
            for product, receipt in zip(products, receipts, strict=True):
                place = {"product_id": product.id, "warehouse_id": shop.warehouse.id}
                work.append(
                    task(actions.receive_stock, shop.clerk, quantity=2, receipt_id=receipt.id, **place)
                )
                work.append(task(actions.count_stock, shop.clerk, counted=40, **place))
            chance.shuffle(work)
            results = at_once(engine, work)
            assert [error for error in results if error and not isinstance(error, DomainError)] == []
    assert found == []
    for product in products:
        stock_in(session, product, 500)
    assert read(session, select(Order.number).join(Order.lines).where(OrderLine.backordered > 0)) == []
    settle(session)
    with all_companies(session, reason="test"):
        assert find_unbalanced(session) == []
