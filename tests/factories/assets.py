"""Units in the field for tests."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from app.core.database import writing
from app.core.tenancy import all_companies
from app.domain.accounts.models import Company
from app.domain.assets.models import Asset, AssetCover, AssetEvent, SerialRule
from app.domain.assets.units import base_cover, brand_key
from app.domain.assets.warranty import DAY
from app.domain.catalogue.models import Product
from tests.factories.accounts import NOW


def make_unit(
    session: Session,
    company: Company | None,
    product: Product,
    serial: str,
    *,
    shipped: date = date(2025, 11, 10),
    months: int = 36,
    **values: Any,
) -> int:
    """A unit that was shipped to the company, with the months of cover it came with; its id."""
    cover = base_cover(months, shipped)
    with writing(session), all_companies(session, reason="test data"):
        unit = Asset(
            **{
                "company_id": company.id if company else None,
                "sold_to_id": company.id if company else None,
                "product_id": product.id,
                "brand_key": brand_key(product.brand),
                "serial": serial,
                "serial_raw": serial,
                "ship_date": shipped,
                "cover_until": cover.until if cover else None,
                "created_at": NOW,
                **values,
            }
        )
        session.add(unit)
        session.flush()
        session.add(AssetEvent(asset_id=unit.id, kind="shipped", at=NOW, reference="DN-26-00042"))
        if cover:
            session.add(
                AssetCover(
                    asset_id=unit.id,
                    position=0,
                    kind="base",
                    term_name=f"{months} months",
                    starts_on=cover.base.start,
                    ends_on=cover.base.last_day + DAY,
                    claimable_from=cover.base.claimable_from,
                    why=" ".join(cover.why),
                )
            )
        session.commit()
        unit_id = unit.id
        session.expunge_all()
    return unit_id


def make_rule(
    session: Session, product_id: int | None, mask: str = "AA999999", *, category_id: int | None = None
) -> int:
    """A rule of serials of the product or category; its id."""
    with writing(session), all_companies(session, reason="test data"):
        rule = SerialRule(product_id=product_id, category_id=category_id, mask=mask)
        session.add(rule)
        session.commit()
        return rule.id
