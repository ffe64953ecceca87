"""`flask accounts setup`: the first steps of a real instance."""

from __future__ import annotations

import click
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext
from sqlalchemy import select

from app.core import clock
from app.core.database import run
from app.core.errors import DomainError
from app.core.permissions import Actor
from app.core.web.extensions import db
from app.domain.accounts import actions
from app.domain.accounts.links import address_of
from app.domain.accounts.models import SingleUseLink
from app.domain.accounts.rules import PersonData

accounts = AppGroup("accounts", help="The vendor and its first administrator.")


def register(app: Flask) -> None:
    """Add the commands."""
    app.cli.add_command(accounts)


@accounts.command("setup")
@click.option("--vendor", required=True, help="The vendor's name as everybody sees it.")
@click.option("--currency", required=True, help="The vendor's own currency, such as USD.")
@click.option("--timezone", required=True, help="Business days begin in this zone, such as Europe/London.")
@click.option("--alerts", default=None, help="Mailbox that hears of new orders and price requests.")
@click.option("--name", required=True, help="The first administrator's name.")
@click.option("--email", required=True, help="The first administrator's e-mail address.")
@with_appcontext
def setup(vendor: str, currency: str, timezone: str, alerts: str | None, name: str, email: str) -> None:
    """Set up the vendor and print the first administrator's invitation; it works once and for 7 days."""
    session = db.session()
    try:
        member = run(
            session,
            actions.set_up_vendor,
            Actor.system("setup"),
            name=vendor,
            currency=currency,
            timezone=timezone,
            alert_email=alerts,
            admin=PersonData(name=name, email=email),
            now=clock.now(),
        )
    except DomainError as error:
        raise click.ClickException(
            f"{error.field}: {error.message}" if error.field else error.message
        ) from error
    user_id = member.user_id
    link = session.execute(select(SingleUseLink).where(SingleUseLink.user_id == user_id)).scalar_one()
    secret = current_app.config["SECRET_KEY"].encode()
    click.echo(
        f"Invitation of {email}: {address_of(link, secret=secret, base_url=current_app.config['BASE_URL'])}"
    )
