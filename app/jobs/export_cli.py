"""`flask orders export`."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click
from flask import Flask
from flask.cli import with_appcontext
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.adapters.order_files import KINDS, write_orders
from app.core import clock
from app.core.database import begin_snapshot, run
from app.core.errors import DomainError, InvalidInput
from app.core.permissions import Actor
from app.core.tenancy import all_companies
from app.core.web.extensions import db
from app.domain.ordering import erp
from app.domain.ordering.changes import last_change
from app.domain.ordering.models import Order
from app.jobs.replay_cli import orders


class Stopped(Exception):
    """The command was told to stop."""


def register(app: Flask) -> None:
    """The command belongs to the group of orders, which is registered with it."""
    app.cli.add_command(orders)


@orders.command("export")
@click.argument("target", metavar="[FILE]", required=False, type=click.Path(path_type=Path))
@click.option("--since", metavar="CURSOR", help="Only orders that are new or changed since that export.")
@click.option("--format", "kind", type=click.Choice(KINDS), help="By FILE's name, else csv.")
@click.option("--mark", is_flag=True, help="Mark the orders as exported.")
@with_appcontext
def export_orders(target: Path | None, since: str | None, kind: str | None, mark: bool) -> None:
    """Write orders with their lines, by number, for the vendor's ERP: to FILE or to standard output.

    The cursor to go on from is printed on standard error (`cursor: …`) once all is written. Exit status:
    0 all is written, 1 it could not be, 2 wrong use.
    """
    kind = kind or _kind_of(target)
    if target is None and kind == "xlsx" and sys.stdout.isatty():
        raise click.UsageError("A workbook cannot be shown. Name a FILE to write it to.")
    session = db.session()
    try:
        with stopping():
            order_ids, change = _export(session, target, kind, since)
            if mark:
                actor = Actor.system("flask orders export")
                run(session, erp.mark_exported, actor, order_ids=order_ids, change=change, now=clock.now())
    except Stopped:
        _fail("Stopped. Nothing was written to the file.")
    except DomainError as error:
        _fail(error.message)
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise  # the reader has gone: click ends quietly
        _fail(f"{target or 'Standard output'} cannot be written: {error.strerror}.")
    except DBAPIError as error:
        _fail(f"The database cannot be used: {str(error.orig).strip()}. Is it migrated (flask db upgrade)?")
    else:
        click.echo(f"cursor: {erp.cursor_of(change)}", err=True)


def _kind_of(target: Path | None) -> str:
    found = target.suffix.lower().lstrip(".") if target else ""
    return found if found in KINDS else "csv"


def _fail(message: str) -> None:
    click.echo(message, err=True)
    sys.exit(1)


@contextmanager
def stopping() -> Iterator[None]:
    """SIGTERM ends the command as an error does, so that what was begun is put away."""

    def stop(number: int, frame: object) -> None:
        raise Stopped

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _export(session: Session, target: Path | None, kind: str, since: str | None) -> tuple[Sequence[int], int]:
    """Write the file; returns the orders in it and the change it goes up to."""
    with all_companies(session, reason="orders for the vendor's ERP"):
        begin_snapshot(session)
        try:
            after = erp.read_cursor(session, since) if since is not None else None
        except InvalidInput as error:
            raise click.UsageError(error.message) from error
        statement = select(Order) if after is None else select(Order).where(erp.changed_after(after))
        change, order_ids = last_change(session), erp.ids_by_number(session, statement)
        with _output(target, kind) as file:
            write_orders(kind, file, erp.read_orders(session, order_ids))
        session.rollback()
    return order_ids, change


@contextmanager
def _output(target: Path | None, kind: str) -> Iterator[BinaryIO]:
    if target is None:
        if sys.stdout is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        stream: BinaryIO = sys.stdout.buffer
        if kind == "xlsx":
            with tempfile.TemporaryFile() as book:
                yield book
                book.seek(0)
                shutil.copyfileobj(book, stream)
        else:
            yield stream
        stream.flush()
    elif target.exists() and not target.is_file() and not target.is_dir():
        with target.open("wb") as device:
            yield device
    else:
        with whole_file(target) as file:
            yield file


@contextmanager
def whole_file(target: Path) -> Iterator[BinaryIO]:
    """A file that has its name only once it is complete."""
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
