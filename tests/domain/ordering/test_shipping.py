"""Shipping with serials: everything at once or nothing, and undone by a row of its own."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.audit import AuditEntry
from app.core.database import writing
from app.core.errors import DomainError, InvalidInput, PermissionDenied
from app.core.outbox import Job
from app.core.tenancy import all_companies
from app.domain.assets.models import Asset, AssetCover, AssetEvent, SerialRule
from app.domain.inventory.models import Allocation, StockLevel, StockMovement
from app.domain.ordering import actions
from app.domain.ordering.balances import find_differences
from app.domain.ordering.models import Order, Shipment, ShipmentLine, ShipmentUnit
from app.domain.ordering.shipping import NotShippable
from app.domain.ordering.shipping_checks import ShipmentRefused
from tests.factories.accounts import read
from tests.factories.ordering import NOW, Shop, lines_of, make_warehouse, settle, state_of, stock_in

KEY = "a-form-of-the-ship-page"


def counts(session: Session) -> list[Any]:
    """What a refused shipment leaves as it was."""
    kinds = (
        Shipment,
        ShipmentLine,
        ShipmentUnit,
        Asset,
        AssetCover,
        AssetEvent,
        StockMovement,
        Job,
        AuditEntry,
    )
    levels = read(session, select(StockLevel).order_by(StockLevel.product_id, StockLevel.warehouse_id))
    return [
        *(read(session, select(func.count()).select_from(kind)) for kind in kinds),
        [(level.on_hand, level.allocated) for level in levels],
        read(session, select(Order.state).order_by(Order.id)),
    ]


def ship(shop: Shop, order: Any, *units: tuple[int, str], actor: Any = None, **values: Any) -> Shipment:
    """Ship units of the order's lines from the main warehouse, as its clerk."""
    lines = {line.id: given for line, given in zip(lines_of(shop.session, order), units, strict=False)}
    values = {"warehouse_id": shop.warehouse.id, "lines": lines, **values}
    return shop.run(actions.ship_order, actor or shop.clerk, order_id=order.id, **values)


def refusal(shop: Shop, order: Any, *units: tuple[int, str], **values: Any) -> DomainError:
    before = counts(shop.session)
    with pytest.raises(DomainError) as refused:
        ship(shop, order, *units, **values)
    assert counts(shop.session) == before
    return refused.value


def problem(shop: Shop, order: Any, *units: tuple[int, str], **values: Any) -> tuple[str, str, str | None]:
    """Code, message and quoted reading beside the first line that was refused."""
    error = refusal(shop, order, *units, **values)
    assert isinstance(error, ShipmentRefused)
    first = next(iter(error.problems.values()))
    return first.code, first.message, first.quoted


def assert_balanced(session: Session) -> None:
    settle(session)
    with all_companies(session, reason="test"):
        assert find_differences(session) == []
    settle(session)


def serialised(shop: Shop, *, stock: int = 5, **values: Any) -> Any:
    return shop.product("10.00", stock=stock, kind="hardware_serial", warranty_months=24, **values)


def test_shipping_writes_stock_unit_cover_line_and_mail_at_once(session: Session, shop: Shop) -> None:
    product = serialised(shop, brand="Acme")
    order = shop.place({product: 3})
    shipment = ship(
        shop, order, (3, "sn-001-sn-003"), carrier="Hollow Freight", tracking="HF 1", entry_key=KEY
    )
    assert (shipment.number, shipment.shipped_on) == ("SH-26-00001", date(2026, 11, 24))
    assert state_of(session, order) == "shipped"
    line = lines_of(session, order)[0]
    assert (line.allocated, line.shipped, line.backordered) == (0, 3, 0)
    assert read(session, select(Allocation)) == []
    level = read(session, select(StockLevel))[0]
    assert (level.on_hand, level.allocated) == (2, 0)
    moves = read(session, select(StockMovement).order_by(StockMovement.id))
    assert [(row.delta, row.kind, row.reference) for row in moves][1:] == [(-3, "shipment", "SH-26-00001")]
    units = read(session, select(Asset).order_by(Asset.serial))
    assert [(unit.serial, unit.brand_key, unit.state) for unit in units] == [
        ("SN-001", "acme", "in_field"),
        ("SN-002", "acme", "in_field"),
        ("SN-003", "acme", "in_field"),
    ]
    first = units[0]
    assert (first.company_id, first.sold_to_id, first.order_line_id) == (
        shop.company.id,
        shop.company.id,
        line.id,
    )
    assert (first.price_paid, first.currency, first.ship_date) == (
        Decimal("10.00"),
        "USD",
        date(2026, 11, 24),
    )
    assert first.cover_until == date(2028, 11, 23)
    cover = read(session, select(AssetCover).order_by(AssetCover.asset_id))[0]
    assert (cover.kind, cover.starts_on, cover.ends_on, cover.term_name) == (
        "base",
        date(2026, 11, 24),
        date(2028, 11, 24),
        "24 months",
    )
    assert "2028-11-23" in cover.why
    events = read(session, select(AssetEvent))
    assert {(row.kind, row.company_id, row.reference) for row in events} == {("shipped", None, "SH-26-00001")}
    mail = [row for row in read(session, select(Job)) if row.payload.get("template") == "order_shipped"]
    assert mail[0].payload["context"]["lines"][0]["serials"] == ["SN-001", "SN-002", "SN-003"]
    assert_balanced(session)


def test_a_form_sent_twice_is_one_shipment(session: Session, shop: Shop) -> None:
    order = shop.place({shop.product("10.00", stock=5): 2})
    first = ship(shop, order, (1, ""), entry_key=KEY)
    before = counts(session)
    assert ship(shop, order, (1, ""), entry_key=KEY).id == first.id
    assert counts(session) == before


def test_parts_go_one_after_the_other(session: Session, shop: Shop) -> None:
    product = serialised(shop, stock=2)
    order = shop.place({product: 3})
    ship(shop, order, (1, "A1"))
    assert state_of(session, order) == "part_shipped"
    ship(shop, order, (1, "~"))
    assert state_of(session, order) == "part_shipped"
    stock_in(session, product, 1, warehouse=shop.warehouse)
    ship(shop, order, (1, "A7"))
    assert state_of(session, order) == "shipped"
    assert read(session, select(Asset.serial).order_by(Asset.id)) == ["A1", "A2", "A7"]
    assert_balanced(session)


def test_prices_paid_share_a_discount_to_the_cent(session: Session, shop: Shop) -> None:
    product = serialised(shop)
    order = shop.place({product: 3})
    with writing(session), all_companies(session, reason="test data"):
        line = lines_of(session, order)[0]
        session.add(line)
        line.discount_share = Decimal("1.00")
        session.commit()
    ship(shop, order, (1, "A1"))
    ship(shop, order, (2, "A2 A3"))
    prices = read(session, select(Asset.price_paid).order_by(Asset.serial))
    assert prices == [Decimal("9.67"), Decimal("9.67"), Decimal("9.66")]


def test_what_cannot_be_the_lines_serials_is_refused_beside_it(session: Session, shop: Shop) -> None:
    product = serialised(shop)
    order = shop.place({product: 3})
    assert problem(shop, order, (3, "A1 A2"))[0] == "count_mismatch"
    assert problem(shop, order, (2, "A1 a1"))[0] == "duplicate"
    assert problem(shop, order, (2, "A\u200b1 A2"))[0] == "bad_character"
    assert problem(shop, order, (2, "10-20")) == (
        "ambiguous_range",
        '10-20 can be the one serial "10-20" or a range of 11, and still missing are 2.'
        " Put it in quotation marks, or correct the range.",
        '"10-20"',
    )
    assert problem(shop, order, (2, "X9, 5-5"))[2] == 'X9, "5-5"'
    assert problem(shop, order, (4, "A1-A4"))[:2] == (
        "quantity",
        "3 units are set aside here: enter 1 to 3.",
    )
    assert isinstance(refusal(shop, order, (0, "")), InvalidInput)
    with writing(session):
        session.add(SerialRule(product_id=product.id, mask="AA99"))
        session.commit()
    code, message, _quoted = problem(shop, order, (1, "A1"))
    assert (code, message) == ("bad_mask", "A1: The serial does not have the form of this product's serials.")


def test_a_serial_of_another_product_or_with_somebody_is_refused(session: Session, shop: Shop) -> None:
    one, two = serialised(shop, brand="Acme"), serialised(shop, brand="ACME ")
    first, second = shop.place({one: 2}), shop.place_other({one: 1, two: 1})
    ship(shop, first, (1, "A1"))
    assert problem(shop, second, (1, "A1"))[:2] == (
        "not_in_stock",
        "A1 was shipped already and has not come back. Scan another unit.",
    )
    assert problem(shop, second, (0, ""), (1, "A1"))[:2] == (
        "other_product",
        f"A1 is a unit of {one.sku}, not of this line. Scan another unit.",
    )
    assert problem(shop, second, (1, "B1"), (1, "B1"))[0] == "duplicate"


def test_equal_serials_of_two_brands_are_two_units(session: Session, shop: Shop) -> None:
    order = shop.place({serialised(shop, brand="Acme"): 1, serialised(shop, brand="Bolt"): 1})
    ship(shop, order, (1, "A1"), (1, "A1"))
    assert sorted(read(session, select(Asset.brand_key))) == ["acme", "bolt"]


def test_a_warehouse_ships_what_lies_in_it(session: Session, shop: Shop) -> None:
    west = make_warehouse(session, "WEST", position=2)
    product = serialised(shop, stock=1)
    stock_in(session, product, 2, warehouse=west)
    order = shop.place({product: 2})
    assert problem(shop, order, (2, "A1 A2"))[1] == "1 units are set aside here: enter 1 to 1."
    ship(shop, order, (1, "A1"), warehouse_id=west.id)
    shipment = ship(shop, order, (1, "A2"))
    shop.run(actions.reverse_shipment, shop.clerk, shipment_id=shipment.id, reason="Wrong box")
    other = shop.place_other({product: 1})
    assert problem(shop, other, (1, "A2"), warehouse_id=west.id)[:2] == (
        "other_warehouse",
        "A2 lies in MAIN, not here. Ship it from there, or scan another unit.",
    )
    assert_balanced(session)


def test_goods_without_serials_and_services_ship_by_number(session: Session, shop: Shop) -> None:
    plain = shop.product("10.00", stock=5)
    service = shop.product("10.00", kind="service")
    order = shop.place({plain: 2, service: 1})
    ship(shop, order, (2, ""), (1, ""))
    assert state_of(session, order) == "shipped"
    assert read(session, select(Asset)) == []
    assert read(session, select(StockMovement.delta).where(StockMovement.kind == "shipment")) == [-2]
    assert_balanced(session)


def test_orders_from_history_ship_without_serials(session: Session, shop: Shop) -> None:
    product = serialised(shop)
    order = shop.place({product: 2})
    with writing(session), all_companies(session, reason="test data"):
        session.get_one(Order, order.id).source = "replay"
        session.commit()
    ship(shop, order, (2, ""))
    assert state_of(session, order) == "shipped"
    assert read(session, select(Asset)) == []
    assert_balanced(session)


def test_only_who_may_ship_and_only_released_orders(session: Session, shop: Shop) -> None:
    product = shop.product("10.00", stock=1)
    order = shop.place({product: 1})
    with pytest.raises(PermissionDenied):
        ship(shop, order, (1, ""), actor=shop.seller)
    waiting = shop.place({product: 1})
    assert isinstance(refusal(shop, waiting, (1, "")), NotShippable)
    shop.run(actions.cancel_order, order_id=order.id)
    assert isinstance(refusal(shop, order, (1, "")), NotShippable)


def test_a_reversed_shipment_is_in_stock_and_set_aside_again(session: Session, shop: Shop) -> None:
    product = serialised(shop)
    order = shop.place({product: 3})
    first = ship(shop, order, (2, "A1 A2"))
    second = ship(shop, order, (1, "A3"))
    undo = {"reason": "Wrong box"}
    with pytest.raises(DomainError, match="A later shipment of this order stands"):
        shop.run(actions.reverse_shipment, shop.clerk, shipment_id=first.id, **undo)
    reversal = shop.run(actions.reverse_shipment, shop.clerk, shipment_id=second.id, **undo)
    assert (reversal.reverses_id, state_of(session, order)) == (second.id, "part_shipped")
    with pytest.raises(DomainError, match="undone already"):
        shop.run(actions.reverse_shipment, shop.clerk, shipment_id=second.id, **undo)
    shop.run(actions.reverse_shipment, shop.clerk, shipment_id=first.id, **undo)
    assert state_of(session, order) == "released"
    line = lines_of(session, order)[0]
    assert (line.allocated, line.shipped) == (3, 0)
    units = read(session, select(Asset))
    assert {(unit.state, unit.company_id, unit.cover_until) for unit in units} == {("in_stock", None, None)}
    assert read(session, select(AssetCover)) == []
    assert_balanced(session)
    other = shop.place_other({product: 2})
    ship(shop, other, (1, "A1"))
    unit = read(session, select(Asset).where(Asset.serial == "A1"))[0]
    assert (unit.company_id, unit.state, unit.cover_until) == (shop.other.id, "in_field", date(2028, 11, 23))
    assert read(
        session, select(AssetEvent.kind).where(AssetEvent.asset_id == unit.id).order_by(AssetEvent.id)
    ) == [
        "shipped",
        "reversed",
        "shipped",
    ]
    assert_balanced(session)


def test_a_shipment_with_a_registered_unit_stands(session: Session, shop: Shop) -> None:
    order = shop.place({serialised(shop): 2})
    shipment = ship(shop, order, (2, "A1 A2"))
    with writing(session), all_companies(session, reason="test data"):
        unit = session.scalars(select(Asset).where(Asset.serial == "A2")).one()
        unit.registration_date = (NOW + timedelta(days=1)).date()
        session.commit()
    before = counts(session)
    with pytest.raises(DomainError, match="A2 was registered, handed on or sent in since"):
        shop.run(actions.reverse_shipment, shop.clerk, shipment_id=shipment.id, reason="Wrong box")
    assert counts(session) == before
