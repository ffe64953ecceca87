"""`flask import KIND`: options, last line and status as for products; templates, changes, undoing."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.core.tenancy import all_companies
from app.core.web.extensions import db
from app.domain.catalogue.models import PriceRow
from app.domain.ordering.import_kinds import KINDS
from tests.factories.accounts import make_vendor
from tests.factories.catalogue import make_product


@pytest.fixture
def prices(app: Flask, tmp_path: Path) -> Path:
    with app.app_context():
        make_vendor(db.session())
        make_product(db.session(), "DOCK-24")
    file = tmp_path / "prices.csv"
    file.write_text("sku,price,quantity\nDOCK-24,12.50,1\nDOCK-24,abc,10\n")
    return file


def command(app: Flask, *arguments: Any) -> tuple[int, str, str]:
    done = app.test_cli_runner().invoke(args=["import", *map(str, arguments)])
    return done.exit_code, done.stdout, done.stderr


def stored(app: Flask) -> list[str]:
    with app.app_context(), all_companies(db.session(), reason="test"):
        return [f"{price:.2f}" for price in db.session().scalars(select(PriceRow.unit_price))]


def test_prices_are_tried_imported_and_taken_back(app, prices, tmp_path):
    report, changes = tmp_path / "rejected.csv", tmp_path / "changes.csv"
    options = ("--currency", "usd", "--report", report, "--changes", changes)
    status, out, err = command(app, "prices", prices, *options, "--dry-run")
    last = json.loads(out.splitlines()[-1])
    assert last.pop("seconds") >= 0
    assert (status, err) == (0, "")
    assert last == {"rows": 2, "created": 1, "updated": 0, "unchanged": 0, "rejected": 1}
    assert stored(app) == []
    with changes.open(newline="") as file:
        lines = [(row["subject"], row["field"], row["before"], row["after"]) for row in csv.DictReader(file)]
    assert ("DOCK-24", "unit_price", "", "12.5") in lines

    assert command(app, "prices", prices, *options)[0] == 0
    assert stored(app) == ["12.50"]
    report.write_text(report.read_text().replace("abc", "11.00"))
    assert json.loads(command(app, "prices", report)[1])["created"] == 1
    assert stored(app) == ["12.50", "11.00"]

    status, out, _err = command(app, "undo", 3)
    assert (status, json.loads(out)) == (0, {"run": 3, "undone": 1})
    assert stored(app) == ["12.50"]
    status, out, err = command(app, "undo", 3)
    assert (status, out) == (1, "")
    assert "There is nothing to take back" in err


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS.values() if not kind.reads_archives])
@pytest.mark.parametrize("extension", ["csv", "xlsx"])
def test_a_template_as_it_is_changes_nothing_and_says_so(app, prices, tmp_path, kind, extension):
    file = tmp_path / f"template.{extension}"
    assert command(app, "template", kind, file) == (0, "", "")
    status, out, err = command(app, kind, file)
    assert (status, json.loads(out)["rows"]) == (0, 0)
    assert "the example lines of the template are passed over" in err


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["frob", "{file}"], 2, "No such command"),
        (["prices"], 2, "Missing argument"),
        (["stock", "{file}"], 1, "its columns are those of"),
        (["images", "{file}"], 1, "is no ZIP archive"),
        (["prices", "{file}", "--currency", "XYZ9"], 2, "is no currency"),
        (["undo", "99"], 1, "no import by that number"),
        (["template", "frob"], 2, "Invalid value"),
    ],
)
def test_wrong_use_and_unreadable_files_have_their_own_status(app, prices, arguments, status, message):
    found = command(app, *(text.format(file=prices) for text in arguments))
    assert found[:2] == (status, "")
    assert message in found[2]
    with app.app_context(), all_companies(db.session(), reason="test"):
        assert db.session().scalar(select(func.count()).select_from(PriceRow)) == 0
