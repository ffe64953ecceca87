"""`flask orders replay`."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from flask import Flask
from flask.cli import AppGroup, with_appcontext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.adapters.order_history import HistoryFile, open_history
from app.core import clock
from app.core.database import run
from app.core.errors import DomainError
from app.core.permissions import Actor
from app.core.web.extensions import db
from app.domain.ordering import replay
from app.domain.ordering.replay import Invoice, Kind, RawLine, Tally
from app.domain.ordering.replay_actions import replay_invoice, replayed_numbers
from app.domain.ordering.replay_parties import Book, vendor_facts

orders = AppGroup("orders", help="Orders.")


class _Stopped(Exception):
    """The command was told to stop."""


def register(app: Flask) -> None:
    """Add the commands."""
    app.cli.add_command(orders)


@orders.command("replay")
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@with_appcontext
def replay_file(source: Path) -> None:
    """Enter an order history, a CSV file (also .csv.gz), as orders of the time they were placed at.

    Invoices that an earlier run has finished are passed over, so a run that was stopped is repeated. The
    last line printed counts and sums the lines by kind. Exit status: 0 every line was read, 1 the file
    could not be read, 2 wrong use.
    """
    began = time.monotonic()
    try:
        with _stopping() as asked, open_history(source) as history:
            tally = _Replay(db.session(), asked).take(history)
    except DomainError as error:
        _fail(error.message)
    except (KeyboardInterrupt, _Stopped):
        _fail("Stopped. The invoices finished so far are stored; replay the file again for the rest.")
    except OSError as error:
        _fail(f"{error.filename or source} cannot be used: {error.strerror}.")
    except DBAPIError as error:
        _fail(f"The database cannot be used: {str(error.orig).strip()}. Is it migrated (flask db upgrade)?")
    else:
        click.echo(json.dumps(replay.summary(tally, time.monotonic() - began)))


def _fail(message: str) -> None:
    click.echo(message, err=True)
    sys.exit(1)


@contextmanager
def _stopping() -> Iterator[list[int]]:
    """Collects SIGTERM: an invoice is stored whole or not at all."""
    asked: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: asked.append(number))
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, before)


class _Replay:
    """One run over a file."""

    def __init__(self, session: Session, asked_to_stop: list[int]) -> None:
        self._session = session
        self._asked_to_stop = asked_to_stop
        self._actor = Actor.system("flask orders replay")
        self._known = replayed_numbers(session)
        self._book = Book(vendor=vendor_facts(session))
        self._tally = Tally()
        self._next_word = time.monotonic() + 1

    def take(self, history: HistoryFile) -> Tally:
        """Enter every invoice of the file; each is a transaction of its own."""
        for number, raws in history.invoices():
            if self._asked_to_stop:
                raise _Stopped
            if number is None:
                for raw in raws:
                    line = replay.read_line(raw)
                    self._tally.add(Kind.UNKNOWN_INVOICE_PREFIX, line.amount if line else replay.NOTHING)
            else:
                self._take_invoice(number, raws)
            self._say_progress()
        return self._tally

    def _take_invoice(self, number: str, raws: list[RawLine]) -> None:
        invoice = Invoice(number)
        for raw in raws:
            line = replay.read_line(raw)
            if line is None:
                self._tally.add(Kind.BAD_ROW, replay.NOTHING)
            else:
                invoice.lines.append(line)
        for line, kind in zip(invoice.lines, self._kinds(invoice), strict=True):
            self._tally.add(kind, line.amount)

    def _kinds(self, invoice: Invoice) -> list[Kind]:
        if invoice.number in self._known:
            return [Kind.ALREADY_REPLAYED] * len(invoice.lines)
        outcome = run(
            self._session, replay_invoice, self._actor, invoice=invoice, book=self._book, now=clock.now()
        )
        self._book.take_over(outcome.found)
        self._tally.orders += outcome.order_id is not None
        return outcome.kinds

    def _say_progress(self) -> None:
        if time.monotonic() >= self._next_word:
            self._next_word = time.monotonic() + 1
            click.echo(f"{self._tally.lines} lines, {self._tally.orders} orders", err=True)
