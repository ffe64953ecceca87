"""`flask users recover-admin`: an administrator's way in again, from the server."""

from __future__ import annotations

import getpass
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext
from sqlalchemy.orm import Session

from app.adapters.base_address import base_url
from app.core import clock
from app.core.database import run
from app.core.errors import DomainError
from app.core.permissions import Actor
from app.core.web.extensions import db
from app.domain.accounts import actions
from app.domain.accounts.links import LIFETIMES, Purpose, address_of
from app.domain.accounts.queries import list_admins
from app.domain.accounts.recovery import Recovery
from app.jobs.instance import insist_on_database, insist_on_secret, known_vendor, saying_database_faults

users = AppGroup("users", help="People who may sign in.")


def register(app: Flask) -> None:
    """Add the commands."""
    app.cli.add_command(users)


@users.command("recover-admin")
@click.option("--email", default=None, help="The administrator's address; without it all are listed.")
@with_appcontext
def recover_admin(email: str | None) -> None:
    """Make a link that lets an administrator choose a new password; it works once.

    The last line of standard output is the link. Who was disabled or let go is let in again.
    """
    session = db.session()
    with saying_database_faults():
        insist_on_database(session)
        if known_vendor(session) is None:
            raise click.ClickException("This instance is not set up yet; run `flask setup`.")
        if email is None:
            for line in admin_lines(session):
                click.echo(line)
            return
        secret = insist_on_secret()
        recovery = recover(session, email)
        for sentence in sentences(recovery):
            click.echo(sentence)
        address = base_url(session, current_app.config)
        click.echo(address_of(recovery.link, secret=secret.encode(), base_url=address))


def admin_lines(session: Session) -> list[str]:
    """The vendor's administrators, a line each, and how each can come in."""
    return [f"{one.email}  {one.name}  {standing(one)}" for one in list_admins(session)]


def standing(admin: Any) -> str:
    """Whether an administrator can sign in."""
    if admin.is_disabled:
        return "disabled"
    if not admin.is_active:
        return "let go"
    return "can sign in" if admin.has_password else "has not accepted the invitation"


def recover(session: Session, email: str) -> Recovery:
    """The link, in the name of whoever is signed in to the server."""
    try:
        who = getpass.getuser()
    except (KeyError, OSError):
        who = "an unnamed user"
    actor = Actor.system(f"flask users recover-admin by {who}"[:200])
    try:
        return run(session, actions.recover_admin, actor, email=email, now=clock.now())
    except DomainError as error:
        raise click.ClickException(error.message) from error


def sentences(recovery: Recovery) -> list[str]:
    """What was done for the person."""
    person = f"{recovery.name} <{recovery.email}>"
    said = []
    if recovery.was_made_admin:
        said.append(f"There was no administrator; {person} is one now.")
    if recovery.was_disabled:
        said.append(f"{person} was disabled and is let in again.")
    if recovery.was_let_go:
        said.append(f"{person} was let go and is an administrator again.")
    hours = int(LIFETIMES[Purpose(recovery.link.purpose)].total_seconds() // 3600)
    lasting = f"{hours // 24} days" if hours >= 48 else "one hour"
    return [*said, f"{person} chooses a password here, once, within {lasting}:"]
