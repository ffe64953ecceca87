"""Import of expected receipts: new ones, moved ones, and the dates that waiting lines get from them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from app.core.errors import DomainError
from app.domain.inventory.models import ExpectedReceipt
from app.domain.ordering import actions
from app.domain.ordering.import_receipts import ReceiptsKind
from tests.factories.importing import NOW, Importing
from tests.factories.ordering import Shop, lines_of, settle

HEADER = "Warehouse code,SKU,Units,ETA,PO number\n"


@pytest.fixture
def importing(session: Session, shop: Shop, tmp_path: Path) -> Importing:
    return Importing(session, tmp_path, ReceiptsKind(lambda: NOW))


def receipts(importing: Importing) -> list[tuple[object, ...]]:
    columns = (ExpectedReceipt.reference, ExpectedReceipt.due_on, ExpectedReceipt.quantity)
    return importing.rows(*columns, ExpectedReceipt.is_open)


def test_receipts_are_stored_once_and_moved_by_their_reference(importing: Importing, shop: Shop) -> None:
    place_of = f"{shop.warehouse.code},{shop.product().sku}"
    text = (
        f"{HEADER}{place_of},50,2026-12-01,PO-1\n{place_of},5,01.12.2026,\n"
        f"{place_of},5,2026-12-01,\n{place_of},9,2026-12-02,PO-1\n"
    )
    assert importing(text) == (2, 0, 1, 1)
    assert importing.rejected == [(5, "conflicting_row")]
    first = [("", date(2026, 12, 1), 5, True), ("PO-1", date(2026, 12, 1), 50, True)]
    assert receipts(importing) == first
    assert importing(text, size=9) == (0, 0, 3, 1)
    assert importing(f"{HEADER}{place_of},40,2026-12-09,PO-1\n", is_dry_run=True) == (0, 1, 0, 0)
    assert receipts(importing) == first

    assert importing(f"{HEADER}{place_of},40,2026-12-09,PO-1\n") == (0, 1, 0, 0)
    assert receipts(importing)[1] == ("PO-1", date(2026, 12, 9), 40, True)
    importing.undo()
    assert receipts(importing) == first


def test_lines_that_wait_get_their_day_and_lose_it_again(importing: Importing, shop: Shop) -> None:
    product = shop.product()
    order = shop.place({product: 5})
    importing(f"{HEADER}{shop.warehouse.code},{product.sku},5,2026-12-01,PO-1\n")
    assert [line.promised_on for line in lines_of(importing.session, order)] == [date(2026, 12, 1)]
    importing.undo()
    assert receipts(importing) == []
    assert [line.promised_on for line in lines_of(importing.session, order)] == [None]


def test_what_has_arrived_stays_and_is_not_expected_again(importing: Importing, shop: Shop) -> None:
    product = shop.product()
    text = f"{HEADER}{shop.warehouse.code},{product.sku},5,2026-12-01,PO-1\n"
    importing(text)
    receipt_id = importing.rows(ExpectedReceipt.id)[0][0]
    settle(importing.session)
    arrived = {"product_id": product.id, "warehouse_id": shop.warehouse.id, "receipt_id": receipt_id}
    shop.run(actions.receive_stock, shop.clerk, **arrived, quantity=3)
    with pytest.raises(DomainError, match="have arrived"):
        importing.undo()
    assert importing(text) == (0, 0, 1, 0)
    assert importing(text.replace(",5,", ",3,")) == (0, 0, 0, 1)
    assert importing.rejected == [(2, "below_received")]
    shop.run(actions.receive_stock, shop.clerk, **arrived, quantity=2)
    assert importing(text) == (0, 0, 1, 0)
    assert importing(text.replace(",5,", ",9,")) == (0, 0, 0, 1)
    assert importing.rejected == [(2, "receipt_closed")]


def test_receipts_that_cannot_be_told_apart_are_refused(importing: Importing, shop: Shop) -> None:
    product = shop.product()
    for day in (1, 2):
        shop.run(
            actions.expect_receipt,
            shop.clerk,
            product_id=product.id,
            warehouse_id=shop.warehouse.id,
            quantity=5,
            due_on=date(2026, 12, day),
            reference="PO-1",
        )
    assert importing(f"{HEADER}{shop.warehouse.code},{product.sku},7,2026-12-05,PO-1\n") == (0, 0, 0, 1)
    assert importing.rejected == [(2, "several_receipts")]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("{place},0,2026-12-01,", "bad_number"),
        ("{place},5,2026-11-23,", "day_passed"),
        ("{place},5,12/01/2026,", "bad_date"),
        ("{place},5,2026-02-30,", "bad_date"),
        ("{place},5,,", "missing_value"),
        ("MAIN,NO-SUCH,5,2026-12-01,", "unknown_sku"),
    ],
)
def test_a_row_that_cannot_be_used_says_what_to_change(
    importing: Importing, shop: Shop, row: str, code: str
) -> None:
    filled = row.format(place=f"{shop.warehouse.code},{shop.product().sku}")
    assert importing(f"{HEADER}{filled}\n") == (0, 0, 0, 1)
    assert importing.rejected == [(2, code)]
    assert receipts(importing) == []
