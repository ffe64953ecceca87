"""`flask catalogue import`: its last line, streams, exit status and report."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.core.database import writing
from app.core.imports import mapping
from app.core.imports.models import ImportRun
from app.core.web.extensions import db
from app.domain.catalogue.models import Product
from tests.factories.accounts import make_vendor

ROOT = Path(__file__).resolve().parents[2]
LAMPS = "name,price\nLamp,5\nLamp,6\nRug,=1+1\n"


@pytest.fixture
def folder(app: Flask, tmp_path: Path) -> Path:
    with app.app_context():
        make_vendor(db.session())
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "lamps.csv").write_text(LAMPS)
    (folder / "LICENSE").write_text("MIT")
    return folder


def command(app: Flask, *arguments: Any) -> tuple[int, str, str]:
    done = app.test_cli_runner().invoke(args=["catalogue", "import", *map(str, arguments)])
    return done.exit_code, done.stdout, done.stderr


def test_the_last_line_counts_rows_by_verdict_and_the_report_has_the_reasons(app, folder, tmp_path):
    report = tmp_path / "rejected.csv"
    status, out, err = command(app, folder, "--currency", "usd", "--report", report)
    assert (status, err) == (0, "")
    last = json.loads(out.splitlines()[-1])
    assert last.pop("seconds") >= 0
    assert last == {"rows": 3, "created": 1, "updated": 0, "unchanged": 0, "rejected": 2}
    with report.open(newline="") as file:
        kept = list(csv.DictReader(file))
    assert [(row["import_file"], row["import_row"], row["import_reason"], row["price"]) for row in kept] == [
        ("lamps.csv", "3", "conflicting_price", "6"),
        ("lamps.csv", "4", "bad_price", "'=1+1"),
    ]


def test_a_report_never_takes_the_place_of_what_is_read(app, folder, tmp_path):
    lamps, report = folder / "lamps.csv", tmp_path / "rejected.csv"
    for arguments in ([lamps, "--report", lamps], [folder, "--changes", lamps]):
        assert command(app, *arguments)[0] == 2
    status, _out, err = command(app, folder, "--report", report, "--changes", report)
    assert status == 2
    assert err.splitlines()[-1].endswith("rejected.csv is in use for this import already. Name another file.")
    assert lamps.read_text() == LAMPS


def test_corrected_rows_of_a_report_can_be_imported_as_they_are(app, folder, tmp_path):
    report = tmp_path / "rejected.csv"
    command(app, folder, "--report", report)
    assert "'=1+1" in report.read_text()
    report.write_text(report.read_text().replace("'=1+1", "7").replace("Rug", "'-Rug"))
    status, out, _err = command(app, report)
    assert status == 0
    assert json.loads(out)["created"] == 1
    with app.app_context():
        found = db.session().execute(select(Product.name, Product.sku).order_by(Product.id)).all()
    assert [(name, sku[:3]) for name, sku in found] == [("Lamp", "LAM"), ("-Rug", "LAM")]


def test_a_dry_run_stores_nothing(app, folder):
    status, out, _err = command(app, folder, "--dry-run")
    assert (status, json.loads(out)["created"]) == (0, 1)
    with app.app_context():
        assert db.session().scalar(select(func.count()).select_from(Product)) == 0


def test_a_file_that_cannot_be_read_is_said_and_nothing_of_the_folder_is_stored(app, folder):
    (folder / "zebra.csv").write_text("colour\nblack\n")
    status, out, err = command(app, folder)
    assert (status, out) == (1, "")
    assert "zebra.csv has no column for: Name" in err
    with app.app_context():
        assert db.session().scalar(select(func.count()).select_from(Product)) == 0
        assert db.session().scalar(select(func.count()).select_from(ImportRun)) == 0


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["{folder}/gone.csv"], 1, "cannot be opened"),
        (["{folder}/empty"], 1, "holds no CSV"),
        (["{folder}", "--currency", "XYZ9"], 2, "is no currency"),
        (["{folder}", "--mapping", "none"], 2, "There is no mapping named none"),
        (["{folder}", "--report", "/no/such/folder/file"], 2, "cannot be written"),
        (["{folder}", "--frob"], 2, "No such option"),
        ([], 2, "Missing argument"),
    ],
)
def test_wrong_use_and_missing_files_have_their_own_status(app, folder, arguments, status, message):
    (folder / "empty").mkdir()
    found = command(app, *(text.format(folder=folder) for text in arguments))
    assert found[:2] == (status, "")
    assert message in found[2]


def test_a_saved_mapping_is_used(app, folder):
    (folder / "lamps.csv").write_text("bezeichnung,preis\nLampe,5\n")
    assert command(app, folder)[0] == 1
    with app.app_context(), writing(db.session()):
        columns = {"bezeichnung": "name", "preis": "price"}
        mapping.save(db.session(), kind="products", name="German", columns=columns)
        db.session().commit()
    status, out, _err = command(app, folder, "--mapping", "German")
    assert (status, json.loads(out)["created"]) == (0, 1)


def test_a_command_killed_half_way_can_be_repeated_at_once(app, folder, database_url):
    text = "name,price,size\n" + "".join(f"Lamp,5,{number}\n" for number in range(20_000))
    (folder / "lamps.csv").write_text(text)
    environment = {**os.environ, "DATABASE_URL": database_url}
    arguments = [sys.executable, "-m", "flask", "catalogue", "import", str(folder)]
    killed = subprocess.Popen(
        arguments, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    done = 0
    while not done:
        assert killed.poll() is None
        time.sleep(0.05)
        with app.app_context():
            done = db.session().scalar(select(ImportRun.rows_done)) or 0
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    with app.app_context():
        stored = db.session().scalar(select(func.count()).select_from(Product)) or 0
        [counted] = db.session().scalars(select(ImportRun.rows_done)).all()
        assert stored == counted
        assert 0 < stored < 20_000
    status, out, _err = command(app, folder)
    last = json.loads(out.splitlines()[-1])
    assert (status, last["created"], last["unchanged"]) == (0, 20_000 - stored, stored)
    with app.app_context():
        states = db.session().scalars(select(ImportRun.state).order_by(ImportRun.id)).all()
        assert states == ["failed", "done"]
