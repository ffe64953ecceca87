"""Carts: named, kept, shared by the company; quick add by any number; put away and brought back."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.core.database import writing
from app.core.errors import DomainError, InvalidInput, NotFound, PermissionDenied
from app.core.tenancy import all_companies, company_scope
from app.domain.accounts.models import Branch
from app.domain.catalogue.models import Product
from app.domain.ordering import actions, carts
from app.domain.ordering.errors import AmbiguousCode, CartClosed, LineRefused, UnknownCode
from app.domain.ordering.models import Cart, CartLine
from app.domain.ordering.queries import find_current_cart, list_carts, quantities_in_cart
from tests.factories.accounts import actor_for, make_company, make_person, read
from tests.factories.catalogue import make_agreement, make_customer_number
from tests.factories.ordering import NOW, Shop, make_cart, make_receipt, settle, view_cart

D = Decimal


def contents(session: Session) -> list[tuple[int, int, int]]:
    rows = read(session, select(CartLine).order_by(CartLine.cart_id, CartLine.position))
    return [(row.cart_id, row.product_id, row.quantity) for row in rows]


def refusal(shop: Shop, action: Any, actor: Any = None, **values: Any) -> DomainError:
    def traces() -> list[Any]:
        found = read(shop.session, select(Cart).order_by(Cart.id))
        return [contents(shop.session), [(cart.name, cart.discarded_at, cart.branch_id) for cart in found]]

    before = traces()
    with pytest.raises(DomainError) as refused:
        shop.run(action, actor, **values)
    assert traces() == before
    return refused.value


def test_adding_opens_a_cart_named_for_the_day_and_adds_up(session: Session, shop: Shop) -> None:
    product = shop.product("10.00", stock=50, sku="SSD-1")
    cart = shop.run(actions.add_to_cart, code=" ssd-1 ", quantity="3")
    assert (cart.name, cart.branch_id) == ("Cart of 24 Nov", shop.branch.id)
    shop.run(actions.add_to_cart, code="SSD-1", quantity=4, cart_id=cart.id)
    assert contents(session) == [(cart.id, product.id, 7)]
    line_id = read(session, select(CartLine.id))[0]
    shop.run(actions.set_line_quantity, cart_id=cart.id, line_id=line_id, quantity="2")
    assert contents(session) == [(cart.id, product.id, 2)]
    for _time in range(2):
        shop.run(actions.remove_line, cart_id=cart.id, line_id=line_id)
        assert contents(session) == []


def test_any_number_of_a_product_adds_it(session: Session, shop: Shop) -> None:
    product = shop.product(
        "10.00", stock=50, sku="SSD-1", mpn="TNN2-2000", gtin="2000000000015", references=["OLD-9"]
    )
    make_customer_number(session, shop.company, product, "KB-10021")
    cart = shop.cart({})
    for code in ("SSD-1", "tnn2-2000", "2000000000015", "02000000000015", "old-9", "kb-10021"):
        shop.run(actions.add_to_cart, code=code, quantity=1, cart_id=cart.id)
    assert contents(session) == [(cart.id, product.id, 6)]


def test_a_number_of_another_company_is_unknown(session: Session, shop: Shop) -> None:
    make_customer_number(session, shop.other, shop.product("10.00", stock=5), "Q-1")
    for code in ("Q-1", "NOPE", "", "%", "'; --", "١٢"):
        error = refusal(shop, actions.add_to_cart, code=code, quantity=1)
        assert isinstance(error, UnknownCode)
        assert error.field == "code"


def test_a_number_of_several_products_asks_which(session: Session, shop: Shop) -> None:
    for sku in ("SSD-1", "SSD-2"):
        shop.product("10.00", stock=5, sku=sku, mpn="SAME")
    error = refusal(shop, actions.add_to_cart, code="same", quantity=1)
    assert isinstance(error, AmbiguousCode)
    assert error.message == "Several products go by same: enter one of SSD-1, SSD-2."
    assert error.details == {"skus": ["SSD-1", "SSD-2"]}


def test_an_own_sku_wins_over_somebody_elses_part_number(session: Session, shop: Shop) -> None:
    shop.product("10.00", stock=5, sku="OTHER", mpn="SSD-1")
    product = shop.product("10.00", stock=5, sku="SSD-1")
    cart = shop.run(actions.add_to_cart, code="SSD-1", quantity=1)
    assert contents(session) == [(cart.id, product.id, 1)]


@pytest.mark.parametrize(
    "quantity", ["0", "-1", "1e9", "١٢", "9223372036854775808", "", "1.5", "1_000", 0, 2**63]
)
def test_what_is_no_quantity_is_refused(session: Session, shop: Shop, quantity: int | str) -> None:
    shop.product("10.00", stock=5, sku="SSD-1")
    error = refusal(shop, actions.add_to_cart, code="SSD-1", quantity=quantity)
    assert error.message == "Enter a quantity from 1 to 999999, digits only."
    assert error.field == "quantity"


def test_the_sum_with_what_is_there_is_judged(session: Session, shop: Shop) -> None:
    product = shop.product("10.00", stock=5, sku="SSD-1", is_backorderable=False)
    cart = shop.cart({product: 3})
    error = refusal(shop, actions.add_to_cart, code="SSD-1", quantity=3, cart_id=cart.id)
    assert isinstance(error, LineRefused)
    assert error.details == {"verdict": "not_enough", "suggestions": [5]}
    line = read(session, select(CartLine))[0]
    error = refusal(shop, actions.set_line_quantity, cart_id=cart.id, line_id=line.id, quantity=6)
    assert error.details["verdict"] == "not_enough"


def test_a_cart_holds_two_thousand_lines(
    session: Session, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert carts.MAX_LINES == 2000
    monkeypatch.setattr(carts, "MAX_LINES", 2)
    first, second = shop.product("1.00", stock=9, sku="A-1"), shop.product("1.00", stock=9, sku="A-2")
    shop.product("1.00", stock=9, sku="A-3")
    cart = shop.cart({first: 1, second: 1})
    error = refusal(shop, actions.add_to_cart, code="A-3", quantity=1, cart_id=cart.id)
    assert error.message == "A cart holds up to 2 lines. Open another one."
    shop.run(actions.add_to_cart, code="A-2", quantity=1, cart_id=cart.id)
    assert [quantity for _cart, _product, quantity in contents(session)] == [1, 2]


def test_carts_are_named_listed_and_shared_by_the_company(session: Session, shop: Shop) -> None:
    product = shop.product("10.00", stock=50)
    first = shop.run(actions.create_cart, name="  Town   hall ")
    second = make_cart(session, shop.company, {product: 4}, name="School", now=NOW.replace(hour=10))
    make_cart(session, shop.other, name="Foreign")
    with company_scope(session, shop.company.id):
        assert [(row.name, row.branch_name, row.lines, row.units) for row in list_carts(session)] == [
            ("School", "Main branch", 1, 4),
            ("Town hall", "Main branch", 0, 0),
        ]
        assert find_current_cart(session) == second.id
        assert quantities_in_cart(session, second.id) == {product.id: 4}
        assert quantities_in_cart(session, None) == {}
    settle(session)
    colleague = actor_for(session, make_person(session, shop.company), shop.company)
    renamed = shop.run(actions.rename_cart, colleague, cart_id=first.id, name="Town hall 2", now=NOW)
    assert renamed.name == "Town hall 2"
    shop.run(actions.use_cart, cart_id=first.id, now=NOW.replace(hour=11))
    with company_scope(session, shop.company.id):
        assert find_current_cart(session) == first.id


@pytest.mark.parametrize("name", ["", "  ", "x" * 121])
def test_a_name_is_wanted_and_short(session: Session, shop: Shop, name: str) -> None:
    cart = shop.cart({})
    for error in (
        refusal(shop, actions.create_cart, name=name),
        refusal(shop, actions.rename_cart, cart_id=cart.id, name=name),
    ):
        assert (type(error), error.field) == (InvalidInput, "name")


def test_a_cart_put_away_comes_back_as_it_was(session: Session, shop: Shop) -> None:
    product = shop.product("10.00", stock=5, sku="SSD-1")
    cart = shop.cart({product: 2})
    shop.run(actions.discard_cart, cart_id=cart.id)
    with company_scope(session, shop.company.id):
        assert list_carts(session) == []
    with pytest.raises(NotFound):
        view_cart(session, shop.company, cart)
    settle(session)
    assert isinstance(
        refusal(shop, actions.add_to_cart, code="SSD-1", quantity=1, cart_id=cart.id), CartClosed
    )
    shop.run(actions.restore_cart, cart_id=cart.id)
    assert [line.quantity for line in view_cart(session, shop.company, cart).lines] == [2]


def test_a_placed_cart_is_changed_by_nothing(session: Session, shop: Shop) -> None:
    product = shop.product("10.00", stock=5, sku="SSD-1")
    cart = shop.cart({product: 2})
    line = read(session, select(CartLine))[0]
    shop.place(cart)
    for action, values in (
        (actions.add_to_cart, {"code": "SSD-1", "quantity": 1}),
        (actions.set_line_quantity, {"line_id": line.id, "quantity": 1}),
        (actions.remove_line, {"line_id": line.id}),
        (actions.rename_cart, {"name": "New"}),
        (actions.discard_cart, {}),
        (actions.restore_cart, {}),
        (actions.save_checkout_draft, {"branch_id": shop.branch.id, "draft": {"po_number": "X"}}),
    ):
        assert isinstance(refusal(shop, action, cart_id=cart.id, **values), CartClosed)


def test_carts_and_lines_of_others_are_not_there(session: Session, shop: Shop) -> None:
    product = shop.product("10.00", stock=5, sku="SSD-1")
    foreign, own = make_cart(session, shop.other, {product: 1}), shop.cart({})
    line = read(session, select(CartLine))[0]
    for action, values in (
        (actions.add_to_cart, {"code": "SSD-1", "quantity": 1}),
        (actions.set_line_quantity, {"line_id": line.id, "quantity": 2}),
        (actions.remove_line, {"line_id": line.id}),
        (actions.rename_cart, {"name": "Mine"}),
        (actions.discard_cart, {}),
        (actions.restore_cart, {}),
        (actions.use_cart, {}),
        (actions.save_checkout_draft, {"branch_id": shop.branch.id, "draft": {}}),
    ):
        assert isinstance(refusal(shop, action, cart_id=foreign.id, **values), NotFound)
    shop.run(actions.remove_line, cart_id=own.id, line_id=line.id)
    error = refusal(shop, actions.set_line_quantity, cart_id=own.id, line_id=line.id, quantity=2)
    assert isinstance(error, NotFound)
    assert contents(session) == [(foreign.id, product.id, 1)]
    with pytest.raises(NotFound):
        view_cart(session, shop.company, foreign)


def test_the_checkouts_entries_are_kept_and_the_branch_prices_the_cart(session: Session) -> None:
    from tests.factories.ordering import make_shop

    shop = make_shop(session)
    company = make_company(session, "Two Branches", branches=("North", "South"))
    buyer = actor_for(session, make_person(session, company), company)
    south = company.branches[1]
    product = shop.product("10.00", stock=9)
    make_agreement(session, branch=south, prices={product: [(1, "8.00"), (5, "7.50")]})
    cart = make_cart(session, company, {product: 2})
    shop.run(
        actions.save_checkout_draft, buyer, cart_id=cart.id, branch_id=south.id, draft={"po_number": "PO-9"}
    )
    view = view_cart(session, company, cart)
    assert (view.draft, view.branch_name, view.totals.total) == ({"po_number": "PO-9"}, "South", D("16.00"))
    next_break = view.lines[0].next_break
    assert next_break is not None
    assert (next_break.min_quantity, next_break.unit_price) == (5, D("7.50"))
    for branch_id in (shop.branch.id, 999):
        error = refusal(
            shop, actions.save_checkout_draft, buyer, cart_id=cart.id, branch_id=branch_id, draft={}
        )
        assert error.field == "branch_id"
    with writing(session), all_companies(session, reason="test data"):
        session.execute(update(Branch).where(Branch.id == south.id).values(is_active=False))
        session.commit()
    assert view_cart(session, company, cart).totals.total == D("20.00")


def test_the_page_shows_problems_waiting_units_and_sums_only_what_has_a_price(
    session: Session, shop: Shop
) -> None:
    priced, waiting = shop.product("10.00", stock=5), shop.product("3.00", stock=1)
    asked = shop.product(None, stock=5)
    make_receipt(session, waiting, 9, date(2026, 12, 2))
    shop.place_other({waiting: 3})
    view = view_cart(session, shop.company, shop.cart({priced: 2, waiting: 2, asked: 1}))
    assert [(line.verdict.code, line.backordered, line.promised_on, line.amount) for line in view.lines] == [
        ("ok", 0, None, D("20.00")),
        ("waits", 2, date(2026, 12, 2), D("6.00")),
        ("price_on_request", 0, None, None),
    ]
    assert (view.units, view.problems, view.totals.total) == (5, 1, D("26.00"))
    assert view.lines[0].stock.available == 5


def test_ordering_again_fills_a_cart_at_todays_prices_and_says_what_is_gone(
    session: Session, shop: Shop
) -> None:
    drive = shop.product("10.00", stock=5, sku="SSD-1")
    old = shop.product("5.00", stock=5, sku="OLD-1")
    new = shop.product("6.00", sku="NEW-1")
    order = shop.place({drive: 2, old: 1})
    with writing(session), all_companies(session, reason="test data"):
        session.execute(
            update(Product).where(Product.id == old.id).values(life_cycle="ended", successor_id=new.id)
        )
        session.commit()
    make_agreement(session, company=shop.company, prices={drive: [(1, "9.00")]})
    cart = shop.run(actions.reorder, order_id=order.id)
    assert cart.name == "SO-26-00001 again"
    view = view_cart(session, shop.company, cart)
    assert [(line.sku, line.quantity, line.unit_price, line.verdict.code) for line in view.lines] == [
        ("SSD-1", 2, D("9.00"), "ok"),
        ("OLD-1", 1, D("5.00"), "ended"),
    ]
    assert view.lines[1].verdict.message == "It is not made any more; NEW-1 takes its place."
    assert read(session, select(func.count(Cart.id))) == [2]


def test_ordering_again_for_a_closed_branch_uses_an_open_one(session: Session, shop: Shop) -> None:
    company = make_company(session, "Two Branches", branches=("North", "South"))
    buyer = actor_for(session, make_person(session, company), company)
    from tests.factories.ordering import place

    order = place(session, buyer, company, {shop.product("1.00", stock=5): 1}, branch=company.branches[1])
    assert shop.run(actions.reorder, buyer, order_id=order.id).branch_id == company.branches[1].id
    with writing(session), all_companies(session, reason="test data"):
        session.execute(update(Branch).where(Branch.id == company.branches[1].id).values(is_active=False))
        session.commit()
    settle(session)
    assert shop.run(actions.reorder, buyer, order_id=order.id).branch_id == company.branches[0].id


def test_the_vendors_people_have_no_carts(session: Session, shop: Shop) -> None:
    error = refusal(shop, actions.create_cart, shop.seller, name="Mine")
    assert isinstance(error, (PermissionDenied, InvalidInput))
