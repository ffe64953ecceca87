"""All data of a company leaves whole, in open formats, without secrets and without anybody else's words."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import inspect, select, update

from app.core import clock
from app.core.audit import AuditEntry
from app.core.database import Base
from app.core.outbox import Job, enqueue
from app.core.permissions import Role
from app.core.tenancy import tenant_tables
from app.domain.accounts.company_data import LEFT_OUT, parts
from app.domain.accounts.models import Company, CompanyExport, MailMessage
from app.jobs import company_exports
from app.jobs.execution import sessions_of
from app.jobs.schedule import PERIODIC_KINDS
from app.jobs.worker import Worker
from tests.console import stage
from tests.factories import accounts, catalogue

#: Every table of a company and what of it is handed out. A table or column that is new is decided on here,
#: or named in `LEFT_OUT` with the reason.
DECIDED = {
    "agreement_quantity_rule": "agreement_id product_id min_quantity multiple max_quantity product_sku",
    "allocation": "id order_line_id product_id warehouse_id quantity product_sku",
    "asset": (
        "id product_id brand_key serial serial_raw state source end_customer_id ship_date "
        "invoice_date delivery_date registration_date activation_date country parent_id "
        "replaces_id term_id cover_until created_at version company_id product_sku"
    ),
    "asset_cover": "id asset_id position kind term_id term_name starts_on ends_on claimable_from why",
    "asset_event": "id asset_id kind at reference data actor_name company_id",
    "audit_entry": (
        "id at actor_name actor_user_id real_user_id action subject_type subject_id before after company_id"
    ),
    "branch": "id name street postcode city region country terms_days is_active version company_id",
    "cart": ("id name branch_id created_by_id draft created_at updated_at placed_at discarded_at company_id"),
    "cart_line": "id company_id cart_id product_id quantity position product_sku",
    "company": (
        "id name name_key number currency tier tax_id visibility_mode is_active is_historical "
        "created_at merged_into_id version"
    ),
    "cover_purchase": "id asset_id term_id order_line_id bought_on created_at company_id",
    "customer_part_number": "id product_id code code_key company_id product_sku",
    "end_customer": "id name street postcode city region country is_active company_id",
    "mail_message": (
        "id template recipient subject text_body html_body state created_at attempts handed_at "
        "sent_at company_id"
    ),
    "membership": "id user_id role end_customer_id is_active created_at company_id",
    "order_discount": "id order_id agreement_id label rate_bps amount company_id",
    "order_hold": "id order_id kind reason opened_at opened_by cleared_at cleared_by company_id",
    "order_line": (
        "id company_id order_id position product_id sku name ordered allocated backordered picked "
        "shipped cancelled returned unit_price price_source price_reason agreement_id price_step "
        "net discount_share tax_code tax_rate_bps tax promised_on product_sku"
    ),
    "price_agreement": (
        "id number name level tier branch_id currency starts_on ends_on order_discount_bps "
        "order_discount_from is_active version company_id"
    ),
    "price_request": (
        "id number branch_id product_id quantity note state asked_by_id asked_by_name created_at "
        "answered_at answered_by_name unit_price valid_until answer version company_id "
        "product_sku"
    ),
    "price_row": "id agreement_id product_id min_quantity unit_price product_sku",
    "sales_order": (
        "id number branch_id end_customer_id cart_id state source external_reference currency "
        "po_number reference notes requested_on ship_to terms_days net discount tax total "
        "tax_rounding line_count placed_at placed_by_id placed_by_name queued_at version "
        "company_id"
    ),
    "shipment": (
        "id number order_id warehouse_id carrier tracking shipped_on shipped_at shipped_by note "
        "reverses_id company_id"
    ),
    "shipment_line": "id shipment_id order_line_id quantity company_id",
    "shipment_unit": "shipment_line_id asset_id serial company_id",
    "state_change": (
        "id machine subject_id event from_state to_state at actor_name actor_user_id reason company_id"
    ),
    "tax_rate": "id tax_class code rate_bps company_id",
    "user_account": "id email name is_disabled created_at last_signed_in_at mail_refusal mail_refused_at",
    "visibility_listing": "id product_id category_id starts_on ends_on company_id product_sku",
}


@pytest.fixture
def scene(app):
    scene = stage.make_scene(app, 2)
    with stage.stored(app) as session:
        other = accounts.make_company(session, "Canary Other", branches=("Canary branch",), tax_id="Canary")
        accounts.make_end_customer(session, other, "Canary customer")
        accounts.make_person(session, other, email="canary@other.example", name="Canary Person")
        for company in (scene.company, other):
            stage.add_order(
                session, company, [(scene.products[0], 0, 1)], po_number=f"PO {company.name}", notes="=1+1"
            )
            stage.add_request(session, company, scene.products[1], note=f"For {company.name}")
            catalogue.make_agreement(
                session, level="company", company=company, prices={scene.products[0]: [(1, "9.99")]}
            )
        catalogue.make_agreement(session, prices={scene.products[1]: [(1, "10.00")]})
        accounts.make_person(session, scene.company, email="own@kettle.example", name="Own Person")
    return scene


def work(app):
    """Do what is due, as a worker does."""
    worker = Worker(sessions_of(app))
    return list(iter(worker.run_one, None))


def ask(app, scene, role=Role.RESELLER_ADMIN):
    client = stage.client_of(app, role, scene.company)
    answer = client.post("/company/data", follow_redirects=True)
    assert "The archive is being made." in answer.get_data(as_text=True)
    return client


def archive_of(client, page="/company/data"):
    text = client.get(page).get_data(as_text=True)
    address = re.search(rf'href="({page}/[0-9]+\.zip)"', text)[1]
    answer = client.get(address, buffered=True)
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith("attachment")
    content = answer.data
    answer.close()
    return zipfile.ZipFile(io.BytesIO(content))


def table(archive, name):
    return list(csv.DictReader(io.StringIO(archive.read(f"csv/{name}.csv").decode(), newline="")))


def test_the_archive_holds_all_of_the_company_in_both_formats_and_nobody_elses_words(app, scene):
    client = ask(app, scene)
    assert work(app)
    archive = archive_of(client)
    assert archive.testzip() is None
    rows = json.loads(archive.read("manifest.json"))["rows"]
    assert set(rows) == {part.name for part in parts()}
    for name, count in rows.items():
        objects = [json.loads(line) for line in archive.read(f"jsonl/{name}.jsonl").decode().splitlines()]
        assert len(objects) == len(table(archive, name)) == count
    (order,) = table(archive, "sales_order")
    assert (order["po_number"], order["notes"], order["total"]) == ("PO Kettle & Byte", "'=1+1", "10")
    assert json.loads(archive.read("jsonl/sales_order.jsonl"))["notes"] == "=1+1"
    (price,) = table(archive, "price_row")
    assert (price["unit_price"], price["product_sku"]) == ("9.99", "PART-1")
    assert {row["email"] for row in table(archive, "user_account")} >= {"own@kettle.example"}
    everything = b"\n".join(archive.read(name) for name in archive.namelist()).lower()
    assert b"kettle" in everything
    assert b"canary" not in everything
    assert accounts.PASSWORD_HASH.lower().encode() not in everything


def test_who_asked_is_told_by_mail_and_asking_twice_makes_one(app, scene):
    client = ask(app, scene)
    ask(app, scene)
    work(app)
    with stage.stored(app) as session:
        (export,) = session.scalars(select(CompanyExport)).all()
        assert (export.state, export.company_id) == ("ready", scene.company.id)
        assert export.expires_at - export.finished_at == timedelta(days=7)
        written = select(AuditEntry).where(AuditEntry.action == "company.data_exported")
        assert [entry.company_id for entry in session.scalars(written)] == [scene.company.id]
    work(app)
    with stage.stored(app) as session:
        mail = session.scalars(select(MailMessage).where(MailMessage.template == "company_export")).one()
        assert "/company/data" in mail.text_body
    assert "Ready" in client.get("/company/data").get_data(as_text=True)


def test_an_archive_is_its_own_companys_only_and_gone_after_a_week(app, scene):
    client = ask(app, scene)
    work(app)
    address = re.search(r"/company/data/[0-9]+\.zip", client.get("/company/data").text)[0]
    with stage.stored(app) as session:
        other = session.scalars(select(Company).where(Company.name == "Canary Other")).one()
    assert stage.client_of(app, Role.RESELLER_ADMIN, other).get(address).status_code == 404
    assert stage.client_of(app, Role.BUYER, scene.company).get(address).status_code == 403
    # The staff's archives are apart from the company's own.
    staff = stage.client_of(app, Role.VENDOR_SALES)
    assert staff.get(f"/console/companies/{scene.company.id}{address[8:]}").status_code == 404
    store = Path(app.config["DATA_DIR"]) / "uploads"
    assert len(list(store.rglob("*.zip"))) == 1
    with stage.stored(app) as session:
        session.execute(update(CompanyExport).values(expires_at=clock.now() - timedelta(minutes=1)))
    assert client.get(address).status_code == 404
    assert "company_exports.prune" in PERIODIC_KINDS
    with stage.stored(app) as session:
        enqueue(session, "company_exports.prune", {}, now=clock.now())
    work(app)
    assert list(store.rglob("*.zip")) == []
    assert "Deleted" in client.get("/company/data").get_data(as_text=True)


def test_staff_export_a_company_from_its_page(app, scene):
    client = stage.client_of(app, Role.VENDOR_SALES)
    page = f"/console/companies/{scene.company.id}/data"
    assert page in client.get(f"/console/companies/{scene.company.id}").get_data(as_text=True)
    client.post(page)
    work(app)
    archive = archive_of(client, page)
    assert [row["name"] for row in table(archive, "company")] == ["Kettle & Byte"]
    assert client.post("/console/companies/999/data").status_code == 404


def test_what_an_attempt_left_is_removed_and_the_last_one_gives_up(app, scene, monkeypatch):
    client = ask(app, scene)
    store = Path(app.config["DATA_DIR"]) / "uploads"
    written = company_exports._write

    def fail(session, file, company_id, beat):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(company_exports, "_write", fail)
    for attempt in (1, 2):
        assert work(app) == ["failed"]
        assert len(list(store.rglob("*.zip"))) == 1, attempt
        with stage.stored(app) as session:
            session.execute(update(Job).values(run_at=clock.now()))
    assert "Being made" in client.get("/company/data").get_data(as_text=True)
    assert work(app) == ["failed"]
    assert list(store.rglob("*.zip")) == []
    assert "Failed" in client.get("/company/data").get_data(as_text=True)
    monkeypatch.setattr(company_exports, "_write", written)
    ask(app, scene)
    assert "done" in work(app)
    assert "Ready" in client.get("/company/data").get_data(as_text=True)


def test_the_command_writes_the_same_and_says_what_is_wrong(app, scene, tmp_path):
    def command(*arguments):
        done = app.test_cli_runner().invoke(args=["companies", "export", *map(str, arguments)])
        return done.exit_code, done.stdout, done.stderr

    target = tmp_path / "all.zip"
    status, out, _err = command(scene.company.number, target)
    assert status == 0
    assert "rows of" in out
    assert table(zipfile.ZipFile(target), "branch")[0]["name"] == "Main branch"
    assert command("no such", target)[0] == 2
    status, _out, err = command(scene.company.number, tmp_path / "no" / "all.zip")
    assert status == 1
    assert "cannot be written" in err


def test_every_table_and_column_of_a_company_is_decided_on():
    """A new one fails here: add it to DECIDED, or to LEFT_OUT with the reason."""
    found = {part.name: " ".join(part.columns) for part in parts()}
    assert found == DECIDED
    tables = Base.metadata.tables
    for name in LEFT_OUT:
        table_name, _dot, column = name.partition(".")
        assert table_name in tables, name
        assert not column or column in tables[table_name].columns, name


def test_what_points_to_a_company_is_in_the_archive_or_left_out_by_name():
    names = {part.name for part in parts()}
    owned = {table.name for table in tenant_tables()} | {"company"}
    for mapper in Base.registry.mappers:
        columns = inspect(mapper.class_).local_table.foreign_keys
        if any(key.column.table.name in owned for key in columns):
            name = mapper.local_table.name
            assert name in names or name in LEFT_OUT, name


def test_no_secret_is_handed_out():
    secret = re.compile(r"hash|token|nonce|secret|password|digest|entry_key|storage_key|link_id|message_id")
    assert [name for part in parts() for name in part.columns if secret.search(name)] == []
