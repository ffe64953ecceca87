"""The search box of every page: exact numbers lead straight there."""

from __future__ import annotations

import pytest

from app.core.permissions import Role
from tests.factories.catalogue import make_customer_number, make_product
from tests.portal.shop import Shop, text_of


@pytest.mark.parametrize("text", ["SSD-1", " ssd-1 ", "QN-2T", "KB-77"])
def test_any_exact_number_leads_to_the_product(shop: Shop, text: str) -> None:
    make_customer_number(shop.session, shop.company, shop.ssd, "KB-77")
    answer = shop.buyer.get("/search", query_string={"q": text})
    assert (answer.status_code, answer.location) == (302, "/catalogue/product/SSD-1")


def test_an_order_or_po_number_leads_to_the_order(shop: Shop) -> None:
    number = shop.place(("CPU-1", 1), po_number="KB-7741")
    for text in (number, number.lower(), "KB-7741"):
        assert shop.buyer.get("/search", query_string={"q": text}).location == f"/orders/{number}"
    stranger = shop.client(Role.BUYER, shop.other)
    assert stranger.get("/search", query_string={"q": number}).status_code == 200


def test_words_find_products_and_orders(shop: Shop) -> None:
    number = shop.place(("CPU-1", 1), reference="Gannet room")
    page = text_of(shop.buyer.get("/search?q=gannet"))
    assert number in page
    assert "Gannet 9 CPU" in page


def test_a_number_of_several_products_lists_them(shop: Shop) -> None:
    for sku in ("TWIN-1", "TWIN-2"):
        make_product(shop.session, sku, mpn="SAME-9")
    page = text_of(shop.buyer.get("/search?q=SAME-9"))
    assert "TWIN-1" in page
    assert "TWIN-2" in page


@pytest.mark.parametrize("text", ["zzzzqqqq", "'", '"', "%", "a OR b", "x" * 5000])
def test_nothing_found_says_what_to_try(shop: Shop, text: str) -> None:
    answer = shop.buyer.get("/search", query_string={"q": text})
    assert answer.status_code == 200
    assert "Nothing found" in text_of(answer)


def test_an_empty_search_asks_what_is_wanted(shop: Shop) -> None:
    assert "What are you looking for?" in text_of(shop.buyer.get("/search"))
    assert shop.buyer.get("/search?q=a%00").status_code == 422
