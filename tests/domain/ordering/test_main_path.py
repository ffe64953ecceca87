"""The straight way: fill a cart, look at it, place it, read the order, cancel, order again."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from sqlalchemy.orm import Session

from app.core.tenancy import all_companies, company_scope
from app.domain.inventory.queries import find_unbalanced, stock_for
from app.domain.ordering import actions
from app.domain.ordering.queries import (
    OrderFilters,
    find_current_cart,
    get_order_view,
    iter_orders_for_export,
    list_carts,
    list_orders,
)
from tests.factories.catalogue import make_tax_rate
from tests.factories.ordering import NOW, TODAY, Shop, make_receipt, settle, state_of, units_of, view_cart


def test_a_cart_becomes_an_order_that_takes_stock_and_waits_for_the_rest(
    session: Session, shop: Shop
) -> None:
    drive = shop.product("10.00", stock=3, sku="SSD-1")
    shop.product("40.00", sku="SVC-1", kind="service")
    make_tax_rate(session, shop.company, rate_bps=1000)
    make_receipt(session, drive, 10, date(2026, 12, 2))
    cart = shop.run(actions.add_to_cart, code="ssd-1", quantity="5")
    shop.run(actions.add_to_cart, cart_id=cart.id, code="SVC-1", quantity=1)

    view = view_cart(session, shop.company, cart)
    assert [(line.sku, line.quantity, line.amount, line.verdict.code) for line in view.lines] == [
        ("SSD-1", 5, Decimal("50.00"), "waits"),
        ("SVC-1", 1, Decimal("40.00"), "ok"),
    ]
    assert [(line.backordered, line.promised_on) for line in view.lines] == [
        (2, date(2026, 12, 2)),
        (0, None),
    ]
    assert view.totals.total == Decimal("99.00")

    order = shop.place(cart, po_number="PO-7", notes="Ring first")
    assert (order.number, order.state, order.total) == ("SO-26-00001", "released", Decimal("99.00"))
    assert units_of(session, order) == [(5, 3, 2, 0), (1, 1, 0, 0)]
    with company_scope(session, shop.company.id):
        assert find_current_cart(session) is None
        assert list_carts(session) == []
        page = list_orders(session, filters=OrderFilters(text="po-7"))
        assert [(row.number, row.ordered, row.allocated, row.backordered) for row in page.items] == [
            ("SO-26-00001", 6, 4, 2)
        ]
        shown = get_order_view(session, "SO-26-00001")
        assert [line.line.promised_on for line in shown.lines] == [date(2026, 12, 2), None]
        assert [change.event for change in shown.history] == ["place", "release"]
        assert len(list(iter_orders_for_export(session, OrderFilters()))) == 2
    settle(session)

    again = shop.run(actions.reorder, order_id=order.id)
    assert [(line.sku, line.quantity) for line in view_cart(session, shop.company, again).lines] == [
        ("SSD-1", 5),
        ("SVC-1", 1),
    ]

    shop.run(actions.cancel_order, order_id=order.id, reason="Wrong drive")
    assert units_of(session, order) == [(5, 0, 0, 5), (1, 0, 0, 1)]
    assert state_of(session, order) == "cancelled"
    with all_companies(session, reason="test"):
        stock = stock_for(session, [drive.id], on=TODAY)[drive.id]
        assert (stock.on_hand, stock.allocated, stock.available) == (3, 0, 3)
        assert find_unbalanced(session) == []


def test_units_that_come_in_go_to_who_waits(session: Session, shop: Shop) -> None:
    drive = shop.product("10.00", sku="SSD-1")
    order = shop.place({drive: 4})
    assert (state_of(session, order), units_of(session, order)) == ("confirmed", [(4, 0, 4, 0)])
    shop.run(
        actions.receive_stock, shop.clerk, product_id=drive.id, warehouse_id=shop.warehouse.id, quantity=3
    )
    assert (state_of(session, order), units_of(session, order)) == ("released", [(4, 3, 1, 0)])
    assert order.placed_at == NOW
