"""Placing a cart: once, at the price that was shown, for an own open branch, or not at all."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.core.audit import AuditEntry
from app.core.database import writing
from app.core.errors import Conflict, DomainError, InvalidInput, NotFound, PermissionDenied
from app.core.outbox import Job
from app.core.permissions import Role
from app.core.states import StateChange
from app.core.tenancy import all_companies
from app.domain.accounts.models import Branch, Company, EndCustomer
from app.domain.catalogue.models import PriceRow, Product
from app.domain.inventory.models import Allocation, StockLevel
from app.domain.ordering import actions
from app.domain.ordering.errors import CartClosed, CartEmpty, LineChange, LinesRefused, TotalChanged
from app.domain.ordering.models import Cart, Order, OrderDiscount, OrderLine
from tests.factories.accounts import (
    actor_for,
    make_company,
    make_end_customer,
    make_person,
    read,
)
from tests.factories.catalogue import make_agreement, make_quantity_rule, make_tax_rate, set_prices
from tests.factories.ordering import (
    Shop,
    lines_of,
    make_cart,
    make_warehouse,
    settle,
    state_of,
    stock_in,
    units_of,
    view_cart,
)

D = Decimal


def change(session: Session, model: Any, row_id: int, **values: Any) -> None:
    with writing(session), all_companies(session, reason="test data"):
        session.execute(update(model).where(model.id == row_id).values(**values))
        session.commit()
    settle(session)


def refusal(shop: Shop, cart: Cart, **values: Any) -> DomainError:
    """What placing is refused with; nothing was changed by it."""
    before = traces(shop.session)
    with pytest.raises(DomainError) as refused:
        shop.place(cart, **values)
    assert traces(shop.session) == before
    return refused.value


def traces(session: Session) -> list[Any]:
    found = [
        read(session, select(func.count()).select_from(model))[0]
        for model in (Order, OrderLine, Allocation, Job, AuditEntry, StateChange)
    ]
    return [
        *found,
        read(session, select(func.sum(StockLevel.allocated))),
        read(session, select(Cart.placed_at).order_by(Cart.id)),
    ]


def test_an_order_keeps_prices_agreement_tax_discount_and_address_as_they_are(
    session: Session, shop: Shop
) -> None:
    drive, dock = shop.product("10.00", stock=9, sku="SSD-1"), shop.product("5.05", stock=9, sku="DOK-1")
    own = make_agreement(
        session,
        company=shop.company,
        number="KB-26",
        name="Kettle & Byte",
        prices={drive: [(1, "9.50"), (4, "9.0125")]},
        order_discount_bps=200,
        order_discount_from=D("20.00"),
    )
    make_tax_rate(session, shop.company, code="US-ME", rate_bps=550)
    customer = make_end_customer(session, shop.company)
    order = shop.place(
        {drive: 4, dock: 1},
        po_number="PO-1",
        reference="Thimble job",
        notes="Ring first.\r\nLeave nothing outside.",
        requested_on=date(2026, 11, 24),
        end_customer_id=customer.id,
        to_end_customer=True,
    )
    # 4 x 9.0125 = 36.05; 2 % of 41.10 = 0.82 (0.72 + 0.10); tax 5.5 % of 35.33 and 4.95
    assert (order.net, order.discount, order.tax, order.total) == (
        D("41.10"),
        D("0.82"),
        D("2.21"),
        D("42.49"),
    )
    first, second = lines_of(session, order)
    assert (first.unit_price, first.net, first.discount_share, first.tax) == (
        D("9.0125"), D("36.05"), D("0.72"), D("1.94"),
    )  # fmt: skip
    assert (second.unit_price, second.net, second.discount_share, second.tax) == (
        D("5.05"), D("5.05"), D("0.10"), D("0.27"),
    )  # fmt: skip
    assert (first.price_source, first.price_reason, first.agreement_id, first.price_step) == (
        "agreement", "KB-26", own.id, 4,
    )  # fmt: skip
    assert (first.tax_code, first.tax_rate_bps) == ("US-ME", 550)
    assert (order.po_number, order.reference, order.notes) == (
        "PO-1",
        "Thimble job",
        "Ring first.\r\nLeave nothing outside.",
    )
    assert (order.currency, order.terms_days, order.requested_on) == ("USD", 30, date(2026, 11, 24))
    assert order.ship_to == {
        "name": "Upper Thimble Town Hall",
        "street": "2 Hill",
        "postcode": "",
        "city": "Thimble",
        "region": "",
        "country": order.ship_to["country"],
    }
    discount = read(session, select(OrderDiscount))[0]
    assert (discount.agreement_id, discount.label, discount.rate_bps, discount.amount) == (
        own.id, "Kettle & Byte", 200, D("0.82"),
    )  # fmt: skip


def test_an_order_leaves_history_an_audit_row_and_a_mail_to_each_side(session: Session, shop: Shop) -> None:
    order = shop.place({shop.product("10.00", stock=2): 1})
    changes = read(session, select(StateChange).order_by(StateChange.id))
    assert [(row.event, row.from_state, row.to_state, row.actor_name) for row in changes] == [
        ("place", None, "confirmed", "Mara Vint"),
        ("release", "confirmed", "released", "Mara Vint"),
    ]
    audit = read(session, select(AuditEntry).where(AuditEntry.action == "order.placed"))
    assert [(row.subject_id, row.company_id, row.after) for row in audit] == [
        (order.id, shop.company.id, {"number": "SO-26-00001", "total": "10.00", "currency": "USD"})
    ]
    mails = read(session, select(Job.payload).where(Job.kind == "mail.render").order_by(Job.id))
    assert [(mail["template"], mail["company_id"], mail["context"]["url"]) for mail in mails] == [
        ("order_confirmation", shop.company.id, "/orders/SO-26-00001"),
        ("new_order_alert", None, "/console/orders/SO-26-00001"),
    ]
    assert mails[0]["recipient"].startswith("buyer")
    assert mails[1]["recipient"] == "orders@larkspur.example"


def test_a_cart_is_placed_once_and_answers_with_the_same_order(session: Session, shop: Shop) -> None:
    product = shop.product("10.00", stock=5)
    cart = shop.cart({product: 2})
    first = shop.place(cart)
    before = traces(session)
    again = shop.place(cart, shown_total="1.00", po_number="another")
    assert (again.id, again.number, again.po_number) == (first.id, "SO-26-00001", None)
    assert traces(session) == before


def test_without_stock_an_order_is_confirmed_and_waits(session: Session, shop: Shop) -> None:
    order = shop.place({shop.product("10.00"): 2})
    assert (order.state, units_of(session, order)) == ("confirmed", [(2, 0, 2, 0)])


def test_a_vendor_that_wants_to_look_first_releases_nothing_by_itself(session: Session) -> None:
    from tests.factories.ordering import make_shop

    shop = make_shop(session, releases_automatically=False)
    order = shop.place({shop.product("10.00", stock=2): 1})
    assert (state_of(session, order), units_of(session, order)) == ("confirmed", [(1, 1, 0, 0)])


def test_warehouses_give_in_the_order_of_their_positions(session: Session, shop: Shop) -> None:
    first = make_warehouse(session, "FIRST", position=-1)
    closed = make_warehouse(session, "CLOSED", position=-2, is_active=False)
    product = shop.product("10.00", stock=5)
    stock_in(session, product, 2, warehouse=first)
    order = shop.place({product: 3})
    taken = read(session, select(Allocation).order_by(Allocation.quantity))
    assert [(row.warehouse_id, row.quantity) for row in taken] == [(shop.warehouse.id, 1), (first.id, 2)]
    assert closed.id not in {row.warehouse_id for row in taken}
    assert units_of(session, order) == [(3, 3, 0, 0)]


def test_a_price_that_changed_is_refused_and_the_lines_are_named(session: Session, shop: Shop) -> None:
    drive, dock = shop.product("10.00", stock=9, sku="SSD-1"), shop.product("5.00", stock=9, sku="DOK-1")
    cart = shop.cart({drive: 2, dock: 1})
    shown = view_cart(session, shop.company, cart)
    assert (shown.shown_total, shown.shown_lines) == ("25.00", "SSD-1=2x10;DOK-1=1x5")
    with writing(session), all_companies(session, reason="test data"):
        session.execute(update(PriceRow).where(PriceRow.product_id == drive.id).values(unit_price=D("12.00")))
        session.commit()
    before = traces(session)
    with pytest.raises(TotalChanged) as refused:
        shop.run(
            actions.place_order,
            cart_id=cart.id,
            shown_total=D("25.00"),
            shown_lines=shown.shown_lines,
            checkout=actions.Checkout(branch_id=shop.branch.id),
        )
    assert refused.value.changes == (LineChange("SSD-1", drive.name, 2, 2, D("10"), D("12")),)
    assert (refused.value.shown, refused.value.total) == (D("25.00"), D("29.00"))
    assert traces(session) == before


def test_another_branch_has_other_prices_so_the_total_changes(session: Session, shop: Shop) -> None:
    company = make_company(session, "Two Branches", branches=("North", "South"))
    buyer = actor_for(session, make_person(session, company), company)
    product = shop.product("10.00", stock=9)
    make_agreement(session, branch=company.branches[1], prices={product: [(1, "8.00")]})
    cart = make_cart(session, company, {product: 2})
    assert view_cart(session, company, cart).totals.total == D("20.00")
    south = view_cart(session, company, cart, branch=company.branches[1])
    assert south.totals.total == D("16.00")
    place = {"cart_id": cart.id, "checkout": actions.Checkout(branch_id=company.branches[1].id)}
    with pytest.raises(TotalChanged):
        shop.run(actions.place_order, buyer, shown_total=D("20.00"), **place)
    order = shop.run(actions.place_order, buyer, shown_total=D("16.00"), **place)
    assert (order.total, order.branch_id, order.ship_to["branch"]) == (
        D("16.00"), company.branches[1].id, "South",
    )  # fmt: skip


def test_tax_that_changed_is_a_total_that_changed(session: Session, shop: Shop) -> None:
    cart = shop.cart({shop.product("10.00", stock=9): 1})
    make_tax_rate(session, shop.company, rate_bps=825)
    assert isinstance(refusal(shop, cart, shown_total="10.00"), TotalChanged)
    assert shop.place(cart, shown_total="10.83").tax == D("0.83")


@pytest.mark.parametrize(
    ("values", "quantity", "verdict"),
    [
        ({"life_cycle": "ended"}, 1, "ended"),
        ({"life_cycle": "last_orders"}, 3, "not_enough"),
        ({"is_backorderable": False}, 3, "not_enough"),
        ({"min_quantity": 2}, 1, "too_small"),
        ({"multiple": 2, "stock": 9}, 3, "not_multiple"),
        ({"max_quantity": 2}, 3, "too_large"),
        ({"price": None}, 1, "price_on_request"),
        ({"steps": [(5, "9.00")]}, 4, "too_small"),
    ],
)
def test_a_line_that_cannot_be_ordered_stops_the_whole_cart(
    session: Session, shop: Shop, values: dict[str, Any], quantity: int, verdict: str
) -> None:
    fine = shop.product("1.00", stock=9)
    product = shop.product(**{"stock": 2, "sku": "BAD-1", **values})
    cart = shop.cart({fine: 1, product: quantity})
    assert [line.verdict.code for line in view_cart(session, shop.company, cart).lines] == ["ok", verdict]
    error = refusal(shop, cart)
    assert isinstance(error, LinesRefused)
    assert error.details == {"skus": ["BAD-1"]}
    assert error.message.startswith("1 of the lines cannot be ordered: BAD-1: ")


def test_a_product_that_is_not_offered_to_the_company_stops_the_cart(session: Session, shop: Shop) -> None:
    product = shop.product("10.00", stock=5)
    cart = shop.cart({product: 1})
    change(session, Company, shop.company.id, visibility_mode="only_listed")
    error = refusal(shop, cart, shown_total="10.00")
    assert error.message.endswith("This product is not offered to you any more.")


def test_an_agreements_own_quantity_rule_binds_when_placing(session: Session, shop: Shop) -> None:
    product = shop.product("10.00", stock=9)
    own = make_agreement(session, company=shop.company)
    set_prices(session, own, product, [(1, "9.00")])
    make_quantity_rule(session, own, product, min_quantity=4, multiple=4)
    assert "4" in refusal(shop, shop.cart({product: 6}), shown_total="54.00").message
    assert shop.place({product: 8}).total == D("72.00")


def test_an_empty_a_discarded_and_a_foreign_cart_are_refused(session: Session, shop: Shop) -> None:
    product = shop.product("10.00", stock=5)
    assert isinstance(refusal(shop, shop.cart({})), CartEmpty)
    away = shop.cart({product: 1})
    shop.run(actions.discard_cart, cart_id=away.id)
    assert isinstance(refusal(shop, away, shown_total="10.00"), CartClosed)
    foreign = make_cart(session, shop.other, {product: 1})
    assert isinstance(refusal(shop, foreign, shown_total="10.00"), NotFound)
    shop.run(actions.restore_cart, cart_id=away.id)
    assert shop.place(away).total == D("10.00")


def test_only_an_own_open_branch_can_order(session: Session, shop: Shop) -> None:
    cart = shop.cart({shop.product("10.00", stock=5): 1})
    foreign = refusal(shop, cart, branch=shop.other.branches[0], shown_total="10.00")
    change(session, Branch, shop.branch.id, is_active=False)
    closed = refusal(shop, cart, shown_total="10.00")
    for error in (foreign, closed):
        assert isinstance(error, InvalidInput)
        assert (error.field, error.message) == (
            "branch_id",
            "This branch is closed or not yours. Choose another one.",
        )
    assert view_cart(session, shop.company, cart).totals.total == D("10.00")


def test_a_closed_company_orders_nothing(session: Session, shop: Shop) -> None:
    cart = shop.cart({shop.product("10.00", stock=5): 1})
    change(session, Company, shop.company.id, is_active=False)
    error = refusal(shop, cart, shown_total="10.00")
    assert isinstance(error, Conflict)
    assert error.message == "Your company's account is closed. Ask us to open it again."


def test_only_an_own_open_end_customer_with_an_address_is_shipped_to(session: Session, shop: Shop) -> None:
    cart = shop.cart({shop.product("10.00", stock=5): 1})
    foreign = make_end_customer(session, shop.other)
    assert refusal(shop, cart, end_customer_id=foreign.id).field == "end_customer_id"
    assert refusal(shop, cart, to_end_customer=True).message == "Choose the end customer it is shipped to."
    own = make_end_customer(session, shop.company)
    change(session, EndCustomer, own.id, city="")
    assert refusal(shop, cart, end_customer_id=own.id, to_end_customer=True).field == "end_customer_id"
    change(session, EndCustomer, own.id, is_active=False)
    assert refusal(shop, cart, end_customer_id=own.id).field == "end_customer_id"


def test_the_requested_day_is_today_or_later_where_the_vendor_is(session: Session, shop: Shop) -> None:
    cart = shop.cart({shop.product("10.00", stock=5): 1})
    assert refusal(shop, cart, requested_on=date(2026, 11, 23)).field == "requested_on"
    assert shop.place(cart, requested_on=date(2026, 11, 24)).requested_on == date(2026, 11, 24)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("po_number", "x" * 81),
        ("reference", "x" * 121),
        ("notes", "x" * 2001),
        ("po_number", "a\0b"),
        ("po_number", "a\nb"),
        ("notes", "a\0b"),
    ],
)
def test_entries_that_cannot_be_stored_are_refused(
    session: Session, shop: Shop, field: str, text: str
) -> None:
    cart = shop.cart({shop.product("10.00", stock=5): 1})
    assert refusal(shop, cart, **{field: text}).field == field


def test_numbers_follow_without_a_gap_and_start_anew_with_the_year(session: Session, shop: Shop) -> None:
    product = shop.product("10.00", stock=5)
    assert shop.place({product: 1}).number == "SO-26-00001"
    refusal(shop, shop.cart({product: 1}), shown_total="9.99")
    assert shop.place({product: 1}).number == "SO-26-00002"
    later = product.created_at.replace(year=2027)
    assert shop.place({product: 1}, now=later).number == "SO-27-00001"


def test_who_may_not_place_is_refused(session: Session, shop: Shop) -> None:
    cart = shop.cart({shop.product("10.00", stock=5): 1})
    desk = actor_for(session, make_person(session, shop.company, Role.RESELLER_FINANCE), shop.company)
    before = traces(session)
    with pytest.raises(PermissionDenied):
        shop.run(
            actions.place_order,
            desk,
            cart_id=cart.id,
            shown_total=D("10.00"),
            checkout=actions.Checkout(branch_id=shop.branch.id),
        )
    assert traces(session) == before


def test_a_product_that_changes_its_name_keeps_the_old_one_on_the_order(session: Session, shop: Shop) -> None:
    product = shop.product("10.00", stock=5, sku="SSD-1", name="Quill N2")
    order = shop.place({product: 1})
    change(session, Product, product.id, name="Quill N3", sku="SSD-9")
    assert [(line.sku, line.name) for line in lines_of(session, order)] == [("SSD-1", "Quill N2")]
