"""Imports in the console: send, settle columns, try, import, cancel, download what was rejected."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import func, select

from app.core.imports.models import ImportMapping, ImportRun
from app.core.permissions import Role
from app.core.tenancy import all_companies
from app.core.web.extensions import db
from app.domain.catalogue.models import PriceRow, Product, ProductMedia
from app.domain.ordering.import_kinds import KINDS
from app.jobs import registry
from app.jobs.execution import sessions_of
from app.jobs.worker import Worker
from tests.factories.accounts import make_person, sign_in
from tests.factories.catalogue import make_product

LAMPS = b"""name,price,colour,watts
Desk lamp,19.90,Black,5
Desk lamp,19.90,White,5
Desk lamp,21,Black,5
Floor lamp,abc,Black,9
Ceiling lamp,,White,12
"""


@pytest.fixture
def staff(app: Flask) -> FlaskClient:
    """A client signed in as vendor sales."""
    with app.app_context():
        make_person(db.session(), None, Role.VENDOR_SALES, email="sal@larkspur.example")
    client = app.test_client()
    sign_in(client, "sal@larkspur.example")
    return client


def send(client: FlaskClient, *files: tuple[str, bytes], kind: str = "products", **values: Any) -> Any:
    data = {"currency": "USD", "mapping": "", **values}
    data["files"] = [(io.BytesIO(content), name) for name, content in files]
    return client.post(f"/console/imports/new/{kind}", data=data, content_type="multipart/form-data")


def work(app: Flask) -> None:
    registry.load()
    worker = Worker(sessions_of(app), threads=1)
    while worker.run_one():
        pass


def chosen(app: Flask, run_id: int) -> dict[str, str]:
    """The form of the columns page as it is proposed."""
    with app.app_context():
        run = db.session().get(ImportRun, run_id)
        targets = run.options["targets"]
        return {
            f"column-{place}": targets[column["header"]]
            for place, column in enumerate(run.options["columns"])
        }


def counts(app: Flask, run_id: int) -> tuple[Any, ...]:
    with app.app_context():
        run = db.session().get(ImportRun, run_id)
        return run.state, run.created, run.updated, run.unchanged, run.rejected


def products(app: Flask) -> int:
    with app.app_context():
        return db.session().scalar(select(func.count()).select_from(Product)) or 0


def run_number(response: Any) -> int:
    assert response.status_code == 303, response.text
    return int(response.location.rstrip("/").rpartition("/")[2])


def test_a_file_is_tried_then_imported_and_its_bad_rows_are_handed_back(app, staff):
    run_id = run_number(send(staff, ("desk-lamp.csv", LAMPS)))
    page = staff.get(f"/console/imports/{run_id}").text
    assert "colour" in page
    assert "Black" in page

    tried = staff.post(f"/console/imports/{run_id}/start", data={**chosen(app, run_id), "action": "dry"})
    assert tried.status_code == 303
    assert "Waits for a worker" in staff.get(f"/console/imports/{run_id}").text
    work(app)
    assert counts(app, run_id) == ("done", 3, 0, 0, 2)
    assert products(app) == 0
    page = staff.get(f"/console/imports/{run_id}").text
    assert "conflicting_price" in page
    assert "bad_price" in page

    real = run_number(staff.post(f"/console/imports/{run_id}/import"))
    work(app)
    assert counts(app, real) == ("done", 3, 0, 0, 2)
    assert products(app) == 3
    with staff.get(f"/console/imports/{real}/rejected.csv") as answer:
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        report = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["import_row"], row["import_reason"], row["name"]) for row in report] == [
        ("4", "conflicting_price", "Desk lamp"),
        ("5", "bad_price", "Floor lamp"),
    ]


def test_a_mapping_is_kept_under_its_name_and_used_for_the_next_file(app, staff):
    table = b"bezeichnung,preis,farbe\nLampe,5.00,Rot\n"
    run_id = run_number(send(staff, ("lampen.csv", table)))
    values = {"column-0": "name", "column-1": "price", "column-2": "extra", "mapping_name": "German lamps"}
    assert (
        staff.post(f"/console/imports/{run_id}/start", data={**values, "action": "start"}).status_code == 303
    )
    work(app)
    assert counts(app, run_id) == ("done", 1, 0, 0, 0)

    again = run_number(send(staff, ("lampen.csv", table), mapping="German lamps"))
    staff.post(f"/console/imports/{again}/start", data={**chosen(app, again), "action": "start"})
    work(app)
    assert counts(app, again) == ("done", 0, 0, 1, 0)
    with app.app_context(), all_companies(db.session(), reason="test"):
        stored = db.session().scalars(select(ImportMapping.columns)).one()
        assert stored == {"bezeichnung": "name", "preis": "price", "farbe": "extra"}
        assert [str(price) for price in db.session().scalars(select(PriceRow.unit_price))] == ["5"]


def test_columns_without_a_name_are_refused_and_nothing_starts(app, staff):
    run_id = run_number(send(staff, ("lampen.csv", b"bezeichnung,preis\nLampe,5.00\n")))
    values = {"column-0": "extra", "column-1": "price", "action": "start"}
    answer = staff.post(f"/console/imports/{run_id}/start", data=values)
    assert answer.status_code == 422
    assert "has no column for: Name" in answer.text
    assert counts(app, run_id)[0] == "uploaded"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("lamps.exe", LAMPS, "Send CSV, XLSX or ODS files"),
        ("lamps.csv", b"", "is empty"),
        ("lamps.csv", b"PK\x03\x04rest", "is a XLSX file"),
        ("lamps.csv", b"name,name\nx,y\n", "stands twice"),
        ("lamps.csv", (",".join(f"c{n}" for n in range(10_000)) + "\n").encode(), "10000 columns"),
        ("lamps.csv", b"a\x00b\x00\x00c,\x00\n", "no text (NUL)"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_what_to_change(app, staff, name, content, message):
    answer = send(staff, (name, content))
    assert answer.status_code == 422
    assert message in answer.text
    with app.app_context():
        assert db.session().scalar(select(func.count()).select_from(ImportRun)) == 0


def test_a_cancelled_run_stores_nothing_more(app, staff):
    run_id = run_number(send(staff, ("desk-lamp.csv", LAMPS)))
    staff.post(f"/console/imports/{run_id}/start", data={**chosen(app, run_id), "action": "start"})
    assert staff.post(f"/console/imports/{run_id}/cancel").status_code == 303
    work(app)
    assert counts(app, run_id) == ("cancelled", 0, 0, 0, 0)
    assert products(app) == 0
    assert staff.post(f"/console/imports/{run_id}/cancel").status_code == 409


def test_the_progress_asks_for_the_whole_page_once_the_run_has_ended(app, staff):
    run_id = run_number(send(staff, ("desk-lamp.csv", LAMPS)))
    staff.post(f"/console/imports/{run_id}/start", data={**chosen(app, run_id), "action": "start"})
    waiting = staff.get(f"/console/imports/{run_id}/progress")
    assert "every 1s" in waiting.text
    assert "HX-Refresh" not in waiting.headers
    work(app)
    ended = staff.get(f"/console/imports/{run_id}/progress")
    assert "every 1s" not in ended.text
    assert ended.headers["HX-Refresh"] == "true"
    assert "desk-lamp.csv" in staff.get("/console/imports").text


def test_warehouse_staff_cannot_import_products(app):
    with app.app_context():
        make_person(db.session(), None, Role.VENDOR_WAREHOUSE, email="wen@larkspur.example")
    client = app.test_client()
    sign_in(client, "wen@larkspur.example")
    assert client.get("/console/imports").status_code == 200
    assert "Products and list prices" not in client.get("/console/imports/new").text
    assert client.get("/console/imports/new/products").status_code == 403
    assert client.get("/console/imports/template/products.csv").status_code == 403
    assert send(client, ("desk-lamp.csv", LAMPS)).status_code == 403
    with app.app_context():
        assert db.session().scalar(select(func.count()).select_from(ImportRun)) == 0


def start(app: Flask, client: FlaskClient, run_id: int, *, action: str = "start") -> None:
    answer = client.post(f"/console/imports/{run_id}/start", data={**chosen(app, run_id), "action": action})
    assert answer.status_code == 303
    work(app)


def test_a_dry_run_shows_what_would_change_before_and_after(app, staff):
    start(app, staff, run_number(send(staff, ("desk-lamp.csv", LAMPS))))
    prices = LAMPS.replace(b"19.90,White", b"25.00,White")
    tried = run_number(send(staff, ("desk-lamp.csv", prices)))
    start(app, staff, tried, action="dry")
    page = staff.get(f"/console/imports/{tried}").text
    assert "19.9 → 25" in " ".join(page.split())
    assert "Nothing is stored yet." in page
    file = staff.get(f"/console/imports/{tried}/changes.csv")
    rows = list(csv.DictReader(io.StringIO(file.text)))
    assert [(row["change"], row["field"], row["before"], row["after"]) for row in rows] == [
        ("updated", "unit_price", "19.9", "25")
    ]
    assert "25" in staff.get(f"/console/imports/{tried}/changes").text


def test_an_import_is_undone_whole(app, staff):
    run_id = run_number(send(staff, ("desk-lamp.csv", LAMPS)))
    start(app, staff, run_id)
    assert products(app) == 3
    assert "Take back everything" in staff.get(f"/console/imports/{run_id}").text
    assert staff.post(f"/console/imports/{run_id}/undo").status_code == 303
    assert "Taking back what was stored" in staff.get(f"/console/imports/{run_id}").text
    work(app)
    page = staff.get(f"/console/imports/{run_id}").text
    assert "This import was undone." in page
    assert "Take back everything" not in page
    assert counts(app, run_id)[0] == "undone"
    assert products(app) == 0
    assert staff.post(f"/console/imports/{run_id}/undo").status_code == 409


def test_an_import_that_is_built_upon_is_not_undone_and_says_why(app, staff):
    run_id = run_number(send(staff, ("desk-lamp.csv", LAMPS)))
    start(app, staff, run_id)
    later = LAMPS.replace(b"19.90,White", b"25.00,White")
    start(app, staff, run_number(send(staff, ("desk-lamp.csv", later))))
    staff.post(f"/console/imports/{run_id}/undo")
    work(app)
    page = staff.get(f"/console/imports/{run_id}").text
    assert "This import was not undone." in page
    assert "was changed after this import" in page
    assert counts(app, run_id)[0] == "done"
    assert products(app) == 3


def test_a_workbook_is_looked_into_by_a_worker(app, staff):
    run_id = run_number(send(staff, ("lamps.xlsx", b"PK no workbook")))
    assert "A worker looks into the files" in staff.get(f"/console/imports/{run_id}").text
    work(app)
    page = staff.get(f"/console/imports/{run_id}").text
    assert "is damaged, or is no workbook" in page

    content = staff.get("/console/imports/template/products.xlsx").data
    run_id = run_number(send(staff, ("template.xlsx", content)))
    work(app)
    assert counts(app, run_id)[0] == "uploaded"
    start(app, staff, run_id)
    assert counts(app, run_id) == ("done", 0, 0, 0, 0)
    assert (
        "The example lines of the template were passed over." in staff.get(f"/console/imports/{run_id}").text
    )


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_is_offered_with_a_template_whose_lines_are_passed_over(app, kind):
    with app.app_context():
        make_person(db.session(), None, Role.VENDOR_ADMIN, email="ada@larkspur.example")
    client = app.test_client()
    sign_in(client, "ada@larkspur.example")
    page = client.get("/console/imports/new").text
    assert f"/console/imports/new/{kind}" in page
    if KINDS[kind].reads_archives:
        assert client.get(f"/console/imports/template/{kind}.csv").status_code == 404
        return
    template = client.get(f"/console/imports/template/{kind}.csv").data
    assert b"EXAMPLE" in template
    run_id = run_number(send(client, (f"{kind}.csv", template), kind=kind))
    start(app, client, run_id)
    assert counts(app, run_id) == ("done", 0, 0, 0, 0)


def test_columns_of_another_kind_are_named(app, staff):
    template = staff.get("/console/imports/template/prices.csv").data
    answer = send(staff, ("prices.csv", template))
    assert answer.status_code == 422
    assert "its columns are those of Prices" in answer.text


def archive(*names: str) -> bytes:
    buffer, picture = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (20, 20), "red").save(picture, "PNG")
    with zipfile.ZipFile(buffer, "w") as packed:
        for name in names:
            packed.writestr(name, picture.getvalue())
    return buffer.getvalue()


def test_images_come_as_an_archive(app, staff):
    with app.app_context():
        make_product(db.session(), "DOCK-24")
    run_id = run_number(send(staff, ("pictures.zip", archive("DOCK-24.png", "x.txt")), kind="images"))
    work(app)
    assert "DOCK-24.png" in staff.get(f"/console/imports/{run_id}").text
    start(app, staff, run_id)
    assert counts(app, run_id) == ("done", 1, 0, 0, 1)
    with app.app_context():
        assert db.session().scalars(select(ProductMedia.filename)).all() == ["DOCK-24.jpg"]
    staff.post(f"/console/imports/{run_id}/undo")
    work(app)
    assert counts(app, run_id)[0] == "undone"
    assert send(staff, ("pictures.csv", b"x"), kind="images").status_code == 422


def test_what_is_too_large_is_refused_before_it_is_read(app, staff):
    for kind, size in (("products", 201 * 1024 * 1024), ("images", 1025 * 1024 * 1024)):
        answer = staff.post(
            f"/console/imports/new/{kind}",
            environ_overrides={
                "CONTENT_LENGTH": str(size),
                "CONTENT_TYPE": "multipart/form-data; boundary=x",
            },
        )
        assert answer.status_code == 413
        assert f"larger than the {size // 1024 // 1024 - 1} MB" in answer.text


def test_an_archive_with_too_many_entries_is_refused_by_its_list(app, staff):
    content = bytearray(archive("DOCK-24.png"))
    end = content.rindex(b"PK\x05\x06")
    content[end + 8 : end + 12] = (20_001).to_bytes(2, "little") * 2
    run_id = run_number(send(staff, ("many.zip", bytes(content)), kind="images"))
    work(app)
    assert "holds 20001 entries; at most 20000 are taken" in staff.get(f"/console/imports/{run_id}").text


def test_warehouse_staff_see_that_prices_were_imported_and_not_which(app, staff):
    run_id = run_number(send(staff, ("desk-lamp.csv", LAMPS)))
    start(app, staff, run_id)
    with app.app_context():
        make_person(db.session(), None, Role.VENDOR_WAREHOUSE, email="wen@larkspur.example")
    client = app.test_client()
    sign_in(client, "wen@larkspur.example")
    page = client.get(f"/console/imports/{run_id}").text
    assert "desk-lamp.csv" in page
    assert "19.9" not in page
    assert "Take back everything" not in page
    assert client.get(f"/console/imports/{run_id}/changes").status_code == 403
    assert client.post(f"/console/imports/{run_id}/undo").status_code == 403
