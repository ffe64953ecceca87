"""By the clock, stock of orders that nobody releases goes to those who wait."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask
from sqlalchemy.orm import Session

from app.core import clock, outbox
from app.jobs import registry
from app.jobs.execution import in_transaction, sessions_of
from app.jobs.schedule import PERIODIC_KINDS
from app.jobs.worker import Worker
from tests.factories.ordering import make_shop, stock_in, units_of


def test_the_clock_sees_to_every_order_that_is_due(app: Flask, session: Session) -> None:
    shop = make_shop(session, releases_automatically=False, allocation_days=3)
    product, now = shop.product("10.00"), clock.now()
    stock_in(session, product, 4)
    orders = [shop.place({product: 2}, now=now - timedelta(days=age)) for age in (9, 8)]
    waiting = shop.place_other({product: 3}, now=now - timedelta(days=1))

    registry.load()
    kind = "orders.end_allocations"
    assert kind in PERIODIC_KINDS
    in_transaction(sessions_of(app), outbox.enqueue, kind, {}, now=clock.now())
    worker = Worker(sessions_of(app))
    outcomes = list(iter(worker.run_one, None))

    assert "failed" not in outcomes
    assert units_of(session, waiting) == [(3, 3, 0, 0)]
    assert sorted(units_of(session, order)[0] for order in orders) == [(2, 0, 2, 0), (2, 1, 1, 0)]
