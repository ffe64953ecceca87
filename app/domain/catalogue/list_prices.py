"""The vendor's list price agreement of a currency, which imports fill and make where there is none."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.clock import business_date
from app.domain.accounts.queries import find_vendor
from app.domain.catalogue.models import PriceAgreement, PriceRow


def find_list_agreement_id(session: Session, currency: str) -> int | None:
    """The active list agreement of the currency that began last and has no end, or None."""
    return session.scalar(
        select(PriceAgreement.id)
        .where(
            PriceAgreement.level == "list",
            PriceAgreement.currency == currency,
            PriceAgreement.is_active,
            PriceAgreement.ends_on.is_(None),
        )
        .order_by(PriceAgreement.starts_on.desc(), PriceAgreement.id.desc())
        .limit(1)
    )


def ensure_list_agreement(session: Session, currency: str, *, now: datetime) -> int:
    """The list agreement of the currency; a new one, `LIST-USD`, begins today."""
    found = find_list_agreement_id(session, currency)
    if found is not None:
        return found
    vendor = find_vendor(session)
    agreement = PriceAgreement(
        number=_free_number(session, f"LIST-{currency}"),
        name=f"List price {currency}",
        level="list",
        currency=currency,
        starts_on=business_date(now, vendor.timezone if vendor else "UTC"),
    )
    session.add(agreement)
    session.flush()
    return agreement.id


def _free_number(session: Session, number: str) -> str:
    taken = set(
        session.scalars(select(PriceAgreement.number).where(PriceAgreement.number.startswith(number)))
    )
    candidate, suffix = number, 2
    while candidate in taken:
        candidate, suffix = f"{number}-{suffix}", suffix + 1
    return candidate


def list_prices_of(session: Session, product_ids: Collection[int], currency: str) -> dict[int, Decimal]:
    """The list price for one piece of each product that has one."""
    agreement_id = find_list_agreement_id(session, currency)
    if agreement_id is None or not product_ids:
        return {}
    rows = session.execute(
        select(PriceRow.product_id, PriceRow.unit_price).where(
            PriceRow.agreement_id == agreement_id,
            PriceRow.min_quantity == 1,
            PriceRow.product_id.in_(product_ids),
        )
    )
    return {row.product_id: row.unit_price for row in rows}
