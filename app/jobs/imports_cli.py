"""`flask catalogue import`."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from babel.numbers import list_currencies
from flask import Flask
from flask.cli import AppGroup, with_appcontext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.core import clock
from app.core.database import run
from app.core.errors import DomainError, NotFound
from app.core.imports import mapping, runs
from app.core.imports.engine import Hooks
from app.core.imports.verdicts import Counts
from app.core.permissions import Actor
from app.core.web.extensions import db
from app.domain.accounts.queries import find_vendor
from app.jobs.import_work import KINDS, PlannedFile, begin, files_below, plan_files, take_all

catalogue = AppGroup("catalogue", help="Products and prices.")

KIND = "products"
#: How long an import waits for another one to end.
PATIENCE_S = 600.0


class _Stopped(Exception):
    """The command was told to stop."""


def register(app: Flask) -> None:
    """Add the commands."""
    app.cli.add_command(catalogue)


@catalogue.command("import")
@click.argument("source", metavar="DIR_OR_FILE", type=click.Path(path_type=Path))
@click.option("--currency", help="Currency of the prices; the vendor's where it is not said.")
@click.option("--dry-run", is_flag=True, help="Judge every row, store none.")
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="CSV of the rejected rows.")
@click.option("--mapping", "mapping_name", metavar="NAME", help="A saved mapping of columns.")
@with_appcontext
def import_products(
    source: Path, currency: str | None, dry_run: bool, report: Path | None, mapping_name: str | None
) -> None:
    """Import products and list prices from a CSV, XLSX or ODS file, or from all of a folder.

    A file without SKUs is the category of its name. The last line printed counts the rows by verdict.
    Exit status: 0 every row was read, 1 a file could not be read, 2 wrong use.
    """
    began = time.monotonic()
    session = db.session()
    actor = Actor.system("flask catalogue import")
    try:
        options = {"currency": _currency(session, currency)}
        saved = _saved(session, mapping_name)
        _check_writable(report)
        planned = plan_files(KINDS[KIND], files_below(source), saved=saved, options=options)
        counts = _import(session, actor, source, planned, options, dry_run, report)
    except click.UsageError:
        raise
    except DomainError as error:
        _fail(error.message)
    except (KeyboardInterrupt, _Stopped):
        _fail("Stopped. The rows counted so far are stored; import the file again for the rest.")
    except OSError as error:
        _fail(f"{error.filename or source} cannot be used: {error.strerror}.")
    except DBAPIError as error:
        _fail(f"The database cannot be used: {str(error.orig).strip()}. Is it migrated (flask db upgrade)?")
    else:
        _print_counts(counts, time.monotonic() - began)


def _fail(message: str) -> None:
    click.echo(message, err=True)
    sys.exit(1)


def _print_counts(counts: Counts, seconds: float) -> None:
    numbers: dict[str, Any] = {"rows": counts.rows, "created": counts.created, "updated": counts.updated}
    numbers |= {"unchanged": counts.unchanged, "rejected": counts.rejected, "seconds": round(seconds, 2)}
    click.echo(json.dumps(numbers))


def _currency(session: Session, given: str | None) -> str:
    if given is None:
        vendor = find_vendor(session)
        if vendor is None:
            raise click.UsageError("There is no vendor yet whose currency could be taken. Say --currency.")
        return vendor.currency
    currency = given.strip().upper()
    if currency not in list_currencies(locale="en"):
        raise click.UsageError(f"{given!r} is no currency. Write its three letters, such as USD.")
    return currency


def _saved(session: Session, name: str | None) -> dict[str, str] | None:
    if name is None:
        return None
    try:
        return mapping.get_saved(session, KIND, name)
    except NotFound as error:
        known = ", ".join(mapping.saved_names(session, KIND)) or "none"
        raise click.UsageError(f"{error.message} Saved mappings: {known}.") from error


def _check_writable(report: Path | None) -> None:
    if report is None:
        return
    try:
        report.open("w").close()
    except OSError as error:
        raise click.UsageError(f"{report} cannot be written: {error.strerror}.") from error


def _import(
    session: Session,
    actor: Actor,
    source: Path,
    planned: list[PlannedFile],
    options: dict[str, Any],
    dry_run: bool,
    report: Path | None,
) -> Counts:
    run_id = run(
        session,
        runs.open_run,
        actor,
        kind=KIND,
        filename=source.resolve().name,
        options={**options, "files": []},
        is_dry_run=dry_run,
        rows_total=sum(plan.survey.row_count for _table, plan in planned),
        now=clock.now(),
    ).id
    with _stopping() as stopping:
        hooks = Hooks(clock=clock.now, progress=_Progress().show, check=stopping)
        try:
            begun = begin(session, actor, run_id, patience_s=PATIENCE_S, said=_say)
            counts = take_all(session, actor, begun, planned, hooks=hooks, report=report)
        except BaseException as error:
            _end(session, actor, run_id, "failed", str(getattr(error, "message", "")) or "It was stopped.")
            raise
        _end(session, actor, run_id, "done", None)
    return counts


def _end(session: Session, actor: Actor, run_id: int, state: str, error: str | None) -> None:
    run(session, runs.end_run, actor, run_id=run_id, state=state, error=error, now=clock.now())


@contextmanager
def _stopping() -> Iterator[Any]:
    """A check that raises once SIGTERM has come: a batch is stored whole or not at all."""
    asked: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: asked.append(number))

    def check() -> None:
        if asked:
            raise _Stopped

    try:
        yield check
    finally:
        signal.signal(signal.SIGTERM, before)


def _say(message: str) -> None:
    click.echo(message, err=True)


class _Progress:
    """Rows done so far on standard error, once a second."""

    def __init__(self) -> None:
        self._next = time.monotonic() + 1

    def show(self, counts: Counts, total: int) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + 1
            _say(f"{counts.rows} of {total} rows, {counts.rejected} rejected")
