"""Finding products, reading why they cost what they cost, and putting them into the cart."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.adapters.storage import LocalStore
from app.core.database import writing
from app.core.permissions import Role
from app.core.tenancy import all_companies
from app.domain.catalogue.models import CrossReference, Product, ProductMedia
from tests.factories.catalogue import (
    make_agreement,
    make_attribute,
    make_customer_number,
    make_listing,
    make_product,
)
from tests.factories.ordering import make_receipt
from tests.portal.shop import DUE, HTMX, Shop, statements, text_of


def test_a_row_shows_price_next_break_stock_and_pack(shop: Shop) -> None:
    page = text_of(shop.buyer.get("/catalogue?q=SSD-1"))
    for words in ("Quill N2 2 TB", "SSD-1", "QN-2T", "100 today", "9.50", "50+ 9.00", "packs of 10"):
        assert words in page


def test_stock_to_come_is_shown_with_its_day(shop: Shop) -> None:
    page = text_of(shop.buyer.get("/catalogue?q=CPU-1"))
    assert "3 today +20 Wed 2 Dec" in page


def test_a_product_without_a_price_offers_to_ask_for_one(shop: Shop) -> None:
    page = shop.buyer.get("/catalogue?q=GPU-1").get_data(as_text=True)
    assert "On request" in page
    assert "/price-requests/new?sku=GPU-1" in page
    assert "/catalogue/add/GPU-1" not in page


def test_another_company_sees_its_own_price_or_none(shop: Shop) -> None:
    page = text_of(shop.client(Role.BUYER, shop.other).get("/catalogue?q=SSD-1"))
    assert "On request" in page
    assert "9.50" not in page


def test_a_support_desk_sees_neither_prices_nor_a_way_to_buy(shop: Shop) -> None:
    desk = shop.client(Role.RESELLER_SUPPORT)
    for address in ("/catalogue", "/catalogue/product/SSD-1", "/search?q=quill"):
        page = desk.get(address).get_data(as_text=True)
        assert "Quill N2 2 TB" in page
        assert "9.50" not in page
        assert "/catalogue/add/" not in page
    assert desk.get("/catalogue/why/SSD-1").status_code == 403
    assert desk.post("/catalogue/add/SSD-1", data={"quantity": "10"}).status_code == 403


def test_finance_reads_prices_but_cannot_buy(shop: Shop) -> None:
    finance = shop.client(Role.RESELLER_FINANCE)
    page = finance.get("/catalogue").get_data(as_text=True)
    assert "9.50" in page
    assert "/catalogue/add/" not in page
    assert finance.post("/catalogue/add/SSD-1", data={"quantity": "10"}).status_code == 403


def test_an_end_customers_desk_has_no_catalogue(shop: Shop) -> None:
    desk = shop.client(Role.END_CUSTOMER_DESK)
    assert desk.get("/catalogue").status_code == 403
    assert "/catalogue" not in desk.get("/home").get_data(as_text=True)


def test_a_catalogue_without_products_says_what_belongs_there(shop: Shop) -> None:
    with writing(shop.session), all_companies(shop.session, reason="test data"):
        for product in (shop.ssd, shop.cpu, shop.gpu):
            shop.session.merge(product).life_cycle = "ended"
        shop.session.commit()
    page = text_of(shop.buyer.get("/catalogue"))
    assert "No products yet" in page


def test_nothing_found_names_the_filter_and_offers_to_drop_it(shop: Shop) -> None:
    page = text_of(shop.buyer.get("/catalogue?brand=Nobody"))
    assert "No product matches" in page
    assert "Drop Nobody" in page


def test_facets_come_as_a_fragment_or_with_the_page(shop: Shop) -> None:
    capacity = make_attribute(shop.session, shop.category)
    make_product(shop.session, "SSD-2", category=shop.category, attributes={capacity: "4 TB"})
    fragment = shop.buyer.get("/catalogue/facets?category=internal-drives", headers=HTMX)
    assert "<html" not in fragment.get_data(as_text=True)
    assert "Capacity" in text_of(fragment)
    without = shop.buyer.get("/catalogue?category=internal-drives").get_data(as_text=True)
    assert "facets=1" in without
    assert "Capacity" not in without
    within = shop.buyer.get("/catalogue?category=internal-drives&facets=1").get_data(as_text=True)
    assert 'name="f.capacity"' in within
    chosen = text_of(shop.buyer.get("/catalogue?category=internal-drives&f.capacity=4 TB"))
    assert "SSD-2" in chosen
    assert "CPU-1" not in chosen


def test_ready_to_ship_leaves_out_what_is_not_in_stock(shop: Shop) -> None:
    page = text_of(shop.buyer.get("/catalogue?stock=ready"))
    assert "SSD-1" in page
    assert "GPU-1" not in page


@pytest.mark.parametrize(
    "query",
    ["cursor=nonsense", "q=a%00b", "q=%E2%80%AE", "sort=price&cursor=WzAsMSxbMF1d", "category=no-such"],
)
def test_an_address_that_cannot_be_read_is_answered(shop: Shop, query: str) -> None:
    answer = shop.buyer.get(f"/catalogue?{query}")
    assert answer.status_code in (404, 422)


def test_suggestions_are_links_to_products(shop: Shop) -> None:
    fragment = shop.buyer.get("/catalogue/suggest?q=quil", headers=HTMX).get_data(as_text=True)
    assert "/catalogue/product/SSD-1" in fragment
    assert "<html" not in fragment


def test_why_names_the_agreement_and_the_list_price(shop: Shop) -> None:
    make_agreement(shop.session, number="PL-9", name="List", prices={shop.ssd: [(1, "12")]})
    fragment = shop.buyer.get("/catalogue/why/SSD-1?quantity=60", headers=HTMX)
    page = text_of(fragment)
    for words in ("Why 9.00", "List price", "PL-9", "12.00", "−3.00", "wins", "quantity 60"):
        assert words in page
    whole = shop.buyer.get("/catalogue/why/SSD-1").get_data(as_text=True)
    assert "<html" in whole
    assert "Why 9.50" in whole


@pytest.mark.parametrize("quantity", ["0", "-1", "9223372036854775808", "1e9", "١٢", "x"])
def test_why_answers_any_quantity(shop: Shop, quantity: str) -> None:
    assert shop.buyer.get(f"/catalogue/why/SSD-1?quantity={quantity}").status_code == 200


def test_a_product_page_shows_everything_known(shop: Shop) -> None:
    make_customer_number(shop.session, shop.company, shop.ssd, "KB-77")
    with writing(shop.session), all_companies(shop.session, reason="test data"):
        shop.session.add(CrossReference(product_id=shop.ssd.id, code="OLD-9", code_key="OLD-9"))
        shop.session.commit()
    page = text_of(shop.buyer.get("/catalogue/product/ssd-1"))
    for words in ("Quill N2 2 TB", "QN-2T", "KB-77", "OLD-9", "50+ 9.00", "100 today", "packs of 10"):
        assert words in page


def test_a_product_that_is_not_offered_does_not_exist(shop: Shop) -> None:
    with writing(shop.session), all_companies(shop.session, reason="test data"):
        shop.session.merge(shop.company).visibility_mode = "only_listed"
        shop.session.commit()
    make_listing(shop.session, shop.company, product=shop.cpu)
    assert shop.buyer.get("/catalogue/product/CPU-1").status_code == 200
    for address in ("/catalogue/product/SSD-1", "/catalogue/why/SSD-1", "/catalogue/product/NO-1"):
        assert shop.buyer.get(address).status_code == 404
    assert "SSD-1" not in text_of(shop.buyer.get("/catalogue"))
    answer = shop.buyer.post("/catalogue/add/SSD-1", data={"quantity": "10"})
    assert answer.status_code == 404
    assert shop.carts() == [] or not shop.carts()[0].placed_at


def test_adding_without_script_goes_back_to_the_list(shop: Shop) -> None:
    answer = shop.buyer.post("/catalogue/add/SSD-1", data={"quantity": "20", "next": "/catalogue?q=SSD-1"})
    assert (answer.status_code, answer.location) == (303, "/catalogue?q=SSD-1")
    page = text_of(shop.buyer.get("/catalogue?q=SSD-1"))
    assert "20 × SSD-1 put into" in page
    assert "20 in cart" in page


def test_adding_never_leads_to_another_site(shop: Shop) -> None:
    answer = shop.buyer.post("/catalogue/add/SSD-1", data={"quantity": "10", "next": "https://evil.example/"})
    assert answer.location == "/catalogue/product/SSD-1"


def test_adding_by_htmx_gives_the_row_and_the_carts_mark(shop: Shop) -> None:
    answer = shop.buyer.post("/catalogue/add/SSD-1", data={"quantity": "10"}, headers=HTMX)
    body = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert body.lstrip().startswith("<tr")
    assert "10 in cart" in body
    assert 'id="cart-mark"' in body
    assert 'Cart, 1 line"' in body


@pytest.mark.parametrize(
    ("quantity", "message"),
    [
        ("13", "10 or 20"),
        ("0", "Enter a quantity from 1 to 999999"),
        ("-1", "Enter a quantity from 1 to 999999"),
        ("9223372036854775808", "Enter a quantity from 1 to 999999"),
        ("1e9", "Enter a quantity from 1 to 999999"),
        ("١٢", "Enter a quantity from 1 to 999999"),
        ("", "Enter a quantity"),
    ],
)
def test_a_wrong_quantity_is_kept_and_answered(shop: Shop, quantity: str, message: str) -> None:
    for headers in (HTMX, {}):
        answer = shop.buyer.post("/catalogue/add/SSD-1", data={"quantity": quantity}, headers=headers)
        assert answer.status_code == 422
        assert message in answer.get_data(as_text=True)
        assert f'value="{quantity}"' in answer.get_data(as_text=True)
    assert shop.carts() == []


def test_an_ended_product_names_its_successor_and_cannot_be_bought(shop: Shop) -> None:
    with writing(shop.session), all_companies(shop.session, reason="test data"):
        ended = shop.session.merge(shop.cpu)
        ended.life_cycle, ended.successor_id = "ended", shop.ssd.id
        shop.session.commit()
    page = shop.buyer.get("/catalogue/product/CPU-1").get_data(as_text=True)
    assert "No longer made" in page
    assert "/catalogue/product/SSD-1" in page
    answer = shop.buyer.post("/catalogue/add/CPU-1", data={"quantity": "1"})
    assert answer.status_code == 422
    assert "SSD-1 takes its place" in text_of(answer)
    assert shop.carts() == []


def test_a_picture_is_shown_to_those_who_may_see_the_product(shop: Shop) -> None:
    store = LocalStore(Path(shop.app.config["DATA_DIR"]) / "uploads")
    key, path = store.new_path(extension=".png")
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    with writing(shop.session), all_companies(shop.session, reason="test data"):
        shop.session.add(
            ProductMedia(
                product_id=shop.ssd.id,
                kind="image",
                storage_key=key,
                filename="front.png",
                content_type="image/png",
                size_bytes=8,
            )
        )
        shop.session.commit()
    assert f"/catalogue/media/{key}?size=160" in shop.buyer.get("/catalogue").get_data(as_text=True)
    answer = shop.buyer.get(f"/catalogue/media/{key}?size=160")
    assert (answer.status_code, answer.mimetype) == (200, "image/png")
    answer.close()
    assert shop.buyer.get(f"/catalogue/media/{'0' * 32}.png").status_code == 404
    assert shop.buyer.get("/catalogue/media/..%2fsecret_key").status_code == 404


def test_the_list_costs_the_same_for_one_row_and_for_a_page(shop: Shop) -> None:
    with statements(shop.app) as one:
        assert shop.buyer.get("/catalogue?q=SSD-1").status_code == 200
    made: dict[Product, list[tuple[int, str]]] = {}
    for number in range(30):
        made[make_product(shop.session, f"ROW-{number}", "Row of many", category=shop.category)] = [(1, "5")]
    make_agreement(shop.session, prices=made)
    with statements(shop.app) as many:
        assert shop.buyer.get("/catalogue?q=row of many").status_code == 200
    assert len(many) <= len(one) <= 16


def test_the_product_page_costs_the_same_with_little_and_with_much_on_it(shop: Shop) -> None:
    with statements(shop.app) as little:
        assert shop.buyer.get("/catalogue/product/CPU-1").status_code == 200
    for day in range(1, 9):
        make_receipt(shop.session, shop.ssd, 10, DUE.replace(day=day))
    many_steps = {shop.ssd: [(10 * step, f"{9 - step / 10:.2f}") for step in range(1, 9)]}
    make_agreement(shop.session, company=shop.company, prices=many_steps)
    with statements(shop.app) as much:
        assert shop.buyer.get("/catalogue/product/SSD-1").status_code == 200
    assert len(much) <= len(little) <= 8
