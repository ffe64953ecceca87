"""Own passwords and names: invitations accepted, passwords reset and changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import audit
from app.core.errors import Conflict, PermissionDenied
from app.core.permissions import Actor, Permission, requires
from app.core.texts import _
from app.domain.accounts.errors import LinkUnusable
from app.domain.accounts.links import Purpose, get_link, make_link, use_link, void_links
from app.domain.accounts.mails import queue_mail
from app.domain.accounts.models import SingleUseLink, User
from app.domain.accounts.passwords import NewPassword, Proof, context_words
from app.domain.accounts.queries import find_vendor, get_user, list_memberships_of
from app.domain.accounts.rules import normal_email, one_line
from app.domain.accounts.sessions import end_sessions_of


def password_context(session: Session, user_id: int) -> frozenset[str]:
    """Words the person's password may not contain: own name and address, own companies', the vendor's."""
    user = get_user(session, user_id)
    vendor = find_vendor(session)
    companies = [row.company_name for row in list_memberships_of(session, user_id)]
    return context_words(user.name, user.email, vendor.name if vendor else None, *companies)


def _person(user: User, actor: Actor) -> Actor:
    """The person a link was sent to, for the audit trail."""
    return Actor(name=user.name, permissions=frozenset(), user_id=user.id, request_id=actor.request_id)


def _set_password_by_link(
    session: Session, actor: Actor, link: SingleUseLink, *, new: NewPassword, action: str, now: datetime
) -> Proof:
    use_link(session, link, now=now)
    user = session.get(User, link.user_id, with_for_update=True)
    if user is None or user.is_disabled:
        raise LinkUnusable(_("This account is closed. Ask your administrator."))
    user.password_hash = new.password_hash
    end_sessions_of(session, user_id=user.id, now=now)
    for purpose in Purpose:
        void_links(session, purpose=purpose, user_id=user.id, now=now)
    audit.record(session, _person(user, actor), action, subject_type="user", subject_id=user.id, now=now)
    return Proof(user_id=user.id, password_hash=new.password_hash)


@requires(Permission.ACCOUNT_USE)
def accept_invitation(
    session: Session, actor: Actor, *, token: str, secrets: Sequence[bytes], new: NewPassword, now: datetime
) -> Proof:
    """Set the first password of an invited person; the proof signs the person in.

    :raises LinkUnusable: used before, replaced, too old, or not made here.
    """
    link = get_link(session, token, purpose=Purpose.INVITATION, secrets_=secrets, now=now)
    return _set_password_by_link(session, actor, link, new=new, action="user.invitation_accepted", now=now)


@requires(Permission.ACCOUNT_USE)
def reset_password(
    session: Session, actor: Actor, *, token: str, secrets: Sequence[bytes], new: NewPassword, now: datetime
) -> Proof:
    """Set a new password by a reset link; all sessions of the person end.

    :raises LinkUnusable: used before, replaced, too old, or not made here.
    """
    link = get_link(session, token, purpose=Purpose.RESET, secrets_=secrets, now=now)
    return _set_password_by_link(session, actor, link, new=new, action="user.password_reset", now=now)


@requires(Permission.ACCOUNT_USE)
def request_reset(session: Session, actor: Actor, *, email: str, now: datetime) -> None:
    """Mail a reset link where the address belongs to somebody who may sign in; else do nothing, silently."""
    user = session.execute(select(User).where(User.email == normal_email(email))).scalar_one_or_none()
    if user is None or user.is_disabled or user.password_hash is None:
        return
    memberships = list_memberships_of(session, user.id)
    if not memberships:
        return
    link = make_link(session, purpose=Purpose.RESET, user_id=user.id, now=now)
    vendor = find_vendor(session)
    queue_mail(
        session,
        template="password_reset",
        recipient=user.email,
        company_id=memberships[0].company_id,
        context={"name": user.name, "email": user.email, "vendor": vendor.name if vendor else ""},
        link_id=link.id,
        now=now,
    )
    audit.record(
        session,
        _person(user, actor),
        "user.reset_requested",
        subject_type="user",
        subject_id=user.id,
        now=now,
    )


@requires(Permission.ACCOUNT_USE)
def change_password(
    session: Session, actor: Actor, *, proof: Proof, new: NewPassword, session_id: int, now: datetime
) -> None:
    """Change the actor's own password, whose present one `proof` has shown; all other sessions end.

    :raises Conflict: the password was changed elsewhere meanwhile.
    """
    if actor.real_user_id is not None:
        raise PermissionDenied("view_as:write")
    user = session.get(User, actor.user_id, with_for_update=True)
    if user is None or proof.user_id != user.id or proof.password_hash != user.password_hash:
        raise Conflict(_("The password was changed elsewhere meanwhile. Sign in again."))
    user.password_hash = new.password_hash
    ended = end_sessions_of(session, user_id=user.id, now=now, keep=session_id)
    void_links(session, purpose=Purpose.RESET, user_id=user.id, now=now)
    audit.record(
        session,
        actor,
        "user.password_changed",
        subject_type="user",
        subject_id=user.id,
        now=now,
        after={"sessions_ended": ended},
    )


@requires(Permission.ACCOUNT_USE)
def change_own_name(session: Session, actor: Actor, *, name: str, now: datetime) -> None:
    """Change the actor's own name as others see it."""
    if actor.real_user_id is not None or actor.user_id is None:
        raise PermissionDenied("view_as:write")
    user = get_user(session, actor.user_id)
    after = one_line(name, field="name", maximum=200)
    if after == user.name:
        return
    before, user.name = user.name, after
    audit.record(
        session,
        actor,
        "user.renamed",
        subject_type="user",
        subject_id=user.id,
        now=now,
        before={"name": before},
        after={"name": after},
    )


@requires(Permission.ACCOUNT_USE)
def note_refused_sign_in(
    session: Session, actor: Actor, *, email: str, knew_password: bool, now: datetime
) -> None:
    """Keep that somebody was refused; of an address nobody has, the address itself is not kept.

    It may be a password typed into the wrong field.
    """
    user = session.execute(
        select(User.id, User.name, User.email).where(User.email == email.strip().lower())
    ).one_or_none()
    audit.record(
        session,
        actor,
        "session.refused",
        subject_type="user",
        subject_id=user.id if user else None,
        now=now,
        after={"email": user.email if user else None, "knew_password": knew_password},
    )
