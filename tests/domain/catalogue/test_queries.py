"""A product's page, and what staff read of agreements, listings and numbers."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.core.database import writing
from app.core.errors import NotFound
from app.core.tenancy import all_companies, company_scope
from app.domain.catalogue import queries
from app.domain.catalogue.buyers import get_buyer
from app.domain.catalogue.models import BundlePart, ProductMedia
from app.domain.catalogue.queries import Medium, Part, get_product_page
from tests.domain.catalogue.statements import counted
from tests.factories import catalogue as make
from tests.factories.accounts import make_company
from tests.factories.catalogue import TODAY


def test_a_page_shows_all_that_hangs_on_the_product_in_four_statements(
    engine: Engine, session: Session
) -> None:
    category = make.make_category(session, "Sets")
    capacity = make.make_attribute(session, category, "Capacity", position=2)
    speed = make.make_attribute(session, category, "Speed", position=1, unit="MB/s", data_type="number")
    part, extra = make.make_product(session, "P-1", "Part"), make.make_product(session, "P-2", "Extra")
    product = make.make_product(
        session,
        "SET-1",
        "Set",
        category=category,
        attributes={capacity: "2 TB", speed: "5000"},
        references=["OLD-1"],
    )
    with writing(session), all_companies(session, reason="test data"):
        for position, (kind, key) in enumerate([("image", "b"), ("image", "a"), ("datasheet", "c")]):
            session.add(
                ProductMedia(
                    product_id=product.id, kind=kind, storage_key=key, filename=f"{key}.png",
                    content_type="image/png", size_bytes=1, position=position,
                )
            )  # fmt: skip
        session.add(BundlePart(bundle_id=product.id, part_id=extra.id, quantity=2, is_required=False))
        session.add(BundlePart(bundle_id=product.id, part_id=part.id, quantity=1, is_required=True))
        session.commit()
    company, other = make_company(session), make_company(session, "Other")
    make.make_customer_number(session, company, product, "KB-1")
    make.make_customer_number(session, other, product, "OTHER-1")
    make.make_agreement(session, prices={product: [(1, "9.00")]})
    with company_scope(session, company.id):
        buyer = get_buyer(session, company_id=company.id)
        session.rollback()
        with counted(engine) as statements:
            page = get_product_page(session, buyer, " set-1 ", on=TODAY)
    assert len(statements) == 3
    assert (page.product.sku, page.category_name) == ("SET-1", "Sets")
    assert page.attributes == (("Speed", "5000", "MB/s"), ("Capacity", "2 TB", None))
    assert page.images == (Medium("b", "b.png", ""), Medium("a", "a.png", ""))
    assert page.datasheets == (Medium("c", "c.png", ""),)
    assert page.parts == (Part("P-1", "Part", 1, True), Part("P-2", "Extra", 2, False))
    assert page.references == (("OLD-1", "alternative"),)
    assert page.own_numbers == ("KB-1",)
    assert page.ladders[0].steps[0].unit_price == Decimal("9.00")


@pytest.mark.parametrize("sku", ["NO-1", "", "%", "S\x00", "\ud800", "x" * 5000, "' OR 1=1"])
def test_an_unknown_sku_is_not_found(session: Session, sku: str) -> None:
    make.make_product(session, "S-1")
    with pytest.raises(NotFound):
        get_product_page(session, None, sku, on=TODAY)


def test_staff_find_agreements_and_read_their_ladders(session: Session) -> None:
    first, second = make.make_product(session, "A-1"), make.make_product(session, "B-1")
    company = make_company(session, "Kettle & Byte")
    make.make_agreement(session, number="PL-1", name="List")
    own = make.make_agreement(
        session, company=company, number="KB-1", prices={second: [(1, "2.00")], first: [(10, "1.00")]}
    )
    make.make_quantity_rule(session, own, first, min_quantity=10, multiple=10)
    with all_companies(session, reason="test"):
        assert [row.number for row in queries.list_agreements(session).items] == ["KB-1", "PL-1"]
        assert [row.number for row in queries.list_agreements(session, text="kettle").items] == ["KB-1"]
        assert [row.number for row in queries.list_agreements(session, text="LIST").items] == ["PL-1"]
        assert [row.number for row in queries.list_agreements(session, level="list").items] == ["PL-1"]
        rows = queries.list_agreement_rows(session, own.id)
        assert [(row.sku, row.min_quantity, row.unit_price, row.rule_multiple) for row in rows.items] == [
            ("A-1", 10, Decimal("1.00"), 10),
            ("B-1", 1, Decimal("2.00"), None),
        ]
        assert [row.sku for row in queries.list_agreement_rows(session, own.id, text="b").items] == ["B-1"]
        assert queries.get_agreement(session, own.id).number == "KB-1"
        with pytest.raises(NotFound):
            queries.get_agreement(session, 999)


def test_a_companys_listings_numbers_and_rates_are_read_in_its_scope(session: Session) -> None:
    product = make.make_product(session, "S-1", "Quill")
    company, other = make_company(session), make_company(session, "Other")
    for owner in (company, other):
        make.make_listing(session, owner, product=product, ends_on=date(2027, 1, 1), reason="Trial")
        make.make_customer_number(session, owner, product, "KB-1")
        make.make_tax_rate(session, owner)
    with company_scope(session, company.id):
        listings = queries.list_visibility(session, company.id)
        numbers = queries.list_customer_numbers(session, company.id)
        rates = queries.list_tax_rates(session, company.id)
        assert list(queries.list_customer_numbers(session, other.id)) == []
    assert [(row.sku, row.reason) for row in listings] == [("S-1", "Trial")]
    assert [(row.code, row.sku) for row in numbers] == [("KB-1", "S-1")]
    assert [(rate.code, rate.rate_bps) for rate in rates] == [("US-TX", 825)]
