"""Hand rendered mails to the mail server, one at a time, outside any transaction."""

from __future__ import annotations

import logging
import time
from datetime import datetime
from typing import Any

from flask import current_app
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.adapters.base_address import base_url
from app.adapters.mail_setup import MailSetup, find_setup
from app.adapters.mailer import Letter, Mailer, NotNow, Refused, SmtpMailer
from app.core import outbox
from app.core.database import run
from app.core.outbox import JobView, retry_delay
from app.core.permissions import Actor
from app.core.texts import _
from app.domain.accounts.links import address_of
from app.domain.accounts.mail_delivery import (
    LINK_PLACEHOLDER,
    MOST_ATTEMPTS,
    SEND,
    MailState,
    Outcome,
    Outgoing,
    store_outcome,
    take_up,
)
from app.jobs.execution import do_statement
from app.jobs.registry import Context, Interrupted, TryLater, handles

log = logging.getLogger("sellthru.jobs")

SENDER = Actor.system("mail")
#: A database that is away just when a server has taken a mail is waited for, so that it is not sent twice.
MARK_WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0)
#: Mails a server has taken though the database could not be told: message ids with the server's words.
_taken: dict[str, str] = {}


def mailer_of(setup: MailSetup) -> Mailer:
    """Whoever carries mails under the set-up. :raises NotNow: it cannot be used as it is."""
    if setup.server is None or setup.fault is not None:
        raise NotNow(setup.fault or _("No mail server is set."), is_of_server=True)
    return SmtpMailer(setup.server)


def letter_of(outgoing: Outgoing, setup: MailSetup, *, date: datetime, address: str | None) -> Letter:
    """The mail as it goes out, its single-use link in place."""

    def complete(body: str) -> str:
        return body.replace(LINK_PLACEHOLDER, address) if address else body

    return Letter(
        message_id=outgoing.message_id,
        sender=setup.sender,
        sender_name=setup.sender_name,
        recipient=outgoing.recipient,
        subject=outgoing.subject,
        text=complete(outgoing.text_body),
        html=complete(outgoing.html_body),
        date=date,
        reply_to=setup.reply_to,
    )


@handles(SEND, lease_s=60, own_transactions=True, waits_outside=True)
def send(session: Session, job: JobView, context: Context) -> None:
    """Send one mail; a server that is away lets the other mails wait as well."""
    if context.cancelled():
        raise Interrupted
    mail_id, now = int(job.payload["mail_id"]), context.now()
    setup = find_setup(session, current_app.config)
    outgoing = run(session, take_up, SENDER, mail_id=mail_id, has_server=setup is not None, now=now)
    if outgoing is None or setup is None:
        return
    address = _link_address(session, outgoing)
    # Nothing is held while a stranger's server takes its time.
    session.rollback()
    session.expunge_all()
    try:
        words = _taken.get(outgoing.message_id) or mailer_of(setup).deliver(
            letter_of(outgoing, setup, date=now, address=address)
        )
    except Refused as fault:
        outcome = Outcome(MailState.REFUSED, fault.words, refuses_person=fault.is_of_recipient)
        _store(session, mail_id, outcome, context)
    except NotNow as fault:
        _wait(session, job, mail_id, fault, context)
    else:
        _taken[outgoing.message_id] = words
        _store(session, mail_id, Outcome(MailState.SENT, words), context)
        _taken.pop(outgoing.message_id, None)


def _link_address(session: Session, outgoing: Outgoing) -> str | None:
    if outgoing.link is None:
        return None
    secret = current_app.config["SECRET_KEY"].encode()
    return address_of(outgoing.link, secret=secret, base_url=base_url(session, current_app.config))


def _wait(session: Session, job: JobView, mail_id: int, fault: NotNow, context: Context) -> None:
    is_last = job.attempts >= MOST_ATTEMPTS
    state = MailState.FAILED if is_last else MailState.WAITING
    outcome = Outcome(state, fault.words, may_have_arrived=fault.was_handed)
    _store(session, mail_id, outcome, context)
    if fault.is_of_server:
        until = context.now() + retry_delay(job.attempts, jitter=0.5)
        run(session, do_statement, SENDER, outbox.postpone, SEND, until=until)
    raise TryLater(fault.words)


def _store(session: Session, mail_id: int, outcome: Outcome, context: Context) -> None:
    values: dict[str, Any] = {"mail_id": mail_id, "outcome": outcome}
    for wait in MARK_WAITS_S:
        try:
            run(session, store_outcome, SENDER, **values, now=context.now())
        except DBAPIError as error:
            log.warning("mail %s was %s, and the database is away: %s", mail_id, outcome.state, error.orig)
            time.sleep(wait)
        else:
            return
    run(session, store_outcome, SENDER, **values, now=context.now())
