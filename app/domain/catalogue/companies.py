"""A new reseller company with what it needs to buy: branch, administrator, tax rate."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.core.permissions import Actor, Permission, requires
from app.domain.accounts.companies import create_company
from app.domain.accounts.models import Company
from app.domain.accounts.rules import BranchData, PersonData
from app.domain.catalogue.agreements import set_tax_rate


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
