"""The schema of the version before, 0002, with an instance's rows in plain SQL: what code of that version
writes, whatever the models say by now."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, text

from tests.factories.accounts import PASSWORD_HASH
from tools.check_migrations import flask

REVISION = "0002"
AT = "2026-11-20 09:00:00.000000"
PRODUCTS = 3
UNITS = 100_000

_PLACE = {"street": "1 Mill Lane", "postcode": "04101", "city": "Portland", "region": "ME", "country": "US"}
_READ = text(
    "SELECT 1 FROM company JOIN branch ON branch.company_id = company.id"
    " JOIN user_account ON user_account.id = company.id JOIN product ON product.id = :product"
    " JOIN price_agreement ON price_agreement.id = 1 JOIN warehouse ON warehouse.id = 1"
    " JOIN stock_level ON stock_level.product_id = product.id WHERE company.id = :company"
)
_numbers = itertools.count(1)


def make(url: str, folder: Path) -> None:
    """The schema, empty."""
    flask(url, str(folder), "upgrade", REVISION)


def insert(connection: Connection, table: str, **row: Any) -> None:
    """A row with the columns that the version before knew; dictionaries are JSON."""
    values = {name: json.dumps(value) if isinstance(value, dict) else value for name, value in row.items()}
    names = ", ".join(f'"{name}"' for name in values)
    places = ", ".join(f":{name}" for name in values)
    connection.execute(text(f'INSERT INTO "{table}" ({names}) VALUES ({places})'), values)


def fill(engine: Engine, base: int = 0) -> None:
    """A vendor (once), a reseller with a buyer, priced products in stock, a mail with its link, an import."""
    with engine.begin() as connection:
        if not base:
            _vendor(connection)
        _company(connection, base + 1)
        for number in range(base + 1, base + 1 + PRODUCTS):
            _product(connection, number)
        _traces(connection, base + 1)


def _vendor(connection: Connection) -> None:
    insert(
        connection,
        "vendor",
        id=1,
        name="Larkspur",
        currency="USD",
        timezone="UTC",
        order_prefix="SO",
        alert_email="orders@larkspur.example",
        releases_automatically=True,
        is_demo=False,
    )
    insert(connection, "category", id=1, name="Parts", slug="parts", path="/1/", position=0)
    insert(connection, "warehouse", id=1, code="MAIN", name="Main", position=0, is_active=True, version=1)
    insert(
        connection,
        "price_agreement",
        id=1,
        number="LIST",
        name="List",
        level="list",
        currency="USD",
        starts_on="2026-01-01",
        order_discount_bps=0,
        order_discount_from=0,
        is_active=True,
        version=1,
    )


def _company(connection: Connection, key: int) -> None:
    insert(
        connection,
        "company",
        id=key,
        name=f"Kettle {key}",
        name_key=f"kettle {key}",
        number=f"K-{key}",
        currency="USD",
        visibility_mode="all",
        is_active=True,
        is_historical=False,
        created_at=AT,
        version=1,
    )
    insert(
        connection,
        "branch",
        id=key,
        company_id=key,
        name="Portland",
        terms_days=30,
        is_active=True,
        version=1,
        **_PLACE,
    )
    insert(connection, "tax_rate", id=key, company_id=key, tax_class="standard", code="US-ME", rate_bps=550)
    insert(
        connection,
        "user_account",
        id=key,
        email=f"buyer{key}@kettle.example",
        name="Mara Vint",
        password_hash=PASSWORD_HASH,
        is_disabled=False,
        created_at=AT,
    )
    insert(
        connection,
        "membership",
        id=key,
        user_id=key,
        company_id=key,
        role="buyer",
        is_active=True,
        created_at=AT,
    )


def _product(connection: Connection, key: int) -> None:
    insert(
        connection,
        "product",
        id=key,
        sku=f"OLD-{key}",
        sku_key=f"OLD-{key}",
        name=f"Old part {key}",
        name_key=f"old part {key}",
        category_id=1,
        kind="hardware",
        life_cycle="active",
        description="",
        summary="",
        unit="piece",
        min_quantity=1,
        multiple=1,
        is_backorderable=True,
        tax_class="standard",
        created_at=AT,
        updated_at=AT,
        version=1,
    )
    insert(
        connection, "price_row", id=key, agreement_id=1, product_id=key, min_quantity=1, unit_price=100_000
    )
    insert(connection, "stock_level", product_id=key, warehouse_id=1, on_hand=UNITS, allocated=0)
    insert(
        connection,
        "stock_movement",
        id=key,
        product_id=key,
        warehouse_id=1,
        delta=UNITS,
        kind="count",
        reference="",
        at=AT,
        actor_name="x",
    )
    insert(
        connection,
        "expected_receipt",
        id=key,
        product_id=key,
        warehouse_id=1,
        quantity=5,
        received=0,
        due_on="2026-12-01",
        reference="",
        is_open=True,
        created_at=AT,
    )


def _traces(connection: Connection, key: int) -> None:
    insert(
        connection,
        "single_use_link",
        id=key,
        purpose="reset",
        user_id=key,
        nonce=f"{key:032d}",
        created_at=AT,
        expires_at=AT,
    )
    insert(
        connection,
        "mail_message",
        id=key,
        message_id=f"mail-{key}",
        template="reset",
        recipient="a@b.example",
        subject="x",
        text_body="x",
        html_body="x",
        link_id=key,
        state="kept",
        created_at=AT,
    )
    insert(
        connection,
        "import_run",
        id=key,
        kind="products",
        filename="a.csv",
        options={"files": []},
        state="done",
        is_dry_run=False,
        rows_done=1,
        created=1,
        updated=0,
        unchanged=0,
        rejected=0,
        started_by="x",
        created_at=AT,
        finished_at=AT,
    )


def place_order(engine: Engine, company: int = 1, product: int = 1) -> str:
    """An order as the version before wrote it: lines, allocation, balance, trail and mail at once."""
    number = f"SO-OLD-{next(_numbers):05d}"
    with engine.begin() as connection:
        # As the code does: whose order it is, and its prices and stock, are read before anything is written.
        connection.execute(_READ, {"company": company, "product": product})
        amounts = {"net": 200_000, "discount": 0, "tax": 11_000, "total": 211_000}
        insert(
            connection,
            "sales_order",
            company_id=company,
            number=number,
            branch_id=company,
            state="released",
            source="portal",
            currency="USD",
            notes="",
            ship_to=_PLACE,
            terms_days=30,
            tax_rounding="per_line",
            line_count=1,
            placed_at=AT,
            placed_by_id=company,
            placed_by_name="Mara Vint",
            version=1,
            **amounts,
        )
        order = connection.scalar(text("SELECT id FROM sales_order WHERE number = :n"), {"n": number})
        states = {"backordered": 0, "picked": 0, "shipped": 0, "cancelled": 0, "returned": 0}
        insert(
            connection,
            "order_line",
            company_id=company,
            order_id=order,
            position=1,
            product_id=product,
            sku=f"OLD-{product}",
            name="Old part",
            ordered=2,
            allocated=2,
            unit_price=100_000,
            price_source="agreement",
            price_reason="List",
            agreement_id=1,
            price_step=1,
            net=200_000,
            discount_share=0,
            tax_code="US-ME",
            tax_rate_bps=550,
            tax=11_000,
            **states,
        )
        line = connection.scalar(text("SELECT id FROM order_line WHERE order_id = :o"), {"o": order})
        insert(connection, "allocation", order_line_id=line, product_id=product, warehouse_id=1, quantity=2)
        connection.execute(
            text("UPDATE stock_level SET allocated = allocated + 2 WHERE product_id = :p"), {"p": product}
        )
        insert(
            connection,
            "audit_entry",
            at=AT,
            actor_name="Mara Vint",
            action="order.placed",
            subject_type="order",
            subject_id=order,
            after={"number": number},
            company_id=company,
        )
        insert(
            connection,
            "job",
            message_id=f"job-{number}",
            kind="mail.render",
            payload={},
            state="done",
            attempts=1,
            max_attempts=8,
            run_at=AT,
            progress_done=0,
            created_at=AT,
            finished_at=AT,
        )
    return number
