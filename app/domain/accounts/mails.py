"""Mails are rendered in the background from a template's name and JSON values."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.core.outbox import Job, enqueue

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
