"""Archives of all that a company owns: asked for, made by a job, kept for a week."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from app.core import audit
from app.core.errors import NotFound
from app.core.outbox import enqueue
from app.core.permissions import Actor, Permission, requires
from app.core.texts import _
from app.domain.accounts.mails import queue_mail
from app.domain.accounts.models import Company, CompanyExport, User

JOB_KIND = "company.export"
KEPT = timedelta(days=7)
ATTEMPTS = 3
#: One that was not made within a day never will be.
GIVEN_UP = timedelta(days=1)
#: Archives that a page lists.
SHOWN = 20
_OPEN = ("queued", "running")


def list_exports(session: Session, company_id: int, *, by_vendor: bool) -> Sequence[CompanyExport]:
    """The latest archives that the company, or the vendor's staff, asked for."""
    return session.scalars(
        select(CompanyExport)
        .where(CompanyExport.company_id == company_id, CompanyExport.by_vendor.is_(by_vendor))
        .order_by(CompanyExport.id.desc())
        .limit(SHOWN)
    ).all()


def get_ready_export(
    session: Session, company_id: int, export_id: int, *, by_vendor: bool, now: datetime
) -> CompanyExport:
    """An archive that can be taken. :raises NotFound: none, another's, not ready, or too old."""
    found = session.scalars(
        select(CompanyExport).where(
            CompanyExport.id == export_id,
            CompanyExport.company_id == company_id,
            CompanyExport.by_vendor.is_(by_vendor),
            CompanyExport.state == "ready",
            CompanyExport.expires_at > now,
        )
    ).first()
    if found is None:
        raise NotFound(_("This archive is not there any more. Ask for a new one."))
    return found


@requires(Permission.MEMBER_MANAGE)
def ask_for_own_export(session: Session, actor: Actor, *, now: datetime) -> CompanyExport:
    """All data of the actor's own company; asked for twice before it is made, it is made once."""
    if actor.company_id is None:
        raise NotFound()
    return _ask(session, actor, actor.company_id, by_vendor=False, now=now)


@requires(Permission.COMPANY_MANAGE)
def ask_for_export(session: Session, actor: Actor, *, company_id: int, now: datetime) -> CompanyExport:
    """All data of a company, for the vendor's staff."""
    if session.get(Company, company_id) is None:
        raise NotFound()
    return _ask(session, actor, company_id, by_vendor=True, now=now)


def _ask(session: Session, actor: Actor, company_id: int, *, by_vendor: bool, now: datetime) -> CompanyExport:
    waiting = session.scalars(
        select(CompanyExport).where(
            CompanyExport.company_id == company_id,
            CompanyExport.by_vendor.is_(by_vendor),
            CompanyExport.state.in_(_OPEN),
        )
    ).first()
    if waiting is not None:
        return waiting
    export = CompanyExport(
        company_id=company_id,
        by_vendor=by_vendor,
        asked_by_id=actor.user_id,
        asked_by_name=actor.name,
        created_at=now,
    )
    session.add(export)
    session.flush()
    enqueue(session, JOB_KIND, {"export_id": export.id}, now=now, max_attempts=ATTEMPTS)
    record_data_export(session, actor, company_id=company_id, now=now)
    return export


@requires(Permission.COMPANY_READ)
def note_data_export(session: Session, actor: Actor, *, company_id: int, now: datetime) -> None:
    """Write down that a command wrote all data of a company."""
    record_data_export(session, actor, company_id=company_id, now=now)


def record_data_export(session: Session, actor: Actor, *, company_id: int, now: datetime) -> None:
    """The audit row of whoever takes all data of a company."""
    audit.record(
        session,
        actor,
        "company.data_exported",
        subject_type="company",
        subject_id=company_id,
        company_id=company_id,
        now=now,
    )


@requires(Permission.JOB_WORK)
def begin_export(
    session: Session, actor: Actor, *, export_id: int, storage_key: str
) -> tuple[CompanyExport, str | None] | None:
    """Take an archive in hand: it, and the key of what an earlier attempt may have left.

    None where it is made already.
    """
    export = _locked(session, export_id)
    if export is None or export.state not in _OPEN:
        return None
    before, export.storage_key, export.state = export.storage_key, storage_key, "running"
    return export, before


@requires(Permission.JOB_WORK)
def finish_export(
    session: Session, actor: Actor, *, export_id: int, storage_key: str, size: int, now: datetime
) -> bool:
    """The archive is complete; who asked for it is told by mail. False where another attempt has it."""
    export = _locked(session, export_id)
    if export is None or export.state != "running" or export.storage_key != storage_key:
        return False
    export.state, export.size = "ready", size
    export.finished_at, export.expires_at = now, now + KEPT
    recipient = session.scalar(select(User.email).where(User.id == export.asked_by_id))
    company = session.get_one(Company, export.company_id)
    if recipient:
        page = f"/console/companies/{company.id}/data" if export.by_vendor else "/company/data"
        queue_mail(
            session,
            template="company_export",
            recipient=recipient,
            company_id=None if export.by_vendor else company.id,
            context={"company": company.name, "days": KEPT.days, "url": page},
            link_id=None,
            now=now,
        )
    return True


@requires(Permission.JOB_WORK)
def fail_export(session: Session, actor: Actor, *, export_id: int, now: datetime) -> str | None:
    """The archive cannot be made; returns the key of what was begun."""
    export = _locked(session, export_id)
    if export is None or export.state not in _OPEN:
        return None
    key, export.storage_key = export.storage_key, None
    export.state, export.finished_at = "failed", now
    return key


@requires(Permission.JOB_WORK)
def expire_exports(session: Session, actor: Actor, *, now: datetime, limit: int = 100) -> list[str]:
    """Let go of archives that are a week old or were never made; returns the keys of their files."""
    is_lost = and_(CompanyExport.state.in_(_OPEN), CompanyExport.created_at < now - GIVEN_UP)
    is_old = and_(CompanyExport.state == "ready", CompanyExport.expires_at <= now)
    old = session.scalars(
        select(CompanyExport).where(or_(is_old, is_lost)).limit(limit).with_for_update(skip_locked=True)
    ).all()
    keys = [export.storage_key for export in old if export.storage_key]
    for export in old:
        export.state, export.storage_key = "expired" if export.state == "ready" else "failed", None
    return keys


def _locked(session: Session, export_id: int) -> CompanyExport | None:
    return session.scalars(
        select(CompanyExport).where(CompanyExport.id == export_id).with_for_update()
    ).first()
