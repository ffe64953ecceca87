"""What becomes of a mail: kept, waiting, sent, refused, come back, given up, or too late."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from app.core import audit
from app.core.errors import Conflict
from app.core.outbox import enqueue, enqueue_all
from app.core.permissions import Actor, Permission, requires
from app.core.texts import _
from app.domain.accounts.models import MailMessage, SingleUseLink, User

#: Kind of the job that sends a mail.
SEND = "mail.send"
#: Stands in the bodies where the single-use link belongs, which is not stored.
LINK_PLACEHOLDER = "[[link]]"
#: Attempts until a mail is given up: a day and more of a server that is away.
MOST_ATTEMPTS = 30
#: Kept mails that are sent together are not older than this.
RECENT = timedelta(days=7)
_ANSWER_LENGTH = 500
_REFUSAL_LENGTH = 300


class MailState(StrEnum):
    """`kept`: there was no server; `waiting`: goes out, perhaps not at the first attempt; `refused`: by the
    server, for good; `bounced`: taken and sent back later; `failed`: given up; `lapsed`: its link is of no
    use any more, so it is not sent."""

    KEPT = "kept"
    WAITING = "waiting"
    SENT = "sent"
    REFUSED = "refused"
    BOUNCED = "bounced"
    FAILED = "failed"
    LAPSED = "lapsed"


#: States a person may send a mail from.
SENDABLE = (MailState.KEPT, MailState.REFUSED, MailState.BOUNCED, MailState.FAILED)
_DUE = (MailState.WAITING, MailState.FAILED)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A mail on its way. `may_have_arrived`: an attempt before this one got no answer."""

    id: int
    message_id: str
    recipient: str
    subject: str
    text_body: str
    html_body: str
    link: SingleUseLink | None
    may_have_arrived: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended. `refuses_person`: the address itself was refused."""

    state: MailState
    answer: str
    refuses_person: bool = False
    may_have_arrived: bool = False


def queue_sending(session: Session, mail: MailMessage, *, now: datetime) -> None:
    """Let a mail of the present transaction go out after it."""
    mail.state = MailState.WAITING.value
    session.flush()
    enqueue(session, SEND, {"mail_id": mail.id}, now=now, max_attempts=MOST_ATTEMPTS)


def _has_dead_link(mail: MailMessage, link: SingleUseLink | None, now: datetime) -> bool:
    if link is None:
        # Its link was deleted together with what it was for.
        return LINK_PLACEHOLDER in mail.text_body
    return link.used_at is not None or link.voided_at is not None or link.expires_at <= now


@requires(Permission.JOB_WORK)
def take_up(
    session: Session, actor: Actor, *, mail_id: int, has_server: bool, now: datetime
) -> Outgoing | None:
    """Note that the mail is about to be handed over; None where it does not go out (any more)."""
    mail = session.scalars(select(MailMessage).where(MailMessage.id == mail_id).with_for_update()).first()
    if mail is None or mail.state not in _DUE:
        return None
    link = session.get(SingleUseLink, mail.link_id) if mail.link_id is not None else None
    if not has_server:
        mail.state = MailState.KEPT.value
        return None
    if _has_dead_link(mail, link, now):
        mail.state = MailState.LAPSED.value
        mail.answer = _("Its link had been used or was too old, so it was not sent.")
        return None
    outgoing = Outgoing(
        id=mail.id,
        message_id=mail.message_id,
        recipient=mail.recipient,
        subject=mail.subject,
        text_body=mail.text_body,
        html_body=mail.html_body,
        link=link,
        may_have_arrived=mail.handed_at is not None,
    )
    mail.state = MailState.WAITING.value
    mail.attempts += 1
    mail.handed_at = now
    return outgoing


@requires(Permission.JOB_WORK)
def store_outcome(session: Session, actor: Actor, *, mail_id: int, outcome: Outcome, now: datetime) -> None:
    """Keep how the attempt ended, at the mail and, where it says something of the address, at the person."""
    mail = session.get_one(MailMessage, mail_id, with_for_update=True)
    mail.state = outcome.state.value
    mail.answer = outcome.answer[:_ANSWER_LENGTH]
    if outcome.state is MailState.SENT:
        mail.sent_at = now
        _note_person(session, mail.recipient, None, now)
    elif not outcome.may_have_arrived:
        mail.handed_at = None
    if outcome.refuses_person:
        _note_person(session, mail.recipient, outcome.answer, now)


def _note_person(session: Session, email: str, refusal: str | None, now: datetime) -> None:
    person = update(User).where(User.email == email.lower())
    if refusal is None:
        person = person.where(User.mail_refused_at.is_not(None))
    session.execute(
        person.values(
            mail_refusal=refusal[:_REFUSAL_LENGTH] if refusal else None,
            mail_refused_at=now if refusal else None,
        ).execution_options(synchronize_session=False)
    )


@requires(Permission.JOB_WORK)
def note_bounce(
    session: Session, actor: Actor, *, message_id: str, recipient: str | None, words: str, now: datetime
) -> bool:
    """Mark a mail that came back, and its person; whether there is such a mail to that recipient."""
    mail = session.scalars(
        select(MailMessage).where(MailMessage.message_id == message_id).with_for_update()
    ).first()
    if mail is None or (recipient and recipient.lower() != mail.recipient.lower()):
        return False
    if mail.state not in (MailState.SENT, MailState.WAITING, MailState.BOUNCED):
        return False
    mail.state = MailState.BOUNCED.value
    mail.answer = words[:_ANSWER_LENGTH]
    _note_person(session, mail.recipient, words, now)
    return True


@requires(Permission.MAIL_SEND)
def send_mail(session: Session, actor: Actor, *, mail_id: int, now: datetime) -> None:
    """Send one mail that was kept, refused, sent back or given up.

    :raises Conflict: it is on its way or was sent, or its link works no more.
    """
    mail = session.get_one(MailMessage, mail_id, with_for_update=True)
    if mail.state not in SENDABLE:
        raise Conflict(_("This mail is on its way, was sent, or came too late. It is not sent again."))
    link = session.get(SingleUseLink, mail.link_id) if mail.link_id is not None else None
    if _has_dead_link(mail, link, now):
        raise Conflict(
            _("The link in this mail has been used or is too old. Send a new invitation to the person.")
        )
    before = mail.state
    queue_sending(session, mail, now=now)
    audit.record(
        session,
        actor,
        "mail.sent_by_hand",
        subject_type="mail",
        subject_id=mail.id,
        company_id=mail.company_id,
        now=now,
        before={"state": before},
        after={"state": mail.state},
    )


def _kept(now: datetime) -> list[Any]:
    dead_link = exists().where(
        SingleUseLink.id == MailMessage.link_id,
        (SingleUseLink.used_at.is_not(None))
        | (SingleUseLink.voided_at.is_not(None))
        | (SingleUseLink.expires_at <= now),
    )
    lost_link = MailMessage.link_id.is_(None) & MailMessage.text_body.contains(
        LINK_PLACEHOLDER, autoescape=True
    )
    return [
        MailMessage.state == MailState.KEPT.value,
        MailMessage.created_at > now - RECENT,
        ~dead_link,
        ~lost_link,
    ]


def count_recent_kept(session: Session, *, now: datetime) -> int:
    """Kept mails of the last seven days whose links work; 1,001 stands for more than a thousand."""
    return len(session.scalars(select(MailMessage.id).where(*_kept(now)).limit(1001)).all())


@requires(Permission.MAIL_SEND)
def send_recent_kept(session: Session, actor: Actor, *, now: datetime) -> int:
    """Send the kept mails of the last seven days whose links still work; returns how many."""
    ids: Collection[int] = session.scalars(
        update(MailMessage)
        .where(*_kept(now))
        .values(state=MailState.WAITING.value)
        .returning(MailMessage.id)
        .execution_options(synchronize_session=False)
    ).all()
    payloads = [{"mail_id": mail_id} for mail_id in sorted(ids)]
    enqueue_all(session, SEND, payloads, now=now, max_attempts=MOST_ATTEMPTS)
    audit.record(
        session,
        actor,
        "mail.kept_sent",
        subject_type="mail",
        subject_id=None,
        now=now,
        after={"count": len(ids)},
    )
    return len(ids)
