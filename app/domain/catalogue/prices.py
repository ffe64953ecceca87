"""The prices, quantity rules, order discount and tax of a buyer, for many products in two statements."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Date, Select, String, and_, bindparam, exists, or_, select
from sqlalchemy.orm import Session

from app.core.database import BigInt
from app.domain.catalogue.buyers import Buyer
from app.domain.catalogue.models import AgreementQuantityRule, PriceAgreement, PriceRow, Product, TaxRate
from app.domain.catalogue.pricing import (
    Agreement,
    Explanation,
    Ladder,
    Step,
    effective_rule,
    explain_ladders,
    ladder_order,
)
from app.domain.catalogue.quantities import QuantityRule

_HAS_RULES = exists().where(AgreementQuantityRule.agreement_id == PriceAgreement.id).label("has_rules")
#: In force for a buyer on a day, in the buyer's currency. Built once; an empty tier, company or branch
#: equals nothing, so such a buyer has none of that level.
_IN_FORCE = and_(
    PriceAgreement.currency == bindparam("currency"),
    PriceAgreement.is_active,
    PriceAgreement.starts_on <= bindparam("day", type_=Date()),
    or_(PriceAgreement.ends_on.is_(None), PriceAgreement.ends_on > bindparam("day", type_=Date())),
    or_(
        PriceAgreement.level == "list",
        and_(PriceAgreement.level == "tier", PriceAgreement.tier == bindparam("tier", type_=String())),
        and_(
            PriceAgreement.company_id == bindparam("company_id", type_=BigInt),
            or_(
                PriceAgreement.level == "company",
                PriceAgreement.branch_id == bindparam("branch_id", type_=BigInt),
            ),
        ),
    ),
)
_AGREEMENTS = select(
    PriceAgreement.id,
    PriceAgreement.number,
    PriceAgreement.name,
    PriceAgreement.level,
    PriceAgreement.starts_on,
    PriceAgreement.ends_on,
    _HAS_RULES,
).where(_IN_FORCE)
_TERMS = _AGREEMENTS.add_columns(PriceAgreement.order_discount_bps, PriceAgreement.order_discount_from)
_ROWS = select(PriceRow.product_id, PriceRow.agreement_id, PriceRow.min_quantity, PriceRow.unit_price).where(
    PriceRow.product_id.in_(bindparam("product_ids", [0], expanding=True)),
    PriceRow.agreement_id.in_(bindparam("agreement_ids", [0], expanding=True)),
)
_ROWS_WITH_RULES: Select[*tuple[Any, ...]] = _ROWS.add_columns(
    AgreementQuantityRule.min_quantity, AgreementQuantityRule.multiple, AgreementQuantityRule.max_quantity
).outerjoin(
    AgreementQuantityRule,
    and_(
        AgreementQuantityRule.agreement_id == PriceRow.agreement_id,
        AgreementQuantityRule.product_id == PriceRow.product_id,
    ),
)


def _values_of(buyer: Buyer, on: date) -> dict[str, Any]:
    return {
        "currency": buyer.currency,
        "day": on,
        "tier": buyer.tier,
        "company_id": buyer.company_id,
        "branch_id": buyer.branch_id,
    }


def prices_for_buyer(
    session: Session, buyer: Buyer | None, product_ids: Collection[int], *, on: date
) -> dict[int, list[Ladder]]:
    """Every ladder in force for the buyer, winner first, by product; a product without one is on request."""
    if buyer is None or not product_ids:
        return {}
    rows = session.execute(_AGREEMENTS, _values_of(buyer, on)).all()
    agreements = {row[0]: Agreement(*row[:6]) for row in rows}
    if not agreements:
        return {}
    with_rules = any(row.has_rules for row in rows)
    price_rows = session.execute(
        _ROWS_WITH_RULES if with_rules else _ROWS,
        {"product_ids": list(product_ids), "agreement_ids": list(agreements)},
    ).all()
    return _ladders_of(price_rows, agreements)


def _ladders_of(rows: Iterable[Any], agreements: Mapping[int, Agreement]) -> dict[int, list[Ladder]]:
    steps: dict[tuple[int, int], list[Step]] = {}
    rules: dict[tuple[int, int], QuantityRule] = {}
    for product_id, agreement_id, min_quantity, unit_price, *rule in rows:
        key = (product_id, agreement_id)
        steps.setdefault(key, []).append(Step(min_quantity, unit_price))
        if rule and rule[0] is not None:
            rules[key] = QuantityRule(*rule)
    ladders: dict[int, list[Ladder]] = {}
    for (product_id, agreement_id), found in steps.items():
        if len(found) > 1:
            found.sort(key=lambda step: step.min_quantity)
        ladder = Ladder(agreements[agreement_id], tuple(found), rules.get((product_id, agreement_id)))
        ladders.setdefault(product_id, []).append(ladder)
    for found_ladders in ladders.values():
        if len(found_ladders) > 1:
            found_ladders.sort(key=ladder_order)
    return ladders


@dataclass(frozen=True, slots=True)
class OrderDiscount:
    """A discount on the whole order: `bps` basis points of it, from `from_amount` on."""

    agreement_id: int
    number: str
    name: str
    bps: int
    from_amount: Decimal


@dataclass(frozen=True, slots=True)
class Terms:
    """What a buyer's agreements say: every product's ladders, winner first, and the order's discount."""

    ladders: dict[int, list[Ladder]]
    discount: OrderDiscount | None


def terms_for(session: Session, buyer: Buyer, product_ids: Collection[int], *, on: date) -> Terms:
    """Ladders and order discount of a buyer in two statements, for carts and placing."""
    rows = session.execute(_TERMS, _values_of(buyer, on)).all()
    agreements = {row.id: Agreement(*row[:6]) for row in rows}
    if not agreements or not product_ids:
        return Terms({}, _winning_discount(rows))
    with_rules = any(row.has_rules for row in rows)
    price_rows = session.execute(
        _ROWS_WITH_RULES if with_rules else _ROWS,
        {"product_ids": list(product_ids), "agreement_ids": list(agreements)},
    ).all()
    return Terms(_ladders_of(price_rows, agreements), _winning_discount(rows))


def _winning_discount(rows: Iterable[Any]) -> OrderDiscount | None:
    granting = [row for row in rows if row.level in ("branch", "company") and row.order_discount_bps > 0]
    if not granting:
        return None
    row = min(granting, key=lambda row: ladder_order(Ladder(Agreement(*row[:6]), ())))
    return OrderDiscount(row.id, row.number, row.name, row.order_discount_bps, row.order_discount_from)


def prices_for(
    session: Session,
    *,
    company_id: int | None,
    branch_id: int | None,
    tier: str | None,
    currency: str,
    product_ids: Collection[int],
    on: date,
) -> dict[int, list[Ladder]]:
    """As prices_for_buyer, from the buyer's parts."""
    buyer = Buyer(company_id, branch_id, tier, currency)
    return prices_for_buyer(session, buyer, product_ids, on=on)


def quantity_rules_for(
    session: Session, product_ids: Collection[int], ladders: Mapping[int, Sequence[Ladder]]
) -> dict[int, QuantityRule]:
    """The rule that binds for each product under its winning ladder, in one statement."""
    if not product_ids:
        return {}
    rows = session.execute(
        select(Product.id, Product.min_quantity, Product.multiple, Product.max_quantity).where(
            Product.id.in_(product_ids)
        )
    )
    return {row[0]: effective_rule(QuantityRule(*row[1:]), ladders.get(row[0], ())) for row in rows}


def explain_price(
    session: Session,
    buyer: Buyer,
    product_id: int,
    *,
    quantity: int,
    on: date,
    for_staff: bool = False,
) -> Explanation | None:
    """Why the buyer pays what it pays for a product; None means price on request.

    `for_staff` shows every ladder that lost; without it see :func:`explain_ladders`.
    """
    ladders = prices_for_buyer(session, buyer, [product_id], on=on).get(product_id, [])
    return explain_ladders(ladders, quantity=quantity, for_staff=for_staff)


def order_discount_for(session: Session, buyer: Buyer, *, on: date) -> OrderDiscount | None:
    """The discount of the winning agreement that grants one: branch before company, later start first."""
    if buyer.company_id is None:
        return None
    return _winning_discount(session.execute(_TERMS, _values_of(buyer, on)).all())


@dataclass(frozen=True, slots=True)
class Tax:
    """The code printed on documents and the rate in basis points."""

    code: str
    rate_bps: int


def tax_rates_for(session: Session, company_id: int) -> dict[str, Tax]:
    """The company's tax by tax class; a class without a rate is not in it."""
    rows = session.execute(
        select(TaxRate.tax_class, TaxRate.code, TaxRate.rate_bps).where(TaxRate.company_id == company_id)
    )
    return {tax_class: Tax(code, rate_bps) for tax_class, code, rate_bps in rows}
