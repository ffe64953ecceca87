"""A new reseller company with what it needs to buy: branch, administrator, tax rate."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.core.permissions import Actor, Permission, requires
from app.core.texts import _
from app.domain.accounts.applications import decide, locked_request, record
from app.domain.accounts.companies import create_company
from app.domain.accounts.models import Company
from app.domain.accounts.queries import get_company
from app.domain.accounts.rules import AddressData, BranchData, PersonData
from app.domain.accounts.states import RequestState
from app.domain.catalogue.agreements import set_tax_rate

_ADDRESS = ("street", "postcode", "city", "region", "country")


@dataclass(frozen=True, slots=True)
class TaxData:
    """A tax code as printed (US-ME, DE-19) and its rate in basis points."""

    code: str
    rate_bps: int


@requires(Permission.COMPANY_MANAGE)
def open_company(
    session: Session,
    actor: Actor,
    *,
    name: str,
    number: str | None = None,
    currency: str,
    tier: str | None = None,
    tax_id: str | None = None,
    branch: BranchData,
    tax: TaxData,
    first_user: PersonData | None = None,
    now: datetime,
) -> Company:
    """A reseller company that can order at once; `first_user` is invited as its administrator.

    :raises InvalidInput: naming the field. :raises Conflict: the number is another company's.
    """
    company = create_company(
        session,
        actor,
        name=name,
        number=number,
        currency=currency,
        tier=tier,
        tax_id=tax_id,
        branch=branch,
        first_user=first_user,
        now=now,
    )
    set_tax_rate(session, actor, company_id=company.id, code=tax.code, rate_bps=tax.rate_bps, now=now)
    return company


@requires(Permission.COMPANY_MANAGE)
def approve_application(
    session: Session,
    actor: Actor,
    *,
    request_id: int,
    currency: str,
    number: str | None = None,
    tier: str | None = None,
    terms_days: int | None = None,
    tax: TaxData,
    now: datetime,
) -> Company:
    """Make the company a request asks for and invite its contact; approving it again gives the same company.

    :raises IllegalMove: it was refused, or its address is not confirmed.
    :raises Conflict: the number is another company's, or the contact is kept out.
    """
    request = locked_request(session, request_id)
    if request.state == RequestState.APPROVED.value and request.made_company_id is not None:
        return get_company(session, request.made_company_id)
    decide(session, actor, request, "approve", now=now, reason=None)
    address = AddressData(**{part: getattr(request, part) for part in _ADDRESS})
    company = open_company(
        session,
        actor,
        name=request.company_name,
        number=number,
        currency=currency,
        tier=tier,
        tax_id=request.tax_id,
        branch=BranchData(name=_("Main branch"), address=address, terms_days=terms_days),
        tax=tax,
        first_user=PersonData(name=request.contact_name, email=request.email),
        now=now,
    )
    request.made_company_id = company.id
    made = {"company": company.name, "number": company.number}
    record(session, actor, request, "reseller_request.approved", now, made)
    return company
