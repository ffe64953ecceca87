"""`flask orders export`: every format, the cursor, the mark, and what it says when it cannot."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from python_calamine import CalamineWorkbook
from sqlalchemy import event, select, update

from app.core.audit import AuditEntry
from app.core.web.extensions import db
from app.domain.ordering.models import ExportedOrder, Order
from tests.console import stage
from tests.factories import accounts

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def scene(app: Flask) -> stage.Scene:
    """Two orders of SO-26: the second has a line that looks like a formula."""
    scene = stage.make_scene(app, 2)
    with stage.stored(app) as session:
        parts = scene.products
        stage.add_order(session, scene.company, [(parts[0], 2, 1)], number="SO-26-00001", po_number="=1+1")
        stage.add_order(session, scene.company, [(parts[0], 1, 0), (parts[1], 0, 4)], number="SO-26-00002")
    return scene


def command(app: Flask, *arguments: Any) -> tuple[int, str, str]:
    done = app.test_cli_runner().invoke(args=["orders", "export", *map(str, arguments)])
    return done.exit_code, done.stdout, done.stderr


def numbers_of(out: str) -> list[str]:
    return [json.loads(line)["number"] for line in out.splitlines()]


def cursor_in(err: str) -> str:
    (line,) = err.splitlines()
    name, _space, cursor = line.partition(": ")
    assert name == "cursor"
    return cursor


def change(app: Flask, number: str) -> None:
    with stage.stored(app) as session:
        session.execute(update(Order).where(Order.number == number).values(reference="changed"))


def test_csv_has_a_row_per_line_with_the_orders_columns_and_no_formula(app, scene):
    status, out, err = command(app)
    assert status == 0
    cursor_in(err)
    rows = list(csv.DictReader(io.StringIO(out, newline="")))
    assert [(row["number"], row["line_sku"], row["line_ordered"]) for row in rows] == [
        ("SO-26-00001", "PART-1", "3"),
        ("SO-26-00002", "PART-1", "1"),
        ("SO-26-00002", "PART-2", "4"),
    ]
    first = rows[0]
    assert first["po_number"] == "'=1+1"
    assert (first["total"], first["line_unit_price"], first["line_net"]) == ("30.00", "10.00", "30.00")
    assert (first["placed_at"], first["ship_to_city"]) == ("2026-11-23T09:00:00Z", "Portland")
    assert not {"exported_at", "change_number"} & set(first)


def test_json_lines_nest_the_lines_and_xlsx_holds_the_rows_of_csv(app, scene, tmp_path):
    status, out, _err = command(app, "--format", "jsonl")
    assert status == 0
    order = json.loads(out.splitlines()[1])
    assert (order["number"], order["total"], order["ship_to"]["country"]) == ("SO-26-00002", "50.00", "US")
    assert [(line["sku"], line["backordered"]) for line in order["lines"]] == [("PART-1", 0), ("PART-2", 4)]
    assert command(app, tmp_path / "orders.xlsx")[:2] == (0, "")
    sheet = CalamineWorkbook.from_path(str(tmp_path / "orders.xlsx")).get_sheet_by_index(0).to_python()
    text = list(csv.reader(io.StringIO(command(app)[1], newline="")))
    assert sheet[0] == text[0]
    assert [row[0] for row in sheet] == [row[0] for row in text]
    assert sheet[1][9] == "=1+1"  # a text there, not a formula


@pytest.mark.parametrize("kind", ["csv", "jsonl", "xlsx"])
def test_the_same_orders_give_the_same_file_also_once_they_are_marked(app, scene, tmp_path, kind):
    first, second = tmp_path / f"a.{kind}", tmp_path / f"b.{kind}"
    assert command(app, "--mark", first)[0] == 0
    assert command(app, "--mark", second)[0] == 0
    assert first.read_bytes() == second.read_bytes()
    assert sorted(tmp_path.glob(".*")) == []


def test_orders_come_by_number_also_beyond_five_digits(app, scene):
    with stage.stored(app) as session:
        for number in ("SO-26-100000", "SO-26-99999", "SO-09-00007"):
            stage.add_order(session, scene.company, [(scene.products[0], 0, 1)], number=number)
    assert numbers_of(command(app, "--format", "jsonl")[1]) == [
        *("SO-09-00007", "SO-26-00001", "SO-26-00002", "SO-26-99999", "SO-26-100000"),
    ]


def test_a_cursor_gives_what_is_new_or_changed_since(app, scene):
    _status, _out, err = command(app)
    cursor = cursor_in(err)
    assert command(app, "--since", cursor, "--format", "jsonl") == (0, "", f"cursor: {cursor}\n")
    change(app, "SO-26-00001")
    with stage.stored(app) as session:
        stage.add_order(session, scene.company, [(scene.products[0], 0, 1)], number="SO-26-00003")
    status, out, err = command(app, "--since", cursor, "--format", "jsonl")
    assert (status, numbers_of(out)) == (0, ["SO-26-00001", "SO-26-00003"])
    assert numbers_of(command(app, "--since", cursor_in(err), "--format", "jsonl")[1]) == []


@pytest.mark.parametrize("cursor", ["", "7", "99-0000", "x", "999999999999999999999", "1-", "１-0000", "-1"])
def test_an_unknown_cursor_is_wrong_use(app, scene, cursor):
    status, out, err = command(app, "--since", cursor)
    assert (status, out) == (2, "")
    assert "is not known here" in err
    status, out, _err = command(app, "--format", "pdf")
    assert (status, out) == (2, "")


def test_the_mark_is_set_once_and_shows_what_changed_later(app, scene):
    assert command(app, "--mark")[0] == 0
    assert command(app, "--mark")[0] == 0
    with app.app_context():
        session = db.session()
        marks = accounts.read(session, select(ExportedOrder))
        entries = accounts.read(
            session, select(AuditEntry).where(AuditEntry.action == "order.marked_exported")
        )
    assert [(mark.by_name, mark.company_id) for mark in marks] == [
        ("flask orders export", scene.company.id)
    ] * 2
    (entry,) = entries
    assert entry.after["orders"] == 2
    change(app, "SO-26-00002")
    command(app, "--mark")
    with app.app_context():
        again = accounts.read(db.session(), select(ExportedOrder).order_by(ExportedOrder.order_id))
    assert again[0].change_number == marks[0].change_number
    assert again[1].change_number > marks[0].change_number


def test_a_file_that_cannot_be_written_leaves_what_was_there(app, scene, tmp_path):
    assert command(app, tmp_path)[0] == 1
    status, out, err = command(app, tmp_path / "no" / "orders.csv")
    assert (status, out) == (1, "")
    assert "cannot be written: No such file or directory." in err
    assert "cursor" not in err
    folder = tmp_path / "out"
    folder.mkdir()
    kept = folder / "orders.csv"
    kept.write_text("yesterday's")
    with app.app_context():
        engine = db.engine

    def fail(connection: Any, cursor: Any, statement: str, *_rest: Any) -> None:
        if "order_line" in statement:
            raise OSError(28, "No space left on device")

    event.listen(engine, "before_cursor_execute", fail)
    status, _out, err = command(app, "--mark", kept)
    event.remove(engine, "before_cursor_execute", fail)
    assert (status, kept.read_text()) == (1, "yesterday's")
    assert "No space left" in err
    assert list(folder.iterdir()) == [kept]
    with app.app_context():
        assert accounts.read(db.session(), select(ExportedOrder)) == []


def test_an_export_that_is_told_to_stop_leaves_what_was_there(app, scene, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    kept = folder / "orders.jsonl"
    kept.write_text("yesterday's")
    with app.app_context():
        engine = db.engine

    def stop(connection: Any, cursor: Any, statement: str, *_rest: Any) -> None:
        if "order_line" in statement:
            os.kill(os.getpid(), signal.SIGTERM)

    event.listen(engine, "before_cursor_execute", stop)
    status, out, err = command(app, kept)
    event.remove(engine, "before_cursor_execute", stop)
    assert (status, out, err) == (1, "", "Stopped. Nothing was written to the file.\n")
    assert list(folder.iterdir()) == [kept]
    assert kept.read_text() == "yesterday's"


def test_an_export_asks_no_question_per_order(app, scene):
    def statements() -> int:
        with stage.counted_statements(app) as seen:
            assert command(app)[0] == 0
        return len(seen)

    few = statements()
    with stage.stored(app) as session:
        for _n in range(20):
            stage.add_order(session, scene.company, [(scene.products[0], 0, 1)])
    assert statements() == few


def test_a_reader_that_goes_away_is_no_error_to_speak_of(app, scene, tmp_path):
    with app.app_context():
        url = db.engine.url.render_as_string(hide_password=False)
    environment = {**os.environ, "DATABASE_URL": url, "DATA_DIR": str(tmp_path), "FLASK_APP": "wsgi:app"}
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "flask", "orders", "export"],
        cwd=ROOT,
        env=environment,
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")
    assert stat.S_ISDIR(tmp_path.stat().st_mode)


def test_without_a_standard_output_it_says_so(app, scene, tmp_path):
    with app.app_context():
        url = db.engine.url.render_as_string(hide_password=False)
    environment = {**os.environ, "DATABASE_URL": url, "DATA_DIR": str(tmp_path), "FLASK_APP": "wsgi:app"}
    done = subprocess.run(
        ["sh", "-c", f"exec {sys.executable} -m flask orders export >&-"],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (
        1,
        b"Standard output cannot be written: Bad file descriptor.\n",
    )
