"""Import of other numbers of products: for everybody and for one company, found by search at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from app.core.audit import AuditEntry
from app.core.tenancy import all_companies
from app.domain.catalogue.import_numbers import NumbersKind
from app.domain.catalogue.listing import ProductQuery, list_products
from app.domain.catalogue.models import CrossReference, CustomerPartNumber
from tests.factories.accounts import make_company
from tests.factories.catalogue import TODAY, make_customer_number, make_product
from tests.factories.importing import Importing

FILE = (
    "SKU,Number,Kind,Company number\n"
    "ssd-1,OLD-1,superseded,\n"
    "SSD-1,old-1,superseded,\n"
    "SSD-2,OLD-1,,\n"
    "SSD-1,77,,K1\n"
    "SSD-2,77,customer,K1\n"
    "SSD-1,OLD-1,alternative,\n"
)


@pytest.fixture
def importing(session: Session, tmp_path: Path) -> Importing:
    make_company(session, number="K1")
    for sku in ("SSD-1", "SSD-2"):
        make_product(session, sku=sku)
    return Importing(session, tmp_path, NumbersKind())


def stored(importing: Importing) -> list[list[tuple[object, ...]]]:
    shared = importing.rows(CrossReference.product_id, CrossReference.code, CrossReference.kind)
    return [shared, importing.rows(CustomerPartNumber.product_id, CustomerPartNumber.code)]


def found(importing: Importing, text: str) -> list[str]:
    with all_companies(importing.session, reason="test"):
        page = list_products(importing.session, None, query=ProductQuery(text=text), on=TODAY)
    importing.session.rollback()
    return sorted(row.sku for row in page.items)


def test_numbers_are_stored_once_and_search_finds_by_them(importing: Importing) -> None:
    assert importing(FILE) == (3, 0, 1, 2)
    assert importing.rejected == [(6, "conflicting_row"), (7, "conflicting_row")]
    shared, owned = stored(importing)
    assert [(code, kind) for _product, code, kind in shared] == [
        ("OLD-1", "superseded"),
        ("OLD-1", "alternative"),
    ]
    assert [code for _product, code in owned] == ["77"]
    assert found(importing, "OLD-1") == ["SSD-1", "SSD-2"]
    assert importing(FILE, size=9) == (0, 0, 4, 2)
    assert stored(importing) == [shared, owned]


def test_a_dry_run_says_the_same_and_stores_nothing(importing: Importing) -> None:
    assert importing(FILE, is_dry_run=True) == (3, 0, 1, 2)
    assert stored(importing) == [[], []]
    assert ("numbers.imported",) not in importing.rows(AuditEntry.action)


def test_another_kind_is_a_change_that_can_be_taken_back(importing: Importing) -> None:
    importing("sku,number,kind\nSSD-1,OLD-1,superseded\n")
    assert importing("sku,number,kind\nSSD-1,OLD-1,alternative\nSSD-1,NEW-1,\n") == (1, 1, 0, 0)
    assert found(importing, "NEW-1") == ["SSD-1"]
    importing.undo()
    assert [row[1:] for row in stored(importing)[0]] == [("OLD-1", "superseded")]
    assert found(importing, "NEW-1") == []
    assert found(importing, "OLD-1") == ["SSD-1"]


def test_a_companys_number_stays_with_its_product(importing: Importing) -> None:
    company = make_company(importing.session, number="K2")
    make_customer_number(importing.session, company, make_product(importing.session, sku="SSD-3"), "77")
    assert importing("sku,number,company\nSSD-1,77,K2\nSSD-3,77,K2\nSSD-1,77,K1\n") == (1, 0, 1, 1)
    assert importing.rejected == [(2, "number_taken")]
    importing.undo()
    assert [row[1] for row in stored(importing)[1]] == ["77"]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("NO-SUCH,1,,", "unknown_sku"),
        ("SSD-1,1,customer,K9", "unknown_company"),
        ("SSD-1,1,customer,", "bad_company"),
        ("SSD-1,1,alternative,K1", "bad_company"),
        ("SSD-1,1,nickname,", "bad_word"),
        ("SSD-1,,,", "missing_value"),
        (",1,,", "missing_value"),
        ("SSD-1,\u200b,,", "bad_number"),
        (f"SSD-1,{'9' * 81},,", "too_long"),
    ],
)
def test_a_row_that_cannot_be_used_says_what_to_change(importing: Importing, row: str, code: str) -> None:
    assert importing(f"sku,number,kind,company\n{row}\n") == (0, 0, 0, 1)
    assert importing.rejected == [(2, code)]
    assert stored(importing) == [[], []]
