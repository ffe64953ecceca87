"""What commands find where they are started: whose instance it is, before and after its set-up."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from flask import Flask, current_app
from sqlalchemy import create_engine, inspect, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

import config as settings
from app.core.tenancy import all_companies
from app.core.web.extensions import db
from app.domain.accounts.models import Vendor

#: A database that is away must not keep whoever asks waiting.
CONNECT_S = 5
MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


@dataclass(frozen=True, slots=True)
class KnownVendor:
    """Whose instance it is."""

    name: str
    is_demo: bool


def known_vendor(session: Session) -> KnownVendor | None:
    """The vendor; None too where the database has no tables, or is not there yet."""
    if is_missing(session):
        return None
    with all_companies(session, reason="whose instance this is"):
        if not inspect(session.connection()).has_table(Vendor.__tablename__):
            session.rollback()
            return None
        # These columns alone, so that a database of an older version answers too.
        row = session.execute(select(Vendor.name, Vendor.is_demo)).one_or_none()
    session.rollback()
    return KnownVendor(row.name, row.is_demo) if row else None


def is_missing(session: Session) -> bool:
    """Whether the embedded database's file is not there; asking it would make one."""
    url = session.get_bind().engine.url
    return bool(url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists())


def database_fault(session: Session) -> str | None:
    """Why the database does not answer, in a sentence; None where it does, or is not there yet."""
    if is_missing(session):
        return None
    url = session.get_bind().engine.url
    is_embedded = url.get_backend_name() == "sqlite"
    asked = create_engine(url, connect_args={} if is_embedded else {"connect_timeout": CONNECT_S})
    try:
        with asked.connect() as connection:
            connection.execute(text("SELECT count(*) FROM sqlite_master" if is_embedded else "SELECT 1"))
    except (DBAPIError, OSError, UnicodeError) as error:
        why = first_line(error.orig if isinstance(error, DBAPIError) else error)
        return f"The database cannot be reached: {why.rstrip('.')}."
    finally:
        asked.dispose()
    return None


def insist_on_database(session: Session) -> None:
    """:raises click.ClickException: the database does not answer, said before anybody waits for it."""
    fault = database_fault(session)
    if fault is not None:
        raise click.ClickException(fault)


def start_refusals(app: Flask) -> list[str]:
    """Why the instance must not be served, by what its database says; nothing while that cannot be asked."""
    with app.app_context():
        try:
            fault = database_fault(db.session())
            vendor = None if fault else known_vendor(db.session())
        finally:
            db.session.remove()
            db.engine.dispose()
    if fault is not None:
        app.logger.error(fault)
        return []
    is_production = settings.is_production(os.environ)
    if vendor is None:
        return ["This instance is not set up yet; run `flask setup`."] if is_production else []
    if vendor.is_demo and is_production:
        return [
            f"The instance in DATA_DIR {app.config['DATA_DIR']} has the demo's data; `make run` serves it."
        ]
    if app.config["DEMO"] and not vendor.is_demo:
        return [f"DEMO=1 is set, but this instance belongs to {vendor.name}; unset it."]
    return []


def insist_on_secret() -> str:
    """The secret, made where this is a demo or a developer's instance.

    :raises click.ClickException: a real instance has none yet.
    """
    if current_app.config["SECRET_KEY"] is None and settings.is_production(os.environ):
        raise click.ClickException("This instance has no secret yet; run `flask setup`.")
    return keep_secret()


def keep_secret() -> str:
    """The instance's secret, made where there is none, for this process too."""
    secret = settings.make_secret(Path(current_app.config["DATA_DIR"]))
    current_app.config["SECRET_KEY"] = secret
    return secret


@contextmanager
def saying_database_faults() -> Iterator[None]:
    """Say in a sentence that the database, a folder or the disk cannot be used."""
    try:
        yield
    except DBAPIError as error:
        raise click.ClickException(f"The database cannot be used: {first_line(error.orig)}") from error
    except OSError as error:
        raise click.ClickException(
            f"{error.filename or 'A file'} cannot be used: {error.strerror}."
        ) from error


def first_line(error: BaseException | None) -> str:
    """What an error says, in one line."""
    return next(iter(str(error).strip().splitlines()), "no reason given")
