"""`flask setup`: a real instance in an empty folder and database, with one administrator and nobody else."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import click
import flask_migrate
from flask import Flask, current_app
from flask.cli import with_appcontext
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.adapters.base_address import base_url
from app.adapters.images import Picture
from app.adapters.storage import LocalStore
from app.core import clock
from app.core.database import run
from app.core.errors import Conflict, DomainError
from app.core.permissions import Actor
from app.core.web.extensions import db
from app.domain.accounts import actions
from app.domain.accounts.links import address_of
from app.domain.accounts.models import SingleUseLink
from app.domain.accounts.queries import list_admins
from app.domain.accounts.rules import AddressData, PersonData
from app.domain.accounts.vendor_rules import VendorData, legal_address
from app.jobs.demo import PASSWORD_FILE
from app.jobs.instance import (
    MIGRATIONS,
    KnownVendor,
    insist_on_database,
    keep_secret,
    known_vendor,
    saying_database_faults,
)
from app.jobs.questions import answer_all, with_questions


def register(app: Flask) -> None:
    """Add the command."""
    app.cli.add_command(setup)


def has_terminal() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty()


@click.command("setup")
@with_questions
@click.option("--no-input", is_flag=True, help="Never ask; name what is missing.")
@with_appcontext
def setup(no_input: bool, **given: str | None) -> None:
    """Set up a real instance: schema, secret, vendor and the first administrator.

    Asks for what is not given. The last line of standard output is the administrator's link; it works
    once and for 7 days.
    """
    with saying_database_faults():
        Path(current_app.config["DATA_DIR"]).mkdir(mode=0o700, parents=True, exist_ok=True)
        insist_on_database(db.session())
        refuse_if_taken(db.session())
        answers = answer_all(given, may_ask=not no_input and has_terminal())
        vendor, admin = read_vendor(answers), PersonData(answers["admin_name"], answers["admin_email"])
        flask_migrate.upgrade(directory=str(MIGRATIONS))
        secret = keep_secret()
        link = set_up(vendor, admin, logo=answers["logo"], secret=secret)
        base = base_url(db.session(), current_app.config)
    click.echo(f"{vendor.name} is set up. {admin.name} <{admin.email}> chooses a password here, once:")
    if not base.startswith("https://"):
        click.echo(f"BASE_URL is not https, so the link begins with {base}.", err=True)
    click.echo("Begin the server with `make serve`, then open the link.", err=True)
    click.echo(address_of(link, secret=secret.encode(), base_url=base))


def read_vendor(answers: dict[str, Any]) -> VendorData:
    """The vendor out of the answers. :raises click.BadParameter: half an address."""
    parts = {name: answers[name] for name in ("street", "postcode", "city", "region", "country")}
    try:
        address = legal_address(AddressData(**parts))
    except DomainError as error:
        raise click.BadParameter(error.message, param_hint=f"--{error.field}") from error
    return VendorData(
        name=answers["vendor"],
        legal_name=answers["legal_name"],
        address=address,
        tax_id=answers["tax_id"],
        currency=answers["currency"],
        timezone=answers["timezone"],
        language=answers["language"],
        order_prefix=answers["order_prefix"],
        request_prefix=answers["request_prefix"],
        company_prefix=answers["company_prefix"],
        next_number=answers["next_order"],
        accent=answers["accent"],
        alert_email=answers["alerts"],
    )


def refuse_if_taken(session: Session) -> None:
    """:raises click.ClickException: the instance has demo data, or is set up already."""
    data_dir = Path(current_app.config["DATA_DIR"])
    vendor = known_vendor(session)
    if (vendor is not None and vendor.is_demo) or (vendor is None and (data_dir / PASSWORD_FILE).exists()):
        raise click.ClickException(
            f"The instance in DATA_DIR {data_dir} has the demo's data, which is not mixed with real data;"
            " name another DATA_DIR (and DATABASE_URL, where you set it)."
        )
    if vendor is not None:
        raise click.ClickException(taken_by(session, vendor))


def taken_by(session: Session, vendor: KnownVendor) -> str:
    """Who is there already, and how an administrator comes in again."""
    admins = ", ".join(f"{one.name} <{one.email}>" for one in list_admins(session))
    return (
        f"This instance is set up already: it belongs to {vendor.name}, administrators: {admins or 'none'}."
        " A new link for one of them: flask users recover-admin --email ADDRESS"
    )


def set_up(vendor: VendorData, admin: PersonData, *, logo: Picture | None, secret: str) -> SingleUseLink:
    """Vendor and administrator in one transaction; without it the logo is not kept either."""
    session = db.session()
    store = LocalStore(Path(current_app.config["DATA_DIR"]) / "uploads")
    key = store.save(io.BytesIO(logo.full), extension=logo.extension) if logo else None
    try:
        member = run(
            session,
            actions.set_up_vendor,
            Actor.system("flask setup"),
            vendor=vendor,
            logo_key=key,
            admin=admin,
            now=clock.now(),
        )
    except BaseException as error:
        if key:
            store.delete(key)
        if isinstance(error, Conflict):
            refuse_if_taken(session)
        if isinstance(error, DomainError):
            raise click.ClickException(error.message) from error
        raise
    user_id = member.user_id
    session.rollback()
    return session.execute(select(SingleUseLink).where(SingleUseLink.user_id == user_id)).scalar_one()
