"""Import of visibility: modes that agree, listings with dates, and what a company sees afterwards."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from app.core.errors import DomainError
from app.domain.accounts.models import Company
from app.domain.catalogue import assignments
from app.domain.catalogue.import_visibility import VisibilityKind
from app.domain.catalogue.models import VisibilityListing
from tests.factories.accounts import make_company
from tests.factories.catalogue import make_category, make_product
from tests.factories.importing import ACTOR, NOW, Importing
from tests.factories.ordering import done

FILE = (
    "company,mode,sku,category,starts_on,ends_on,reason\n"
    "K1,Only listed,ssd-1,,2026-12-01,2027-01-01,Trial\n"
    "K1,,,cables,,,\n"
    "K1,only_listed,SSD-1,,2026-12-01,2027-01-01,Trial\n"
    "K1,all,SSD-2,,,,\n"
    "K1,,SSD-1,,2026-12-02,,\n"
    "K2,all_except,,,,,\n"
)


@pytest.fixture
def importing(session: Session, tmp_path: Path) -> Importing:
    make_company(session, number="K1")
    make_company(session, number="K2")
    for sku in ("SSD-1", "SSD-2"):
        make_product(session, sku=sku)
    make_category(session, "Cables")
    return Importing(session, tmp_path, VisibilityKind())


def modes(importing: Importing) -> list[tuple[str, str, int]]:
    return importing.rows(Company.number, Company.visibility_mode, Company.version)


def listings(importing: Importing) -> list[tuple[object, ...]]:
    columns = (VisibilityListing.id, VisibilityListing.starts_on, VisibilityListing.ends_on)
    return [row[1:] for row in importing.rows(*columns, VisibilityListing.reason)]


def test_modes_and_listings_are_stored_once(importing: Importing) -> None:
    assert importing(FILE, size=9) == (2, 1, 1, 2)
    assert importing.rejected == [(5, "conflicting_mode"), (6, "conflicting_row")]
    assert modes(importing) == [("K1", "only_listed", 2), ("K2", "all_except", 2)]
    assert listings(importing) == [(date(2026, 12, 1), date(2027, 1, 1), "Trial"), (None, None, "")]
    assert importing(FILE) == (0, 0, 4, 2)
    assert modes(importing) == [("K1", "only_listed", 2), ("K2", "all_except", 2)]
    assert len(listings(importing)) == 2


@pytest.mark.parametrize("size", [1, 9])
def test_a_dry_run_says_the_same_and_stores_nothing(importing: Importing, size: int) -> None:
    assert importing(FILE, is_dry_run=True, size=size) == (2, 1, 1, 2)
    assert listings(importing) == []
    assert modes(importing) == [("K1", "all", 1), ("K2", "all", 1)]


def test_days_change_what_is_empty_stays_and_all_of_it_is_taken_back(importing: Importing) -> None:
    importing(FILE)
    assert importing("company,sku,ends_on,mode\nK1,SSD-1,01.02.2027,all\nK1,SSD-2,,\n", size=1) == (
        1,
        1,
        0,
        0,
    )
    assert listings(importing)[0] == (date(2026, 12, 1), date(2027, 2, 1), "Trial")
    assert modes(importing)[0][1] == "all"
    importing.undo()
    assert listings(importing) == [(date(2026, 12, 1), date(2027, 1, 1), "Trial"), (None, None, "")]
    assert modes(importing)[0][1] == "only_listed"


def test_nothing_is_taken_back_that_was_set_on_the_page_since(importing: Importing) -> None:
    importing(FILE)
    company = importing.rows(Company.id, Company.version)[0]
    done(
        importing.session,
        assignments.set_visibility,
        ACTOR,
        company_id=company[0],
        version=company[1],
        mode="only_listed",
        listings=[],
        now=NOW,
    )
    with pytest.raises(DomainError, match="changed after"):
        importing.undo()
    assert modes(importing)[1][1] == "all_except"


def test_a_company_lists_only_so_many(importing: Importing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.domain.catalogue.import_visibility.MAX_LISTINGS", 1)
    text = "company,sku\nK1,SSD-1\nK1,SSD-2\n"
    for is_dry_run in (True, False):
        assert importing(text, size=1, is_dry_run=is_dry_run) == (1, 0, 0, 1)
        assert importing.rejected == [(3, "too_many_listings")]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("K9,all,,,,", "unknown_company"),
        ("K1,,NO-SUCH,,,", "unknown_sku"),
        ("K1,,,no-such,,", "unknown_category"),
        ("K1,,SSD-1,cables,,", "bad_category"),
        ("K1,,,,,", "bad_sku"),
        ("K1,some,,,,", "bad_word"),
        ("K1,,SSD-1,,2026-12-01,2026-12-01", "bad_ends_on"),
        ("K1,,SSD-1,,1/12/2026,", "bad_date"),
        ("K1,,SSD-2,,,2026-11-30", "bad_ends_on"),
    ],
)
def test_a_row_that_cannot_be_used_says_what_to_change(importing: Importing, row: str, code: str) -> None:
    importing("company,sku,starts_on\nK1,SSD-2,2026-12-01\n")
    assert importing(f"company,mode,sku,category,starts_on,ends_on\n{row}\n") == (0, 0, 0, 1)
    assert importing.rejected == [(2, code)]
    assert len(listings(importing)) == 1
