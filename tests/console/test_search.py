"""The console's search: exact numbers go straight to their page."""

from __future__ import annotations

import pytest

from app.core.permissions import Role
from tests.console import stage
from tests.factories import catalogue


@pytest.fixture
def scene(app):
    scene = stage.make_scene(app, 2)
    with stage.stored(app) as session:
        catalogue.make_product(session, "TERN-1", "Tern cooler", mpn="MK 77/B", gtin="4006381333931")
    with stage.stored(app) as session:
        stage.add_order(
            session, scene.company, [(scene.products[0], 0, 1)], number="SO-26-00042", po_number="KB-9"
        )
        stage.add_request(session, scene.company, scene.products[1], number="PR-26-00007")
    return scene


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("SO-26-00042", "/console/orders/SO-26-00042"),
        (" so-26-00042 ", "/console/orders/SO-26-00042"),
        ("part-2", "/console/stock/products/2"),
        ("mk 77/b", "/console/stock/products/3"),
        ("4006381333931", "/console/stock/products/3"),
    ],
)
def test_an_exact_number_opens_its_page(app, scene, typed, address):
    client = stage.client_of(app, Role.VENDOR_SUPPORT)
    answer = client.get("/console/search", query_string={"q": typed})
    assert (answer.status_code, answer.headers["Location"]) == (302, address)


def test_a_price_request_opens_for_sales_alone(app, scene):
    sales, support = stage.client_of(app, Role.VENDOR_SALES), stage.client_of(app, Role.VENDOR_SUPPORT)
    assert sales.get("/console/search?q=PR-26-00007").headers["Location"] == "/console/price-requests/1"
    assert support.get("/console/search?q=PR-26-00007").status_code == 200


def test_words_show_what_fits(app, scene):
    text = stage.client_of(app, Role.VENDOR_SUPPORT).get("/console/search?q=quill").get_data(as_text=True)
    assert "PART-1" in text
    assert "PART-2" in text
    assert "TERN-1" not in text


def test_a_part_of_a_number_finds_orders(app, scene):
    text = stage.client_of(app, Role.VENDOR_SUPPORT).get("/console/search?q=00042").get_data(as_text=True)
    assert "SO-26-00042" in text
    by_po = stage.client_of(app, Role.VENDOR_SUPPORT).get("/console/search?q=kb-9").get_data(as_text=True)
    assert "SO-26-00042" in by_po


def test_nothing_asked_and_nothing_found_are_answered(app, scene):
    client = stage.client_of(app, Role.VENDOR_SUPPORT)
    assert "What are you looking for?" in client.get("/console/search").get_data(as_text=True)
    assert "Nothing found" in client.get("/console/search?q=zzzzqq").get_data(as_text=True)


@pytest.mark.parametrize("typed", ["%", "_", '"', "a OR b", "' --", "x" * 5000, "١٢", "💾", "\\", "<script>"])
def test_odd_text_is_only_text(app, scene, typed):
    client = stage.client_of(app, Role.VENDOR_SUPPORT)
    answer = client.get("/console/search", query_string={"q": typed})
    assert answer.status_code == 200
    assert "<script>alert" not in answer.get_data(as_text=True)


@pytest.mark.parametrize("typed", ["\x00", "a\u202eb", "\ud800"])
def test_unseen_characters_are_refused(app, scene, typed):
    client = stage.client_of(app, Role.VENDOR_SUPPORT)
    encoded = typed.encode("utf-8", "surrogatepass")
    query = "q=" + "".join(f"%{byte:02X}" for byte in encoded)
    assert client.get(f"/console/search?{query}").status_code in (200, 422)


def test_a_reseller_does_not_search_here(app, scene):
    assert stage.client_of(app, Role.BUYER, scene.company).get("/console/search?q=x").status_code == 404
