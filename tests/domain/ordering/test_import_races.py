"""Counts from a file while people order: every unit is promised once, and the ledger adds up."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from app.core.database import run
from app.core.tenancy import all_companies
from app.domain.inventory.models import StockLevel
from app.domain.inventory.queries import find_unbalanced
from app.domain.ordering import actions
from app.domain.ordering.import_stock import StockKind
from app.domain.ordering.models import Cart, Order
from app.domain.ordering.placing import Checkout
from tests.domain.ordering.parallel import at_once, errors_of
from tests.factories.accounts import read
from tests.factories.importing import Importing
from tests.factories.ordering import NOW, Shop, settle

ORDERS = 8


def placing(shop: Shop, cart: Cart) -> Callable[[Session], Any]:
    def task(session: Session) -> Any:
        checkout = Checkout(branch_id=cart.branch_id)
        total = Decimal("60.00")
        placed = run(
            session,
            actions.place_order,
            shop.buyer,
            cart_id=cart.id,
            shown_total=total,
            checkout=checkout,
            now=NOW,
        )
        return placed.number

    return task


def test_a_file_of_counts_and_orders_of_the_same_products_at_once(
    engine: Engine, session: Session, shop: Shop, tmp_path: Path
) -> None:
    products = [shop.product("10.00", stock=10) for _number in range(3)]
    carts = [
        shop.cart(dict.fromkeys(products[::way], 2), name=f"Cart {way} {number}")
        for number in range(ORDERS // 2)
        for way in (1, -1)
    ]
    settle(session)

    def counting(own: Session) -> Any:
        lines = [f"MAIN,{product.sku},30" for product in reversed(products)]
        text = "\n".join(["warehouse,sku,quantity", *lines, ""])
        return Importing(own, tmp_path, StockKind())(text, size=9)

    results = at_once(engine, [*(placing(shop, cart) for cart in carts), counting])
    assert errors_of(results) == []
    assert results[-1] == (0, 3, 0, 0)
    assert read(session, select(func.count(Order.id))) == [ORDERS]
    levels = read(session, select(StockLevel))
    assert [(level.on_hand, level.allocated) for level in levels] == [(30, 2 * ORDERS)] * 3
    settle(session)
    with all_companies(session, reason="test"):
        assert find_unbalanced(session) == []
