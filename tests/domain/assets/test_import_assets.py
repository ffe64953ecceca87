"""Import of an installed base: a verdict for each row, cover as for shipped units, taken back whole."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.core.database import writing
from app.core.imports.undoing import CannotUndo
from app.core.tenancy import all_companies
from app.domain.accounts.models import EndCustomer
from app.domain.assets.import_assets import AssetsKind
from app.domain.assets.models import Asset, AssetCover, AssetEvent
from tests.factories.accounts import make_company
from tests.factories.assets import make_rule, make_unit
from tests.factories.catalogue import make_product
from tests.factories.importing import NOW, Importing

HEADER = "serial,sku,ship_date,company,end_customer,invoice,price,currency\n"
UNITS = HEADER + (
    "s3x2540a018734,GPU-1,2025-11-10,K1,Quillfeather Studios,INV-25-20114,738.69,\n"
    "S3X2540A018735,GPU-1,2024-02-29,K1,Quillfeather Studios,,,\n"
    "S3X2540A018736,GPU-1,2026-11-24,K1,,,,\n"
)


@pytest.fixture
def importing(session: Session, tmp_path: Path) -> Importing:
    importing = Importing(session, tmp_path, AssetsKind(lambda: NOW))
    make_company(session, number="K1")
    make_company(session, "Other & Sons", number="K2")
    make_product(session, "GPU-1", brand="Heron", warranty_months=24)
    return importing


def test_units_get_the_cover_that_shipped_ones_get(importing: Importing) -> None:
    assert importing(UNITS) == (3, 0, 0, 0)
    assert importing.rows(Asset.serial, Asset.serial_raw, Asset.source, Asset.price_paid, Asset.currency) == [
        ("S3X2540A018734", "s3x2540a018734", "import", Decimal("738.69"), "USD"),
        ("S3X2540A018735", "S3X2540A018735", "import", None, None),
        ("S3X2540A018736", "S3X2540A018736", "import", None, None),
    ]
    assert importing.rows(AssetCover.starts_on, AssetCover.ends_on, AssetCover.term_name) == [
        (date(2024, 2, 29), date(2026, 3, 1), "24 months"),
        (date(2025, 11, 10), date(2027, 11, 10), "24 months"),
        (date(2026, 11, 24), date(2028, 11, 24), "24 months"),
    ]
    assert importing.rows(Asset.cover_until)[0] == (date(2026, 2, 28),)
    assert importing.rows(EndCustomer.name) == [("Quillfeather Studios",)]
    assert {row[0] for row in importing.rows(AssetEvent.kind)} == {"imported"}


def test_the_same_file_twice_changes_nothing(importing: Importing) -> None:
    importing(UNITS)
    assert importing(UNITS) == (0, 0, 3, 0)
    assert importing.changes() == []
    assert importing(UNITS + UNITS.partition("\n")[2]) == (0, 0, 6, 0)


def test_a_dry_run_judges_and_writes_nothing(importing: Importing) -> None:
    assert importing(UNITS, is_dry_run=True) == (3, 0, 0, 0)
    assert importing.rows(Asset.id) == importing.rows(EndCustomer.id) == []


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("S1,GPU-9,2025-11-10,K1,,,,", "unknown_sku"),
        ("S1,GPU-1,2025-11-10,K9,,,,", "unknown_company"),
        ("S1,GPU-1,2026-11-25,K1,,,,", "future_date"),
        ("S1,GPU-1,2025-02-29,K1,,,,", "bad_date"),
        ("S1,GPU-1,,K1,,,,", "missing_value"),
        (",GPU-1,2025-11-10,K1,,,,", "missing_value"),
        ("S 1,GPU-1,2025-11-10,K1,,,,", "bad_serial"),
        ("S\u0421H1,GPU-1,2025-11-10,K1,,,,", "bad_serial"),
        ("S\u200b1,GPU-1,2025-11-10,K1,,,,", "bad_serial"),
        (f"{'S' * 65},GPU-1,2025-11-10,K1,,,,", "bad_serial"),
        (f"{'S' * 500},GPU-1,2025-11-10,K1,,,,", "too_long"),
        ("S1,GPU-1,2025-11-10,K1,,,-5,", "bad_price"),
        ("S1,GPU-1,2025-11-10,K1,,,5,EURO", "bad_currency"),
        ("S1,CARE-1,2025-11-10,K1,,,,", "no_units"),
    ],
)
def test_a_row_that_cannot_be_used_says_why(importing: Importing, row: str, code: str) -> None:
    make_product(importing.session, "CARE-1", kind="service")
    assert importing(HEADER + row + "\n") == (0, 0, 0, 1)
    assert importing.rejected == [(2, code)]
    assert importing.rows(Asset.id) == []


def test_the_rule_of_the_product_decides_about_its_serials(importing: Importing) -> None:
    phone = make_product(importing.session, "PHONE-1", brand="Heron")
    make_rule(importing.session, phone.id, "AA999999")
    rows = "AB012345,PHONE-1,2025-11-10,K1,,,,\nAB01234,PHONE-1,2025-11-10,K1,,,,\n"
    assert importing(HEADER + rows) == (1, 0, 0, 1)
    assert importing.rejected == [(3, "bad_serial")]


def test_a_serial_of_another_company_is_refused_without_a_word_of_it(importing: Importing) -> None:
    other = make_company(importing.session, "Canary Computers", number="CANARY-7")
    product = make_product(importing.session, "GPU-2", brand="Heron")
    make_unit(importing.session, other, product, "TAKEN-1", invoice_number="INV-CANARY")
    assert importing(HEADER + "TAKEN-1,GPU-1,2025-11-10,K1,,,,\n") == (0, 0, 0, 1)
    assert importing.rejected == [(2, "already_other")]
    assert "CANARY" not in " ".join(importing.messages).upper()


def test_two_brands_may_have_one_serial_and_one_brand_may_not(importing: Importing) -> None:
    make_product(importing.session, "GPU-2", brand="Heron")
    make_product(importing.session, "SSD-1", brand="Quill")
    rows = [f"SAME-1,{sku},2025-11-10,K1,,,,\n" for sku in ("GPU-1", "SSD-1", "GPU-2")]
    assert importing(HEADER + "".join(rows)) == (2, 0, 0, 1)
    assert importing.rejected == [(4, "other_product")]
    importing.undo()
    assert importing(HEADER + "".join(rows), size=10) == (2, 0, 0, 1)
    assert importing.rejected == [(4, "conflicting_row")]


def test_other_values_for_a_unit_that_is_there_are_refused(importing: Importing) -> None:
    importing(UNITS)
    assert importing(HEADER + "S3X2540A018734,GPU-1,2025-11-11,K1,,,,\n") == (0, 0, 0, 1)
    assert importing.rejected == [(2, "already_there")]


def test_a_run_is_taken_back_whole(importing: Importing) -> None:
    importing(UNITS)
    importing.undo()
    for column in (Asset.id, AssetCover.id, AssetEvent.id, EndCustomer.id):
        assert importing.rows(column) == []


@pytest.mark.parametrize("happened", ["handed_on", "event"])
def test_units_that_moved_on_keep_their_run(importing: Importing, happened: str) -> None:
    importing(UNITS)
    session = importing.session
    [(asset_id,), *_rest] = importing.rows(Asset.id)
    with writing(session), all_companies(session, reason="test data"):
        if happened == "event":
            session.add(AssetEvent(asset_id=asset_id, kind="claim", at=NOW))
        else:
            changed = update(Asset).where(Asset.id == asset_id)
            session.execute(changed.values(state="replaced", version=2))
        session.commit()
    with pytest.raises(CannotUndo):
        importing.undo()
    assert len(importing.rows(Asset.id)) == len(importing.rows(AssetCover.id)) == 3
