"""Each role's first page: what waits for the reader, and no door that is closed to the role."""

from __future__ import annotations

import re

import pytest

from app.core.permissions import Role
from tests.factories.ordering import make_cart
from tests.portal.shop import Shop, statements, text_of

ROLES = [
    Role.BUYER,
    Role.APPROVER,
    Role.RESELLER_ADMIN,
    Role.RESELLER_FINANCE,
    Role.RESELLER_SUPPORT,
    Role.END_CUSTOMER_DESK,
]


def test_a_new_company_is_welcomed_and_shown_the_catalogue(shop: Shop) -> None:
    page = text_of(shop.buyer.get("/home"))
    assert "Welcome to Larkspur" in page
    assert "Open the catalogue" in page


def test_work_comes_first_and_orders_on_their_way_follow(shop: Shop) -> None:
    make_cart(shop.session, shop.company, {shop.cpu: 2}, name="Week 48")
    number = shop.place(("CPU-1", 50), po_number="KB-7741")
    page = text_of(shop.buyer.get("/home"))
    for words in ("Hello, Mara", f"Decide about {number}", "Finish cart “Week 48”", "On its way", "47 short"):
        assert words in page
    assert page.index("Needs you") < page.index("On its way")


def test_another_companys_work_is_not_shown(shop: Shop) -> None:
    make_cart(shop.session, shop.company, {shop.cpu: 2}, name="Week 48")
    number = shop.place(("CPU-1", 5))
    page = text_of(shop.client(Role.BUYER, shop.other).get("/home"))
    assert number not in page
    assert "Week 48" not in page


@pytest.mark.parametrize("role", ROLES)
def test_every_link_of_a_home_opens_for_its_role(shop: Shop, role: Role) -> None:
    make_cart(shop.session, shop.company, {shop.cpu: 2})
    shop.place(("CPU-1", 5))
    client = shop.client(role)
    page = client.get("/home")
    assert page.status_code == 200
    addresses = set(re.findall(r'href="(/[^"#?]*)', page.text)) - {"/"}
    assert addresses
    for address in sorted(addresses):
        if address.startswith("/static"):
            continue
        assert client.get(address, follow_redirects=True).status_code == 200, address


def test_home_costs_the_same_for_few_and_for_many(shop: Shop) -> None:
    shop.place(("CPU-1", 5))
    with statements(shop.app) as one:
        shop.buyer.get("/home")
    for _number in range(5):
        shop.place(("CPU-1", 5))
        make_cart(shop.session, shop.company, {shop.cpu: 2})
    with statements(shop.app) as many:
        assert shop.buyer.get("/home").status_code == 200
    assert len(many) <= len(one) <= 10
