"""A reseller's list, search, export and page of orders, at the same number of statements for any length."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.core.tenancy import company_scope
from app.domain.ordering import actions
from app.domain.ordering.queries import (
    OrderFilters,
    find_order_id,
    find_order_number,
    find_order_of_cart,
    get_order_view,
    iter_orders_for_export,
    list_orders,
    progress_steps,
)
from tests.domain.catalogue.statements import counted
from tests.factories.ordering import NOW, Shop, hold, lines_of, make_cart, settle, view_cart


def numbers(session: Session, shop: Shop, **filters: object) -> list[str]:
    with company_scope(session, shop.company.id):
        page = list_orders(session, filters=OrderFilters(**filters))  # type: ignore[arg-type]  # by name
    settle(session)
    return [row.number for row in page.items]


def test_orders_are_found_by_number_po_reference_and_beginning_of_a_sku(session: Session, shop: Shop) -> None:
    drive, dock = shop.product("10.00", stock=99, sku="SSD-N2"), shop.product("50.00", stock=1, sku="DOK-1")
    shop.place({drive: 1}, po_number="PO_100%", reference="Town Hall", now=NOW - timedelta(days=2))
    shop.place({dock: 3}, po_number="PO-200", now=NOW - timedelta(days=1))
    shop.place({drive: 2, dock: 1})
    shop.place_other({drive: 9}, po_number="PO-200")
    one, two, three = "SO-26-00001", "SO-26-00002", "SO-26-00003"
    assert numbers(session, shop) == [three, two, one]
    assert numbers(session, shop, sort="oldest") == [one, two, three]
    assert numbers(session, shop, sort="largest") == [two, three, one]
    assert numbers(session, shop, text="00002") == [two]
    assert numbers(session, shop, text="town") == [one]
    assert numbers(session, shop, text="po-2") == [two]
    assert numbers(session, shop, text="o_1") == [one]
    assert numbers(session, shop, text="%") == [one]
    assert numbers(session, shop, text="ssd") == [three, one]
    assert numbers(session, shop, text="'; DROP TABLE") == []
    assert numbers(session, shop, state="released") == [three, two, one]
    assert numbers(session, shop, state="confirmed") == []
    assert numbers(session, shop, state="no such state") == []
    assert numbers(session, shop, branch_id=shop.branch.id, placed_from=NOW) == [three]
    assert numbers(session, shop, placed_before=NOW - timedelta(days=1)) == [one]
    with company_scope(session, shop.company.id):
        assert find_order_number(session, "PO-200") == two
        assert find_order_number(session, "so-26-00001") == one
        assert find_order_number(session, "SO-26-00004") is None
        assert find_order_id(session, " so-26-00003 ") is not None
        assert find_order_id(session, "SO-26-00004") is None


def test_a_cancelled_order_is_not_open(session: Session, shop: Shop) -> None:
    product = shop.product("10.00", stock=9)
    first, second = shop.place({product: 1}), shop.place({product: 1})
    shop.run(actions.cancel_order, order_id=first.id)
    assert numbers(session, shop, is_open=True) == [second.number]
    assert numbers(session, shop, state="cancelled") == [first.number]


def test_pages_follow_each_other_without_a_gap(session: Session, shop: Shop) -> None:
    product = shop.product("10.00", stock=99)
    for _order in range(5):
        shop.place({product: 1})
    seen, cursor = [], None
    with company_scope(session, shop.company.id):
        for _page in range(3):
            page = list_orders(session, filters=OrderFilters(), cursor=cursor, size=2)
            seen += [row.number for row in page.items]
            cursor = page.next_cursor
    assert seen == [f"SO-26-0000{number}" for number in (5, 4, 3, 2, 1)]
    assert cursor is None


def test_the_page_of_an_order_shows_holds_history_and_what_may_be_cancelled(
    session: Session, shop: Shop
) -> None:
    product = shop.product("10.00", stock=3)
    order = shop.place({product: 5})
    hold(session, order, "over the limit")
    line = lines_of(session, order)[0]
    shop.run(actions.cancel_line, order_id=order.id, line_id=line.id, quantity=1)
    with company_scope(session, shop.company.id):
        view = get_order_view(session, order.number)
        assert (view.branch_name, view.end_customer_name) == ("Main branch", None)
        assert [row.reason for row in view.holds] == ["over the limit"]
        assert (view.may_cancel, view.lines[0].cancellable, len(view.short_lines)) == (True, 4, 1)
        assert view.steps[:4] == ((4, 4, 0), (4, 4, 0), (3, 4, 1), (0, 4, 0))
        assert find_order_of_cart(session, order.cart_id or 0) == order.number
    settle(session)
    with company_scope(session, shop.other.id):
        with pytest.raises(NotFound):
            get_order_view(session, order.number)
        assert find_order_of_cart(session, order.cart_id or 0) is None


def test_the_export_has_every_line_of_the_filtered_orders(session: Session, shop: Shop) -> None:
    drive, dock = shop.product("10.00", stock=9, sku="SSD-1"), shop.product("5.00", sku="DOK-1")
    shop.place({drive: 1, dock: 2}, po_number="PO-1")
    shop.place({drive: 3}, po_number="PO-2")
    shop.place_other({drive: 1}, po_number="PO-1")
    with company_scope(session, shop.company.id):
        rows = list(iter_orders_for_export(session, OrderFilters(), batch=1))
        assert [(row.number, row.sku, row.ordered, row.backordered, row.net) for row in rows] == [
            ("SO-26-00002", "SSD-1", 3, 0, Decimal("30.00")),
            ("SO-26-00001", "SSD-1", 1, 0, Decimal("10.00")),
            ("SO-26-00001", "DOK-1", 2, 2, Decimal("10.00")),
        ]
        only = list(iter_orders_for_export(session, OrderFilters(text="PO-1")))
        assert [row.sku for row in only] == ["SSD-1", "DOK-1"]


def test_steps_count_what_was_not_cancelled() -> None:
    assert progress_steps(5, 3, 2, 1) == ((5, 5, 0), (5, 5, 0), (3, 5, 2), (1, 5, 0), (0, 5, 0), (0, 5, 0))


def test_cart_page_and_order_pages_send_as_many_statements_for_many_lines_as_for_few(
    engine: Engine, session: Session, shop: Shop
) -> None:
    products = [shop.product("10.00", stock=2) for _product in range(12)]
    counts = []
    for size in (2, 12):
        cart = make_cart(session, shop.company, dict.fromkeys(products[:size], 3))
        with counted(engine) as of_cart:
            view_cart(session, shop.company, cart)
        order = shop.place(cart)
        with company_scope(session, shop.company.id):
            with counted(engine) as of_page:
                get_order_view(session, order.number)
            with counted(engine) as of_list:
                list_orders(session, filters=OrderFilters())
        settle(session)
        counts.append((len(of_cart), len(of_page), len(of_list)))
    assert counts == [(7, 5, 3), (7, 5, 3)]
