"""`flask mail bounced`: what the mail server hands over when a mail comes back."""

from __future__ import annotations

import sys

import click
from flask import Flask
from flask.cli import AppGroup, with_appcontext
from sqlalchemy.exc import DBAPIError

from app.adapters.bounces import MAX_BYTES, read_bounce
from app.core import clock
from app.core.database import run
from app.core.permissions import Actor
from app.core.web.extensions import db
from app.domain.accounts.mail_delivery import note_bounce

mail = AppGroup("mail", help="Mails that come back.")

#: A mail server keeps the notification and hands it over again (EX_TEMPFAIL of sysexits.h).
LATER = 75


def register(app: Flask) -> None:
    """Add the commands."""
    app.cli.add_command(mail)


@mail.command("bounced")
@with_appcontext
def bounced() -> None:
    """Read one returned mail from standard input and mark the mail and the person it was for.

    Exits 0 also where it tells of no mail of ours, so that the mail server does not answer it; 75 where the
    database is away, so that it is handed over again.
    """
    bounce = read_bounce(sys.stdin.buffer.read(MAX_BYTES))
    if bounce is None:
        click.echo("This tells of no mail of ours that could not be delivered.")
        return
    try:
        known = run(
            db.session(),
            note_bounce,
            Actor.system("bounces"),
            message_id=bounce.message_id,
            recipient=bounce.recipient,
            words=bounce.words,
            now=clock.now(),
        )
    except DBAPIError:
        click.echo("The database is away; hand the mail over again later.", err=True)
        sys.exit(LATER)
    click.echo("The mail is marked." if known else "There is no such mail to that recipient.")
