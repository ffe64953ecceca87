"""What a company still lacks until it can place its first order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.core.permissions import Role
from app.domain.accounts.models import Branch, Company, Membership, User
from app.domain.catalogue.models import PriceAgreement, PriceRow, TaxRate, VisibilityListing
from app.domain.catalogue.visibility import ONLY_LISTED


class Gap(StrEnum):
    """Something to be done before the first order."""

    BRANCH = "branch"
    ADDRESS = "address"
    PRICES = "prices"
    VISIBILITY = "visibility"
    TAX = "tax"
    ADMINISTRATOR = "administrator"
    ACCEPTANCE = "acceptance"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a company has; each is true where nothing is missing."""

    #: An open branch, which carries the terms of payment.
    has_branch: bool
    #: Street and city of an open branch.
    has_address: bool
    #: A price list or agreement in force, in its currency, with a price in it.
    has_prices: bool
    sees_products: bool
    has_tax_rate: bool
    has_administrator: bool
    #: An administrator who has chosen a password.
    has_accepted: bool


#: The gap each missing fact opens, and the fact without which it is not worth saying.
_GAPS: Mapping[str, tuple[Gap, str | None]] = {
    "has_branch": (Gap.BRANCH, None),
    "has_address": (Gap.ADDRESS, "has_branch"),
    "has_prices": (Gap.PRICES, None),
    "sees_products": (Gap.VISIBILITY, None),
    "has_tax_rate": (Gap.TAX, None),
    "has_administrator": (Gap.ADMINISTRATOR, None),
    "has_accepted": (Gap.ACCEPTANCE, "has_administrator"),
}


def gaps_of(facts: Facts) -> tuple[Gap, ...]:
    """What is missing until the first order, in the order in which it is done; empty where nothing is."""
    return tuple(
        gap
        for name, (gap, needs) in _GAPS.items()
        if not getattr(facts, name) and (needs is None or getattr(facts, needs))
    )


def _branch(*conditions: Any) -> ColumnElement[bool]:
    return exists().where(Branch.company_id == Company.id, Branch.is_active, *conditions).correlate(Company)


def _agreement(on: date, *reach: Any) -> ColumnElement[bool]:
    """An agreement of that reach is in force and has a price; a statement each, so that each has an index."""
    has_price = exists().where(PriceRow.agreement_id == PriceAgreement.id).correlate(PriceAgreement)
    in_force = and_(
        PriceAgreement.currency == Company.currency,
        PriceAgreement.is_active,
        PriceAgreement.starts_on <= on,
        or_(PriceAgreement.ends_on.is_(None), PriceAgreement.ends_on > on),
    )
    return exists().where(*reach, in_force, has_price).correlate(Company)


def _listing(on: date) -> ColumnElement[bool]:
    return (
        exists()
        .where(
            VisibilityListing.company_id == Company.id,
            or_(VisibilityListing.starts_on.is_(None), VisibilityListing.starts_on <= on),
            or_(VisibilityListing.ends_on.is_(None), VisibilityListing.ends_on > on),
        )
        .correlate(Company)
    )


def _administrator(*conditions: Any) -> ColumnElement[bool]:
    return (
        exists()
        .where(
            Membership.company_id == Company.id,
            Membership.role == Role.RESELLER_ADMIN.value,
            Membership.is_active,
            User.id == Membership.user_id,
            User.is_disabled.is_(False),
            *conditions,
        )
        .correlate(Company)
    )


def fact_columns(on: date) -> dict[str, ColumnElement[bool]]:
    """Each fact as a condition on Company."""
    return {
        "has_branch": _branch(),
        "has_address": _branch(Branch.street != "", Branch.city != ""),
        "has_prices": or_(
            _agreement(on, PriceAgreement.level == "list"),
            _agreement(on, PriceAgreement.level == "tier", PriceAgreement.tier == Company.tier),
            _agreement(on, PriceAgreement.company_id == Company.id),
        ),
        "sees_products": or_(Company.visibility_mode != ONLY_LISTED, _listing(on)),
        "has_tax_rate": exists()
        .where(TaxRate.company_id == Company.id, TaxRate.tax_class == "standard")
        .correlate(Company),
        "has_administrator": _administrator(),
        "has_accepted": _administrator(User.password_hash.is_not(None)),
    }


def is_ready(on: date) -> ColumnElement[bool]:
    """Condition on Company: nothing is missing until its first order."""
    return and_(*fact_columns(on).values())


def read_facts(session: Session, company_id: int, *, on: date) -> Facts:
    """What the company has on the day, in one statement. :raises NotFound: no such company."""
    columns = fact_columns(on)
    statement = select(*(columns[fact.name].label(fact.name) for fact in fields(Facts)))
    row = session.execute(statement.where(Company.id == company_id)).one_or_none()
    if row is None:
        raise NotFound()
    return Facts(*(bool(value) for value in row))
