"""People: invited, given roles, let go; passwords set and changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import audit
from app.core.errors import Conflict, InvalidInput, NotFound
from app.core.permissions import Actor, Permission, Role, requires
from app.core.texts import _
from app.domain.accounts.errors import AlreadyMember, LastAdministrator
from app.domain.accounts.links import Purpose, make_link, void_links
from app.domain.accounts.mails import queue_mail
from app.domain.accounts.models import Company, EndCustomer, Membership, User, Vendor
from app.domain.accounts.queries import VENDOR_ID, get_vendor
from app.domain.accounts.rules import PersonData, administrator_role, normal_email, one_line, roles_for
from app.domain.accounts.sessions import end_sessions_of


def require_manager(actor: Actor, company_id: int | None) -> None:
    """Let through who manages the people: reseller administrators, vendor sales, for staff the vendor admin.

    :raises NotFound: another company's. :raises PermissionDenied: the role does not manage it.
    """
    if actor.company_id is not None and actor.company_id != company_id:
        raise NotFound()
    if actor.company_id is not None:
        actor.require(Permission.MEMBER_MANAGE)
    elif company_id is not None:
        actor.require(Permission.COMPANY_MANAGE)
    else:
        actor.require(Permission.STAFF_MANAGE)


def _known_role(role: str, company_id: int | None) -> Role:
    found = next((known for known in roles_for(company_id) if known.value == role), None)
    if found is None:
        raise InvalidInput(_("Choose one of the roles."), field="role")
    return found


def lock_people(session: Session, company_id: int | None) -> None:
    """Make changes of one company's people wait for each other; orders of the company do not wait."""
    model = Vendor if company_id is None else Company
    row_id = VENDOR_ID if company_id is None else company_id
    statement = select(model.id).where(model.id == row_id).with_for_update(key_share=True)
    if session.execute(statement).scalar_one_or_none() is None:
        raise NotFound()


def _require_open(session: Session, company_id: int | None) -> None:
    """:raises Conflict: the company is closed, so nobody is let in."""
    if company_id is None:
        return
    if not session.execute(select(Company.is_active).where(Company.id == company_id)).scalar_one():
        raise Conflict(_("This company is closed. Open it again first."))


def _keep_an_administrator(session: Session, membership: Membership, user: User) -> None:
    """:raises LastAdministrator: without this membership nobody manages the people."""
    role = administrator_role(membership.company_id)
    if membership.role != role.value or not membership.is_active or user.is_disabled:
        return
    same = (
        Membership.company_id.is_(None)
        if membership.company_id is None
        else Membership.company_id == membership.company_id
    )
    others = select(Membership.id).join(User, User.id == Membership.user_id)
    others = others.where(
        same, Membership.role == role.value, Membership.is_active, Membership.id != membership.id
    ).where(User.is_disabled.is_(False))
    if user.password_hash is not None:
        # Somebody who has not accepted yet cannot take over from somebody who has.
        others = others.where(User.password_hash.is_not(None))
    if session.execute(others.limit(1)).scalar_one_or_none() is None:
        raise LastAdministrator()


def _locked_member(session: Session, actor: Actor, membership_id: int) -> tuple[Membership, User]:
    """The membership and its person, after the company's lock is held."""
    company_id = session.execute(
        select(Membership.company_id).where(Membership.id == membership_id)
    ).one_or_none()
    if company_id is None:
        raise NotFound()
    require_manager(actor, company_id[0])
    lock_people(session, company_id[0])
    found = session.execute(
        select(Membership, User)
        .join(User, User.id == Membership.user_id)
        .where(Membership.id == membership_id)
        .execution_options(populate_existing=True)
    ).one()
    return found[0], found[1]


def mail_context(*, name: str, email: str, company: str, vendor: str) -> dict[str, Any]:
    """The values of a mail that invites somebody."""
    return {"name": name, "email": email, "company": company, "vendor": vendor}


def _mail_person(
    session: Session, user: User, *, company_id: int | None, template: str, link_id: int | None, now: datetime
) -> None:
    company = session.get(Company, company_id) if company_id is not None else None
    vendor = get_vendor(session)
    context = mail_context(
        name=user.name, email=user.email, company=company.name if company else vendor.name, vendor=vendor.name
    )
    queue_mail(
        session,
        template=template,
        recipient=user.email,
        company_id=company_id,
        context=context,
        link_id=link_id,
        now=now,
    )


def _send_invitation(session: Session, user: User, *, company_id: int | None, now: datetime) -> None:
    """A link to people without a password; a word to those who have one already."""
    if user.password_hash is not None:
        _mail_person(session, user, company_id=company_id, template="membership_added", link_id=None, now=now)
        return
    link = make_link(session, purpose=Purpose.INVITATION, user_id=user.id, now=now)
    _mail_person(session, user, company_id=company_id, template="invitation", link_id=link.id, now=now)


def _known_or_new(session: Session, person: PersonData, now: datetime) -> User:
    """The person of the address; a new one where nobody has it. :raises Conflict: kept out."""
    email = normal_email(person.email)
    name = one_line(person.name, field="name", maximum=200)
    user = session.execute(select(User).where(User.email == email)).scalar_one_or_none()
    if user is not None and user.is_disabled:
        raise Conflict(_("This address cannot be invited. Ask us, or use another one."), field="email")
    if user is None:
        user = User(email=email, name=name, created_at=now)
        session.add(user)
        session.flush()
    return user


def add_person(
    session: Session,
    actor: Actor,
    *,
    company_id: int | None,
    person: PersonData,
    role: Role,
    end_customer_id: int | None = None,
    now: datetime,
) -> Membership:
    """Give somebody a role in the present transaction and mail it; the person is made where unknown.

    The name of a person who is known already stays as it is.

    :raises AlreadyMember: the person has or had a role here.
    """
    user = _known_or_new(session, person, now)
    same = Membership.company_id.is_(None) if company_id is None else Membership.company_id == company_id
    if session.execute(select(Membership.id).where(Membership.user_id == user.id, same)).first():
        raise AlreadyMember()
    membership = Membership(
        user_id=user.id,
        company_id=company_id,
        role=role.value,
        end_customer_id=end_customer_id,
        created_at=now,
    )
    session.add(membership)
    session.flush()
    audit.record(
        session,
        actor,
        "member.invited",
        subject_type="membership",
        subject_id=membership.id,
        company_id=company_id,
        now=now,
        after={"email": user.email, "role": role.value},
    )
    _send_invitation(session, user, company_id=company_id, now=now)
    return membership


@requires(Permission.ACCOUNT_USE)
def invite_user(
    session: Session,
    actor: Actor,
    *,
    company_id: int | None,
    person: PersonData,
    role: str,
    end_customer_id: int | None = None,
    now: datetime,
) -> Membership:
    """Invite somebody to a company, or with None to the vendor's staff.

    :raises AlreadyMember: the person is there already.
    """
    require_manager(actor, company_id)
    known = _known_role(role, company_id)
    if (known is Role.END_CUSTOMER_DESK) != (end_customer_id is not None):
        message = _("Choose the end customer this desk belongs to; other roles have none.")
        raise InvalidInput(message, field="end_customer_id")
    if end_customer_id is not None:
        customer = session.get(EndCustomer, end_customer_id)
        if customer is None or customer.company_id != company_id:
            raise NotFound()
    lock_people(session, company_id)
    _require_open(session, company_id)
    return add_person(
        session,
        actor,
        company_id=company_id,
        person=person,
        role=known,
        end_customer_id=end_customer_id,
        now=now,
    )


@requires(Permission.ACCOUNT_USE)
def resend_invitation(session: Session, actor: Actor, *, membership_id: int, now: datetime) -> None:
    """Send a new link, which voids the older one.

    :raises Conflict: the person has a password already, or may not come in any more.
    """
    membership, user = _locked_member(session, actor, membership_id)
    if user.password_hash is not None or user.is_disabled or not membership.is_active:
        raise Conflict(_("There is no open invitation for this person."))
    _require_open(session, membership.company_id)
    _send_invitation(session, user, company_id=membership.company_id, now=now)
    audit.record(
        session,
        actor,
        "member.invitation_resent",
        subject_type="membership",
        subject_id=membership.id,
        company_id=membership.company_id,
        now=now,
    )


@requires(Permission.ACCOUNT_USE)
def change_role(session: Session, actor: Actor, *, membership_id: int, role: str, now: datetime) -> None:
    """Give a person another role; a desk of an end customer stays one, and nobody becomes one.

    :raises LastAdministrator: nobody would be left who manages the people.
    """
    membership, user = _locked_member(session, actor, membership_id)
    known = _known_role(role, membership.company_id)
    if known.value == membership.role:
        return
    if Role.END_CUSTOMER_DESK in (known, Role(membership.role)):
        raise InvalidInput(_("An end customer's desk is invited as one and stays one."), field="role")
    _keep_an_administrator(session, membership, user)
    before, membership.role = membership.role, known.value
    audit.record(
        session,
        actor,
        "member.role_changed",
        subject_type="membership",
        subject_id=membership.id,
        company_id=membership.company_id,
        now=now,
        before={"role": before},
        after={"role": known.value},
    )


@requires(Permission.ACCOUNT_USE)
def set_member_active(
    session: Session, actor: Actor, *, membership_id: int, is_active: bool, now: datetime
) -> None:
    """Let a person in again, or out: then the person's sessions for this company end at once.

    :raises LastAdministrator: nobody would be left who manages the people.
    """
    membership, user = _locked_member(session, actor, membership_id)
    if membership.is_active == is_active:
        return
    if not is_active:
        _keep_an_administrator(session, membership, user)
        if user.password_hash is None:
            void_links(session, purpose=Purpose.INVITATION, user_id=user.id, now=now)
        end_sessions_of(session, user_id=user.id, membership_id=membership.id, now=now)
    membership.is_active = is_active
    audit.record(
        session,
        actor,
        "member.reactivated" if is_active else "member.deactivated",
        subject_type="membership",
        subject_id=membership.id,
        company_id=membership.company_id,
        now=now,
        before={"is_active": not is_active},
        after={"is_active": is_active},
    )


@requires(Permission.STAFF_MANAGE)
def set_user_disabled(
    session: Session, actor: Actor, *, user_id: int, is_disabled: bool, now: datetime
) -> None:
    """Keep a person out of everything at once, or let the person in again.

    :raises LastAdministrator: the person is the last administrator somewhere.
    """
    memberships = session.scalars(
        select(Membership).where(Membership.user_id == user_id, Membership.is_active)
    ).all()
    company_ids = {membership.company_id for membership in memberships}
    for company_id in sorted(company_ids, key=lambda value: value or 0):
        lock_people(session, company_id)
    user = session.get(User, user_id, populate_existing=True, with_for_update=True)
    if user is None:
        raise NotFound()
    if user.is_disabled == is_disabled:
        return
    if is_disabled:
        for membership in memberships:
            session.refresh(membership)
            _keep_an_administrator(session, membership, user)
        end_sessions_of(session, user_id=user_id, now=now)
        for purpose in Purpose:
            void_links(session, purpose=purpose, user_id=user_id, now=now)
    user.is_disabled = is_disabled
    audit.record(
        session,
        actor,
        "user.disabled" if is_disabled else "user.enabled",
        subject_type="user",
        subject_id=user.id,
        now=now,
        before={"is_disabled": not is_disabled},
        after={"is_disabled": is_disabled},
    )
