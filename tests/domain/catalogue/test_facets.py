"""Facet counts: own choice left out, other choices, words and visibility counted in."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, insert, select
from sqlalchemy.orm import Session

from app.core.database import writing
from app.core.tenancy import all_companies, company_scope
from app.domain.catalogue.buyers import get_buyer
from app.domain.catalogue.facets import facet_counts, sort_values
from app.domain.catalogue.filters import ProductQuery
from app.domain.catalogue.models import Category, Product
from tests.domain.catalogue.statements import counted
from tests.factories import catalogue as make
from tests.factories.accounts import make_company
from tests.factories.catalogue import NOW, TODAY


@pytest.fixture
def drives(session: Session) -> Category:
    """Three Quill and one Ember drive; capacities 512 GB, 1 TB, 2 TB, 2 TB."""
    storage = make.make_category(session, "Storage")
    category = make.make_category(session, "Drives", parent=storage)
    capacity = make.make_attribute(session, category, "Capacity", position=1)
    colour = make.make_attribute(session, category, "Colour", position=2)
    hidden = make.make_attribute(session, category, "Note", position=0, is_facet=False)
    for sku, brand, size, shade in [
        ("D-1", "Quill", "512 GB", "black"),
        ("D-2", "Quill", "1024 GB", "black"),
        ("D-3", "Quill", "2048 GB", "white"),
        ("D-4", "Ember", "2048 GB", "black"),
    ]:
        attributes = {capacity: size, colour: shade, hidden: "x"}
        make.make_product(session, sku, f"Drive {sku}", category=category, brand=brand, attributes=attributes)
    make.make_product(session, "D-5", "Ended drive", category=category, brand="Quill", life_cycle="ended")
    return category


def groups(session: Session, buyer: object = None, **query: object) -> dict[str, dict[str, int]]:
    found = facet_counts(session, buyer, ProductQuery(category_slug="drives", **query), on=TODAY)  # type: ignore[arg-type]
    return {group.code: {value.value: value.count for value in group.values} for group in found}


def test_values_are_counted_and_sorted_as_numbers_where_they_are(session: Session, drives: Category) -> None:
    found = groups(session)
    assert found == {
        "brand": {"Ember": 1, "Quill": 3},
        "capacity": {"512 GB": 1, "1024 GB": 1, "2048 GB": 2},
        "colour": {"black": 3, "white": 1},
    }
    assert list(found["capacity"]) == ["512 GB", "1024 GB", "2048 GB"]


def test_a_choice_narrows_the_other_groups_but_not_its_own(session: Session, drives: Category) -> None:
    assert groups(session, facets={"capacity": ("2048 GB",)}) == {
        "brand": {"Ember": 1, "Quill": 1},
        "capacity": {"512 GB": 1, "1024 GB": 1, "2048 GB": 2},
        "colour": {"black": 1, "white": 1},
    }
    # No white Ember drive: the capacities are empty and left out.
    assert groups(session, brands=("Ember",), facets={"colour": ("white",)}) == {
        "brand": {"Ember": 0, "Quill": 1},
        "colour": {"black": 1, "white": 0},
    }


def test_words_count_ended_products_in_and_visibility_leaves_others_out(
    session: Session, drives: Category
) -> None:
    assert groups(session, text="ended")["brand"] == {"Quill": 1}
    company = make_company(session, visibility_mode="all_except")
    hidden = session.scalars(select(Product).where(Product.sku == "D-1")).one()
    make.make_listing(session, company, product=hidden)
    with company_scope(session, company.id):
        buyer = get_buyer(session, company_id=company.id)
        assert groups(session, buyer)["capacity"] == {"1024 GB": 1, "2048 GB": 2}


def test_without_a_category_there_are_brands_alone_and_a_parent_shows_its_subtrees(
    session: Session, drives: Category
) -> None:
    found = facet_counts(session, None, ProductQuery(), on=TODAY)
    assert [group.code for group in found] == ["brand"]
    below = facet_counts(session, None, ProductQuery(category_slug="storage"), on=TODAY)
    assert [group.code for group in below] == ["brand", "capacity", "colour"]


def test_the_top_values_and_the_chosen_ones_are_shown(session: Session, drives: Category) -> None:
    query = ProductQuery(category_slug="drives", facets={"capacity": ("512 GB", "9 PB")})
    group = facet_counts(session, None, query, on=TODAY, top=1)[1]
    assert [(value.value, value.count, value.is_chosen) for value in group.values] == [
        ("9 PB", 0, True),
        ("512 GB", 1, True),
        ("2048 GB", 2, False),
    ]
    assert group.hidden == 1


def test_counts_end_at_a_thousand(session: Session) -> None:
    category = make.make_category(session, "Drives")
    with writing(session), all_companies(session, reason="test data"):
        values = {"category_id": category.id, "created_at": NOW, "updated_at": NOW}
        rows = [
            {"sku": f"S{n}", "sku_key": f"S{n}", "name": "x", "name_key": "x", "brand": brand, **values}
            for n, brand in enumerate(["Quill"] * 1002 + ["Ember"] * 1000)
        ]
        session.execute(insert(Product), rows)
        session.commit()
    group = facet_counts(session, None, ProductQuery(), on=TODAY)[0]
    assert [(value.value, value.count, value.is_exact) for value in group.values] == [
        ("Ember", 1000, True),
        ("Quill", 1001, False),
    ]


def test_values_with_stored_measures_are_sorted_by_them() -> None:
    assert sort_values({"1 TB": 1000.0, "512 GB": 512.0, "2 TB": 2000.0}) == ["512 GB", "1 TB", "2 TB"]
    assert sort_values({"10": None, "9": None, "-1.5": None}) == ["-1.5", "9", "10"]
    assert sort_values({"black": None, "10": None, "Amber": None}) == ["10", "Amber", "black"]


def test_groups_without_a_choice_share_a_statement(
    engine: Engine, session: Session, drives: Category
) -> None:
    session.rollback()
    with counted(engine) as statements:
        facet_counts(session, None, ProductQuery(category_slug="drives"), on=TODAY)
    # The category, its attributes, brands, values.
    assert len(statements) == 4
