"""Mails are rendered in the background from a template's name and JSON values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.core.outbox import Job, enqueue, enqueue_all

#: Kind of the job that renders a mail.
RENDER = "mail.render"


def queue_mail(
    session: Session,
    *,
    template: str,
    recipient: str,
    company_id: int | None,
    context: dict[str, Any],
    link_id: int | None,
    now: datetime,
) -> Job:
    """Queue `templates/email/<template>` for `recipient` in the present transaction.

    `context` holds JSON values only. A single-use link is passed by its id and written as [[link]], so
    that neither the job nor the mail log opens an account.
    """
    payload = {
        "template": template,
        "recipient": recipient,
        "company_id": company_id,
        "context": context,
        "link_id": link_id,
    }
    return enqueue(session, RENDER, payload, now=now)


@dataclass(frozen=True, slots=True)
class Mail:
    """One of several mails with the same values; `url` is the page its reader is sent to."""

    template: str
    recipient: str | None
    company_id: int | None
    url: str


def queue_mails(session: Session, mails: Sequence[Mail], *, context: dict[str, Any], now: datetime) -> None:
    """Queue mails with the same values in one statement; those without a recipient are left out."""
    payloads = [
        {
            "template": mail.template,
            "recipient": mail.recipient,
            "company_id": mail.company_id,
            "context": {**context, "url": mail.url},
            "link_id": None,
        }
        for mail in mails
        if mail.recipient
    ]
    enqueue_all(session, RENDER, payloads, now=now)
