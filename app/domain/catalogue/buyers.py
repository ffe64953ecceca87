"""For whom the catalogue is read."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.domain.accounts.models import Branch, Company
from app.domain.catalogue.models import CustomerPartNumber


@dataclass(frozen=True, slots=True)
class Buyer:
    """A company and branch with what decides prices and visibility.

    Without a company it stands for vendor staff: list prices of the currency, everything visible. Where
    a reading takes `Buyer | None`, None is vendor staff without prices.
    """

    company_id: int | None
    branch_id: int | None
    tier: str | None
    currency: str
    #: all | only_listed | all_except
    visibility_mode: str = "all"
    #: Whether the company has part numbers of its own; without, search does not look for them.
    has_own_numbers: bool = True

    @classmethod
    def staff(cls, currency: str) -> Buyer:
        """Vendor staff looking at the list prices of one currency."""
        return cls(company_id=None, branch_id=None, tier=None, currency=currency)


def get_buyer(session: Session, *, company_id: int, branch_id: int | None = None) -> Buyer:
    """The company as a buyer, for one of its branches or (None) without a branch's agreements.

    :raises NotFound: no such company or branch, or it is closed.
    """
    statement = select(
        Company.tier,
        Company.currency,
        Company.visibility_mode,
        exists().where(CustomerPartNumber.company_id == company_id).label("has_own_numbers"),
    ).where(Company.id == company_id, Company.is_active)
    if branch_id is not None:
        statement = statement.join(Branch, Branch.company_id == Company.id).where(
            Branch.id == branch_id, Branch.is_active
        )
    row = session.execute(statement).one_or_none()
    if row is None:
        raise NotFound()
    return Buyer(company_id, branch_id, *row)
