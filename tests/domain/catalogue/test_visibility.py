"""What a company may see, in every door to the catalogue."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.core.tenancy import company_scope
from app.domain.accounts.models import Company
from app.domain.catalogue.buyers import get_buyer
from app.domain.catalogue.filters import ProductQuery
from app.domain.catalogue.listing import list_products, suggest
from app.domain.catalogue.lookup import look_up_codes
from app.domain.catalogue.queries import category_tree, get_product_page
from tests.factories import catalogue as make
from tests.factories.accounts import make_company
from tests.factories.catalogue import TODAY


@pytest.fixture
def drives(session: Session) -> dict[str, object]:
    """Storage > Drives (D-1, D-2), Networking (N-1)."""
    storage = make.make_category(session, "Storage")
    below = make.make_category(session, "Drives", parent=storage)
    network = make.make_category(session, "Networking")
    return {
        "storage": storage,
        "network": network,
        "D-1": make.make_product(session, "D-1", "Quill drive one", category=below),
        "D-2": make.make_product(session, "D-2", "Quill drive two", category=below),
        "N-1": make.make_product(session, "N-1", "Quill switch", category=network),
    }


def seen(session: Session, company: Company, on: date = TODAY) -> list[str]:
    """What the list shows; every other door must agree with it."""
    with company_scope(session, company.id):
        buyer = get_buyer(session, company_id=company.id)
        listed = [
            row.sku for row in list_products(session, buyer, query=ProductQuery(sort="sku"), on=on).items
        ]
        words = list_products(session, buyer, query=ProductQuery(text="quill", sort="sku"), on=on)
        codes = look_up_codes(session, buyer, ["D-1", "D-2", "N-1"], on=on)
        assert [row.sku for row in words.items] == listed
        assert sorted(row.sku for row in suggest(session, buyer, "quill", on=on)) == listed
        assert [code for code, matches in codes.items() if matches] == listed
        for sku in ("D-1", "D-2", "N-1"):
            if sku in listed:
                assert get_product_page(session, buyer, sku, on=on).product.sku == sku
            else:
                with pytest.raises(NotFound):
                    get_product_page(session, buyer, sku, on=on)
    return listed


def test_all_shows_everything_whatever_is_listed(session: Session, drives: dict[str, object]) -> None:
    company = make_company(session, visibility_mode="all")
    make.make_listing(session, company, product=drives["D-1"])
    assert seen(session, company) == ["D-1", "D-2", "N-1"]


def test_only_listed_shows_listed_products_and_whole_subtrees(
    session: Session, drives: dict[str, object]
) -> None:
    company = make_company(session, visibility_mode="only_listed")
    assert seen(session, company) == []
    make.make_listing(session, company, product=drives["N-1"])
    assert seen(session, company) == ["N-1"]
    make.make_listing(session, company, category=drives["storage"])
    assert seen(session, company) == ["D-1", "D-2", "N-1"]


def test_all_except_hides_listed_products_and_whole_subtrees(
    session: Session, drives: dict[str, object]
) -> None:
    company = make_company(session, visibility_mode="all_except")
    assert seen(session, company) == ["D-1", "D-2", "N-1"]
    make.make_listing(session, company, product=drives["D-2"])
    assert seen(session, company) == ["D-1", "N-1"]
    make.make_listing(session, company, category=drives["storage"])
    assert seen(session, company) == ["N-1"]


def test_listings_hold_from_their_start_until_before_their_end(
    session: Session, drives: dict[str, object]
) -> None:
    company = make_company(session, visibility_mode="only_listed")
    make.make_listing(
        session, company, product=drives["D-1"], starts_on=date(2026, 11, 10), ends_on=date(2026, 11, 20)
    )
    days = (date(2026, 11, 9), date(2026, 11, 10), date(2026, 11, 19), date(2026, 11, 20))
    assert [seen(session, company, day) for day in days] == [[], ["D-1"], ["D-1"], []]


def test_another_companys_listings_do_not_count(session: Session, drives: dict[str, object]) -> None:
    company = make_company(session, visibility_mode="only_listed")
    other = make_company(session, "Other", visibility_mode="only_listed")
    make.make_listing(session, other, product=drives["D-1"])
    assert seen(session, company) == []


def test_the_tree_shows_categories_that_hold_something_visible(
    session: Session, drives: dict[str, object]
) -> None:
    make.make_category(session, "Empty")
    company = make_company(session, visibility_mode="only_listed")
    make.make_listing(session, company, product=drives["D-1"])
    with company_scope(session, company.id):
        buyer = get_buyer(session, company_id=company.id)
        nodes = category_tree(session, buyer, on=TODAY)
    assert [(node.name, node.depth) for node in nodes] == [("Storage", 0), ("Drives", 1)]
    assert [node.name for node in category_tree(session, None, on=TODAY)] == [
        "Empty",
        "Networking",
        "Storage",
        "Drives",
    ]
