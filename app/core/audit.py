"""The audit trail: who, when, what, before and after; append-only, written beside the change.

A job seals the rows into a hash chain afterwards: a chain inside the business transaction would make
every writer wait for the one before it.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ForeignKey, Index, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.core.database import Base
from app.core.permissions import Actor
from app.core.tenancy import CompanyOrVendor


class AuditEntry(CompanyOrVendor, Base):
    """One change, refusal or look through another's eyes. Rows are never updated."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        Index("ix_audit_entry_subject", "subject_type", "subject_id"),
        Index("ix_audit_entry_at", "at", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    #: Name of the person or job, kept even when the user is gone.
    actor_name: Mapped[str] = mapped_column(String(200))
    actor_user_id: Mapped[int | None]
    #: The vendor's person behind a "view as".
    real_user_id: Mapped[int | None]
    #: `resource.verb` in the past tense: `order.placed`.
    action: Mapped[str] = mapped_column(String(80), index=True)
    subject_type: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[int | None]
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
    request_id: Mapped[str | None] = mapped_column(String(64))


class AuditSeal(Base):
    """Place of an audit row in the hash chain."""

    __tablename__ = "audit_seal"

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    audit_id: Mapped[int] = mapped_column(ForeignKey("audit_entry.id"), unique=True)
    #: SHA-256 of the previous digest and this row.
    digest: Mapped[str] = mapped_column(String(64))


def record(
    session: Session,
    actor: Actor,
    action: str,
    *,
    subject_type: str,
    subject_id: int | None,
    now: datetime,
    company_id: int | None = None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Add an audit row to the present transaction. `before` and `after` hold JSON values only."""
    session.add(
        AuditEntry(
            at=now,
            actor_name=actor.name,
            actor_user_id=actor.user_id,
            real_user_id=actor.real_user_id,
            company_id=company_id if company_id is not None else actor.company_id,
            action=action,
            subject_type=subject_type,
            subject_id=subject_id,
            before=before,
            after=after,
            request_id=actor.request_id,
        )
    )


def digest_of(previous: str, entry: Any) -> str:
    """SHA-256 over the previous digest and the row's canonical JSON. The row has an entry's columns."""
    body = json.dumps(
        [
            entry.id,
            entry.at.isoformat(),
            entry.actor_name,
            entry.actor_user_id,
            entry.real_user_id,
            entry.company_id,
            entry.action,
            entry.subject_type,
            entry.subject_id,
            entry.before,
            entry.after,
            entry.request_id,
        ],
        sort_keys=True,
        ensure_ascii=False,
    )
    return hashlib.sha256((previous + body).encode()).hexdigest()


def seal_entries(
    session: Session, *, now: datetime, settle: timedelta, limit: int, look_back: int | None = None
) -> int:
    """Chain unsealed rows older than `settle` (slower transactions have committed by then), oldest first.

    With `look_back` only rows from so many ids before the newest sealed one are looked at, which keeps the
    work small on a long trail; without it, rows of very slow transactions are found as well.

    :returns: how many rows were sealed, at most `limit`.
    """
    last = session.execute(
        select(AuditSeal).order_by(AuditSeal.sequence.desc()).limit(1)
    ).scalar_one_or_none()
    sequence, previous = (last.sequence, last.digest) if last else (0, "")
    unsealed = (
        select(AuditEntry)
        .outerjoin(AuditSeal, AuditSeal.audit_id == AuditEntry.id)
        .where(AuditSeal.audit_id.is_(None), AuditEntry.at < now - settle)
        .order_by(AuditEntry.id)
        .limit(limit)
    )
    if last is not None and look_back is not None:
        unsealed = unsealed.where(AuditEntry.id > last.audit_id - look_back)
    entries = session.scalars(unsealed).all()
    for entry in entries:
        sequence, previous = sequence + 1, digest_of(previous, entry)
        session.add(AuditSeal(sequence=sequence, audit_id=entry.id, digest=previous))
    return len(entries)


def first_broken_seal(session: Session, *, batch: int = 2000) -> int | None:
    """Place of the first row that no longer fits the chain (changed, removed, moved); None while whole.

    Reads in batches, so that a long trail neither fills the memory nor runs into a statement's time limit.
    """
    place, previous = 0, ""
    # Named one by one, so that the trail of an older schema is checked as well.
    sealed = [AuditSeal.sequence, AuditSeal.digest, AuditEntry.id, AuditEntry.at, AuditEntry.actor_name]
    who = [AuditEntry.actor_user_id, AuditEntry.real_user_id, AuditEntry.company_id]
    what = [AuditEntry.action, AuditEntry.subject_type, AuditEntry.subject_id]
    change = [AuditEntry.before, AuditEntry.after, AuditEntry.request_id]
    while True:
        rows = session.execute(
            select(*sealed, *who, *what, *change)
            .outerjoin(AuditEntry, AuditEntry.id == AuditSeal.audit_id)
            .where(AuditSeal.sequence > place)
            .order_by(AuditSeal.sequence)
            .limit(batch)
        ).all()
        for row in rows:
            place += 1
            if row.sequence != place or row.id is None or digest_of(previous, row) != row.digest:
                return place
            previous = row.digest
        if len(rows) < batch:
            return None
