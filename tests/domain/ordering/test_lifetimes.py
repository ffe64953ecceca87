"""An order that nobody releases gives what others wait for to them, and queues behind them."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.audit import AuditEntry
from app.core.permissions import Actor
from app.core.tenancy import all_companies
from app.domain.inventory.queries import find_unbalanced
from app.domain.ordering import actions
from app.domain.ordering.lifetimes import end_allocations, list_outlived
from app.domain.ordering.models import Order
from tests.factories.accounts import read
from tests.factories.ordering import NOW, Shop, make_shop, state_of, stock_in, units_of

STOCK = Actor.system("stock")


def outlived(session: Session, *, days: float = 0) -> list[int]:
    session.expunge_all()
    session.rollback()
    with all_companies(session, reason="test"):
        found = list(list_outlived(session, now=NOW + timedelta(days=days)))
    session.rollback()
    return found


def balanced(session: Session) -> bool:
    with all_companies(session, reason="test"):
        found = find_unbalanced(session)
    session.rollback()
    return not found


def by_hand(session: Session, days: int | None = 5) -> Shop:
    return make_shop(session, releases_automatically=False, allocation_days=days)


def test_stock_goes_to_who_waits_and_the_rest_comes_back(session: Session) -> None:
    shop = by_hand(session)
    product = shop.product("10.00")
    stock_in(session, product, 5)
    old = shop.place({product: 5}, now=NOW - timedelta(days=6))
    waiting = shop.place_other({product: 3}, now=NOW - timedelta(days=1))
    assert outlived(session) == [old.id]

    assert shop.run(end_allocations, STOCK, order_id=old.id) == 5
    assert units_of(session, waiting) == [(3, 3, 0, 0)]
    assert units_of(session, old) == [(5, 2, 3, 0)]
    assert balanced(session)
    (entry,) = read(session, select(AuditEntry).where(AuditEntry.action == "order.allocations_ended"))
    assert (entry.subject_id, entry.before) == (old.id, {"allocated": {product.sku: 5}})


def test_the_order_queues_behind_those_who_waited_and_before_those_who_come_later(session: Session) -> None:
    shop = by_hand(session)
    product = shop.product("10.00")
    stock_in(session, product, 2)
    old = shop.place({product: 2}, now=NOW - timedelta(days=6))
    waiting = shop.place_other({product: 3}, now=NOW - timedelta(days=1))
    shop.run(end_allocations, STOCK, order_id=old.id)
    late = shop.place_other({product: 1}, now=NOW + timedelta(hours=1))

    stock_in(session, product, 4)
    assert units_of(session, waiting) == [(3, 3, 0, 0)]
    assert units_of(session, old) == [(2, 1, 1, 0)]
    assert units_of(session, late) == [(1, 0, 1, 0)]
    assert balanced(session)


def test_stock_that_nobody_waits_for_stays(session: Session) -> None:
    shop = by_hand(session)
    wanted, other = shop.product("10.00"), shop.product("12.00")
    for product in (wanted, other):
        stock_in(session, product, 2)
    old = shop.place({wanted: 2, other: 2}, now=NOW - timedelta(days=6))
    assert outlived(session) == []
    assert shop.run(end_allocations, STOCK, order_id=old.id) == 0

    shop.place_other({wanted: 1}, now=NOW - timedelta(hours=1))
    assert outlived(session) == [old.id]
    shop.run(end_allocations, STOCK, order_id=old.id)
    assert units_of(session, old) == [(2, 1, 1, 0), (2, 2, 0, 0)]


def test_young_released_and_unlimited_orders_keep_their_stock(session: Session) -> None:
    shop = by_hand(session)
    product = shop.product("10.00")
    stock_in(session, product, 4)
    young = shop.place({product: 2}, now=NOW - timedelta(days=4))
    released = shop.place({product: 2}, now=NOW - timedelta(days=8))
    shop.run(actions.release_order, shop.seller, order_id=released.id)
    shop.place_other({product: 1}, now=NOW)

    assert outlived(session) == []
    for order in (young, released):
        assert shop.run(end_allocations, STOCK, order_id=order.id) == 0
    assert outlived(session, days=2) == [young.id]
    assert state_of(session, released) == "released"


def test_without_a_life_time_nothing_ends(session: Session) -> None:
    shop = by_hand(session, days=None)
    product = shop.product("10.00")
    stock_in(session, product, 2)
    old = shop.place({product: 2}, now=NOW - timedelta(days=300))
    shop.place_other({product: 1}, now=NOW)

    assert outlived(session) == []
    assert shop.run(end_allocations, STOCK, order_id=old.id) == 0
    assert read(session, select(Order.queued_at)) == [None, None]


def test_a_second_run_does_not_take_again_what_was_just_queued_anew(session: Session) -> None:
    shop = by_hand(session)
    product = shop.product("10.00")
    stock_in(session, product, 5)
    old = shop.place({product: 5}, now=NOW - timedelta(days=6))
    shop.place_other({product: 3}, now=NOW - timedelta(days=1))
    shop.run(end_allocations, STOCK, order_id=old.id)
    shop.place_other({product: 9}, now=NOW)

    assert outlived(session) == []
    assert shop.run(end_allocations, STOCK, order_id=old.id) == 0
