"""Cancelling: waiting units first, stock given back once, to who waits next."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.core.audit import AuditEntry
from app.core.database import writing
from app.core.errors import DomainError, InvalidInput, NotFound, PermissionDenied
from app.core.outbox import Job
from app.core.states import StateChange
from app.core.tenancy import all_companies
from app.domain.inventory.models import Allocation, StockLevel
from app.domain.inventory.queries import find_unbalanced
from app.domain.ordering import actions
from app.domain.ordering.errors import NotCancellable
from app.domain.ordering.models import Order, OrderLine
from tests.factories.accounts import read
from tests.factories.ordering import Shop, lines_of, make_warehouse, settle, state_of, stock_in, units_of


def allocated(session: Session) -> int:
    return sum(read(session, select(StockLevel.allocated)))


def assert_balanced(session: Session) -> None:
    settle(session)
    with all_companies(session, reason="test"):
        assert find_unbalanced(session) == []
    settle(session)


def refusal(shop: Shop, action: Any, actor: Any = None, **values: Any) -> DomainError:
    session = shop.session

    def traces() -> list[Any]:
        lines = read(session, select(OrderLine).order_by(OrderLine.id))
        return [
            [(line.allocated, line.backordered, line.cancelled) for line in lines],
            read(session, select(Order.state).order_by(Order.id)),
            read(session, select(func.count(Job.id))),
            read(session, select(func.count(AuditEntry.id))),
            allocated(session),
        ]

    before = traces()
    with pytest.raises(DomainError) as refused:
        shop.run(action, actor, **values)
    assert traces() == before
    return refused.value


def test_a_cancelled_order_gives_its_stock_to_the_oldest_waiting_order_of_any_company(
    session: Session, shop: Shop
) -> None:
    product = shop.product("10.00", stock=5)
    first = shop.place({product: 5})
    second = shop.place_other({product: 3})
    third = shop.place({product: 4})
    assert [state_of(session, order) for order in (first, second, third)] == [
        "released",
        "confirmed",
        "confirmed",
    ]
    shop.run(actions.cancel_order, order_id=first.id, reason="Not needed")
    assert (state_of(session, first), units_of(session, first)) == ("cancelled", [(5, 0, 0, 5)])
    assert (state_of(session, second), units_of(session, second)) == ("released", [(3, 3, 0, 0)])
    assert (state_of(session, third), units_of(session, third)) == ("released", [(4, 2, 2, 0)])
    released = read(session, select(StateChange).where(StateChange.subject_id == second.id))
    assert [(row.event, row.company_id) for row in released] == [
        ("place", shop.other.id),
        ("release", shop.other.id),
    ]
    assert_balanced(session)


def test_part_of_a_line_is_cancelled_from_what_waits_first(session: Session, shop: Shop) -> None:
    product = shop.product("10.00", stock=3)
    order = shop.place({product: 5})
    line = lines_of(session, order)[0]
    part = {"order_id": order.id, "line_id": line.id}
    shop.run(actions.cancel_line, quantity=1, **part)
    assert (units_of(session, order), allocated(session)) == ([(5, 3, 1, 1)], 3)
    shop.run(actions.cancel_line, quantity=2, **part)
    assert (units_of(session, order), allocated(session)) == ([(5, 2, 0, 3)], 2)
    assert state_of(session, order) == "released"
    shop.run(actions.cancel_line, quantity=2, **part)
    assert (units_of(session, order), allocated(session)) == ([(5, 0, 0, 5)], 0)
    assert state_of(session, order) == "cancelled"
    assert_balanced(session)


def test_units_of_several_warehouses_go_back_to_the_one_asked_last_first(
    session: Session, shop: Shop
) -> None:
    east = make_warehouse(session, "EAST", position=1)
    product = shop.product("10.00", stock=2)
    stock_in(session, product, 2, warehouse=east)
    order = shop.place({product: 4})
    line = lines_of(session, order)[0]
    shop.run(actions.cancel_line, order_id=order.id, line_id=line.id, quantity=3)
    left = read(session, select(Allocation))
    assert [(row.warehouse_id, row.quantity) for row in left] == [(shop.warehouse.id, 1)]
    assert_balanced(session)


def test_a_second_cancellation_is_refused(session: Session, shop: Shop) -> None:
    order = shop.place({shop.product("10.00", stock=5): 2})
    shop.run(actions.cancel_order, order_id=order.id)
    error = refusal(shop, actions.cancel_order, order_id=order.id)
    assert isinstance(error, NotCancellable)
    assert error.message == "Nothing of this order is open any more."


@pytest.mark.parametrize("quantity", [0, -1, 4, 2**63])
def test_more_than_is_open_of_a_line_is_refused_with_what_is(
    session: Session, shop: Shop, quantity: int
) -> None:
    order = shop.place({shop.product("10.00", stock=1): 3})
    line = lines_of(session, order)[0]
    error = refusal(shop, actions.cancel_line, order_id=order.id, line_id=line.id, quantity=quantity)
    assert error.message == "3 units of this line can still be cancelled: enter 1 to 3."


def test_what_is_picked_is_not_cancelled_by_the_buyer(session: Session, shop: Shop) -> None:
    order = shop.place({shop.product("10.00", stock=3): 3})
    with writing(session), all_companies(session, reason="test data"):
        session.execute(update(OrderLine).values(picked=2))
        session.commit()
    line = lines_of(session, order)[0]
    assert isinstance(refusal(shop, actions.cancel_order, order_id=order.id), NotCancellable)
    error = refusal(shop, actions.cancel_line, order_id=order.id, line_id=line.id, quantity=2)
    assert error.message == "1 units of this line can still be cancelled: enter 1 to 1."
    shop.run(actions.cancel_line, order_id=order.id, line_id=line.id, quantity=1)
    assert units_of(session, order) == [(3, 2, 0, 1)]


def test_orders_and_lines_of_others_are_not_there(session: Session, shop: Shop) -> None:
    product = shop.product("10.00", stock=9)
    own, foreign = shop.place({product: 1}), shop.place_other({product: 1})
    line = lines_of(session, foreign)[0]
    assert isinstance(refusal(shop, actions.cancel_order, order_id=foreign.id), NotFound)
    assert isinstance(
        refusal(shop, actions.cancel_line, order_id=own.id, line_id=line.id, quantity=1), NotFound
    )
    assert isinstance(refusal(shop, actions.reorder, order_id=foreign.id), NotFound)
    assert isinstance(refusal(shop, actions.cancel_order, order_id=999), NotFound)


def test_the_vendor_cancels_with_a_reason_the_buyer_reads(session: Session, shop: Shop) -> None:
    order = shop.place({shop.product("10.00", stock=9, sku="SSD-1"): 2}, po_number="PO-1")
    empty = refusal(shop, actions.cancel_order_for, shop.seller, order_id=order.id, reason=" ")
    assert isinstance(empty, InvalidInput)
    assert (empty.field, empty.message) == ("reason", "Say why: the buyer reads it.")
    long = refusal(shop, actions.cancel_order_for, shop.seller, order_id=order.id, reason="x" * 301)
    assert long.field == "reason"
    shop.run(actions.cancel_order_for, shop.seller, order_id=order.id, reason="Recalled by the maker")
    mail = read(session, select(Job.payload).where(Job.kind == "mail.render").order_by(Job.id))[-1]
    assert (mail["template"], mail["company_id"]) == ("order_cancelled", shop.company.id)
    assert mail["context"]["reason"] == "Recalled by the maker"
    assert mail["context"]["lines"] == [
        {"sku": "SSD-1", "name": mail["context"]["lines"][0]["name"], "quantity": 2}
    ]
    last = read(session, select(StateChange).order_by(StateChange.id))[-1]
    assert (last.event, last.from_state, last.to_state) == ("cancel", "released", "cancelled")
    assert (last.reason, last.actor_name) == ("Recalled by the maker", "Ida Sorrel")
    audit = read(session, select(AuditEntry).where(AuditEntry.action == "order.cancelled"))
    assert [(row.before, row.after) for row in audit] == [
        (
            {"open": {"SSD-1": 2}},
            {"cancelled": {"SSD-1": 2}, "reason": "Recalled by the maker"},
        )
    ]


def test_a_buyer_may_not_cancel_for_the_vendor_nor_the_vendors_clerk_at_all(
    session: Session, shop: Shop
) -> None:
    order = shop.place({shop.product("10.00", stock=9): 2})
    for actor in (shop.buyer, shop.clerk):
        error = refusal(shop, actions.cancel_order_for, actor, order_id=order.id, reason="Because")
        assert isinstance(error, PermissionDenied)


def test_services_are_cancelled_without_stock(session: Session, shop: Shop) -> None:
    product = shop.product("10.00", stock=2)
    order = shop.place({shop.product("40.00", kind="service"): 3, product: 2})
    line = lines_of(session, order)[0]
    shop.run(actions.cancel_line, order_id=order.id, line_id=line.id, quantity=1)
    assert units_of(session, order) == [(3, 2, 0, 1), (2, 2, 0, 0)]
    shop.run(actions.cancel_order, order_id=order.id)
    assert units_of(session, order) == [(3, 0, 0, 3), (2, 0, 0, 2)]
    assert_balanced(session)
