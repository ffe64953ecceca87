"""Named carts, quick add by any number, quantities, and what another company gets: nothing."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.core.permissions import Role
from app.domain.ordering.models import CartLine
from tests.factories.accounts import read
from tests.factories.catalogue import make_agreement, make_customer_number, make_product
from tests.factories.ordering import make_cart
from tests.portal.shop import HTMX, Shop, new_cart, statements, text_of


def lines(shop: Shop) -> list[tuple[int, int]]:
    return [(line.product_id, line.quantity) for line in read(shop.session, select(CartLine))]


def line_id(shop: Shop) -> int:
    return int(read(shop.session, select(CartLine.id))[0])


def test_without_a_cart_the_list_says_what_belongs_there(shop: Shop) -> None:
    assert "No open cart" in text_of(shop.buyer.get("/carts"))
    assert shop.buyer.get("/carts/current").location == "/carts"


def test_carts_have_names_and_the_last_changed_is_the_present_one(shop: Shop) -> None:
    first, second = new_cart(shop.buyer, "Render room"), new_cart(shop.buyer, "Branch Lidham")
    assert shop.buyer.get("/carts/current").location == f"/carts/{second}"
    assert shop.buyer.post(f"/carts/{first}/use").status_code == 303
    assert shop.buyer.get("/carts/current").location == f"/carts/{first}"
    page = text_of(shop.buyer.get("/carts"))
    assert "Render room" in page
    assert "Branch Lidham" in page


@pytest.mark.parametrize("name", ["", "   ", "x" * 121, "a\x00b"])
def test_a_name_that_cannot_be_used_is_answered(shop: Shop, name: str) -> None:
    assert shop.buyer.post("/carts", data={"name": name}).status_code == 422
    assert shop.carts() == []


def test_any_number_of_a_product_adds_it(shop: Shop) -> None:
    make_customer_number(shop.session, shop.company, shop.ssd, "KB-77")
    cart = new_cart(shop.buyer)
    for code in ("ssd-1", "QN-2T", "kb-77"):
        answer = shop.buyer.post(f"/carts/{cart}/lines", data={"code": code, "quantity": "10"})
        assert answer.status_code == 303
    assert lines(shop) == [(shop.ssd.id, 30)]
    page = text_of(shop.buyer.get(f"/carts/{cart}"))
    for words in ("285.00", "28.50", "313.50", "Everything is in stock."):
        assert words in page


def test_an_unknown_number_is_kept_and_can_be_searched(shop: Shop) -> None:
    cart = new_cart(shop.buyer)
    answer = shop.buyer.post(f"/carts/{cart}/lines", data={"code": "SSD-1O", "quantity": "10"})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "/search?q=SSD-1O" in page
    assert 'value="SSD-1O"' in page
    assert lines(shop) == []


def test_several_products_of_one_number_are_offered(shop: Shop) -> None:
    for sku in ("TWIN-1", "TWIN-2"):
        make_product(shop.session, sku, mpn="SAME")
    cart = new_cart(shop.buyer)
    answer = shop.buyer.post(f"/carts/{cart}/lines", data={"code": "SAME", "quantity": "1"})
    assert answer.status_code == 422
    assert "Take TWIN-1" in text_of(answer)
    assert "Take TWIN-2" in text_of(answer)


def test_a_pack_rule_offers_the_nearest_quantities(shop: Shop) -> None:
    cart = new_cart(shop.buyer)
    answer = shop.buyer.post(f"/carts/{cart}/lines", data={"code": "SSD-1", "quantity": "13"})
    assert answer.status_code == 422
    assert "Add 10 Add 20" in text_of(answer)
    shop.buyer.post(f"/carts/{cart}/lines", data={"code": "SSD-1", "quantity": "20"})
    again = shop.buyer.post(f"/carts/{cart}/lines", data={"code": "SSD-1", "quantity": "3"})
    assert "Make it 30 in all" in text_of(again)
    assert lines(shop) == [(shop.ssd.id, 20)]


def test_a_product_without_a_price_leads_to_asking_for_one(shop: Shop) -> None:
    cart = new_cart(shop.buyer)
    answer = shop.buyer.post(f"/carts/{cart}/lines", data={"code": "GPU-1", "quantity": "2"})
    assert answer.status_code == 422
    assert "/price-requests/new?sku=GPU-1&amp;quantity=2" in answer.get_data(as_text=True)


BAD = ["0", "-1", "9223372036854775808", "1e9", "١٢", "1.5", "ten"]


@pytest.mark.parametrize("quantity", BAD)
def test_no_entry_takes_a_quantity_that_is_none(shop: Shop, quantity: str) -> None:
    cart = new_cart(shop.buyer)
    shop.buyer.post(f"/carts/{cart}/lines", data={"code": "CPU-1", "quantity": "2"})
    for address in (f"/carts/{cart}/lines", f"/carts/{cart}/lines/{line_id(shop)}"):
        for headers in ({}, HTMX):
            answer = shop.buyer.post(address, data={"code": "CPU-1", "quantity": quantity}, headers=headers)
            assert answer.status_code == 422
            assert "Enter a quantity from 1 to 999999" in answer.get_data(as_text=True)
            assert f'value="{quantity}"' in answer.get_data(as_text=True)
    assert lines(shop) == [(shop.cpu.id, 2)]


def test_setting_a_quantity_reprices_by_the_ladder(shop: Shop) -> None:
    cart = new_cart(shop.buyer)
    shop.buyer.post(f"/carts/{cart}/lines", data={"code": "SSD-1", "quantity": "10"})
    answer = shop.buyer.post(f"/carts/{cart}/lines/{line_id(shop)}", data={"quantity": "50"}, headers=HTMX)
    body = answer.get_data(as_text=True)
    assert body.lstrip().startswith('<div class="st-cols" id="cart"')
    assert "450.00" in body
    assert 'id="cart-mark"' in body


def test_units_that_wait_say_when_they_come(shop: Shop) -> None:
    cart = new_cart(shop.buyer)
    shop.buyer.post(f"/carts/{cart}/lines", data={"code": "CPU-1", "quantity": "5"})
    page = text_of(shop.buyer.get(f"/carts/{cart}"))
    assert "3 leave today, 2 on Wed 2 Dec" in page


def test_a_line_can_be_taken_out_twice(shop: Shop) -> None:
    cart = new_cart(shop.buyer)
    shop.buyer.post(f"/carts/{cart}/lines", data={"code": "CPU-1", "quantity": "1"})
    address = f"/carts/{cart}/lines/{line_id(shop)}/remove"
    assert shop.buyer.post(address).status_code == 303
    assert shop.buyer.post(address).status_code == 303
    assert "This cart is empty" in text_of(shop.buyer.get(f"/carts/{cart}"))


def test_a_cart_put_away_can_be_brought_back(shop: Shop) -> None:
    cart = new_cart(shop.buyer)
    shop.buyer.post(f"/carts/{cart}/lines", data={"code": "CPU-1", "quantity": "1"})
    page = shop.buyer.post(f"/carts/{cart}/discard", follow_redirects=True).get_data(as_text=True)
    assert f"/carts/{cart}/restore" in page
    assert shop.buyer.get(f"/carts/{cart}").status_code == 404
    refused = shop.buyer.post(f"/carts/{cart}/lines", data={"code": "CPU-1", "quantity": "1"})
    assert (refused.status_code, refused.location) == (303, "/carts")
    assert shop.buyer.post(f"/carts/{cart}/restore").status_code == 303
    assert "Gannet 9 CPU" in text_of(shop.buyer.get(f"/carts/{cart}"))


def test_a_cart_gets_another_name(shop: Shop) -> None:
    cart = new_cart(shop.buyer)
    assert shop.buyer.post(f"/carts/{cart}/rename", data={"name": "Week 48"}).status_code == 303
    assert shop.buyer.post(f"/carts/{cart}/rename", data={"name": ""}).status_code == 422
    assert [row.name for row in shop.carts()] == ["Week 48"]


def test_a_line_that_cannot_be_ordered_any_more_is_marked(shop: Shop) -> None:
    cart = make_cart(shop.session, shop.company, {shop.ssd: 13, shop.gpu: 1})
    page = text_of(shop.buyer.get(f"/carts/{cart.id}"))
    assert "2 lines cannot be ordered like this" in page
    assert "Take 10 Take 20" in page
    assert "Ask for a price" in page
    assert shop.buyer.get(f"/carts/{cart.id}/checkout").location == f"/carts/{cart.id}"


def test_another_companys_cart_does_not_exist(shop: Shop) -> None:
    cart = make_cart(shop.session, shop.other, {shop.cpu: 1}, branch=shop.other.branches[0]).id
    line = line_id(shop)
    data = {"name": "mine", "code": "CPU-1", "quantity": "1"}
    for address in (f"/carts/{cart}", f"/carts/{cart}/checkout"):
        assert shop.buyer.get(address).status_code == 404
    for step in ("lines", f"lines/{line}", f"lines/{line}/remove", "rename", "use", "discard", "restore"):
        assert shop.buyer.post(f"/carts/{cart}/{step}", data=data).status_code == 404, step
    assert shop.buyer.get("/carts/99999999999999999999999").status_code == 404
    assert "mine" not in [row.name for row in shop.carts()]
    assert lines(shop) == [(shop.cpu.id, 1)]


def test_a_line_of_another_cart_does_not_exist_here(shop: Shop) -> None:
    make_cart(shop.session, shop.company, {shop.cpu: 1})
    line, cart = line_id(shop), new_cart(shop.buyer)
    assert shop.buyer.post(f"/carts/{cart}/lines/{line}", data={"quantity": "2"}).status_code == 404
    assert lines(shop) == [(shop.cpu.id, 1)]


def test_finance_looks_at_carts_and_changes_nothing(shop: Shop) -> None:
    cart = make_cart(shop.session, shop.company, {shop.cpu: 1}).id
    finance = shop.client(Role.RESELLER_FINANCE)
    assert "Gannet 9 CPU" in text_of(finance.get(f"/carts/{cart}"))
    for step in ("lines", "rename", "discard"):
        assert finance.post(f"/carts/{cart}/{step}", data={"name": "x"}).status_code == 403
    assert finance.get(f"/carts/{cart}/checkout").status_code == 403
    assert shop.client(Role.RESELLER_SUPPORT).get(f"/carts/{cart}").status_code == 403


def test_a_cart_costs_the_same_for_one_line_and_for_forty(shop: Shop) -> None:
    short = make_cart(shop.session, shop.company, {shop.cpu: 5}).id
    made = {make_product(shop.session, f"ROW-{number}"): [(1, "5")] for number in range(40)}
    make_agreement(shop.session, prices=made)
    long = make_cart(shop.session, shop.company, dict.fromkeys(made, 2)).id
    with statements(shop.app) as one:
        assert shop.buyer.get(f"/carts/{short}").status_code == 200
    with statements(shop.app) as many:
        assert shop.buyer.get(f"/carts/{long}").status_code == 200
    assert len(many) <= len(one) <= 14
