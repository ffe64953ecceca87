"""`flask orders replay`."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
from flask import Flask
from flask.cli import AppGroup, with_appcontext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.core import clock
from app.core.database import run
from app.core.errors import DomainError
from app.core.permissions import Actor
from app.core.tenancy import all_companies
from app.core.web.extensions import db
from app.domain.accounts.queries import find_vendor
from app.domain.ordering.replay import (
    COLUMNS,
    HistoryLine,
    Kind,
    invoice_of,
    is_invoice_number,
    kind_of,
    read_line,
)
from app.domain.ordering.replay_actions import Known, finished_invoices, prepare, replay_invoice

orders = AppGroup("orders", help="Orders.")
#: Every so many invoices a line of progress is written.
PROGRESS_EVERY = 1000


class Unreadable(Exception):
    """The file is no order history."""


def register(app: Flask) -> None:
    """Add the commands."""
    app.cli.add_command(orders)


@orders.command("replay")
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@with_appcontext
def replay(source: Path) -> None:
    """Enter the order history of FILE (.csv or .csv.gz), one order and transaction per invoice.

    Invoices that an earlier run finished are passed over, so a run that was stopped is repeated. The
    last line printed counts and sums the lines by kind. Exit status: 0 read to its end, 1 it could not
    be read, 2 wrong use.
    """
    began = time.monotonic()
    try:
        session = db.session()
        if find_vendor(session) is None:
            raise Unreadable("This instance has no vendor yet. Set it up first, or load the demo.")
        tally = _replay(session, Actor.system("flask orders replay"), source)
    except (Unreadable, DomainError) as error:
        _fail(str(error))
    except (OSError, EOFError, zlib.error) as error:
        _fail(f"{source} cannot be read: {getattr(error, 'strerror', None) or error}.")
    except (UnicodeError, csv.Error) as error:
        _fail(f"{source} is no CSV text in UTF-8: {error}.")
    except KeyboardInterrupt:
        _fail("Stopped. Finished invoices are stored; run it again for the rest.")
    except DBAPIError as error:
        _fail(f"The database cannot be used: {str(error.orig).strip()}. Is it migrated (flask db upgrade)?")
    else:
        click.echo(json.dumps(tally.summary(time.monotonic() - began)))


def _fail(message: str) -> None:
    click.echo(message, err=True)
    sys.exit(1)


@dataclass
class Tally:
    """Lines and amounts by kind."""

    lines: int = 0
    orders: int = 0
    count: Counter[Kind] = field(default_factory=Counter)
    amount: defaultdict[Kind, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def add(self, kind: Kind, line: HistoryLine | None = None) -> None:
        self.lines += 1
        self.count[kind] += 1
        if line is not None:
            self.amount[kind] += line.amount

    def summary(self, seconds: float) -> dict[str, Any]:
        return {
            "lines": self.lines,
            "orders": self.orders,
            "count": {kind.value: count for kind, count in sorted(self.count.items())},
            "amount": {kind.value: f"{amount:.2f}" for kind, amount in sorted(self.amount.items())},
            "seconds": round(seconds, 2),
        }


def _replay(session: Session, actor: Actor, source: Path) -> Tally:
    last_lines = _last_lines(source)
    tally = Tally()
    with all_companies(session, reason="replay of every company's history"):
        finished = finished_invoices(session)
    known = run(session, prepare, actor, now=clock.now())
    waiting: defaultdict[str, list[Sequence[str]]] = defaultdict(list)
    done = 0
    for number, row in _rows(source):
        invoice = invoice_of(row)
        if not is_invoice_number(invoice):
            tally.add(Kind.UNKNOWN_PREFIX, read_line(row))
            continue
        waiting[invoice].append(row)
        if last_lines[invoice] != number:
            continue
        known = _take_invoice(session, actor, invoice, waiting.pop(invoice), known, finished, tally)
        done += 1
        if done % PROGRESS_EVERY == 0:
            click.echo(f"{number:,} lines, {tally.orders:,} orders", err=True)
    return tally


def _take_invoice(
    session: Session,
    actor: Actor,
    invoice: str,
    rows: Sequence[Sequence[str]],
    known: Known,
    finished: set[str],
    tally: Tally,
) -> Known:
    """Judge an invoice's lines and enter its goods; returns what is known afterwards."""
    goods: list[HistoryLine] = []
    judged: list[tuple[Kind, HistoryLine | None]] = []
    for row in rows:
        line = read_line(row)
        if line is None:
            judged.append((Kind.BAD_ROW, None))
        elif invoice in finished:
            judged.append((Kind.ALREADY_REPLAYED, line))
        elif (kind := kind_of(line)) is not Kind.ORDERED:
            judged.append((kind, line))
        else:
            goods.append(line)
    if invoice not in finished:
        grown = Known(dict(known.products), dict(known.companies), known.category_id) if False else known
        outcome = run(
            session, replay_invoice, actor, invoice=invoice, lines=goods, known=grown, now=clock.now()
        )
        finished.add(invoice)
        tally.orders += outcome.ordered
        judged += zip(outcome.kinds, goods, strict=True)
    for kind, line in judged:
        tally.add(kind, line)
    return known


def _last_lines(source: Path) -> dict[str, int]:
    """The number of each invoice's last line: one invoice's lines may lie apart."""
    return {invoice_of(row): number for number, row in _rows(source)}


def _rows(source: Path) -> Iterator[tuple[int, list[str]]]:
    """Numbered lines after the header. :raises Unreadable: other columns."""
    with _open(source) as text:
        reader = csv.reader(text)
        header = [name.strip() for name in next(reader, [])]
        if header != list(COLUMNS):
            raise Unreadable(f"{source} needs the columns {', '.join(COLUMNS)} in this order.")
        for number, row in enumerate(reader, start=2):
            if row:
                yield number, row


@contextmanager
def _open(source: Path) -> Iterator[io.TextIOBase]:
    opened = gzip.open(source, "rb") if source.suffix == ".gz" else source.open("rb")
    with opened as file, io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
        yield text
