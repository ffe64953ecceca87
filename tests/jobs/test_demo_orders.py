"""The demo's stock and orders: made by real actions, once, also when a load was stopped."""

from __future__ import annotations

from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.tenancy import all_companies
from app.domain.assets.models import Asset
from app.domain.inventory.models import ExpectedReceipt, StockMovement, Warehouse
from app.domain.ordering import actions
from app.domain.ordering.balances import find_differences
from app.domain.ordering.models import Cart, CartLine, Order, OrderLine, PriceRequest, Shipment
from app.jobs import demo_orders
from tests.factories.accounts import read

TABLES = (Warehouse, StockMovement, ExpectedReceipt, Cart, CartLine, Order, OrderLine, PriceRequest)


def load(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["demo", "load"])
    assert result.exit_code == 0, result.output


def counts(session: Session) -> list[int]:
    return [
        read(session, select(func.count()).select_from(model))[0]
        for model in (
            Warehouse,
            StockMovement,
            ExpectedReceipt,
            Cart,
            CartLine,
            Order,
            OrderLine,
            PriceRequest,
            Shipment,
            Asset,
        )
    ]


def test_orders_stand_in_several_states_and_the_ledger_adds_up(app: Flask, session: Session) -> None:
    load(app)
    states = read(session, select(Order.state).order_by(Order.id))
    assert sorted(set(states)) == ["cancelled", "confirmed", "part_shipped", "released", "shipped"]
    assert len(states) == 13
    assert read(session, select(Cart.name).where(Cart.placed_at.is_(None))) == ["Town hall refresh"]
    assert sorted(read(session, select(PriceRequest.state))) == ["answered", "open"]
    waiting = read(session, select(OrderLine).where(OrderLine.backordered > 0))
    assert len(waiting) >= 4
    assert all(line.promised_on is not None for line in waiting)
    first = read(session, select(Order).where(Order.po_number == "KB-0311"))[0]
    assert (first.state, first.discount > 0, first.tax > 0) == ("shipped", True, True)
    assert first.total == first.net - first.discount + first.tax
    assert read(session, select(OrderLine.unit_price).where(OrderLine.order_id == first.id)) == [
        Decimal("121.90"),
        Decimal("66.90"),
    ]
    with all_companies(session, reason="test"):
        assert find_differences(session) == []


def test_a_second_load_adds_nothing(app: Flask, session: Session) -> None:
    load(app)
    before = counts(session)
    load(app)
    assert counts(session) == before


def test_a_load_that_was_stopped_is_finished_by_the_next(
    app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(Exception):
        pass

    place_order, left = actions.place_order, [4]

    def stop_later(*values, **named):
        left[0] -= 1
        if not left[0]:
            raise Stopped
        return place_order(*values, **named)

    stop_later.required_permission = place_order.required_permission
    monkeypatch.setattr(demo_orders.actions, "place_order", stop_later)
    result = app.test_cli_runner().invoke(args=["demo", "load"])
    assert isinstance(result.exception, Stopped)
    assert read(session, select(func.count(Order.id))) == [3]
    monkeypatch.setattr(demo_orders.actions, "place_order", place_order)
    load(app)
    assert read(session, select(func.count(Order.id))) == [13]
    assert read(session, select(func.count(Cart.id))) == [14]
