"""One page, one button: placing once, changed totals, and entries that cannot be used."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import select, update

from app.core.database import writing
from app.core.permissions import Role
from app.core.tenancy import all_companies
from app.domain.accounts.models import Branch, EndCustomer
from app.domain.catalogue.models import PriceRow
from tests.factories.accounts import make_end_customer, read
from tests.factories.catalogue import make_agreement
from tests.factories.ordering import make_cart
from tests.portal.shop import Shop, filled, hidden, new_cart, text_of


@pytest.fixture
def cart(shop: Shop) -> int:
    """A cart of 50 SSDs at 9.00 and 5 CPUs at 200.00: 1,450.00 net, 145.00 tax."""
    return make_cart(shop.session, shop.company, {shop.ssd: 50, shop.cpu: 5}).id


def add_branch(shop: Shop, name: str = "Lidham", *, is_active: bool = True) -> Branch:
    with writing(shop.session), all_companies(shop.session, reason="test data"):
        branch = Branch(company_id=shop.company.id, name=name, city=name, is_active=is_active)
        shop.session.add(branch)
        shop.session.commit()
        return branch


def test_the_page_shows_lines_dates_and_the_total(shop: Shop, cart: int) -> None:
    page = text_of(shop.buyer.get(f"/carts/{cart}/checkout"))
    for words in ("50 × 9.00", "3 leave today, 2 on Wed 2 Dec", "1,450.00", "145.00", "1,595.00"):
        assert words in page


def test_placing_makes_one_order_and_leads_to_it(shop: Shop, cart: int) -> None:
    data = filled(
        shop.buyer,
        cart,
        po_number="KB-7741",
        reference="Render room",
        notes="Ring first",
        requested_on="2099-12-24",
    )
    answer = shop.buyer.post(f"/carts/{cart}/checkout", data=data)
    order = shop.orders()[0]
    assert (answer.status_code, answer.location) == (303, f"/orders/{order.number}")
    assert (order.po_number, order.reference, order.notes) == ("KB-7741", "Render room", "Ring first")
    assert str(order.requested_on) == "2099-12-24"
    assert (order.net, order.tax, order.total) == (Decimal(1450), Decimal(145), Decimal(1595))
    page = text_of(shop.buyer.get(answer.location))
    assert f"Order {order.number} is placed." in page


def test_sending_twice_gives_one_order_and_the_same_page(shop: Shop, cart: int) -> None:
    data = filled(shop.buyer, cart)
    first = shop.buyer.post(f"/carts/{cart}/checkout", data=data)
    second = shop.buyer.post(f"/carts/{cart}/checkout", data=data)
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.location == second.location
    assert len(shop.orders()) == 1


def test_a_second_tab_finds_the_order(shop: Shop, cart: int) -> None:
    placed = shop.buyer.post(f"/carts/{cart}/checkout", data=filled(shop.buyer, cart)).location
    assert shop.buyer.get(f"/carts/{cart}/checkout").location == placed
    assert shop.buyer.get(f"/carts/{cart}").location == placed
    change = shop.buyer.post(f"/carts/{cart}/lines", data={"code": "CPU-1", "quantity": "1"})
    assert (change.status_code, change.location) == (303, placed)


def raise_price(shop: Shop, price: str) -> None:
    with writing(shop.session), all_companies(shop.session, reason="test data"):
        shop.session.execute(
            update(PriceRow).where(PriceRow.product_id == shop.cpu.id).values(unit_price=Decimal(price))
        )
        shop.session.commit()


def test_another_total_than_shown_names_the_lines_and_offers_the_new_one(shop: Shop, cart: int) -> None:
    data = filled(shop.buyer, cart, po_number="KB-1", notes="Ring first")
    raise_price(shop, "210")
    answer = shop.buyer.post(f"/carts/{cart}/checkout", data=data)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 409
    for words in ("Gannet 9 CPU", "5 × 200.00", "5 × 210.00", "1,595.00", "1,650.00"):
        assert words in text_of(answer)
    assert "SSD-1" not in text_of(answer)
    assert (hidden(page, "po_number"), hidden(page, "notes")) == ("KB-1", "Ring first")
    assert shop.orders() == []
    again = {**data, "shown_total": hidden(page, "shown_total"), "shown_lines": hidden(page, "shown_lines")}
    assert shop.buyer.post(f"/carts/{cart}/checkout", data=again).status_code == 303
    assert [(order.total, order.po_number) for order in shop.orders()] == [(Decimal(1650), "KB-1")]


@pytest.mark.parametrize("total", ["", "abc", "-1", "١٢", "1e9", "NaN", "9" * 40])
def test_an_altered_total_is_answered(shop: Shop, cart: int, total: str) -> None:
    data = {**filled(shop.buyer, cart, po_number="KB-1"), "shown_total": total}
    answer = shop.buyer.post(f"/carts/{cart}/checkout", data=data)
    assert answer.status_code == 422
    assert "page is out of date" in text_of(answer)
    assert 'value="KB-1"' in answer.get_data(as_text=True)
    assert shop.orders() == []


def test_altered_lines_are_answered(shop: Shop, cart: int) -> None:
    data = {**filled(shop.buyer, cart), "shown_total": "1", "shown_lines": "SSD-1=axb;x"}
    assert shop.buyer.post(f"/carts/{cart}/checkout", data=data).status_code in (409, 422)
    assert shop.orders() == []


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"requested_on": "2000-01-01"}, "Choose today or a later day."),
        ({"requested_on": "tomorrow"}, "Not a valid date"),
        ({"po_number": "x" * 81}, "Shorten this to 80 characters."),
        ({"reference": "a\x00b"}, "cannot be seen"),
        ({"notes": "x" * 2001}, "Shorten this to 2000 characters."),
        ({"ship_to": "end_customer"}, "Choose the end customer"),
        ({"ship_to": "moon"}, "Not a valid choice"),
        ({"branch_id": "999999"}, "This branch is closed or not yours."),
        ({"branch_id": "9" * 30}, "This branch is closed or not yours."),
        ({"end_customer_id": "999999"}, "This end customer is closed or not yours."),
    ],
)
def test_an_entry_that_cannot_be_used_keeps_everything_typed(
    shop: Shop, cart: int, entry: dict[str, str], message: str
) -> None:
    data = filled(shop.buyer, cart, **{"reference": "Render room", **entry})
    answer = shop.buyer.post(f"/carts/{cart}/checkout", data=data)
    assert answer.status_code == 422
    assert message in text_of(answer)
    if "reference" not in entry:
        assert 'value="Render room"' in answer.get_data(as_text=True)
    assert shop.orders() == []


def test_a_branch_closed_meanwhile_is_answered(shop: Shop, cart: int) -> None:
    data = filled(shop.buyer, cart, po_number="KB-1")
    add_branch(shop)
    with writing(shop.session), all_companies(shop.session, reason="test data"):
        shop.session.execute(
            update(Branch).where(Branch.id == int(data["branch_id"])).values(is_active=False)
        )
        shop.session.commit()
    answer = shop.buyer.post(f"/carts/{cart}/checkout", data=data)
    assert answer.status_code == 422
    assert "This branch is closed or not yours." in text_of(answer)
    assert 'value="KB-1"' in answer.get_data(as_text=True)
    assert shop.orders() == []
    page = shop.buyer.get(f"/carts/{cart}/checkout")
    assert page.status_code == 200


def test_another_companys_end_customer_cannot_be_chosen(shop: Shop, cart: int) -> None:
    stranger = make_end_customer(shop.session, shop.other, "Stranger")
    data = filled(shop.buyer, cart, end_customer_id=str(stranger.id), ship_to="end_customer")
    answer = shop.buyer.post(f"/carts/{cart}/checkout", data=data)
    assert answer.status_code == 422
    assert "Stranger" not in text_of(answer)
    assert shop.orders() == []


def test_drop_ship_goes_to_the_end_customers_address(shop: Shop, cart: int) -> None:
    customer = make_end_customer(shop.session, shop.company, "Quillfeather Studios")
    data = filled(shop.buyer, cart, end_customer_id=str(customer.id), ship_to="end_customer")
    assert shop.buyer.post(f"/carts/{cart}/checkout", data=data).status_code == 303
    order = shop.orders()[0]
    assert (order.ship_to["name"], order.ship_to["city"]) == ("Quillfeather Studios", "Thimble")


def test_a_new_end_customer_is_added_in_place_and_chosen(shop: Shop, cart: int) -> None:
    data = filled(
        shop.buyer,
        cart,
        act="add_customer",
        po_number="KB-1",
        new_name="Gannet & Daughters",
        new_city="Thimble",
        new_country="US",
    )
    answer = shop.buyer.post(f"/carts/{cart}/checkout", data=data)
    customer = read(shop.session, select(EndCustomer))[0]
    assert answer.status_code == 200
    assert f'<option selected value="{customer.id}">Gannet &amp; Daughters</option>' in answer.text
    assert 'value="KB-1"' in answer.text
    again = shop.buyer.post(f"/carts/{cart}/checkout", data=data)
    assert again.status_code == 409
    assert "There is an end customer of this name already." in text_of(again)
    assert shop.orders() == []


def test_another_branch_brings_its_own_prices_and_the_entries_stay(shop: Shop, cart: int) -> None:
    lidham = add_branch(shop)
    make_agreement(shop.session, branch=lidham, prices={shop.cpu: [(1, "190")]})
    data = filled(shop.buyer, cart, act="reprice", po_number="KB-1", branch_id=str(lidham.id))
    answer = shop.buyer.post(f"/carts/{cart}/checkout", data=data)
    assert (answer.status_code, answer.location) == (303, f"/carts/{cart}/checkout")
    page = shop.buyer.get(answer.location)
    assert "5 × 190.00" in text_of(page)
    assert 'value="KB-1"' in page.text


def test_an_empty_cart_leads_back_to_it(shop: Shop) -> None:
    cart = new_cart(shop.buyer)
    assert shop.buyer.get(f"/carts/{cart}/checkout").location == f"/carts/{cart}"


def test_a_line_that_went_out_of_stock_stops_the_order(shop: Shop, cart: int) -> None:
    data = filled(shop.buyer, cart, po_number="KB-1")
    with writing(shop.session), all_companies(shop.session, reason="test data"):
        shop.session.merge(shop.cpu).is_backorderable = False
        shop.session.commit()
    answer = shop.buyer.post(f"/carts/{cart}/checkout", data=data)
    assert answer.status_code == 422
    assert "CPU-1" in text_of(answer)
    assert 'value="KB-1"' in answer.text
    assert shop.orders() == []


def test_only_those_who_order_come_here(shop: Shop, cart: int) -> None:
    for role in (Role.RESELLER_FINANCE, Role.RESELLER_SUPPORT, Role.END_CUSTOMER_DESK):
        client = shop.client(role)
        assert client.get(f"/carts/{cart}/checkout").status_code == 403
        assert client.post(f"/carts/{cart}/checkout").status_code == 403
    assert shop.orders() == []
