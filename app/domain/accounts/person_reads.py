"""What administrators read of one person: where the person belongs, sessions, and how signing in went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.audit import AuditEntry
from app.core.errors import NotFound
from app.core.permissions import Role
from app.domain.accounts.models import Company, MailMessage, Membership, SignInSession
from app.domain.accounts.sessions import lifetime_of

#: Rows of one list on a person's page.
MOST_ROWS = 20


@dataclass(frozen=True, slots=True)
class PersonSession:
    """One sign-in: where, since when, for whom, and whether it still opens anything."""

    id: int
    begun_at: datetime
    last_seen_at: datetime
    ended_at: datetime | None
    address: str | None
    user_agent: str | None
    company_name: str | None
    is_open: bool


@dataclass(frozen=True, slots=True)
class SignIn:
    """One attempt to sign in; `knew_password` where it was refused for another reason than the password."""

    at: datetime
    succeeded: bool
    knew_password: bool
    address: str | None
    user_agent: str | None


def list_places_of(session: Session, user_id: int) -> Sequence[Any]:
    """Every membership of the person, also ended ones and those of closed companies, oldest first."""
    return session.execute(
        select(
            Membership.id.label("membership_id"),
            Membership.role,
            Membership.is_active,
            Membership.created_at,
            Membership.company_id,
            Company.name.label("company_name"),
            Company.number.label("company_number"),
            Company.is_active.label("company_is_active"),
        )
        .outerjoin(Company, Company.id == Membership.company_id)
        .where(Membership.user_id == user_id)
        .order_by(Membership.id)
    ).all()


def list_sessions_of(
    session: Session, *, user_id: int | None = None, membership_id: int | None = None, now: datetime
) -> list[PersonSession]:
    """The latest sessions of a person, or only those in which the person works in a membership."""
    statement = (
        select(SignInSession, Membership.role, Membership.company_id, Company.name)
        .join(Membership, Membership.id == SignInSession.membership_id)
        .outerjoin(Company, Company.id == Membership.company_id)
        .order_by(SignInSession.id.desc())
        .limit(MOST_ROWS)
    )
    if user_id is not None:
        statement = statement.where(SignInSession.user_id == user_id)
    if membership_id is not None:
        statement = statement.where(SignInSession.membership_id == membership_id)
    return [_session_of(*row, now=now) for row in session.execute(statement)]


def _session_of(
    row: SignInSession, role: str, company_id: int | None, company_name: str | None, *, now: datetime
) -> PersonSession:
    lifetime = lifetime_of(Role(role), is_vendor=company_id is None)
    is_young = now - row.last_seen_at < lifetime.idle and now - row.created_at < lifetime.absolute
    return PersonSession(
        id=row.id,
        begun_at=row.created_at,
        last_seen_at=row.last_seen_at,
        ended_at=row.ended_at,
        address=row.address,
        user_agent=row.user_agent,
        company_name=company_name,
        is_open=row.ended_at is None and is_young,
    )


def sign_ins_of(session: Session, user_id: int) -> list[SignIn]:
    """How signing in went, the latest first: a month of sessions, and refusals as audited."""
    begun = (
        select(SignInSession.created_at, SignInSession.address, SignInSession.user_agent)
        .where(SignInSession.user_id == user_id)
        .order_by(SignInSession.id.desc())
        .limit(MOST_ROWS)
    )
    refused = (
        select(AuditEntry.at, AuditEntry.after)
        .where(
            AuditEntry.subject_type == "user",
            AuditEntry.subject_id == user_id,
            AuditEntry.action == "session.refused",
        )
        .order_by(AuditEntry.id.desc())
        .limit(MOST_ROWS)
    )
    found = [SignIn(at, True, True, address, agent) for at, address, agent in session.execute(begun)]
    for at, after in session.execute(refused):
        found.append(SignIn(at, False, bool((after or {}).get("knew_password")), None, None))
    return sorted(found, key=lambda one: one.at, reverse=True)[:MOST_ROWS]


def list_mails_to(session: Session, email: str) -> Sequence[Any]:
    """The latest mails to exactly this address."""
    return session.execute(
        select(MailMessage.id, MailMessage.subject, MailMessage.state, MailMessage.created_at)
        .where(MailMessage.recipient == email)
        .order_by(MailMessage.created_at.desc(), MailMessage.id.desc())
        .limit(MOST_ROWS)
    ).all()


def get_session_owner(session: Session, session_id: int) -> int:
    """Whose session it is. :raises NotFound: there is no such session."""
    user_id = session.execute(
        select(SignInSession.user_id).where(SignInSession.id == session_id)
    ).scalar_one_or_none()
    if user_id is None:
        raise NotFound()
    return user_id
