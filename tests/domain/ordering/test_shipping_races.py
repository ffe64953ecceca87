"""The same serial from two stations, an order shipped twice, cancelled or undone meanwhile: one wins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from app.core.database import run
from app.core.tenancy import all_companies
from app.domain.assets.models import Asset
from app.domain.ordering import actions
from app.domain.ordering.balances import find_differences
from app.domain.ordering.models import Shipment
from tests.domain.ordering.parallel import at_once, errors_of
from tests.factories.accounts import read
from tests.factories.ordering import NOW, Shop, lines_of, settle, state_of

ROUNDS = 3
rounds = pytest.mark.parametrize("round_number", range(ROUNDS))


def shipping(shop: Shop, order: Any, quantity: int, serials: str, **values: Any) -> Callable[[Session], Any]:
    """A task that ships units of the order's first line."""
    line = lines_of(shop.session, order)[0]

    def task(session: Session) -> Any:
        return run(
            session,
            actions.ship_order,
            shop.clerk,
            order_id=order.id,
            warehouse_id=shop.warehouse.id,
            lines={line.id: (quantity, serials)},
            now=NOW,
            **values,
        ).number

    return task


def acting(action: Any, actor: Any, **values: Any) -> Callable[[Session], Any]:
    return lambda session: run(session, action, actor, now=NOW, **values) and "done"


def assert_balanced(session: Session) -> None:
    settle(session)
    with all_companies(session, reason="test"):
        assert find_differences(session) == []
    settle(session)


@rounds
def test_a_serial_shipped_from_two_stations_goes_once(
    engine: Engine, session: Session, shop: Shop, round_number: int
) -> None:
    # Two products of one brand: no lock of stock keeps the stations apart.
    goods = {"kind": "hardware_serial", "brand": "Acme", "stock": 2}
    first, second = shop.place({shop.product(**goods): 2}), shop.place_other({shop.product(**goods): 2})
    results = at_once(
        engine, [shipping(shop, first, 2, "A1 A2"), shipping(shop, second, 2, "A2 A1", carrier="Hollow")]
    )
    assert len(errors_of(results)) == 1
    refused = next(result for result in results if isinstance(result, Exception))
    assert "A" in str(refused)
    assert type(refused).__name__ in ("ShipmentRefused", "UnitsRefused")
    assert sorted(read(session, select(Asset.serial))) == ["A1", "A2"]
    assert sorted([state_of(session, first), state_of(session, second)]) == ["released", "shipped"]
    assert_balanced(session)


@rounds
def test_an_order_shipped_twice_at_once_goes_once(
    engine: Engine, session: Session, shop: Shop, round_number: int
) -> None:
    order = shop.place({shop.product(stock=3, kind="hardware_serial"): 2})
    results = at_once(engine, [shipping(shop, order, 2, "A1 A2"), shipping(shop, order, 2, "B1 B2")])
    assert errors_of(results) == ["NotShippable"]
    assert read(session, select(func.count(Asset.id))) == [2]
    assert_balanced(session)


@rounds
def test_a_form_sent_from_two_windows_is_one_shipment(
    engine: Engine, session: Session, shop: Shop, round_number: int
) -> None:
    order = shop.place({shop.product(stock=5): 4})
    key = {"entry_key": "the-key-of-one-ship-form"}
    results = at_once(engine, [shipping(shop, order, 1, "", **key)] * 4)
    assert results == ["SH-26-00001"] * 4
    assert read(session, select(func.count(Shipment.id))) == [1]
    assert_balanced(session)


@rounds
def test_cancelling_against_shipping_has_one_winner(
    engine: Engine, session: Session, shop: Shop, round_number: int
) -> None:
    order = shop.place({shop.product(stock=3): 2})
    results = at_once(
        engine,
        [shipping(shop, order, 2, ""), acting(actions.cancel_order, shop.buyer, order_id=order.id)],
    )
    assert len(errors_of(results)) == 1
    assert state_of(session, order) in ("shipped", "cancelled")
    assert_balanced(session)


@rounds
def test_undoing_against_shipping_the_rest_has_no_third_outcome(
    engine: Engine, session: Session, shop: Shop, round_number: int
) -> None:
    order = shop.place({shop.product(stock=3, kind="hardware_serial"): 2})
    shipment = shop.run(
        actions.ship_order,
        shop.clerk,
        order_id=order.id,
        warehouse_id=shop.warehouse.id,
        lines={lines_of(session, order)[0].id: (1, "A1")},
    )
    undo = acting(actions.reverse_shipment, shop.clerk, shipment_id=shipment.id, reason="Wrong box")
    results = at_once(engine, [shipping(shop, order, 1, "A2"), undo, undo])
    assert errors_of(results) in (["NotReversible"], ["NotReversible"] * 2)
    assert state_of(session, order) in ("shipped", "part_shipped")
    assert_balanced(session)
