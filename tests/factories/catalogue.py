"""Categories, products, agreements and prices for tests; products are found by search at once."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database import writing
from app.core.tenancy import all_companies
from app.domain.accounts.models import Branch, Company
from app.domain.catalogue import search
from app.domain.catalogue.models import (
    AgreementQuantityRule,
    Attribute,
    Category,
    CrossReference,
    CustomerPartNumber,
    PriceAgreement,
    PriceRow,
    Product,
    ProductAttribute,
    TaxRate,
    VisibilityListing,
)
from app.domain.catalogue.numbers import code_key, name_key

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
#: The business day of NOW.
TODAY = date(2026, 11, 24)

_numbers = itertools.count(1)


def make_category(
    session: Session, name: str = "Internal drives", *, parent: Category | None = None, **values: Any
) -> Category:
    """A category below `parent`; its slug is the name in lower case with hyphens."""
    with writing(session), all_companies(session, reason="test data"):
        slug = values.pop("slug", name.lower().replace(" ", "-"))
        category = Category(name=name, slug=slug, parent_id=parent.id if parent else None, **values)
        session.add(category)
        session.flush()
        category.path = f"{parent.path if parent else '/'}{category.id}/"
        session.commit()
        return category


def _default_category(session: Session) -> int:
    found = session.scalar(select(Category.id).order_by(Category.id).limit(1))
    return found or make_category(session).id


def make_product(
    session: Session,
    sku: str | None = None,
    name: str = "Quill N2 2 TB",
    *,
    category: Category | None = None,
    attributes: dict[Attribute, str] | None = None,
    references: Sequence[str] = (),
    **values: Any,
) -> Product:
    """A product that search finds; in the first category where none is given."""
    category_id = category.id if category else _default_category(session)
    sku = sku or f"TST-{next(_numbers):05d}"
    mpn = values.get("mpn")
    with writing(session), all_companies(session, reason="test data"):
        product = Product(
            **{
                "sku": sku,
                "sku_key": code_key(sku),
                "name": name,
                "name_key": name_key(name),
                "mpn_key": code_key(mpn) if mpn else None,
                "category_id": category_id,
                "created_at": NOW,
                "updated_at": NOW,
                **values,
            }
        )
        session.add(product)
        session.flush()
        for attribute, value in (attributes or {}).items():
            number = float(value) if attribute.data_type == "number" else None
            session.add(
                ProductAttribute(
                    product_id=product.id, attribute_id=attribute.id, text_value=value, number_value=number
                )
            )
        for code in references:
            session.add(CrossReference(product_id=product.id, code=code, code_key=code_key(code)))
        search.index_products(session, [product.id])
        session.commit()
        return product


def make_attribute(session: Session, category: Category, name: str = "Capacity", **values: Any) -> Attribute:
    """A typed property of a category's products; its code is the name in lower case."""
    with writing(session), all_companies(session, reason="test data"):
        attribute = Attribute(
            **{"category_id": category.id, "name": name, "code": name.lower().replace(" ", "_"), **values}
        )
        session.add(attribute)
        session.commit()
        return attribute


def make_agreement(
    session: Session,
    level: str = "list",
    *,
    company: Company | None = None,
    branch: Branch | None = None,
    prices: dict[Product, Sequence[tuple[int, str]]] | None = None,
    **values: Any,
) -> PriceAgreement:
    """A price agreement in USD from 1 Jan 2026; a company's or branch's where one is given."""
    if branch is not None:
        level = "branch"
    elif company is not None:
        level = "company"
    number = f"{level.upper()}-{next(_numbers)}"
    with writing(session), all_companies(session, reason="test data"):
        agreement = PriceAgreement(
            **{
                "number": number,
                "name": number,
                "level": level,
                "company_id": branch.company_id if branch else company.id if company else None,
                "branch_id": branch.id if branch else None,
                "currency": "USD",
                "starts_on": date(2026, 1, 1),
                **values,
            }
        )
        session.add(agreement)
        session.commit()
    for product, steps in (prices or {}).items():
        set_prices(session, agreement, product, steps)
    return agreement


def set_prices(
    session: Session, agreement: PriceAgreement, product: Product, steps: Sequence[tuple[int, str]]
) -> None:
    """The product's ladder under the agreement: [(1, "9.50"), (10, "9.00")]."""
    with writing(session), all_companies(session, reason="test data"):
        for min_quantity, unit_price in steps:
            session.add(
                PriceRow(
                    agreement_id=agreement.id,
                    product_id=product.id,
                    min_quantity=min_quantity,
                    unit_price=Decimal(unit_price),
                )
            )
        session.commit()


def make_quantity_rule(
    session: Session, agreement: PriceAgreement, product: Product, **values: Any
) -> AgreementQuantityRule:
    """The product's quantity rule under the agreement."""
    with writing(session), all_companies(session, reason="test data"):
        rule = AgreementQuantityRule(agreement_id=agreement.id, product_id=product.id, **values)
        session.add(rule)
        session.commit()
        return rule


def make_customer_number(
    session: Session, company: Company, product: Product, code: str
) -> CustomerPartNumber:
    """The company's own number for the product."""
    with writing(session), all_companies(session, reason="test data"):
        number = CustomerPartNumber(
            company_id=company.id, product_id=product.id, code=code, code_key=code_key(code)
        )
        session.add(number)
        session.commit()
        return number


def make_listing(
    session: Session,
    company: Company,
    *,
    product: Product | None = None,
    category: Category | None = None,
    **values: Any,
) -> VisibilityListing:
    """A product or category listed for the company's visibility mode."""
    with writing(session), all_companies(session, reason="test data"):
        listing = VisibilityListing(
            company_id=company.id,
            product_id=product.id if product else None,
            category_id=category.id if category else None,
            **values,
        )
        session.add(listing)
        session.commit()
        return listing


def make_tax_rate(session: Session, company: Company, **values: Any) -> TaxRate:
    """The company's rate, 8.25 % of US-TX unless said otherwise."""
    with writing(session), all_companies(session, reason="test data"):
        rate = TaxRate(**{"company_id": company.id, "code": "US-TX", "rate_bps": 825, **values})
        session.add(rate)
        session.commit()
        return rate
