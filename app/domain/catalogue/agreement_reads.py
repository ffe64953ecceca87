"""Reads of price agreements and their ladders, for vendor staff."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.core.pages import COUNT_LIMIT, Page, SortKey, paginate
from app.core.texts import _
from app.domain.accounts.models import Branch, Company
from app.domain.catalogue.models import AgreementQuantityRule, PriceAgreement, PriceRow, Product
from app.domain.catalogue.numbers import code_key
from app.domain.catalogue.search import contains, parse_query


def list_agreements(
    session: Session,
    *,
    text: str = "",
    level: str | None = None,
    company_id: int | None = None,
    cursor: str | None = None,
) -> Page[Any]:
    """Agreements, newest first: the model's columns with company_name and branch_name."""
    statement: Any = (
        select(
            PriceAgreement.id,
            PriceAgreement.number,
            PriceAgreement.name,
            PriceAgreement.level,
            PriceAgreement.tier,
            PriceAgreement.company_id,
            PriceAgreement.branch_id,
            PriceAgreement.currency,
            PriceAgreement.starts_on,
            PriceAgreement.ends_on,
            PriceAgreement.is_active,
            Company.name.label("company_name"),
            Branch.name.label("branch_name"),
        )
        .outerjoin(Company, Company.id == PriceAgreement.company_id)
        .outerjoin(Branch, Branch.id == PriceAgreement.branch_id)
    )
    for term in parse_query(text).terms:
        statement = statement.where(
            or_(
                *(
                    contains(session, func.lower(column), term)
                    for column in (PriceAgreement.number, PriceAgreement.name, Company.name_key)
                )
            )
        )
    if level:
        statement = statement.where(PriceAgreement.level == level)
    if company_id is not None:
        statement = statement.where(PriceAgreement.company_id == company_id)
    some = statement.limit(COUNT_LIMIT + 1).subquery()
    return paginate(
        session,
        statement,
        sort=[SortKey(PriceAgreement.id, descending=True)],
        read_keys=lambda row: (row.id,),
        cursor=cursor,
        total=session.execute(select(func.count()).select_from(some)).scalar_one(),
    )


def get_agreement(session: Session, agreement_id: int) -> PriceAgreement:
    """:raises NotFound: no such agreement."""
    agreement = session.get(PriceAgreement, agreement_id)
    if agreement is None:
        raise NotFound(_("There is no such price agreement."))
    return agreement


def list_agreement_rows(
    session: Session, agreement_id: int, *, text: str = "", cursor: str | None = None
) -> Page[Any]:
    """The agreement's price steps by SKU and quantity, with the quantity rule's columns where it has one."""
    statement: Any = (
        select(
            PriceRow.product_id,
            Product.sku,
            Product.sku_key,
            Product.name,
            PriceRow.min_quantity,
            PriceRow.unit_price,
            AgreementQuantityRule.min_quantity.label("rule_minimum"),
            AgreementQuantityRule.multiple.label("rule_multiple"),
            AgreementQuantityRule.max_quantity.label("rule_maximum"),
        )
        .join(Product, Product.id == PriceRow.product_id)
        .outerjoin(
            AgreementQuantityRule,
            and_(
                AgreementQuantityRule.agreement_id == PriceRow.agreement_id,
                AgreementQuantityRule.product_id == PriceRow.product_id,
            ),
        )
        .where(PriceRow.agreement_id == agreement_id)
    )
    if code_key(text):
        statement = statement.where(contains(session, Product.sku_key, code_key(text)))
    return paginate(
        session,
        statement,
        sort=[SortKey(Product.sku_key), SortKey(PriceRow.min_quantity)],
        read_keys=lambda row: (row.sku_key, row.min_quantity),
        cursor=cursor,
    )
