"""Who took which list away, for the audit trail."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from app.core import audit
from app.core.permissions import Actor, Permission, requires


@requires(Permission.ACCOUNT_USE)
def record_export(
    session: Session, actor: Actor, *, name: str, filters: dict[str, str], now: datetime
) -> None:
    """Write down that a list was exported, and with which filters; its door asks for the permission."""
    audit.record(
        session, actor, "list.exported", subject_type=name[:40], subject_id=None, now=now, after=filters
    )
