"""Archives of all that a company owns: made in the background, and `flask companies export`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import click
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.adapters.company_archives import write_archive
from app.adapters.storage import LocalStore
from app.core import clock
from app.core.database import begin_snapshot, run
from app.core.outbox import JobView, LeaseLost
from app.core.permissions import Actor
from app.core.tenancy import all_companies
from app.core.web.extensions import db
from app.domain.accounts import company_exports
from app.domain.accounts.models import Company
from app.jobs.export_cli import Stopped, stopping, whole_file
from app.jobs.registry import Context, Interrupted, handles

companies = AppGroup("companies", help="Reseller companies.")


def register(app: Flask) -> None:
    """Add the commands."""
    app.cli.add_command(companies)


def _store() -> LocalStore:
    return LocalStore(Path(current_app.config["DATA_DIR"]) / "uploads")


@handles(company_exports.JOB_KIND, lease_s=120, own_transactions=True)
def make_export(session: Session, job: JobView, context: Context) -> None:
    """Make an archive and keep it; what an attempt that was killed left is removed first."""
    export_id, actor, store = int(job.payload["export_id"]), Actor.system("company export"), _store()
    key, path = store.new_path(extension=".zip")
    begun = run(session, company_exports.begin_export, actor, export_id=export_id, storage_key=key)
    if begun is None:
        return
    export, before = begun
    company_id = export.company_id
    if before:
        store.delete(before)
    try:
        # Nobody is given the file before it is finished, and the next attempt knows its name.
        with path.open("wb") as file:
            _write(session, file, company_id, context.heartbeat)
            file.flush()
            os.fsync(file.fileno())
    except (Interrupted, LeaseLost):
        raise
    except Exception:
        if job.attempts >= company_exports.ATTEMPTS:
            run(session, company_exports.fail_export, actor, export_id=export_id, now=context.now())
            store.delete(key)
        raise
    finished = run(
        session,
        company_exports.finish_export,
        actor,
        export_id=export_id,
        storage_key=key,
        size=path.stat().st_size,
        now=context.now(),
    )
    if not finished:
        store.delete(key)


@handles("company_exports.prune", lease_s=60, own_transactions=True)
def prune_exports(session: Session, job: JobView, context: Context) -> None:
    """Delete archives that are a week old."""
    actor, store = Actor.system("company export"), _store()
    for key in run(session, company_exports.expire_exports, actor, now=context.now()):
        store.delete(key)


def _write(session: Session, file: BinaryIO, company_id: int, beat: Callable[[], None]) -> dict[str, int]:
    with all_companies(session, reason="all data of one company"):
        begin_snapshot(session)
        company = session.get_one(Company, company_id)
        counts = write_archive(file, session, company, now=clock.now(), beat=beat)
        session.rollback()
    return counts


@companies.command("export")
@click.argument("number")
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path))
@with_appcontext
def export_company(number: str, target: Path) -> None:
    """Write all data of the company NUMBER to FILE, a ZIP with CSV and JSON lines.

    Exit status: 0 all is written, 1 it could not be, 2 wrong use.
    """
    session = db.session()
    actor = Actor.system("flask companies export")
    try:
        with all_companies(session, reason="the company of a number"):
            company_id = session.scalar(select(Company.id).where(Company.number == number))
        if company_id is None:
            raise click.UsageError(f"There is no company {number}.")
        with stopping():
            with whole_file(target) as file:
                counts = _write(session, file, company_id, lambda: None)
            run(
                session,
                company_exports.note_data_export,
                actor,
                company_id=company_id,
                now=clock.now(),
            )
    except Stopped:
        _fail("Stopped. Nothing was written to the file.")
    except OSError as error:
        _fail(f"{target} cannot be written: {error.strerror}.")
    except DBAPIError as error:
        _fail(f"The database cannot be used: {str(error.orig).strip()}. Is it migrated (flask db upgrade)?")
    else:
        click.echo(f"{sum(counts.values())} rows of {len(counts)} tables written to {target}.")


def _fail(message: str) -> None:
    click.echo(message, err=True)
    sys.exit(1)
