"""Changes of orders are numbered in the order in which they can be read, whoever commits first."""

from __future__ import annotations

import threading
from datetime import date

import pytest
from sqlalchemy import Engine, event, select, update
from sqlalchemy.orm import Session

from app.core.database import begin_snapshot, writing
from app.core.tenancy import TenantSession, all_companies
from app.domain.ordering import actions, changes, erp
from app.domain.ordering.models import Order, OrderLine
from tests.factories.ordering import (
    NOW,
    Shop,
    done,
    hold,
    make_receipt,
    make_shop,
    place,
    settle,
    stock_in,
)


@pytest.fixture
def shop(session: Session) -> Shop:
    return make_shop(session)


def numbers(session: Session) -> dict[int, int]:
    settle(session)
    with all_companies(session, reason="test"):
        found = dict(session.execute(select(Order.id, Order.change_number)).all())
    settle(session)
    return found


def last(session: Session) -> int:
    settle(session)
    found = changes.last_change(session)
    settle(session)
    return found


def test_placing_cancelling_allocating_and_promising_each_count_as_a_change(session, shop):
    product = shop.product(stock=1)
    first, second = shop.place({product: 1}), shop.place_other({product: 2})
    assert numbers(session) == {first.id: 1, second.id: 2}
    # Another company's line gets the day of a receipt.
    make_receipt(session, product, 5, date(2026, 12, 1))
    assert numbers(session) == {first.id: 1, second.id: 3}
    # What the first gives up goes to the second: both changed, together.
    shop.run(actions.cancel_order, order_id=first.id)
    assert numbers(session) == {first.id: 4, second.id: 4}
    stock_in(session, product, 1, warehouse=shop.warehouse)
    assert numbers(session) == {first.id: 4, second.id: 4}  # counted as booked, nothing moved
    stock_in(session, product, 9, warehouse=shop.warehouse)
    assert numbers(session) == {first.id: 4, second.id: 5}
    hold(session, second)
    assert numbers(session) == {first.id: 4, second.id: 6}
    assert last(session) == 6


def test_an_update_by_condition_counts_for_the_orders_it_meets(session, shop):
    product = shop.product(stock=9)
    own, other = shop.place({product: 1}), shop.place_other({product: 1})
    with writing(session), all_companies(session, reason="test"):
        session.execute(update(OrderLine).where(OrderLine.order_id == own.id).values(price_reason="x"))
        session.commit()
        assert numbers(session) == {own.id: 3, other.id: 2}
    with writing(session), all_companies(session, reason="test"):
        session.execute(update(Order).where(Order.number == other.number).values(reference="y"))
        session.rollback()
        session.commit()
    assert (numbers(session)[other.id], last(session)) == (2, 3)


def test_nothing_below_a_number_that_can_be_read_is_still_to_come(engine, session, shop):
    """The slower transaction began first, and its number is the higher one: nobody has passed it over."""
    product = shop.product(stock=9)
    slow, fast = shop.place({product: 1}), shop.place({product: 1})
    if engine.dialect.name == "sqlite":
        pytest.skip("one writer at a time")
    with TenantSession(bind=engine) as begun, writing(begun), all_companies(begun, reason="test"):
        begun.execute(update(Order).where(Order.id == slow.id).values(reference="slow"))
        with writing(session), all_companies(session, reason="test"):
            session.execute(update(Order).where(Order.id == fast.id).values(reference="fast"))
            session.commit()
        seen = last(session)
        assert numbers(session) == {slow.id: 1, fast.id: seen}
        begun.commit()
    assert numbers(session)[slow.id] == seen + 1


def test_who_has_taken_a_number_is_waited_for(engine, session, shop):
    product = shop.product(stock=9)
    slow, fast = shop.place({product: 1}), shop.place({product: 1})
    if engine.dialect.name == "sqlite":
        pytest.skip("one writer at a time")

    def change(order: Order) -> None:
        with TenantSession(bind=engine) as own, writing(own), all_companies(own, reason="test"):
            own.execute(update(Order).where(Order.id == order.id).values(reference="new"))
            own.commit()

    with TenantSession(bind=engine) as begun, writing(begun), all_companies(begun, reason="test"):
        begun.execute(update(Order).where(Order.id == slow.id).values(reference="slow"))
        numbered = threading.Event()
        event.listen(begun, "before_commit", lambda _session: (numbered.set(), other.join(0.3)))
        other = threading.Thread(target=lambda: (numbered.wait(), change(fast)))
        other.start()
        begun.commit()
    other.join()
    assert numbers(session) == {slow.id: 3, fast.id: 4}
    assert shop.run(actions.cancel_order, order_id=slow.id).id == slow.id
    assert last(session) == 5


def test_whoever_goes_on_from_cursors_while_others_order_has_every_order_as_it_ended(
    engine: Engine, session: Session, shop: Shop
) -> None:
    product = shop.product(stock=40)
    stopped = threading.Event()
    taken: dict[int, erp.ErpOrder] = {}

    def order(times: int) -> None:
        with TenantSession(bind=engine) as own:
            for n in range(times):
                placed = place(own, shop.buyer, shop.company, {product: 2})
                if n % 2:
                    done(own, actions.cancel_order, shop.buyer, order_id=placed.id, now=NOW)

    def take(after: int) -> int:
        with TenantSession(bind=engine) as own, all_companies(own, reason="test"):
            begin_snapshot(own)
            change = changes.last_change(own)
            ids = erp.ids_by_number(own, select(Order).where(erp.changed_after(after)))
            for one in erp.read_orders(own, ids):
                taken[one.id] = one
        return change

    def follow() -> None:
        change = 0
        while not stopped.is_set():
            change = take(change)
        take(change)

    threads = [threading.Thread(target=order, args=(6,)) for _n in range(3)]
    reader = threading.Thread(target=follow)
    for thread in (reader, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    stopped.set()
    reader.join()
    followed = dict(taken)
    taken.clear()
    take(0)
    assert len(taken) == 18
    assert followed == taken


def test_two_who_mark_the_same_orders_at_once_mark_each_once(
    engine: Engine, session: Session, shop: Shop
) -> None:
    product = shop.product(stock=40)
    ids = [shop.place({product: 1}).id for _n in range(5)]
    start, marked = threading.Barrier(2), []

    def mark() -> None:
        with TenantSession(bind=engine) as own:
            start.wait()
            marked.append(done(own, erp.mark_exported, shop.seller, order_ids=ids, change=5, now=NOW))

    threads = [threading.Thread(target=mark) for _n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(marked) == [0, 5]
