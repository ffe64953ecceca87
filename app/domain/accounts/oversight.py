"""What administrators do for the safety of somebody else's account: end sessions, send a reset link."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import audit
from app.core.errors import Conflict, NotFound
from app.core.permissions import Actor, Permission, requires
from app.core.texts import _
from app.domain.accounts.links import Purpose, make_link
from app.domain.accounts.mails import queue_mail
from app.domain.accounts.models import Membership, SignInSession
from app.domain.accounts.people import require_manager
from app.domain.accounts.queries import get_user, get_vendor, list_memberships_of
from app.domain.accounts.sessions import end_sessions_of


def _require_overseer(session: Session, actor: Actor, membership_id: int) -> Membership:
    """The membership, where the actor looks after it: the vendor's admin, or its own company's.

    :raises NotFound: no such membership, or another company's.
    """
    membership = session.execute(
        select(Membership).where(Membership.id == membership_id)
    ).scalar_one_or_none()
    if membership is None:
        raise NotFound()
    if actor.company_id is None:
        actor.require(Permission.STAFF_MANAGE)
    else:
        require_manager(actor, membership.company_id)
    return membership


@requires(Permission.ACCOUNT_USE)
def end_session_of(
    session: Session, actor: Actor, *, session_id: int, now: datetime, membership_id: int | None = None
) -> None:
    """End one session of somebody the actor looks after; ending it twice is the same as once.

    :raises NotFound: no such session, not of `membership_id` where one is given, or another company's.
    """
    row = session.get(SignInSession, session_id, with_for_update=True)
    if row is None or (membership_id is not None and row.membership_id != membership_id):
        raise NotFound()
    membership = _require_overseer(session, actor, row.membership_id)
    if row.ended_at is not None:
        return
    row.ended_at = now
    audit.record(
        session,
        actor,
        "session.ended_by_administrator",
        subject_type="user",
        subject_id=row.user_id,
        company_id=membership.company_id,
        now=now,
        after={"session_id": row.id},
    )


@requires(Permission.ACCOUNT_USE)
def end_sessions_in(session: Session, actor: Actor, *, membership_id: int, now: datetime) -> int:
    """End every session in which a person works in the membership; returns how many.

    :raises NotFound: no such membership, or another company's.
    """
    membership = _require_overseer(session, actor, membership_id)
    ended = end_sessions_of(session, user_id=membership.user_id, membership_id=membership_id, now=now)
    _record_ended(session, actor, membership.user_id, membership.company_id, ended, now)
    return ended


@requires(Permission.STAFF_MANAGE)
def end_all_sessions_of(session: Session, actor: Actor, *, user_id: int, now: datetime) -> int:
    """Sign a person out everywhere; returns how many sessions were open. :raises NotFound: nobody."""
    user = get_user(session, user_id)
    ended = end_sessions_of(session, user_id=user.id, now=now)
    _record_ended(session, actor, user.id, None, ended, now)
    return ended


def _record_ended(
    session: Session, actor: Actor, user_id: int, company_id: int | None, ended: int, now: datetime
) -> None:
    if ended:
        audit.record(
            session,
            actor,
            "session.ended_by_administrator",
            subject_type="user",
            subject_id=user_id,
            company_id=company_id,
            now=now,
            after={"sessions_ended": ended},
        )


@requires(Permission.STAFF_MANAGE)
def send_reset_link(session: Session, actor: Actor, *, user_id: int, now: datetime) -> None:
    """Mail a person a link to choose a new password; the present one works until it is used.

    :raises Conflict: the person may not sign in, or has not accepted the invitation yet.
    """
    user = get_user(session, user_id)
    memberships = list_memberships_of(session, user_id)
    if user.is_disabled or not memberships:
        raise Conflict(_("This person may not sign in at present. Let the person in again first."))
    if user.password_hash is None:
        raise Conflict(_("This person has no password yet. Send the invitation again instead."))
    link = make_link(session, purpose=Purpose.RESET, user_id=user.id, now=now)
    queue_mail(
        session,
        template="password_reset",
        recipient=user.email,
        company_id=memberships[0].company_id,
        context={"name": user.name, "email": user.email, "vendor": get_vendor(session).name},
        link_id=link.id,
        now=now,
    )
    audit.record(session, actor, "user.reset_sent", subject_type="user", subject_id=user.id, now=now)
