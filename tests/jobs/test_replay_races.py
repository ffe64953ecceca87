"""Two replays of one file at a time, and a replay that is killed: every invoice is entered once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from app.core import clock
from app.core.database import run
from app.core.permissions import Actor
from app.core.tenancy import all_companies
from app.domain.inventory.queries import find_unbalanced
from app.domain.ordering.models import Order, OrderLine, ReplayedInvoice
from app.domain.ordering.replay import Invoice, Kind, RawLine, read_line
from app.domain.ordering.replay_actions import replay_invoice
from app.domain.ordering.replay_parties import Book
from tests.domain.ordering.parallel import at_once, errors_of
from tests.factories.accounts import read

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
IS_FULL = bool(os.environ.get("SOAK"))
KILLS = 10 if IS_FULL else 2
INVOICES = 400


def invoice(number: str, code: str = "AA", quantity: int = 2) -> Invoice:
    line = read_line(RawLine(number, code, "x", str(quantity), "2011-01-04 08:00", "2.50", "7", "France"))
    assert line is not None
    return Invoice(number, [line])


def test_an_invoice_replayed_by_two_runs_at_once_is_one_order(engine: Engine, session: Session) -> None:
    actor = Actor.system("test")

    def task(own: Session) -> Kind:
        outcome = run(own, replay_invoice, actor, invoice=invoice("1"), book=Book(), now=clock.now())
        return outcome.kinds[0]

    kinds = at_once(engine, [task] * 6)
    assert errors_of(kinds) == []
    assert sorted(kinds) == [Kind.ALREADY_REPLAYED] * 5 + [Kind.ORDERED]
    assert read(session, select(Order.number)) == ["SO-11-00001"]


def test_one_cancellation_takes_units_once(engine: Engine, session: Session) -> None:
    actor = Actor.system("test")
    for number in ("1", "2"):
        run(session, replay_invoice, actor, invoice=invoice(number), book=Book(), now=clock.now())

    def task_of(number: str):
        def task(own: Session) -> Kind:
            wanted = invoice(number, quantity=-3)
            outcome = run(own, replay_invoice, actor, invoice=wanted, book=Book(), now=clock.now())
            return outcome.kinds[0]

        return task

    kinds = at_once(engine, [task_of("C1"), task_of("C2")])
    cancelled = read(session, select(OrderLine.cancelled).order_by(OrderLine.id))
    # Who comes second finds too little, or is told to run again and is not remembered as done.
    assert kinds.count(Kind.CANCELLED) == 1
    assert sum(cancelled) == 3


def write_history(path: Path) -> None:
    """Invoices of three lines each, every tenth of which is cancelled in part by the next."""
    rows = [HEADER]
    for number in range(1, INVOICES + 1):
        moment = f"2011-01-{1 + number // 20:02} 08:{number % 60:02}:00"
        rest = f"{moment},1.25,{number % 9 + 1},France"
        rows += [f"{number},P{(number + place) % 17},part,{place + 2},{rest}" for place in range(3)]
        if number % 10 == 0:
            rows.append(f"C{number},P{number % 17},part,-1,{rest}")
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def start(database_url: str, data: Path, path: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "DATABASE_URL": database_url, "DATA_DIR": str(data)}
    return subprocess.Popen(
        [sys.executable, "-m", "flask", "orders", "replay", str(path)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finished(session: Session) -> int:
    return int(read(session, select(func.count(ReplayedInvoice.number)))[0])


def test_a_killed_replay_is_finished_by_the_next(
    database_url: str, engine: Engine, session: Session, tmp_path: Path
) -> None:
    path = tmp_path / "history.csv"
    write_history(path)
    for kill in range(1, KILLS + 1):
        process = start(database_url, tmp_path, path)
        wanted = kill * INVOICES // (KILLS + 2)
        deadline = time.monotonic() + 120
        while process.poll() is None and finished(session) < wanted and time.monotonic() < deadline:
            time.sleep(0.01)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert finished(session) > 0
    before = finished(session)
    assert before < INVOICES + INVOICES // 10
    process = start(database_url, tmp_path, path)
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    result = json.loads(output.splitlines()[-1])
    assert result["lines"] == 3 * INVOICES + INVOICES // 10
    assert finished(session) == INVOICES + INVOICES // 10
    assert read(session, select(func.count(Order.id))) == [INVOICES]
    assert read(session, select(Order.number).order_by(Order.id)) == [
        f"SO-11-{n:05}" for n in range(1, INVOICES + 1)
    ]
    assert read(session, select(func.sum(OrderLine.ordered))) == [9 * INVOICES]
    assert read(session, select(func.sum(OrderLine.cancelled))) == [INVOICES // 10]
    totals = read(session, select(Order.total).distinct())
    assert totals == [Decimal("11.25")]
    with all_companies(session, reason="test"):
        assert find_unbalanced(session) == []
