"""Import of stock counts: the ledger gets the difference, waiting lines their units, orders keep theirs."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func
from sqlalchemy.orm import Session

from app.core.audit import AuditEntry
from app.core.errors import DomainError
from app.core.imports.tables import UnreadableFile
from app.core.tenancy import all_companies
from app.domain.inventory.models import StockLevel, StockMovement
from app.domain.inventory.queries import find_unbalanced
from app.domain.ordering.import_stock import StockKind
from tests.factories.importing import Importing
from tests.factories.ordering import Shop, make_warehouse, stock_in, units_of

HEADER = "Warehouse,SKU,Counted,Reason\n"


@pytest.fixture
def importing(session: Session, shop: Shop, tmp_path: Path) -> Importing:
    return Importing(session, tmp_path, StockKind())


def levels(importing: Importing) -> list[tuple[int, int]]:
    with all_companies(importing.session, reason="test"):
        assert find_unbalanced(importing.session) == []
    importing.session.rollback()
    return importing.rows(StockLevel.on_hand, StockLevel.allocated)


def test_a_count_books_the_difference_once(importing: Importing, shop: Shop) -> None:
    one, two = shop.product(stock=5), shop.product()
    code = shop.warehouse.code
    text = (
        f"{HEADER}{code.lower()},{one.sku.lower()},3,Year end\n{code},{two.sku},7,\n"
        f"{code},{one.sku},3,\n{code},{two.sku},8,\n"
    )
    assert importing(text, size=9) == (1, 1, 1, 1)
    assert importing.rejected == [(5, "conflicting_row")]
    assert levels(importing) == [(3, 0), (7, 0)]
    moves = importing.rows(StockMovement.id, StockMovement.delta, StockMovement.kind, StockMovement.reference)
    assert [row[1:] for row in moves[-2:]] == [(-2, "count", "Year end"), (7, "count", "")]
    assert importing.changes()[0][2:] == ({"on_hand": 5}, {"on_hand": 3})

    assert importing(text) == (0, 0, 3, 1)
    assert len(importing.rows(StockMovement.id)) == len(moves)


def test_a_dry_run_says_the_same_and_moves_nothing(importing: Importing, shop: Shop) -> None:
    product = shop.product(stock=5)
    row = f"{shop.warehouse.code},{product.sku},9,\n"
    assert importing(HEADER + row + row, is_dry_run=True, size=1) == (0, 1, 1, 0)
    assert levels(importing) == [(5, 0)]
    assert ("stock.imported",) not in importing.rows(AuditEntry.action)


def test_what_comes_in_goes_to_the_order_that_waits(importing: Importing, shop: Shop) -> None:
    product = shop.product(stock=2)
    order = shop.place({product: 5})
    assert units_of(importing.session, order)[0][:3] == (5, 2, 3)
    text = f"{HEADER}{shop.warehouse.code},{product.sku},4,\n"
    assert importing(text) == (0, 1, 0, 0)
    assert levels(importing) == [(4, 4)]
    assert units_of(importing.session, order)[0][:3] == (5, 4, 1)
    with pytest.raises(DomainError, match="orders hold the units"):
        importing.undo()
    assert levels(importing) == [(4, 4)]


def test_fewer_units_than_orders_hold_are_refused(importing: Importing, shop: Shop) -> None:
    product = shop.product(stock=5)
    shop.place({product: 4})
    assert importing(f"{HEADER}{shop.warehouse.code},{product.sku},3,\n") == (0, 0, 0, 1)
    assert importing.rejected == [(2, "below_allocated")]
    assert "4 units" in importing.messages[0]
    assert levels(importing) == [(5, 4)]


def test_a_run_is_taken_back_by_the_other_movement(importing: Importing, shop: Shop) -> None:
    one, two = shop.product(stock=5), shop.product()
    code = shop.warehouse.code
    importing(f"{HEADER}{code},{one.sku},3,\n{code},{two.sku},7,\n")
    importing.undo()
    assert levels(importing) == [(0, 0), (5, 0)]
    assert importing.rows(func.count(StockMovement.id)) == [(5,)]


def test_nothing_is_taken_back_once_stock_has_moved(importing: Importing, shop: Shop) -> None:
    one, two = shop.product(stock=5), shop.product(stock=5)
    code = shop.warehouse.code
    importing(f"{HEADER}{code},{one.sku},3,\n{code},{two.sku},7,\n")
    stock_in(importing.session, one, 4, warehouse=shop.warehouse)
    with pytest.raises(DomainError, match="changed after"):
        importing.undo()
    assert levels(importing) == [(4, 0), (7, 0)]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("{code},NO-SUCH,1,", "unknown_sku"),
        ("NOWHERE,{sku},1,", "unknown_warehouse"),
        ("CLOSED,{sku},1,", "unknown_warehouse"),
        ("{code},{service},1,", "not_stocked"),
        ("{code},{sku},-1,", "bad_number"),
        ("{code},{sku},1.5,", "bad_number"),
        ('{code},{sku},"1,5",', "bad_number"),
        ("{code},{sku},1000000,", "bad_number"),
        ("{code},{sku},9223372036854775808,", "bad_number"),
        ("{code},{sku},=1+1,", "bad_number"),
        ("{code},{sku},\u0663,", "bad_number"),
        ("{code},{sku},,", "missing_value"),
        ("{code},{sku},1," + "x" * 81, "too_long"),
    ],
)
def test_a_row_that_cannot_be_used_says_what_to_change(
    importing: Importing, shop: Shop, row: str, code: str
) -> None:
    make_warehouse(importing.session, "CLOSED", is_active=False)
    product, service = shop.product(stock=5), shop.product(kind="service")
    filled = row.format(code=shop.warehouse.code, sku=product.sku, service=service.sku)
    assert importing(f"{HEADER}{filled}\n") == (0, 0, 0, 1)
    assert importing.rejected == [(2, code)]
    assert levels(importing) == [(5, 0)]


def test_a_file_of_receipts_is_not_taken_for_a_count(importing: Importing, shop: Shop) -> None:
    sku = shop.product(stock=5).sku
    with pytest.raises(UnreadableFile, match="ETA belongs to Expected receipts"):
        importing(f"Warehouse,SKU,Quantity,ETA\nMAIN,{sku},50,2026-12-01\n")
    assert levels(importing) == [(5, 0)]
