"""Every list leaves as CSV and XLSX, with what its filters show, few times a person, and is written down."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import select

from app import create_app
from app.console.exports import COMPANIES, GOODS, WORK
from app.core import pages
from app.core.audit import AuditEntry
from app.core.permissions import Role
from app.core.web.extensions import db, limiter
from app.portal.exports.lists import EXPORTS as PORTAL
from tests.console import stage
from tests.factories import accounts, catalogue

CONSOLE = (*COMPANIES, *GOODS, *WORK)


@pytest.fixture
def scene(app):
    scene = stage.make_scene(app, 3)
    with stage.stored(app) as session:
        catalogue.make_agreement(session, prices={scene.products[0]: [(1, "10.00"), (10, "9.5")]})
        stage.add_request(session, scene.company, scene.products[0], note="=1+1")
        stage.add_receipt(session, scene.products[0], scene.warehouse, 5, accounts.NOW.date())
    return scene


def address(one, scene, kind):
    path = one.path
    for name, value in (
        ("company_id", scene.company.id),
        ("product_id", scene.products[0].id),
        ("agreement_id", 1),
    ):
        path = path.replace(f"<int(max=9223372036854775807):{name}>", str(value))
    return f"{path}/export.{kind}"


def rows_of(answer):
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.get_data(as_text=True), newline="")))


@pytest.mark.parametrize("one", CONSOLE, ids=lambda one: one.name)
def test_each_list_of_the_console_leaves_as_both_kinds_of_file(app, scene, one):
    client = stage.client_of(app, Role.VENDOR_ADMIN)
    answer = client.post(f"/console{address(one, scene, 'csv')}")
    assert answer.status_code == 200
    (header, *rows) = csv.reader(io.StringIO(answer.get_data(as_text=True), newline=""))
    assert tuple(header) == one.columns
    assert {len(row) for row in rows} <= {len(header)}
    book = client.post(f"/console{address(one, scene, 'xlsx')}").data
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(book)).get_sheet_by_index(0).to_python()
    assert tuple(sheet[0]) == one.columns


@pytest.mark.parametrize("one", PORTAL, ids=lambda one: one.name)
def test_each_list_of_the_portal_leaves_and_names_no_other_company(app, scene, one):
    with stage.stored(app) as session:
        other = accounts.make_company(session, "Canary Other", branches=("Canary branch",))
        accounts.make_end_customer(session, other, "Canary customer")
        accounts.make_person(session, other, email="canary@other.example", name="Canary")
        stage.add_request(session, other, scene.products[0], note="Canary")
    client = stage.client_of(app, Role.RESELLER_ADMIN, scene.company)
    text = client.post(address(one, scene, "csv")).get_data(as_text=True)
    assert text.splitlines()[0] == ",".join(one.columns)
    assert "anary" not in text
    assert client.post(address(one, scene, "xlsx")).status_code == 200


def test_every_list_with_pages_has_the_buttons():
    templates = Path(__file__).resolve().parents[2] / "templates"
    without = {
        str(path.relative_to(templates))
        for path in templates.rglob("*.html")
        if "ui.pager(" in (text := path.read_text()) and "ui.exports(" not in text
    }
    # Two have files of their own; the settings' history is a part of the audit trail, the orders to ship
    # are a part of the orders.
    own = {"portal/orders/index.html", "console/imports/changes.html"}
    assert without == own | {"console/settings/index.html", "console/shipping/index.html"}


def test_the_filters_and_all_rows_beyond_a_page_are_in_the_file(app, scene, monkeypatch):
    monkeypatch.setattr(pages, "WHOLE_SIZE", 2)
    client = stage.client_of(app, Role.VENDOR_ADMIN)
    assert [row["sku"] for row in rows_of(client.post("/console/products/export.csv"))] == [
        *("PART-1", "PART-2", "PART-3")
    ]
    found = rows_of(client.post("/console/products/export.csv?q=PART-2&cursor=x"))
    assert [row["sku"] for row in found] == ["PART-2"]
    assert client.post("/console/companies/export.csv?state=x").status_code == 422
    prices = rows_of(client.post("/console/price-agreements/1/export.csv"))
    assert [(row["from_quantity"], row["unit_price"]) for row in prices] == [("1", "10"), ("10", "9.5")]
    with stage.stored(app) as session:
        written = select(AuditEntry).where(AuditEntry.action == "list.exported").order_by(AuditEntry.id)
        assert [(entry.subject_type, entry.after) for entry in session.scalars(written)] == [
            ("products", {}),
            ("products", {"q": "PART-2"}),
            ("agreement_prices", {"agreement_id": "1"}),
        ]


def test_no_cell_runs_and_the_buttons_keep_the_filters(app, scene):
    client = stage.client_of(app, Role.VENDOR_ADMIN)
    (row,) = rows_of(client.post("/console/price-requests/export.csv"))
    assert row["note"] == "'=1+1"
    page = client.get("/console/products?q=PART&sort=sku&cursor=").get_data(as_text=True)
    assert 'action="/console/products/export.csv?q=PART&amp;sort=sku"' in page
    page = client.get("/console/jobs?kind=mail.render&state=done").get_data(as_text=True)
    assert 'action="/console/jobs/export.xlsx?kind=mail.render&amp;state=done"' in page
    # Names that mean something to whoever builds addresses are filters like any other.
    assert client.get("/console/products?_scheme=x&endpoint=y&_anchor=z&values=1").status_code == 200


def test_prices_are_not_in_the_file_of_who_sees_none(app, scene):
    support = stage.client_of(app, Role.RESELLER_SUPPORT, scene.company)
    assert {row["unit_price"] for row in rows_of(support.post("/catalogue/export.csv"))} == {""}
    buyer = stage.client_of(app, Role.BUYER, scene.company)
    found = rows_of(buyer.post("/catalogue/export.csv"))
    assert (found[0]["sku"], found[0]["price_steps"]) == ("PART-1", "1: 10, 10: 9.5")


def test_a_person_takes_five_files_in_ten_minutes_of_all_lists_together(app, scene, database_url):
    limited = create_app(
        {
            "SQLALCHEMY_DATABASE_URI": database_url,
            "TESTING": True,
            "WTF_CSRF_ENABLED": False,
            "RATELIMIT_ENABLED": True,
        }
    )
    with limited.app_context():
        limiter.reset()
    client = stage.client_of(limited, Role.VENDOR_ADMIN)
    try:
        for name in ("products", "companies", "jobs", "mail", "orders"):
            assert client.post(f"/console/{name}/export.csv", buffered=True).status_code == 200
        refused = client.post("/console/stock/export.csv")
        assert refused.status_code == 429
        assert 0 < int(refused.headers["Retry-After"]) <= 600
        other = stage.client_of(limited, Role.VENDOR_SALES)
        assert other.post("/console/stock/export.csv", buffered=True).status_code == 200
    finally:
        with limited.app_context():
            limiter.reset()
            db.engine.dispose()
