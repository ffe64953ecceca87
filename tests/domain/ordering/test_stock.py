"""Counting, correcting, receiving and expecting units; the ledger always adds up."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.audit import AuditEntry
from app.core.errors import Conflict, DomainError, InvalidInput, NotFound, PermissionDenied
from app.core.tenancy import all_companies
from app.domain.inventory.models import ExpectedReceipt, StockLevel, StockMovement
from app.domain.inventory.queries import StockView, find_unbalanced, stock_for
from app.domain.ordering import actions
from app.domain.ordering.errors import StockTooLow
from tests.factories.accounts import read
from tests.factories.ordering import Shop, make_receipt, make_warehouse, settle, stock_in


def levels(session: Session) -> list[tuple[int, int]]:
    return [(row.on_hand, row.allocated) for row in read(session, select(StockLevel))]


def refusal(shop: Shop, action: Any, actor: Any = None, **values: Any) -> DomainError:
    session = shop.session

    def traces() -> list[Any]:
        receipts = read(session, select(ExpectedReceipt))
        counts = [read(session, select(func.count(model.id))) for model in (StockMovement, AuditEntry)]
        return [levels(session), [(row.received, row.is_open) for row in receipts], counts]

    before = traces()
    with pytest.raises(DomainError) as refused:
        shop.run(action, actor or shop.clerk, **values)
    assert traces() == before
    return refused.value


def test_a_count_books_the_difference(session: Session, shop: Shop) -> None:
    product = shop.product()
    assert [stock_in(session, product, counted) for counted in (5, 5, 3)] == [5, 0, -2]
    moves = read(session, select(StockMovement).order_by(StockMovement.id))
    assert [(row.delta, row.kind, row.actor_name) for row in moves] == [
        (5, "count", "counting"),
        (-2, "count", "counting"),
    ]
    assert levels(session) == [(3, 0)]
    audit = read(session, select(AuditEntry).where(AuditEntry.action == "stock.count"))
    assert [row.after["delta"] for row in audit if row.after] == [5, -2]
    settle(session)
    with all_companies(session, reason="test"):
        assert find_unbalanced(session) == []


def test_a_level_that_differs_from_its_ledger_is_found(session: Session, shop: Shop) -> None:
    from app.core.database import writing

    product = shop.product(stock=5)
    with writing(session):
        level = session.scalars(select(StockLevel)).one()
        level.on_hand, level.allocated = 7, 1
        session.commit()
    settle(session)
    with all_companies(session, reason="test"):
        place = (product.id, shop.warehouse.id)
        assert find_unbalanced(session) == [
            f"{place}: on hand 7, ledger 5",
            f"{place}: allocated 1, allocations 0",
        ]


def test_a_count_or_correction_below_what_orders_hold_is_refused(session: Session, shop: Shop) -> None:
    product = shop.product("10.00", stock=5)
    shop.place({product: 4})
    place = {"product_id": product.id, "warehouse_id": shop.warehouse.id}
    for error in (
        refusal(shop, actions.count_stock, counted=3, **place),
        refusal(shop, actions.correct_stock, delta=-2, **place),
    ):
        assert isinstance(error, StockTooLow)
        assert error.message.startswith("Orders hold more units than would be left.")
    shop.run(actions.correct_stock, shop.clerk, delta=-1, **place)
    assert levels(session) == [(4, 4)]


def test_a_receipt_is_received_in_parts_and_closes_itself(session: Session, shop: Shop) -> None:
    product = shop.product()
    receipt = make_receipt(session, product, 5, date(2026, 12, 2))
    values = {"product_id": product.id, "warehouse_id": shop.warehouse.id, "receipt_id": receipt.id}
    shop.run(actions.receive_stock, shop.clerk, quantity=3, **values)
    error = refusal(shop, actions.receive_stock, quantity=3, **values)
    assert isinstance(error, InvalidInput)
    assert error.message == "The receipt still expects 2. Receive those, and the rest without a receipt."
    with all_companies(session, reason="test"):
        view = stock_for(session, [product.id], on=date(2026, 11, 24))[product.id]
    assert view == StockView(3, 0, ((date(2026, 12, 2), 2),))
    shop.run(actions.receive_stock, shop.clerk, quantity=2, **values)
    row = read(session, select(ExpectedReceipt))[0]
    assert (row.received, row.is_open, levels(session)) == (5, False, [(5, 0)])
    assert isinstance(refusal(shop, actions.receive_stock, quantity=1, **values), Conflict)
    assert isinstance(refusal(shop, actions.close_receipt, receipt_id=receipt.id), Conflict)


def test_a_receipt_of_another_product_or_warehouse_is_refused(session: Session, shop: Shop) -> None:
    product, other = shop.product(), shop.product()
    receipt = make_receipt(session, product, 5, date(2026, 12, 2))
    east = make_warehouse(session, "EAST")
    for values in (
        {"product_id": other.id, "warehouse_id": shop.warehouse.id},
        {"product_id": product.id, "warehouse_id": east.id},
    ):
        error = refusal(shop, actions.receive_stock, quantity=1, receipt_id=receipt.id, **values)
        assert isinstance(error, Conflict)
    assert isinstance(refusal(shop, actions.close_receipt, receipt_id=999), NotFound)


@pytest.mark.parametrize("quantity", [0, -1, 1_000_000, 2**63])
def test_impossible_quantities_are_refused(session: Session, shop: Shop, quantity: int) -> None:
    product = shop.product()
    place = {"product_id": product.id, "warehouse_id": shop.warehouse.id}
    day = date(2026, 12, 2)
    assert refusal(shop, actions.receive_stock, quantity=quantity, **place).field == "quantity"
    assert refusal(shop, actions.expect_receipt, quantity=quantity, due_on=day, **place).field == "quantity"
    if quantity:
        assert refusal(shop, actions.count_stock, counted=quantity, **place).field == "quantity"
    if quantity != -1:
        assert refusal(shop, actions.correct_stock, delta=quantity, **place).field == "quantity"


def test_units_are_kept_of_stocked_products_in_open_warehouses_only(session: Session, shop: Shop) -> None:
    product, service = shop.product(), shop.product(kind="service")
    closed = make_warehouse(session, "OLD", is_active=False)
    main = shop.warehouse.id
    cases = (
        (service.id, main, InvalidInput, "product_id"),
        (product.id, closed.id, InvalidInput, "warehouse_id"),
        (product.id, 999, InvalidInput, "warehouse_id"),
        (999, main, NotFound, None),
    )
    for product_id, warehouse_id, kind, field in cases:
        error = refusal(
            shop, actions.count_stock, counted=1, product_id=product_id, warehouse_id=warehouse_id
        )
        assert (type(error), error.field) == (kind, field)


def test_a_receipt_on_a_day_that_passed_and_a_long_reference_are_refused(
    session: Session, shop: Shop
) -> None:
    values = {"product_id": shop.product().id, "warehouse_id": shop.warehouse.id, "quantity": 1}
    past = refusal(shop, actions.expect_receipt, due_on=date(2026, 11, 23), **values)
    assert past.field == "due_on"
    assert refusal(shop, actions.receive_stock, reference="x" * 81, **values).field == "reference"


def test_only_the_warehouse_counts(session: Session, shop: Shop) -> None:
    place = {"product_id": shop.product().id, "warehouse_id": shop.warehouse.id}
    for actor in (shop.buyer, shop.seller):
        assert isinstance(refusal(shop, actions.count_stock, actor, counted=1, **place), PermissionDenied)
