"""Lists: pages forward and back, orders, filters, life cycle, own price, statement counts."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Engine, insert
from sqlalchemy.orm import Session

from app.core.database import writing
from app.core.errors import InvalidInput, NotFound
from app.core.pages import Page, encode_cursor
from app.core.tenancy import all_companies, company_scope
from app.domain.catalogue import search
from app.domain.catalogue.buyers import Buyer, get_buyer
from app.domain.catalogue.errors import TooManyToSort
from app.domain.catalogue.filters import ProductQuery
from app.domain.catalogue.listing import ProductRow, list_products, rows_for
from app.domain.catalogue.models import Product
from app.domain.catalogue.pricing import Price, resolve_price
from app.domain.catalogue.quantities import QuantityRule
from tests.domain.catalogue.statements import counted
from tests.factories import catalogue as make
from tests.factories.accounts import make_company
from tests.factories.catalogue import NOW, TODAY


def listing(session: Session, buyer: Buyer | None = None, **query: object) -> Page[ProductRow]:
    """In the buyer's scope, or as vendor staff."""
    scope = company_scope(session, buyer.company_id) if buyer and buyer.company_id else None
    with scope or all_companies(session, reason="test"):
        return list_products(session, buyer, query=ProductQuery(**query), on=TODAY)  # type: ignore[arg-type]


def skus(page: Page[ProductRow]) -> list[str]:
    return [row.sku for row in page.items]


def make_many(session: Session, count: int) -> None:
    """SKU-0001, SKU-0002, …, newest first, in one go."""
    category = make.make_category(session)
    with writing(session), all_companies(session, reason="test data"):
        session.execute(
            insert(Product),
            [
                {
                    "id": number,
                    "sku": f"SKU-{number:04d}",
                    "sku_key": f"SKU-{number:04d}",
                    "name": f"Drive {number % 7}",
                    "name_key": f"drive {number % 7}",
                    "category_id": category.id,
                    "created_at": NOW - timedelta(minutes=number),
                    "updated_at": NOW,
                }
                for number in range(1, count + 1)
            ],
        )
        search.index_products(session, range(1, count + 1))
        session.commit()


# --- pages ---


@pytest.mark.parametrize("sort", ["sku", "newest", "price"])
def test_pages_walk_forward_and_back_over_every_product_once(session: Session, sort: str) -> None:
    make_many(session, 60)
    buyer = Buyer.staff("USD")
    first = listing(session, buyer, sort=sort)
    second = listing(session, buyer, sort=sort, cursor=first.next_cursor)
    third = listing(session, buyer, sort=sort, cursor=second.next_cursor)
    back = listing(session, buyer, sort=sort, cursor=third.previous_cursor)
    start = listing(session, buyer, sort=sort, cursor=back.previous_cursor)
    if sort != "price":
        assert skus(first) == [f"SKU-{number:04d}" for number in range(1, 25)]
        assert skus(third) == [f"SKU-{number:04d}" for number in range(49, 61)]
    assert sorted(skus(first) + skus(second) + skus(third)) == [f"SKU-{n:04d}" for n in range(1, 61)]
    assert (skus(back), skus(start)) == (skus(second), skus(first))
    assert [page.first_index for page in (first, second, third, back, start)] == [1, 25, 49, 25, 1]
    assert (first.previous_cursor, third.next_cursor) == (None, None)
    assert (first.total, third.total, first.total_is_exact) == (60, 60, True)


def test_equal_names_are_told_apart_by_id_across_pages(session: Session) -> None:
    make_many(session, 60)
    first = listing(session)
    second = listing(session, cursor=first.next_cursor)
    # Of 60, numbers 7, 14, … 56 are "Drive 0", then 1, 8, … 57, then 2, 9, … 58.
    expected = [*range(7, 57, 7), *range(1, 58, 7), *range(2, 59, 7), *range(3, 60, 7)]
    assert skus(first) == [f"SKU-{number:04d}" for number in expected[:24]]
    assert skus(second)[:2] == [f"SKU-{number:04d}" for number in expected[24:26]]


def test_totals_are_exact_to_a_thousand(session: Session) -> None:
    make_many(session, 1001)
    assert (listing(session).total, listing(session).total_is_exact) == (1001, False)
    assert listing(session, text="SKU-0").total == 999
    long = listing(session, text="drive")
    assert (long.total, long.total_is_exact, skus(long)[0]) == (1001, False, "SKU-0007")
    second = listing(session, text="drive", cursor=long.next_cursor)
    assert (second.first_index, second.total) == (25, 1001)
    assert not set(skus(second)) & set(skus(long))


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "%%%",
        encode_cursor(["drive"], backwards=False, index=1),
        encode_cursor([1, 1], backwards=False, index=1),
        encode_cursor(["drive", "1"], backwards=False, index=1),
        encode_cursor(["drive", True], backwards=False, index=1),
        encode_cursor(["a\x00", 1], backwards=False, index=1),
        encode_cursor([None, 1], backwards=False, index=1),
        encode_cursor([NOW, 1], backwards=False, index=1),
    ],
)
def test_a_cursor_of_another_list_is_refused(session: Session, cursor: str) -> None:
    make.make_product(session)
    with pytest.raises(InvalidInput, match="Start from the first page"):
        listing(session, cursor=cursor)


def test_price_cursors_are_checked_as_well(session: Session) -> None:
    make.make_product(session)
    cursor = encode_cursor([0, Decimal("NaN"), "a", 1], backwards=False, index=1)
    with pytest.raises(InvalidInput):
        listing(session, sort="price", cursor=cursor)


# --- filters ---


@pytest.fixture
def shelf(session: Session) -> None:
    storage = make.make_category(session, "Storage")
    drives = make.make_category(session, "Drives", parent=storage)
    docks = make.make_category(session, "Docks")
    capacity = make.make_attribute(session, drives, "Capacity")
    colour = make.make_attribute(session, drives, "Colour")
    rows = [
        ("D-1", "Quill", "1 TB", "black"),
        ("D-2", "Quill", "2 TB", "white"),
        ("D-3", "Ember", "2 TB", "black"),
    ]
    for sku, brand, size, shade in rows:
        attributes = {capacity: size, colour: shade}
        make.make_product(session, sku, f"Drive {sku}", category=drives, brand=brand, attributes=attributes)
    make.make_product(session, "S-1", "Rack", category=storage)
    make.make_product(session, "K-1", "Dock", category=docks, brand="Ember")
    make.make_product(session, "D-0", "Old drive", category=drives, life_cycle="ended")


def test_a_category_shows_its_subtree(session: Session, shelf: None) -> None:
    assert skus(listing(session, category_slug="storage", sort="sku")) == ["D-1", "D-2", "D-3", "S-1"]
    assert skus(listing(session, category_slug="drives", sort="sku")) == ["D-1", "D-2", "D-3"]
    for slug in ("nowhere", "a\x00", "%", ""):
        if slug:
            with pytest.raises(NotFound):
                listing(session, category_slug=slug)


def test_values_of_one_facet_are_alternatives_and_facets_add_up(session: Session, shelf: None) -> None:
    def having(**facets: tuple[str, ...]) -> list[str]:
        return skus(listing(session, category_slug="drives", sort="sku", facets=facets))

    assert having(capacity=("2 TB",)) == ["D-2", "D-3"]
    assert having(capacity=("1 TB", "2 TB"), colour=("black",)) == ["D-1", "D-3"]
    assert having(capacity=("9 TB",)) == []
    assert having(nothing=("2 TB",)) == []
    assert having(capacity=("\x00",)) == []
    assert having(capacity=()) == ["D-1", "D-2", "D-3"]
    assert skus(listing(session, brands=("Ember",), sort="sku")) == ["D-3", "K-1"]
    assert skus(listing(session, brands=("Ember",), text="drive", sort="sku")) == ["D-3"]


def test_ended_products_are_shown_to_those_who_search_or_ask(session: Session, shelf: None) -> None:
    assert "D-0" not in skus(listing(session))
    assert "D-0" in skus(listing(session, show_ended=True))
    assert skus(listing(session, text="old"))[0] == "D-0"


def test_a_further_condition_narrows_and_counts(session: Session, shelf: None) -> None:
    extra = Product.sku.in_(["D-1", "K-1"])
    page = list_products(session, None, query=ProductQuery(sort="sku"), on=TODAY, extra=extra)
    assert (skus(page), page.total) == (["D-1", "K-1"], 2)


def test_an_unknown_sort_is_by_name(session: Session, shelf: None) -> None:
    assert skus(listing(session, sort="drop table")) == ["K-1", "D-1", "D-2", "D-3", "S-1"]


# --- rows and prices ---


def test_a_row_carries_price_rule_and_successor(session: Session) -> None:
    new = make.make_product(session, "NEW-1", "New drive")
    old = make.make_product(
        session, "OLD-1", "Old drive", life_cycle="last_orders", successor_id=new.id, multiple=5
    )
    company = make_company(session)
    make.make_agreement(session, prices={old: [(10, "9.00"), (50, "8.00")]})
    with company_scope(session, company.id):
        buyer = get_buyer(session, company_id=company.id)
        rows = {row.sku: row for row in listing(session, buyer).items}
    row = rows["OLD-1"]
    assert (row.successor, row.life_cycle, row.category_slug) == (
        ("NEW-1", "New drive"),
        "last_orders",
        "internal-drives",
    )
    assert row.rule == QuantityRule(10, 5, None)
    price = resolve_price(row.ladders, quantity=50)
    assert isinstance(price, Price)
    assert price.unit_price == Decimal("8.00")
    assert rows["NEW-1"].ladders == ()
    assert rows_for(session, None, [old.id, 999, new.id], on=TODAY)[1].sku == "NEW-1"


def test_the_buyers_own_price_orders_and_price_on_request_comes_last(session: Session) -> None:
    a, b, c = (make.make_product(session, sku, f"Drive {sku}") for sku in ("A-1", "B-1", "C-1"))
    make.make_product(session, "Z-0", "Drive on request")
    company = make_company(session)
    make.make_agreement(session, prices={a: [(1, "5.00")], b: [(1, "4.00")], c: [(1, "3.00")]})
    make.make_agreement(session, company=company, prices={c: [(1, "9.00")]})
    with company_scope(session, company.id):
        buyer = get_buyer(session, company_id=company.id)
        page = listing(session, buyer, sort="price")
    assert skus(page) == ["B-1", "A-1", "C-1", "Z-0"]


def test_more_than_a_thousand_hits_are_not_sorted_by_price(session: Session) -> None:
    make_many(session, 1001)
    with pytest.raises(TooManyToSort, match="Narrow the list down"):
        listing(session, Buyer.staff("USD"), sort="price")
    assert listing(session, Buyer.staff("USD"), sort="price", text="SKU-00").total == 99


def test_a_page_takes_few_statements_whatever_it_shows(engine: Engine, session: Session) -> None:
    make_many(session, 60)
    products = list(session.scalars(Product.__table__.select().with_only_columns(Product.id)))
    company = make_company(session, tier="gold")
    make.make_agreement(session, "tier", tier="gold")
    assert len(products) == 60
    counts = {}
    with company_scope(session, company.id):
        buyer = get_buyer(session, company_id=company.id)
        for name, query in {
            "all": {},
            "category": {"category_slug": "internal-drives"},
            "words": {"text": "drive"},
            "words in a category": {"text": "drive", "category_slug": "internal-drives"},
            "few hits": {"text": "drive 3"},
        }.items():
            session.rollback()
            with counted(engine) as statements:
                page = listing(session, buyer, **query)
            assert page.items
            counts[name] = len(statements)
    # Rows (counted apart where words are looked for) and prices; a category costs one more. Few hits are
    # followed by those that resemble the words: frequencies, and ids of those most alike and of the others.
    assert counts == {"all": 2, "category": 3, "words": 3, "words in a category": 4, "few hits": 6}
