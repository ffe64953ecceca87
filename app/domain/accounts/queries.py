"""Reads of the vendor, companies, branches, end customers and people."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Select, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from app.core.errors import NotFound
from app.core.pages import COUNT_LIMIT, Page, SortKey, paginate
from app.core.permissions import Role
from app.core.tenancy import all_companies
from app.domain.accounts.models import (
    Branch,
    Company,
    EndCustomer,
    Membership,
    SignInSession,
    SingleUseLink,
    User,
    Vendor,
)

VENDOR_ID = 1

T = TypeVar("T")


def find_vendor(session: Session) -> Vendor | None:
    """The vendor, or None before the instance is set up."""
    return session.get(Vendor, VENDOR_ID)


def get_vendor(session: Session) -> Vendor:
    """The vendor. :raises NotFound: the instance is not set up yet."""
    vendor = find_vendor(session)
    if vendor is None:
        raise NotFound()
    return vendor


def list_admins(session: Session) -> Sequence[Any]:
    """The vendor's administrators, oldest first: also those let go, disabled or not there yet."""
    statement = (
        select(
            Membership.id.label("membership_id"),
            Membership.is_active,
            User.id.label("user_id"),
            User.name,
            User.email,
            User.is_disabled,
            User.password_hash.is_not(None).label("has_password"),
        )
        .join(User, User.id == Membership.user_id)
        .where(Membership.company_id.is_(None), Membership.role == Role.VENDOR_ADMIN.value)
        .order_by(Membership.id)
    )
    with all_companies(session, reason="the vendor's administrators"):
        return session.execute(statement).all()


def get_company(session: Session, company_id: int) -> Company:
    """:raises NotFound: no such company, or another's."""
    return _one(session, select(Company).where(Company.id == company_id))


def companies_by_number(
    session: Session, numbers: Collection[str], *, locked: bool = False
) -> dict[str, Any]:
    """Companies of these numbers: id, number, name, is_active, visibility_mode, and merged_into (a number).

    `locked` keeps others from changing them until the transaction ends.
    """
    stays = aliased(Company)
    statement: Any = (
        select(
            Company.id,
            Company.number,
            Company.name,
            Company.is_active,
            Company.visibility_mode,
            stays.number.label("merged_into"),
        )
        .outerjoin(stays, stays.id == Company.merged_into_id)
        .where(Company.number.in_(numbers))
    )
    if locked:
        statement = statement.order_by(Company.id).with_for_update(key_share=True, of=Company)
    return {row.number: row for row in session.execute(statement)} if numbers else {}


def get_branch(session: Session, branch_id: int) -> Branch:
    """:raises NotFound: no such branch, or another company's."""
    return _one(session, select(Branch).where(Branch.id == branch_id))


def get_end_customer(session: Session, end_customer_id: int) -> EndCustomer:
    """:raises NotFound: no such end customer, or another company's."""
    return _one(session, select(EndCustomer).where(EndCustomer.id == end_customer_id))


def get_user(session: Session, user_id: int) -> User:
    """:raises NotFound: no such person."""
    return _one(session, select(User).where(User.id == user_id))


def _one(session: Session, statement: Select[T]) -> T:
    found = session.execute(statement).scalar_one_or_none()
    if found is None:
        raise NotFound()
    return found


def list_branches(session: Session, company_id: int, *, also_closed: bool = False) -> list[Branch]:
    """The company's branches, oldest first; closed ones only where asked for."""
    statement = select(Branch).where(Branch.company_id == company_id).order_by(Branch.id)
    if not also_closed:
        statement = statement.where(Branch.is_active)
    return list(session.scalars(statement))


def list_end_customers(session: Session, company_id: int, *, also_closed: bool = False) -> list[EndCustomer]:
    """The company's end customers by name; closed ones only where asked for."""
    statement = select(EndCustomer).where(EndCustomer.company_id == company_id)
    if not also_closed:
        statement = statement.where(EndCustomer.is_active)
    return list(session.scalars(statement.order_by(func.lower(EndCustomer.name), EndCustomer.id)))


def _like(text: str) -> str:
    escaped = text.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _names_company(text: str) -> Any:
    pattern = _like(text)
    return or_(
        Company.name_key.like(pattern, escape="\\"),
        func.lower(Company.number).like(pattern, escape="\\"),
    )


def list_companies(
    session: Session,
    *,
    text: str | None = None,
    is_active: bool | None = None,
    cursor: str | None = None,
    also: Sequence[Any] = (),
    condition: Any = None,
) -> Page[Any]:
    """Companies by name whose name or number contains `text`.

    Rows carry id, name, name_key, number, currency, tier, is_active, is_historical, and the columns of
    `also`; `condition` narrows the list further.
    """
    statement: Any = select(
        Company.id,
        Company.name,
        Company.name_key,
        Company.number,
        Company.currency,
        Company.tier,
        Company.is_active,
        Company.is_historical,
        *also,
    )
    if condition is not None:
        statement = statement.where(condition)
    if text:
        statement = statement.where(_names_company(text))
    if is_active is not None:
        statement = statement.where(Company.is_active.is_(is_active))
    return paginate(
        session,
        statement,
        sort=[SortKey(Company.name_key), SortKey(Company.id)],
        read_keys=lambda row: (row.name_key, row.id),
        cursor=cursor,
        total=_count(session, statement),
    )


def _count(session: Session, statement: Any) -> int:
    """Rows of the statement, counted up to one beyond the limit of exact totals."""
    some = statement.limit(COUNT_LIMIT + 1).subquery()
    return session.execute(select(func.count()).select_from(some)).scalar_one()


def _members(at: datetime) -> Any:
    open_invitation = exists().where(
        SingleUseLink.user_id == User.id,
        SingleUseLink.purpose == "invitation",
        SingleUseLink.used_at.is_(None),
        SingleUseLink.voided_at.is_(None),
        SingleUseLink.expires_at > at,
    )
    return select(
        Membership.id.label("membership_id"),
        Membership.company_id,
        Membership.role,
        Membership.is_active,
        Membership.end_customer_id,
        User.id.label("user_id"),
        User.name,
        User.email,
        User.is_disabled,
        User.password_hash.is_not(None).label("has_password"),
        User.last_signed_in_at,
        User.mail_refusal,
        User.mail_refused_at,
        open_invitation.label("has_open_invitation"),
    ).join(User, User.id == Membership.user_id)


def list_members(session: Session, *, company_id: int | None, now: datetime) -> Sequence[Any]:
    """A company's people by name; with None the vendor's own staff."""
    condition = Membership.company_id == company_id if company_id else Membership.company_id.is_(None)
    statement = _members(now).where(condition)
    return session.execute(statement.order_by(func.lower(User.name), Membership.id)).all()


def list_people(
    session: Session, *, now: datetime, text: str | None = None, cursor: str | None = None
) -> Page[Any]:
    """Every membership of every person by e-mail, name, address or company containing `text`."""
    statement = _members(now).add_columns(Company.name.label("company_name"))
    statement = statement.outerjoin(Company, Company.id == Membership.company_id)
    if text:
        pattern = _like(text)
        statement = statement.where(
            or_(
                User.email.like(pattern, escape="\\"),
                func.lower(User.name).like(pattern, escape="\\"),
                Company.name_key.like(pattern, escape="\\"),
            )
        )
    return paginate(
        session,
        statement,
        sort=[SortKey(User.email), SortKey(Membership.id)],
        read_keys=lambda row: (row.email, row.membership_id),
        cursor=cursor,
        total=_count(session, statement),
    )


def get_member(session: Session, membership_id: int, *, now: datetime) -> Any:
    """One row as in list_members. :raises NotFound: no such membership, or another company's."""
    row = session.execute(_members(now).where(Membership.id == membership_id)).one_or_none()
    if row is None:
        raise NotFound()
    return row


def list_memberships_of(session: Session, user_id: int) -> Sequence[Any]:
    """Where a person may work: membership_id, role, company_id, company_name (None for the vendor)."""
    statement = (
        select(
            Membership.id.label("membership_id"),
            Membership.role,
            Membership.company_id,
            Company.name.label("company_name"),
        )
        .outerjoin(Company, Company.id == Membership.company_id)
        .where(
            Membership.user_id == user_id,
            Membership.is_active,
            or_(Membership.company_id.is_(None), Company.is_active),
        )
        .order_by(Membership.id)
    )
    with all_companies(session, reason="a person's own memberships"):
        return session.execute(statement).all()


def list_open_sessions(session: Session, user_id: int) -> Sequence[SignInSession]:
    """A person's sessions that were not ended, the latest seen first."""
    statement = (
        select(SignInSession)
        .where(SignInSession.user_id == user_id, SignInSession.ended_at.is_(None))
        .order_by(SignInSession.last_seen_at.desc(), SignInSession.id.desc())
    )
    return session.scalars(statement).all()
