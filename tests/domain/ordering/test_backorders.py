"""The queue: oldest order first, whoever's it is; release by itself or by hand; promised days."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import IllegalMove, NotFound
from app.core.states import StateChange
from app.domain.ordering import actions
from app.domain.ordering.errors import NotReleasable
from tests.factories.accounts import read
from tests.factories.ordering import (
    NOW,
    Shop,
    hold,
    lines_of,
    make_receipt,
    make_shop,
    state_of,
    stock_in,
    units_of,
)


def test_units_that_come_in_serve_the_oldest_order_first_across_companies(
    session: Session, shop: Shop
) -> None:
    product = shop.product("10.00")
    young = shop.place({product: 2}, now=NOW)
    old = shop.place_other({product: 3}, now=NOW - timedelta(days=2))
    middle = shop.place({product: 2}, now=NOW - timedelta(days=1))
    stock_in(session, product, 4)
    assert units_of(session, old) == [(3, 3, 0, 0)]
    assert units_of(session, middle) == [(2, 1, 1, 0)]
    assert units_of(session, young) == [(2, 0, 2, 0)]
    assert [state_of(session, order) for order in (old, middle, young)] == [
        "released",
        "released",
        "confirmed",
    ]
    stock_in(session, product, 7)
    assert units_of(session, young) == [(2, 2, 0, 0)]


def test_the_history_says_who_brought_the_units_that_released_an_order(session: Session, shop: Shop) -> None:
    product = shop.product("10.00")
    order = shop.place({product: 2})
    shop.run(
        actions.receive_stock, shop.clerk, product_id=product.id, warehouse_id=shop.warehouse.id, quantity=1
    )
    row = read(session, select(StateChange).where(StateChange.subject_id == order.id))[-1]
    assert (row.event, row.actor_name, row.company_id) == ("release", "Tom Reed", shop.company.id)


def test_a_vendor_that_wants_to_look_releases_by_hand_once_a_unit_is_there(session: Session) -> None:
    shop = make_shop(session, releases_automatically=False)
    product = shop.product("10.00")
    order = shop.place({product: 2})
    with pytest.raises(NotReleasable) as refused:
        shop.run(actions.release_order, shop.seller, order_id=order.id)
    assert refused.value.message == "No unit of it is in stock yet; it is released once one is."
    stock_in(session, product, 1)
    assert (state_of(session, order), units_of(session, order)) == ("confirmed", [(2, 1, 1, 0)])
    shop.run(actions.release_order, shop.seller, order_id=order.id)
    assert state_of(session, order) == "released"
    with pytest.raises(IllegalMove):
        shop.run(actions.release_order, shop.seller, order_id=order.id)
    with pytest.raises(NotFound):
        shop.run(actions.release_order, shop.seller, order_id=999)


def test_an_open_hold_keeps_an_order_from_being_released_but_not_from_its_units(
    session: Session, shop: Shop
) -> None:
    product = shop.product("10.00")
    order = shop.place({product: 2})
    hold(session, order, "over the limit")
    stock_in(session, product, 2)
    assert (state_of(session, order), units_of(session, order)) == ("confirmed", [(2, 2, 0, 0)])
    with pytest.raises(NotReleasable) as refused:
        shop.run(actions.release_order, shop.seller, order_id=order.id)
    assert refused.value.message == "It is on hold: over the limit. Clear the hold first."
    assert state_of(session, order) == "confirmed"


def test_days_are_promised_behind_who_waits_and_move_with_the_receipts(session: Session, shop: Shop) -> None:
    product = shop.product("10.00")
    second = make_receipt(session, product, 10, date(2026, 12, 9))
    first = shop.place({product: 8})
    behind = shop.place_other({product: 4})
    assert [lines_of(session, order)[0].promised_on for order in (first, behind)] == [
        date(2026, 12, 9),
        None,
    ]
    make_receipt(session, product, 8, date(2026, 12, 2))
    assert [lines_of(session, order)[0].promised_on for order in (first, behind)] == [
        date(2026, 12, 2),
        date(2026, 12, 9),
    ]
    shop.run(actions.close_receipt, shop.clerk, receipt_id=second.id)
    assert [lines_of(session, order)[0].promised_on for order in (first, behind)] == [
        date(2026, 12, 2),
        None,
    ]


def test_who_cancels_lets_those_behind_have_an_earlier_day(session: Session, shop: Shop) -> None:
    product = shop.product("10.00")
    make_receipt(session, product, 5, date(2026, 12, 2))
    make_receipt(session, product, 5, date(2026, 12, 9))
    first = shop.place({product: 5})
    behind = shop.place_other({product: 5})
    assert lines_of(session, behind)[0].promised_on == date(2026, 12, 9)
    shop.run(actions.cancel_order, order_id=first.id)
    assert lines_of(session, first)[0].promised_on is None
    assert lines_of(session, behind)[0].promised_on == date(2026, 12, 2)


def test_a_line_that_got_its_units_waits_for_no_day(session: Session, shop: Shop) -> None:
    product = shop.product("10.00")
    receipt = make_receipt(session, product, 5, date(2026, 12, 2))
    order = shop.place({product: 5})
    shop.run(
        actions.receive_stock,
        shop.clerk,
        product_id=product.id,
        warehouse_id=shop.warehouse.id,
        quantity=3,
        receipt_id=receipt.id,
    )
    line = lines_of(session, order)[0]
    assert (line.backordered, line.promised_on) == (2, date(2026, 12, 2))
    stock_in(session, product, 5)
    line = lines_of(session, order)[0]
    assert (line.backordered, line.promised_on) == (0, None)


def test_a_receipt_that_is_late_is_promised_for_today(session: Session, shop: Shop) -> None:
    product = shop.product("10.00")
    make_receipt(session, product, 5, date(2026, 11, 24))
    order = shop.place({product: 1}, now=NOW + timedelta(days=3))
    assert lines_of(session, order)[0].promised_on == date(2026, 11, 27)
