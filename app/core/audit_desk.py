"""Reads of the audit trail: pages, filters, and all rows in batches for an export."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from app.core.audit import AuditEntry, AuditSeal
from app.core.errors import NotFound
from app.core.pages import Page, SortKey, paginate
from app.core.texts import _

EXPORT_BATCH = 1000


@dataclass(frozen=True, slots=True)
class AuditFilters:
    """Half open in time; `action` is whole (`order.placed`) or its resource (`order`)."""

    actor: str | None = None
    action: str | None = None
    subject_type: str | None = None
    subject_id: int | None = None
    start: datetime | None = None
    end: datetime | None = None


def _filtered(filters: AuditFilters) -> Select[*tuple[Any, ...]]:
    statement = select(
        AuditEntry.id,
        AuditEntry.at,
        AuditEntry.actor_name,
        AuditEntry.actor_user_id,
        AuditEntry.real_user_id,
        AuditEntry.company_id,
        AuditEntry.action,
        AuditEntry.subject_type,
        AuditEntry.subject_id,
        AuditEntry.before,
        AuditEntry.after,
        AuditEntry.request_id,
    )
    if filters.actor:
        statement = statement.where(AuditEntry.actor_name.icontains(filters.actor, autoescape=True))
    if filters.action and "." in filters.action:
        statement = statement.where(AuditEntry.action == filters.action)
    elif filters.action:
        statement = statement.where(AuditEntry.action.startswith(filters.action + ".", autoescape=True))
    if filters.subject_type:
        statement = statement.where(AuditEntry.subject_type == filters.subject_type)
    if filters.subject_id is not None:
        statement = statement.where(AuditEntry.subject_id == filters.subject_id)
    if filters.start is not None:
        statement = statement.where(AuditEntry.at >= filters.start)
    if filters.end is not None:
        statement = statement.where(AuditEntry.at < filters.end)
    return statement


def list_entries(session: Session, filters: AuditFilters, *, cursor: str | None = None) -> Page[Any]:
    """Audit rows, the newest first."""
    return paginate(
        session,
        _filtered(filters),
        sort=[SortKey(AuditEntry.at, descending=True), SortKey(AuditEntry.id, descending=True)],
        read_keys=lambda row: (row.at, row.id),
        cursor=cursor,
    )


def get_entry(session: Session, entry_id: int) -> AuditEntry:
    """:raises NotFound: there is no such row."""
    entry = session.scalars(select(AuditEntry).where(AuditEntry.id == entry_id)).one_or_none()
    if entry is None:
        raise NotFound(_("There is no audit row by that number."))
    return entry


def find_seal(session: Session, entry_id: int) -> AuditSeal | None:
    """The row's place in the chain, or None while it is not sealed."""
    return session.scalars(select(AuditSeal).where(AuditSeal.audit_id == entry_id)).one_or_none()


def count_sealed(session: Session) -> int:
    """How many rows are in the chain: its last place."""
    return session.scalar(select(func.max(AuditSeal.sequence))) or 0


def iter_entries(session: Session, filters: AuditFilters) -> Iterator[Any]:
    """All rows, oldest first, read in batches."""
    last_id = 0
    while True:
        batch = session.execute(
            _filtered(filters).where(AuditEntry.id > last_id).order_by(AuditEntry.id).limit(EXPORT_BATCH)
        ).all()
        yield from batch
        if len(batch) < EXPORT_BATCH:
            return
        last_id = batch[-1].id
