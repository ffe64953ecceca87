"""What the forms of price agreements offer, and a product's ladder and rule as they show it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.accounts.models import Branch, Company
from app.domain.catalogue.models import AgreementQuantityRule, PriceRow
from app.domain.catalogue.quantities import QuantityRule

#: A select with more entries helps nobody.
MOST = 1000


def company_choices(session: Session) -> list[tuple[int, str]]:
    """Open companies by name, with their currency."""
    rows = session.execute(
        select(Company.id, Company.name, Company.currency)
        .where(Company.is_active, ~Company.is_historical)
        .order_by(Company.name_key, Company.id)
        .limit(MOST)
    )
    return [(row.id, f"{row.name} ({row.currency})") for row in rows]


def branch_choices(session: Session) -> list[tuple[int, str]]:
    """Open branches of open companies, by company and name."""
    rows = session.execute(
        select(Branch.id, Branch.name, Company.name.label("company"), Company.currency)
        .join(Company, Company.id == Branch.company_id)
        .where(Branch.is_active, Company.is_active, ~Company.is_historical)
        .order_by(Company.name_key, Branch.name, Branch.id)
        .limit(MOST)
    )
    return [(row.id, f"{row.company}, {row.name} ({row.currency})") for row in rows]


def get_ladder(session: Session, agreement_id: int, product_id: int) -> Sequence[tuple[int, Decimal]]:
    """The product's steps under the agreement, lowest quantity first; empty for none."""
    rows = session.execute(
        select(PriceRow.min_quantity, PriceRow.unit_price)
        .where(PriceRow.agreement_id == agreement_id, PriceRow.product_id == product_id)
        .order_by(PriceRow.min_quantity)
    )
    return [(row.min_quantity, row.unit_price) for row in rows]


def find_rule(session: Session, agreement_id: int, product_id: int) -> QuantityRule | None:
    """The product's own quantity rule under the agreement."""
    row = session.get(AgreementQuantityRule, (agreement_id, product_id))
    return QuantityRule(row.min_quantity, row.multiple, row.max_quantity) if row is not None else None
