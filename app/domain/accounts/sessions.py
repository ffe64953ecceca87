"""Server-side sessions: begun at sign-in, read once a request, ended by anybody who may."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from app.core import audit
from app.core.errors import Conflict, NotFound, PermissionDenied
from app.core.permissions import (
    ROLE_PERMISSIONS,
    VIEW_AS_PERMISSIONS,
    Actor,
    Permission,
    Role,
    requires,
)
from app.core.tenancy import all_companies, read_rows
from app.core.texts import _
from app.domain.accounts.models import Company, Membership, SignInSession, User, Vendor
from app.domain.accounts.passwords import Proof
from app.domain.accounts.queries import list_memberships_of

TOKEN_BYTES = 32
#: A session's `last_seen_at` is written at most this often.
SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long a session lives without use, and at most."""

    idle: timedelta
    absolute: timedelta


RESELLER_LIFETIME = Lifetime(idle=timedelta(hours=8), absolute=timedelta(days=7))
STAFF_LIFETIME = Lifetime(idle=timedelta(hours=8), absolute=timedelta(hours=12))
ADMIN_LIFETIME = Lifetime(idle=timedelta(minutes=30), absolute=timedelta(hours=12))


def lifetime_of(role: Role, *, is_vendor: bool) -> Lifetime:
    """Idle and in all: vendor admins 30 min and 12 h, other staff 8 h and 12 h, resellers 8 h and 7 d."""
    if role is Role.VENDOR_ADMIN:
        return ADMIN_LIFETIME
    return STAFF_LIFETIME if is_vendor else RESELLER_LIFETIME


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who a token stands for, from one read."""

    session_id: int
    actor: Actor
    name: str
    email: str
    vendor_name: str
    #: IANA name of the zone in which times are shown and business days begin.
    vendor_timezone: str
    vendor_accent: str | None
    vendor_logo_key: str | None
    #: The company worked for or viewed as; None for the vendor's own staff.
    company_name: str | None
    viewing_as: str | None
    last_seen_at: datetime
    membership_count: int
    #: Numbers that other rooms asked to be read along.
    extras: Mapping[str, Any] = field(default_factory=dict)


def hash_token(token: str) -> str:
    """SHA-256 of a session token, as it is stored."""
    return hashlib.sha256(token.encode()).hexdigest()


@lru_cache(maxsize=8)
def _sign_in_statement(extras: tuple[tuple[str, Any], ...]) -> Any:
    """Built once for the columns read along: every request runs it."""
    others = (
        select(func.count(Membership.id))
        .where(Membership.user_id == User.id, Membership.is_active)
        .correlate(User)
        .scalar_subquery()
    )
    company_id = func.coalesce(SignInSession.view_as_company_id, Membership.company_id)
    return (
        select(
            SignInSession.id,
            SignInSession.created_at,
            SignInSession.last_seen_at,
            SignInSession.view_as_company_id,
            User.id.label("user_id"),
            User.name,
            User.email,
            Membership.id.label("membership_id"),
            Membership.role,
            Membership.company_id,
            Membership.end_customer_id,
            Company.id.label("acting_company_id"),
            Company.name.label("company_name"),
            Company.is_active.label("company_is_active"),
            Vendor.name.label("vendor_name"),
            Vendor.timezone.label("vendor_timezone"),
            Vendor.accent.label("vendor_accent"),
            Vendor.logo_key.label("vendor_logo_key"),
            others.label("membership_count"),
            *(column.label(f"extra_{name}") for name, column in extras),
        )
        .join(User, User.id == SignInSession.user_id)
        .join(Membership, Membership.id == SignInSession.membership_id)
        .outerjoin(Company, Company.id == company_id)
        .outerjoin(Vendor, Vendor.id == 1)
        .where(
            SignInSession.token_hash == bindparam("token_hash"),
            SignInSession.ended_at.is_(None),
            User.is_disabled.is_(False),
            Membership.is_active,
        )
    )


def _actor_of(row: Any, role: Role, *, is_viewing: bool, request_id: str | None) -> Actor:
    """The actor of a sign-in row; on a visit it holds what visitors hold, whatever the role."""
    return Actor(
        name=row.name,
        permissions=VIEW_AS_PERMISSIONS if is_viewing else ROLE_PERMISSIONS[role],
        user_id=row.user_id,
        membership_id=row.membership_id,
        role=role,
        company_id=row.acting_company_id,
        end_customer_id=row.end_customer_id,
        real_user_id=row.user_id if is_viewing else None,
        request_id=request_id,
    )


def find_signed_in(
    session: Session,
    token: str,
    *,
    now: datetime,
    request_id: str | None = None,
    extras: Mapping[str, Any] | None = None,
) -> SignedIn | None:
    """Who the token stands for at `now`, or None: ended, timed out, disabled or deactivated.

    `extras` are scalar subqueries by name, read along in the same statement.
    """
    extras = extras or {}
    with all_companies(session, reason="reading a sign-in session"):
        statement = _sign_in_statement(tuple(extras.items()))
        found = read_rows(session, statement, {"token_hash": hash_token(token)})
    row = found[0] if found else None
    if row is None or (row.acting_company_id is not None and not row.company_is_active):
        return None
    role = Role(row.role)
    lifetime = lifetime_of(role, is_vendor=row.company_id is None)
    if now - row.last_seen_at >= lifetime.idle or now - row.created_at >= lifetime.absolute:
        return None
    is_viewing = row.view_as_company_id is not None
    return SignedIn(
        session_id=row.id,
        actor=_actor_of(row, role, is_viewing=is_viewing, request_id=request_id),
        name=row.name,
        email=row.email,
        vendor_name=row.vendor_name or "Sellthru",
        vendor_timezone=row.vendor_timezone or "UTC",
        vendor_accent=row.vendor_accent,
        vendor_logo_key=row.vendor_logo_key,
        company_name=row.company_name,
        viewing_as=row.company_name if is_viewing else None,
        last_seen_at=row.last_seen_at,
        membership_count=row.membership_count,
        extras={name: getattr(row, f"extra_{name}") for name in extras},
    )


@requires(Permission.ACCOUNT_USE)
def touch_session(session: Session, actor: Actor, *, session_id: int, now: datetime) -> None:
    """Note that the session is in use; writes nothing within a minute of the last note."""
    session.execute(
        update(SignInSession)
        .where(SignInSession.id == session_id, SignInSession.last_seen_at <= now - SEEN_EVERY)
        .values(last_seen_at=now)
        .execution_options(synchronize_session=False)
    )


@requires(Permission.ACCOUNT_USE)
def begin_session(
    session: Session,
    actor: Actor,
    *,
    proof: Proof,
    address: str | None,
    user_agent: str | None,
    now: datetime,
) -> str | None:
    """Sign in whoever `proof` is of, and return the new session's token; it is not stored.

    None where the person is disabled, belongs nowhere any more, or changed the password meanwhile. The
    membership is the one last worked in, else the oldest.
    """
    user = session.get(User, proof.user_id, with_for_update=True)
    memberships = list_memberships_of(session, proof.user_id)
    if user is None or user.is_disabled or user.password_hash != proof.password_hash or not memberships:
        return None
    if proof.rehashed is not None:
        user.password_hash = proof.rehashed
    membership = _last_used(session, user.id, memberships)
    user.last_signed_in_at = now
    token = secrets.token_urlsafe(TOKEN_BYTES)
    row = SignInSession(
        token_hash=hash_token(token),
        user_id=user.id,
        membership_id=membership.membership_id,
        created_at=now,
        last_seen_at=now,
        address=address[:45] if address else None,
        user_agent=user_agent[:200] if user_agent else None,
    )
    session.add(row)
    session.flush()
    person = replace(actor, name=user.name, permissions=frozenset(), user_id=user.id)
    _record(session, person, "session.begun", row.id, now, company_id=membership.company_id)
    return token


def _record(
    session: Session, actor: Actor, action: str, session_id: int, now: datetime, **values: Any
) -> None:
    audit.record(
        session, actor, action, subject_type="sign_in_session", subject_id=session_id, now=now, **values
    )


def _last_used(session: Session, user_id: int, memberships: Any) -> Any:
    latest = session.execute(
        select(SignInSession.membership_id)
        .where(SignInSession.user_id == user_id)
        .order_by(SignInSession.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    return next((row for row in memberships if row.membership_id == latest), memberships[0])


@requires(Permission.ACCOUNT_USE)
def end_session(session: Session, actor: Actor, *, session_id: int, now: datetime) -> None:
    """End one of the actor's own sessions; ending it twice is the same as once.

    :raises NotFound: it is somebody else's.
    """
    row = session.get(SignInSession, session_id)
    if row is None or row.user_id != actor.user_id:
        raise NotFound()
    if row.ended_at is None:
        row.ended_at = now
        _record(session, actor, "session.ended", row.id, now)


def end_sessions_of(
    session: Session,
    *,
    user_id: int,
    now: datetime,
    keep: int | None = None,
    membership_id: int | None = None,
) -> int:
    """End all sessions of a person but `keep`, in the present transaction; returns how many.

    With a membership only those in which the person works in it.
    """
    statement = update(SignInSession).where(
        SignInSession.user_id == user_id, SignInSession.ended_at.is_(None)
    )
    if keep is not None:
        statement = statement.where(SignInSession.id != keep)
    if membership_id is not None:
        statement = statement.where(SignInSession.membership_id == membership_id)
    ended: Any = session.execute(statement.values(ended_at=now).execution_options(synchronize_session=False))
    return int(ended.rowcount)


def _own_session(session: Session, actor: Actor, session_id: int) -> SignInSession:
    row = session.get(SignInSession, session_id, with_for_update=True)
    if row is None or row.user_id != actor.user_id or row.ended_at is not None:
        raise NotFound()
    return row


@requires(Permission.ACCOUNT_USE)
def switch_membership(
    session: Session, actor: Actor, *, session_id: int, membership_id: int, now: datetime
) -> None:
    """Work for another of the person's companies from now on.

    :raises NotFound: the membership is not the person's, or is no longer active.
    """
    if actor.real_user_id is not None:
        raise PermissionDenied("view_as:write")
    row = _own_session(session, actor, session_id)
    choices = {choice.membership_id: choice for choice in list_memberships_of(session, row.user_id)}
    if membership_id not in choices:
        raise NotFound()
    before, row.membership_id = row.membership_id, membership_id
    # The row belongs to the vendor's part of the trail: it tells of more than one company.
    with all_companies(session, reason="a person changes the company worked for"):
        audit.record(
            session,
            actor,
            "session.switched",
            subject_type="sign_in_session",
            subject_id=row.id,
            company_id=choices[membership_id].company_id,
            now=now,
            before={"membership_id": before},
            after={"membership_id": membership_id},
        )
        session.flush()


@requires(Permission.VIEW_AS)
def start_view_as(session: Session, actor: Actor, *, session_id: int, company_id: int, now: datetime) -> str:
    """Look through a reseller's eyes, reading only; returns the session's new token, the old one is void.

    :raises Conflict: the company is closed.
    """
    row = _own_session(session, actor, session_id)
    company = session.get(Company, company_id)
    if company is None:
        raise NotFound()
    if not company.is_active:
        raise Conflict(_("The company is closed; nobody can see the portal as it."))
    token = secrets.token_urlsafe(TOKEN_BYTES)
    row.token_hash, row.view_as_company_id = hash_token(token), company_id
    audit.record(
        session,
        actor,
        "view_as.started",
        subject_type="company",
        subject_id=company_id,
        company_id=company_id,
        now=now,
        after={"company": company.name},
    )
    return token


@requires(Permission.ACCOUNT_USE)
def end_view_as(session: Session, actor: Actor, *, session_id: int, now: datetime) -> str:
    """Go back to one's own eyes; returns the session's new token."""
    row = _own_session(session, actor, session_id)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    company_id, row.view_as_company_id = row.view_as_company_id, None
    row.token_hash = hash_token(token)
    if company_id is not None:
        audit.record(
            session,
            actor,
            "view_as.ended",
            subject_type="company",
            subject_id=company_id,
            company_id=company_id,
            now=now,
        )
    return token
