"""An administrator's way in again, made on the server by whoever runs it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import audit
from app.core.errors import NotFound
from app.core.permissions import Actor, Permission, Role, requires
from app.core.texts import _
from app.domain.accounts.links import Purpose, make_link
from app.domain.accounts.models import Membership, SingleUseLink, User
from app.domain.accounts.people import add_person, lock_people
from app.domain.accounts.queries import list_admins
from app.domain.accounts.rules import PersonData, normal_email


@dataclass(frozen=True, slots=True)
class Recovery:
    """The link, for whom it is, and what had to be put right before it could work."""

    name: str
    email: str
    link: SingleUseLink
    was_disabled: bool = False
    was_let_go: bool = False
    was_made_admin: bool = False


@requires(Permission.STAFF_MANAGE)
def recover_admin(session: Session, actor: Actor, *, email: str, now: datetime) -> Recovery:
    """A one-use link for an administrator, who is let in again where somebody was locked out.

    Where nobody is an administrator any more, the person of the address becomes one.

    :raises NotFound: no administrator has the address; the message names those there are.
    """
    lock_people(session, None)
    address = normal_email(email)
    admins = list_admins(session)
    made = _make_admin(session, actor, address, now) if not admins else None
    membership_id = made or next((one.membership_id for one in admins if one.email == address), None)
    if membership_id is None:
        known = ", ".join(one.email for one in admins)
        message = _(
            "No administrator has the address %(email)s; there are: %(known)s.", email=address, known=known
        )
        raise NotFound(message)
    membership = session.get_one(Membership, membership_id, populate_existing=True)
    user = session.get_one(User, membership.user_id, populate_existing=True, with_for_update=True)
    before = {"is_disabled": user.is_disabled, "is_active": membership.is_active}
    user.is_disabled, membership.is_active = False, True
    purpose = Purpose.INVITATION if user.password_hash is None else Purpose.RESET
    link = make_link(session, purpose=purpose, user_id=user.id, now=now)
    audit.record(
        session,
        actor,
        "user.recovered",
        subject_type="user",
        subject_id=user.id,
        now=now,
        before=before,
        after={"is_disabled": False, "is_active": True, "email": user.email, "link": purpose.value},
    )
    return Recovery(
        name=user.name,
        email=user.email,
        link=link,
        was_disabled=before["is_disabled"],
        was_let_go=not before["is_active"],
        was_made_admin=made is not None,
    )


def _make_admin(session: Session, actor: Actor, email: str, now: datetime) -> int:
    """The membership of a person who becomes the administrator, because there is none."""
    statement: Any = select(Membership).join(User, User.id == Membership.user_id)
    membership = session.execute(
        statement.where(Membership.company_id.is_(None), User.email == email)
    ).scalar_one_or_none()
    if membership is None:
        person = PersonData(name=email.partition("@")[0], email=email)
        membership = add_person(
            session, actor, company_id=None, person=person, role=Role.VENDOR_ADMIN, now=now
        )
    membership.role = Role.VENDOR_ADMIN.value
    session.flush()
    found: int = membership.id
    return found
