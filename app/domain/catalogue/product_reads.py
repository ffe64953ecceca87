"""What staff see of one product beside its page: values with their attributes, numbers, all its prices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from app.domain.accounts.models import Branch, Company
from app.domain.catalogue.models import (
    Attribute,
    CrossReference,
    PriceAgreement,
    PriceRow,
    Product,
    ProductAttribute,
)


def list_values(session: Session, product_id: int) -> Sequence[Any]:
    """Every attribute of the product's category in order: id, name, data_type, unit, value (None: none)."""
    return session.execute(
        select(
            Attribute.id,
            Attribute.name,
            Attribute.data_type,
            Attribute.unit,
            ProductAttribute.text_value.label("value"),
        )
        .join(Product, Product.category_id == Attribute.category_id)
        .outerjoin(
            ProductAttribute,
            and_(ProductAttribute.attribute_id == Attribute.id, ProductAttribute.product_id == Product.id),
        )
        .where(Product.id == product_id)
        .order_by(Attribute.position, Attribute.id)
    ).all()


def list_references(session: Session, product_id: int) -> Sequence[CrossReference]:
    """Other numbers that find the product, oldest first."""
    return session.scalars(
        select(CrossReference).where(CrossReference.product_id == product_id).order_by(CrossReference.id)
    ).all()


def list_product_prices(session: Session, product_id: int, *, most: int = 200) -> Sequence[Any]:
    """Steps of every agreement that prices the product, newest agreement first."""
    return session.execute(
        select(
            PriceAgreement.id,
            PriceAgreement.number,
            PriceAgreement.name,
            PriceAgreement.level,
            PriceAgreement.tier,
            PriceAgreement.currency,
            PriceAgreement.starts_on,
            PriceAgreement.ends_on,
            PriceAgreement.is_active,
            Company.name.label("company_name"),
            Branch.name.label("branch_name"),
            PriceRow.min_quantity,
            PriceRow.unit_price,
        )
        .join(PriceRow, PriceRow.agreement_id == PriceAgreement.id)
        .outerjoin(Company, Company.id == PriceAgreement.company_id)
        .outerjoin(Branch, Branch.id == PriceAgreement.branch_id)
        .where(PriceRow.product_id == product_id)
        .order_by(PriceAgreement.id.desc(), PriceRow.min_quantity)
        .limit(most)
    ).all()


def sku_of(session: Session, product_id: int | None) -> str:
    """The product's SKU; empty for None."""
    if product_id is None:
        return ""
    return session.scalar(select(Product.sku).where(Product.id == product_id)) or ""


def find_product_id(session: Session, sku_key: str) -> int | None:
    """The product of a SKU as it is compared, or None."""
    return session.scalar(select(Product.id).where(Product.sku_key == sku_key))
