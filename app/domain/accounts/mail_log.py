"""Reads of the mail log."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.core.pages import Page, SortKey, paginate
from app.core.texts import _
from app.domain.accounts.models import MailMessage, SingleUseLink


def list_mails(
    session: Session, *, recipient: str | None = None, state: str | None = None, cursor: str | None = None
) -> Page[Any]:
    """Mails, the newest first; only those whose address contains `recipient`, and those of a state."""
    statement = select(
        MailMessage.id,
        MailMessage.template,
        MailMessage.recipient,
        MailMessage.subject,
        MailMessage.state,
        MailMessage.created_at,
        MailMessage.answer,
    )
    if state:
        statement = statement.where(MailMessage.state == state)
    if recipient:
        statement = statement.where(MailMessage.recipient.icontains(recipient, autoescape=True))
    return paginate(
        session,
        statement,
        sort=[SortKey(MailMessage.created_at, descending=True), SortKey(MailMessage.id, descending=True)],
        read_keys=lambda row: (row.created_at, row.id),
        cursor=cursor,
    )


def get_mail(session: Session, mail_id: int) -> MailMessage:
    """:raises NotFound: there is no such mail."""
    mail = session.scalars(select(MailMessage).where(MailMessage.id == mail_id)).one_or_none()
    if mail is None:
        raise NotFound(_("There is no mail by that number."))
    return mail


def get_mail_link(session: Session, link_id: int) -> SingleUseLink:
    """The single-use link a mail was rendered for."""
    return session.get_one(SingleUseLink, link_id)
