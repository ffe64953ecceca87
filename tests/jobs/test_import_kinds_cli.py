"""`flask import KIND`: companies, people and stock from files, rejected rows sent again, runs undone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.core.outbox import Job
from app.core.tenancy import all_companies
from app.core.web.extensions import db
from app.domain.accounts.models import Company, Membership
from app.domain.inventory.models import StockLevel
from tests.factories.accounts import make_vendor
from tests.factories.catalogue import make_product
from tests.factories.ordering import make_warehouse

COMPANIES = (
    "number,name,currency,tax_code,tax_percent,country\nK1,Kettle,USD,US-ME,5.5,US\nK2,Quill,USD,US-ME,x,US\n"
)
CONTACTS = "email,name,company,role\nmara@kettle.example,Mara Vint,K1,admin\n"
STOCK = "warehouse,sku,quantity\nMAIN,SSD-1,7\n"


@pytest.fixture
def folder(app: Flask, tmp_path: Path) -> Path:
    with app.app_context():
        make_vendor(db.session())
        make_product(db.session(), sku="SSD-1")
        make_warehouse(db.session(), "MAIN")
    for name, text in (("companies", COMPANIES), ("contacts", CONTACTS), ("stock", STOCK)):
        (tmp_path / f"{name}.csv").write_text(text)
    return tmp_path


def imported(app: Flask, *arguments: Any) -> tuple[int, dict[str, Any], str]:
    done = app.test_cli_runner().invoke(args=["import", *map(str, arguments)])
    return done.exit_code, json.loads(done.stdout.splitlines()[-1]) if done.stdout else {}, done.stderr


def stored(app: Flask) -> tuple[int, ...]:
    models = (Company.id, Membership.id, Job.id, StockLevel.on_hand)
    with app.app_context(), all_companies(db.session(), reason="test"):
        return tuple(db.session().scalar(select(func.count(column))) for column in models)


def test_a_first_day_from_files(app: Flask, folder: Path) -> None:
    report = folder / "rejected.csv"
    status, counts, _err = imported(app, "companies", folder / "companies.csv", "--report", report)
    assert (status, counts["created"], counts["rejected"]) == (0, 1, 1)
    report.write_text(report.read_text().replace(",x,", ',"8,25",'))
    assert imported(app, "companies", report)[1]["created"] == 1

    assert imported(app, "contacts", folder / "contacts.csv", "--invite", "--dry-run")[1]["created"] == 1
    assert stored(app) == (2, 0, 0, 0)
    assert imported(app, "contacts", folder / "contacts.csv", "--invite")[1]["created"] == 1
    assert imported(app, "contacts", folder / "contacts.csv", "--invite")[1]["unchanged"] == 1
    assert imported(app, "stock", folder / "stock.csv")[1]["created"] == 1
    assert stored(app) == (2, 1, 1, 1)


def test_runs_are_undone_from_the_last_to_the_first(app: Flask, folder: Path) -> None:
    for kind in ("companies", "contacts"):
        imported(app, kind, folder / f"{kind}.csv")
    status, _counts, err = imported(app, "undo", 1)
    assert (status, "K1 is in use" in err) == (1, True)
    assert stored(app) == (1, 1, 0, 0)
    assert [imported(app, "undo", run_id)[0] for run_id in (2, 1)] == [0, 0]
    assert stored(app) == (0, 0, 0, 0)


def test_a_file_of_another_kind_is_named_as_that(app: Flask, folder: Path) -> None:
    status, _counts, err = imported(app, "companies", folder / "stock.csv")
    assert (status, "Stock counts" in err) == (1, True)


def test_the_installed_base_has_a_command_of_its_own(app: Flask, folder: Path) -> None:
    imported(app, "companies", folder / "companies.csv")
    units = folder / "units.csv"
    units.write_text("serial,sku,ship_date,company\nS1,SSD-1,2025-11-10,K1\nS1,SSD-1,2025-11-10,K9\n")
    done = app.test_cli_runner().invoke(args=["assets", "import", str(units)])
    counts = json.loads(done.stdout.splitlines()[-1])
    assert (done.exit_code, counts["created"], counts["rejected"]) == (0, 1, 1)
    assert imported(app, "assets", units)[1]["unchanged"] == 1


@pytest.mark.parametrize(("arguments", "said"), [(["images"], "no template"), (["prices", "x.pdf"], ".xlsx")])
def test_a_template_is_refused_where_it_could_not_be_used(
    app: Flask, arguments: list[str], said: str
) -> None:
    done = app.test_cli_runner().invoke(args=["import", "template", *arguments])
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr
