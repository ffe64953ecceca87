"""`flask orders replay`: verdicts by line, whole invoices, repeated and stopped runs, files of all sorts."""

from __future__ import annotations

import gzip
import json
import os
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from app.core.audit import AuditEntry
from app.core.outbox import Job
from app.core.permissions import Actor
from app.core.states import StateChange
from app.core.tenancy import all_companies
from app.core.web.extensions import db
from app.domain.accounts.models import Branch, Company
from app.domain.catalogue.listing import suggest
from app.domain.catalogue.models import Product
from app.domain.inventory.queries import find_unbalanced
from app.domain.ordering import actions
from app.domain.ordering.models import Order, OrderLine, ReplayedInvoice
from tests.factories.accounts import make_company, make_vendor, read
from tests.factories.catalogue import make_product
from tests.factories.ordering import done, make_warehouse, stock_in

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
FIRST_HALF = f"""{HEADER}
536365,85123a,WHITE HEART,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom
536365,71053,WHITE LANTERN,6,2010-12-01 08:25:00,3.39,17850.0,United Kingdom
536365,POST,POSTAGE,1,2010-12-01 08:26:00,18.00,17850.0,United Kingdom
536365,22139,,4,2010-12-01 08:26:00,0,17850.0,United Kingdom
536366,85123A,WHITE HEART,2,2010-12-01 09:00:00,2.55,,United Kingdom
536367,85123A ,WHITE HEART,3,2010-12-01 09:10:00,2.55,13047,EIRE
536367,85123A,WHITE HEART,5,2010-12-01 09:10:00,2.55,13047,EIRE
A563185,B,Adjust bad debt,1,2010-12-01 09:20:00,11062.06,,United Kingdom
536368,85123A,WHITE HEART,two,2010-12-01 09:30:00,2.55,17850,United Kingdom
536369,85123A,damaged,-4,2010-12-01 09:40:00,0,,United Kingdom
C536370,85123A,WHITE HEART,-7,2010-12-02 10:00:00,2.55,17850,United Kingdom
C536371,85123A,WHITE HEART,-6,2010-12-02 10:10:00,2.55,13047,EIRE
C536371,71053,WHITE LANTERN,-1,2010-12-02 10:10:00,3.39,13047,EIRE
536372,71053,WHITE LANTERN,1,2010-12-03 11:00:00,3.395,17850,United Kingdom
536373,22633,HAND WARMER,10,2010-12-03 11:05:00,1.85,17850,United Kingdom
536372,22633,HAND WARMER,2,2010-12-03 11:00:00,1.85,17850,United Kingdom
"""
FIRST_COUNT = {
    "unknown_invoice_prefix": 1,
    "bad_row": 1,
    "stock_adjustment": 1,
    "zero_price": 1,
    "not_merchandise": 1,
    "no_customer": 1,
    "ordered": 7,
    "cancelled": 1,
    "cancel_without_order": 2,
}
FIRST_AMOUNT = {
    "unknown_invoice_prefix": "11062.06",
    "bad_row": "0.00",
    "stock_adjustment": "0.00",
    "zero_price": "0.00",
    "not_merchandise": "18.00",
    "no_customer": "5.10",
    "ordered": "81.64",
    "cancelled": "-15.30",
    "cancel_without_order": "-21.24",
}
SECOND_HALF = f"""{HEADER}
540000,85123A,WHITE HEART,1,2011-07-01 08:00:00,2.55,17850,United Kingdom
C540001,85123A,WHITE HEART,-7,2011-07-02 08:00:00,2.55,17850.0,United Kingdom
536365,85123A,WHITE HEART,6,2011-07-02 09:00:00,2.55,17850,United Kingdom
"""


def replay(app: Flask, path: Path) -> Result:
    return app.test_cli_runner().invoke(args=["orders", "replay", str(path)])


def written(tmp_path: Path, content: str, name: str = "half.csv") -> Path:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return path


def last_line(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    assert found.pop("seconds") >= 0
    return found


def units(session: Session) -> list[tuple[Any, ...]]:
    """Invoice, SKU, ordered, cancelled, backordered of every line."""
    with all_companies(session, reason="test"):
        rows = session.execute(
            select(
                Order.external_reference,
                OrderLine.sku,
                OrderLine.ordered,
                OrderLine.cancelled,
                OrderLine.backordered,
            )
            .join(Order, Order.id == OrderLine.order_id)
            .order_by(Order.id, OrderLine.position)
        ).all()
    session.rollback()
    return [tuple(row) for row in rows]


def test_every_line_gets_its_kind_and_the_sums_are_exact(app: Flask, tmp_path: Path) -> None:
    assert last_line(replay(app, written(tmp_path, FIRST_HALF))) == {
        "lines": 16,
        "orders": 4,
        "count": FIRST_COUNT,
        "amount": FIRST_AMOUNT,
    }


def test_one_invoice_is_one_order_at_its_own_time(app: Flask, session: Session, tmp_path: Path) -> None:
    replay(app, written(tmp_path, FIRST_HALF))
    orders = read(session, select(Order).order_by(Order.id))
    assert [(order.external_reference, order.number, order.total) for order in orders] == [
        ("536365", "SO-10-00001", Decimal("35.64")),
        ("536367", "SO-10-00002", Decimal("20.40")),
        ("536372", "SO-10-00003", Decimal("7.10")),
        ("536373", "SO-10-00004", Decimal("18.50")),
    ]
    first = orders[0]
    assert first.placed_at == datetime(2010, 12, 1, 8, 25, tzinfo=UTC)
    assert (first.source, first.currency, first.state) == ("replay", "GBP", "confirmed")
    assert units(session) == [
        ("536365", "85123A", 6, 0, 6),
        ("536365", "71053", 6, 0, 6),
        ("536367", "85123A", 3, 3, 0),
        ("536367", "85123A", 5, 3, 2),
        ("536372", "71053", 1, 0, 1),
        ("536372", "22633", 2, 0, 2),
        ("536373", "22633", 10, 0, 10),
    ]
    line = read(session, select(OrderLine).order_by(OrderLine.id))[0]
    assert (line.price_source, line.unit_price, line.net) == ("imported", Decimal("2.55"), Decimal("15.30"))
    assert "536365" in line.price_reason


def test_companies_and_products_are_made_as_needed(app: Flask, session: Session, tmp_path: Path) -> None:
    replay(app, written(tmp_path, FIRST_HALF))
    companies = read(session, select(Company).order_by(Company.number))
    assert [(row.number, row.currency, row.is_historical) for row in companies] == [
        ("13047", "GBP", True),
        ("17850", "GBP", True),
    ]
    assert read(session, select(Branch.country).order_by(Branch.country)) == ["GB", "IE"]
    products = read(session, select(Product).order_by(Product.sku))
    assert [(row.sku, row.name, row.kind, row.is_backorderable) for row in products] == [
        ("22633", "HAND WARMER", "hardware", True),
        ("71053", "WHITE LANTERN", "hardware", True),
        ("85123A", "WHITE HEART", "hardware", True),
    ]
    with all_companies(session, reason="test"):
        found = suggest(session, None, "lantern", on=datetime(2011, 1, 1, tzinfo=UTC).date())
    assert [row.sku for row in found] == ["71053"]


def test_nobody_gets_mail_and_audit_rows_carry_the_real_time(
    app: Flask, session: Session, tmp_path: Path
) -> None:
    replay(app, written(tmp_path, FIRST_HALF))
    assert read(session, select(func.count(Job.id))) == [0]
    moments = read(session, select(AuditEntry.at))
    assert len(moments) >= 7
    assert min(moments).year >= 2026
    assert {change.at.year for change in read(session, select(StateChange))} == {2010}


def test_the_same_file_again_changes_nothing(app: Flask, session: Session, tmp_path: Path) -> None:
    path = written(tmp_path, FIRST_HALF)
    replay(app, path)
    before = units(session)
    again = last_line(replay(app, path))
    assert again == {
        "lines": 16,
        "orders": 0,
        "count": {"unknown_invoice_prefix": 1, "bad_row": 1, "already_replayed": 14},
        "amount": {
            "unknown_invoice_prefix": "11062.06",
            "bad_row": "0.00",
            "already_replayed": "68.20",
        },
    }
    assert units(session) == before
    assert read(session, select(func.count(ReplayedInvoice.number))) == [9]


def test_another_half_year_cancels_across_files(app: Flask, session: Session, tmp_path: Path) -> None:
    replay(app, written(tmp_path, FIRST_HALF))
    assert last_line(replay(app, written(tmp_path, SECOND_HALF, "second.csv")))["count"] == {
        "already_replayed": 1,
        "ordered": 1,
        "cancelled": 1,
    }
    assert units(session)[0] == ("536365", "85123A", 6, 6, 0)
    assert units(session)[-1] == ("540000", "85123A", 1, 1, 0)
    states = {
        order.external_reference: order.state for order in read(session, select(Order).order_by(Order.id))
    }
    assert states["540000"] == "cancelled"
    assert states["536365"] == "confirmed"


def test_a_run_that_broke_off_anywhere_is_finished_by_the_next(
    app: Flask, session: Session, tmp_path: Path
) -> None:
    path = written(tmp_path, FIRST_HALF)
    with app.app_context():
        engine = db.engine
    broken_off = 0
    for statement in range(5, 120, 23):
        left = [statement]

        def break_off(*_values: Any, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] == 0:
                raise KeyboardInterrupt

        event.listen(engine, "before_cursor_execute", break_off)
        try:
            result = replay(app, path)
        finally:
            event.remove(engine, "before_cursor_execute", break_off)
        broken_off += result.exit_code == 1
        if result.exit_code == 1:
            assert "replay the file again" in result.stderr
    assert broken_off >= 2
    last_line(replay(app, path))
    assert len(units(session)) == 7
    assert sum(row[3] for row in units(session)) == 6
    assert read(session, select(func.count(ReplayedInvoice.number))) == [9]
    assert read(session, select(Order.number).order_by(Order.id)) == [f"SO-10-0000{n}" for n in range(1, 5)]


def test_history_takes_stock_that_is_there_and_gives_it_back(
    app: Flask, session: Session, tmp_path: Path
) -> None:
    make_vendor(session, currency="GBP", timezone="Europe/London", order_prefix="UK")
    make_warehouse(session, "MAIN")
    heart = make_product(session, "85123A", "White heart")
    stock_in(session, heart, 10)
    replay(app, written(tmp_path, FIRST_HALF))
    orders = read(session, select(Order).order_by(Order.id))
    assert [(order.number, order.state) for order in orders[:2]] == [
        ("UK-10-00001", "released"),
        ("UK-10-00002", "released"),
    ]
    assert units(session)[:4] == [
        ("536365", "85123A", 6, 0, 0),
        ("536365", "71053", 6, 0, 6),
        ("536367", "85123A", 3, 3, 0),
        ("536367", "85123A", 5, 3, 0),
    ]
    with all_companies(session, reason="test"):
        assert find_unbalanced(session) == []
    session.rollback()
    done(
        session,
        actions.count_stock,
        Actor.system("test"),
        product_id=heart.id,
        warehouse_id=1,
        counted=8,
        now=datetime(2026, 11, 24, tzinfo=UTC),
    )


def test_a_company_of_the_same_number_in_another_currency_stops_the_run(
    app: Flask, session: Session, tmp_path: Path
) -> None:
    make_company(session, number="17850", currency="USD")
    result = replay(app, written(tmp_path, FIRST_HALF))
    assert result.exit_code == 1
    assert "17850" in result.stderr
    assert "USD" in result.stderr
    assert read(session, select(func.count(Order.id))) == [0]


def test_lines_of_a_second_customer_on_one_invoice_are_bad(
    app: Flask, session: Session, tmp_path: Path
) -> None:
    content = f"{HEADER}\n1,AA,x,1,2010-12-01 08:00,2,7,France\n1,BB,y,1,2010-12-01 08:00,3,8,France\n"
    assert last_line(replay(app, written(tmp_path, content)))["count"] == {"bad_row": 1, "ordered": 1}
    assert read(session, select(OrderLine.sku)) == ["AA"]


def test_a_packed_file_is_read(app: Flask, tmp_path: Path) -> None:
    path = tmp_path / "half.csv.gz"
    path.write_bytes(gzip.compress(FIRST_HALF.encode()))
    assert last_line(replay(app, path))["count"] == FIRST_COUNT


def test_other_column_names_separators_and_encodings_are_read(
    app: Flask, session: Session, tmp_path: Path
) -> None:
    path = tmp_path / "half.csv"
    path.write_bytes(
        "Invoice;StockCode;Description;Quantity;InvoiceDate;Price;Customer ID;Country\n"
        "1;aa;CAFÉ TRAY;2;2010-12-01 08:00:00;1.50;7;France\n".encode("cp1252")
    )
    assert last_line(replay(app, path))["amount"] == {"ordered": "3.00"}
    assert read(session, select(Product.name)) == ["CAFÉ TRAY"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.csv", b"", "empty"),
        ("few.csv", b"InvoiceNo,StockCode\n1,2\n", "UnitPrice"),
        ("quote.csv", HEADER.encode() + b'\n1,"a,b\n', "quotation"),
        ("torn.csv.gz", gzip.compress(FIRST_HALF.encode())[:-20], "damaged"),
        ("no.csv.gz", b"plain text", "damaged"),
        ("half.xls", b"\xd0\xcf\x11\xe0", "old format"),
        ("bomb.csv.gz", gzip.compress(b"0" * 60_000_000), "unpacks"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_why_and_stores_nothing(
    app: Flask, session: Session, tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    result = replay(app, path)
    assert result.exit_code == 1
    assert said in result.stderr
    assert result.stdout == ""
    assert read(session, select(func.count(ReplayedInvoice.number))) == [0]


def test_a_file_that_is_not_there_is_said(app: Flask, tmp_path: Path) -> None:
    result = replay(app, tmp_path / "gone.csv")
    assert result.exit_code == 1
    assert "gone.csv" in result.stderr


def test_wrong_use_is_exit_status_two(app: Flask) -> None:
    assert app.test_cli_runner().invoke(args=["orders", "replay"]).exit_code == 2


@pytest.mark.soak
@pytest.mark.skipif("SELLTHRU_DATA" not in os.environ, reason="SELLTHRU_DATA names no folder")
def test_the_real_half_year_gives_the_known_sums(app: Flask) -> None:
    path = Path(os.environ["SELLTHRU_DATA"]) / "online_retail_2010-12_2011-06.csv.gz"
    result = last_line(replay(app, path))
    assert (result["lines"], result["orders"]) == (245_903, 8_754)
    assert result["count"] == {
        "stock_adjustment": 758,
        "zero_price": 720,
        "not_merchandise": 1_466,
        "no_customer": 66_944,
        "ordered": 171_939,
        "cancelled": 3_135,
        "cancel_without_order": 941,
    }
    assert result["amount"]["ordered"] == "3929607.60"
    assert result["amount"]["cancelled"] == "-161179.94"
    assert result["amount"]["no_customer"] == "714729.63"
    assert last_line(replay(app, path))["count"] == {"already_replayed": 245_903}
