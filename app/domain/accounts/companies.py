"""Reseller companies with their branches and end customers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.core import audit
from app.core.errors import Conflict, InvalidInput, StaleEdit
from app.core.permissions import Actor, Permission, Role, requires
from app.core.sequences import take_number
from app.core.texts import _
from app.domain.accounts.models import Branch, Company, EndCustomer, Vendor
from app.domain.accounts.people import add_person, require_manager
from app.domain.accounts.queries import get_branch, get_company, get_end_customer
from app.domain.accounts.rules import (
    AddressData,
    BranchData,
    PersonData,
    address_values,
    clean_address,
    clean_tax_id,
    clean_tier,
    known_currency,
    one_line,
)

DEFAULT_TERMS_DAYS = 30
MAXIMUM_TERMS_DAYS = 365


def _changes(row: Any, values: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Set the values on the row; gives what they were and what they are, of those that differ."""
    before = {name: getattr(row, name) for name, value in values.items() if getattr(row, name) != value}
    for name in before:
        setattr(row, name, values[name])
    return before, {name: values[name] for name in before}


def _bump(session: Session, row: Company | Branch, version: int) -> None:
    """Take the row's next version. :raises StaleEdit: somebody saved it since `version` was shown."""
    model = type(row)
    bumped: Any = session.execute(
        update(model)
        .where(model.id == row.id, model.version == version)
        .values(version=version + 1)
        .execution_options(synchronize_session="fetch")
    )
    if bumped.rowcount != 1:
        raise StaleEdit()


def _free_number(session: Session) -> str:
    prefix = session.scalar(select(Vendor.company_prefix)) or "C"
    while True:
        number = f"{prefix}{1000 + take_number(session, 'company')}"
        if session.execute(select(Company.id).where(Company.number == number)).first() is None:
            return number


def _checked_number(session: Session, number: str | None) -> str:
    plain = one_line(number or "", field="number", maximum=40, required=False) or _free_number(session)
    if session.execute(select(Company.id).where(Company.number == plain)).first():
        raise Conflict(_("Another company has this number."), field="number")
    return plain


def _record(
    session: Session,
    actor: Actor,
    action: str,
    kind: str,
    row: Company | Branch | EndCustomer,
    now: datetime,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    audit.record(
        session,
        actor,
        action,
        subject_type=kind,
        subject_id=row.id,
        company_id=row.id if isinstance(row, Company) else row.company_id,
        now=now,
        before=before,
        after=after,
    )


@requires(Permission.COMPANY_MANAGE)
def create_company(
    session: Session,
    actor: Actor,
    *,
    name: str,
    number: str | None = None,
    currency: str,
    tier: str | None = None,
    tax_id: str | None = None,
    branch: BranchData,
    first_user: PersonData | None = None,
    now: datetime,
) -> Company:
    """A new reseller company with its first branch; `first_user` is invited as its administrator.

    Without a number it gets the next free one, such as C1001.

    :raises InvalidInput: naming the field. :raises Conflict: the number is another company's.
    """
    plain = one_line(name, field="name", maximum=200)
    company = Company(
        name=plain,
        name_key=plain.lower(),
        number=_checked_number(session, number),
        currency=known_currency(currency),
        tier=clean_tier(tier),
        tax_id=clean_tax_id(tax_id),
        created_at=now,
    )
    session.add(company)
    session.flush()
    values = {name: getattr(company, name) for name in ("name", "number", "currency", "tier")}
    _record(session, actor, "company.created", "company", company, now, after=values)
    _add_branch(session, actor, company_id=company.id, branch=branch, now=now)
    if first_user is not None:
        add_person(
            session, actor, company_id=company.id, person=first_user, role=Role.RESELLER_ADMIN, now=now
        )
    return company


@requires(Permission.COMPANY_MANAGE)
def update_company(
    session: Session,
    actor: Actor,
    *,
    company_id: int,
    version: int,
    name: str,
    tier: str | None,
    tax_id: str | None,
    now: datetime,
) -> None:
    """Change a company's name, tier and tax number. Its currency stays: prices and orders are in it.

    :raises StaleEdit: somebody saved it meanwhile.
    """
    company = get_company(session, company_id)
    plain = one_line(name, field="name", maximum=200)
    _bump(session, company, version)
    before, after = _changes(
        company,
        {
            "name": plain,
            "name_key": plain.lower(),
            "tier": clean_tier(tier),
            "tax_id": clean_tax_id(tax_id),
        },
    )
    _record(session, actor, "company.changed", "company", company, now, before=before, after=after)


def _branch_values(actor: Actor, branch: BranchData) -> dict[str, Any]:
    values: dict[str, Any] = {"name": one_line(branch.name, field="name", maximum=200)}
    values.update(address_values(clean_address(branch.address)))
    if branch.terms_days is not None:
        # A reseller does not set its own terms of payment.
        actor.require(Permission.COMPANY_MANAGE)
        if not 0 <= branch.terms_days <= MAXIMUM_TERMS_DAYS:
            message = _("Enter 0 to %(maximum)s days.", maximum=MAXIMUM_TERMS_DAYS)
            raise InvalidInput(message, field="terms_days")
        values["terms_days"] = branch.terms_days
    return values


def _add_branch(
    session: Session, actor: Actor, *, company_id: int, branch: BranchData, now: datetime
) -> Branch:
    values = {"terms_days": DEFAULT_TERMS_DAYS, **_branch_values(actor, branch)}
    row = Branch(company_id=company_id, **values)
    session.add(row)
    session.flush()
    _record(session, actor, "branch.created", "branch", row, now, after=values)
    return row


@requires(Permission.ACCOUNT_USE)
def create_branch(
    session: Session, actor: Actor, *, company_id: int, branch: BranchData, now: datetime
) -> Branch:
    """A further branch of a company, by its own administrator or by vendor sales."""
    require_manager(actor, company_id)
    get_company(session, company_id)
    return _add_branch(session, actor, company_id=company_id, branch=branch, now=now)


@requires(Permission.ACCOUNT_USE)
def update_branch(
    session: Session, actor: Actor, *, branch_id: int, version: int, branch: BranchData, now: datetime
) -> None:
    """Change a branch's name, address and (vendor only) terms. :raises StaleEdit: saved meanwhile."""
    row = get_branch(session, branch_id)
    require_manager(actor, row.company_id)
    values = _branch_values(actor, branch)
    _bump(session, row, version)
    before, after = _changes(row, values)
    _record(session, actor, "branch.changed", "branch", row, now, before=before, after=after)


@requires(Permission.ACCOUNT_USE)
def set_branch_active(
    session: Session, actor: Actor, *, branch_id: int, is_active: bool, now: datetime
) -> None:
    """Close a branch, so that nothing new is ordered for it, or open it again.

    :raises Conflict: it is the company's last open branch.
    """
    row = get_branch(session, branch_id)
    require_manager(actor, row.company_id)
    # Of two people closing the last two branches, the second waits and is refused.
    session.execute(
        select(Company.id).where(Company.id == row.company_id).with_for_update(key_share=True)
    ).all()
    session.refresh(row)
    if row.is_active == is_active:
        return
    others = select(func.count(Branch.id)).where(
        Branch.company_id == row.company_id, Branch.is_active, Branch.id != row.id
    )
    if not is_active and not session.execute(others).scalar_one():
        raise Conflict(_("A company needs one open branch. Add another one first."))
    row.is_active = is_active
    _record(
        session,
        actor,
        "branch.reopened" if is_active else "branch.closed",
        "branch",
        row,
        now,
        before={"is_active": not is_active},
        after={"is_active": is_active},
    )


def _free_customer_name(session: Session, company_id: int, name: str, *, but: int | None) -> str:
    plain = one_line(name, field="name", maximum=200)
    taken = session.execute(
        select(EndCustomer.id).where(EndCustomer.company_id == company_id, EndCustomer.name == plain)
    ).scalar_one_or_none()
    if taken is not None and taken != but:
        raise Conflict(_("There is an end customer of this name already."), field="name")
    return plain


@requires(Permission.ACCOUNT_USE)
def create_end_customer(
    session: Session, actor: Actor, *, company_id: int, name: str, address: AddressData, now: datetime
) -> EndCustomer:
    """A customer of the reseller, added by its manager or by who orders for it.

    :raises Conflict: there is one of this name.
    """
    if actor.company_id != company_id or not actor.may(Permission.ORDER_PLACE):
        require_manager(actor, company_id)
    get_company(session, company_id)
    values = {
        "name": _free_customer_name(session, company_id, name, but=None),
        **address_values(clean_address(address)),
    }
    row = EndCustomer(company_id=company_id, **values)
    session.add(row)
    session.flush()
    _record(session, actor, "end_customer.created", "end_customer", row, now, after=values)
    return row


@requires(Permission.ACCOUNT_USE)
def update_end_customer(
    session: Session,
    actor: Actor,
    *,
    end_customer_id: int,
    name: str,
    address: AddressData,
    is_active: bool,
    now: datetime,
) -> None:
    """Change an end customer's name and address, put it away, or take it back.

    :raises Conflict: another one has this name.
    """
    row = get_end_customer(session, end_customer_id)
    require_manager(actor, row.company_id)
    before, after = _changes(
        row,
        {
            "name": _free_customer_name(session, row.company_id, name, but=row.id),
            **address_values(clean_address(address)),
            "is_active": is_active,
        },
    )
    _record(session, actor, "end_customer.changed", "end_customer", row, now, before=before, after=after)
