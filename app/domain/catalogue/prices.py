"""The prices, quantity rules, order discount and tax of a buyer, for many products in one statement."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Date, String, and_, bindparam, null, or_, select, union_all
from sqlalchemy.orm import Session

from app.core.database import BigInt
from app.core.keys import among
from app.core.tenancy import read_rows
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
#: The agreements in force; the columns in the order of `_PRICES`.
_AGREEMENTS: Any = select(
    null().cast(BigInt).label("product_id"),
    PriceAgreement.id,
    PriceAgreement.order_discount_bps,
    PriceAgreement.order_discount_from,
    PriceAgreement.number,
    PriceAgreement.name,
    PriceAgreement.level,
    PriceAgreement.starts_on,
    PriceAgreement.ends_on,
    null().cast(BigInt).label("rule_minimum"),
    null().cast(BigInt).label("rule_multiple"),
    null().cast(BigInt).label("rule_maximum"),
).where(_IN_FORCE)
#: Those agreements, without a product, and their steps and quantity rules for products. Built once.
_PRICES: Any = union_all(
    _AGREEMENTS,
    select(
        PriceRow.product_id,
        PriceRow.agreement_id,
        PriceRow.min_quantity,
        PriceRow.unit_price,
        null(),
        null(),
        null(),
        null(),
        null(),
        AgreementQuantityRule.min_quantity,
        AgreementQuantityRule.multiple,
        AgreementQuantityRule.max_quantity,
    )
    .outerjoin(
        AgreementQuantityRule,
        and_(
            AgreementQuantityRule.agreement_id == PriceRow.agreement_id,
            AgreementQuantityRule.product_id == PriceRow.product_id,
        ),
    )
    .where(
        among(PriceRow.product_id, "product_ids"),
        PriceRow.agreement_id.in_(select(PriceAgreement.id).where(_IN_FORCE)),
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
    return terms_for(session, buyer, product_ids, on=on).ladders


def winners_for_buyer(
    session: Session, buyer: Buyer | None, product_ids: Collection[int], *, on: date
) -> dict[int, list[Ladder]]:
    """As prices_for_buyer, with the winning ladder of each product alone, which is what lists show."""
    if buyer is None or not product_ids:
        return {}
    return terms_for(session, buyer, product_ids, on=on, winners_only=True).ladders


def _ladders_of(
    rows: Iterable[Any], agreements: Mapping[int, Agreement], *, winners_only: bool
) -> dict[int, list[Ladder]]:
    """Ladders by product, winner first, of a product's steps in any order."""
    given: dict[int, dict[int, list[Any]]] = {}
    for row in rows:
        given.setdefault(row[0], {}).setdefault(row[1], []).append(row)
    order = sorted(agreements, key=lambda key: ladder_order(Ladder(agreements[key], ())))
    ladders: dict[int, list[Ladder]] = {}
    for product_id, own in given.items():
        wanted = [agreement_id for agreement_id in order if agreement_id in own]
        ladders[product_id] = [
            _ladder(agreements[agreement_id], own[agreement_id])
            for agreement_id in (wanted[:1] if winners_only else wanted)
        ]
    return ladders


def _ladder(agreement: Agreement, rows: list[Any]) -> Ladder:
    steps = [Step(row[2], row[3]) for row in rows]
    if len(steps) > 1:
        steps.sort(key=lambda step: step.min_quantity)
    rule = rows[0][9:]
    return Ladder(agreement, tuple(steps), QuantityRule(*rule) if rule[0] is not None else None)


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


def terms_for(
    session: Session,
    buyer: Buyer,
    product_ids: Collection[int],
    *,
    on: date,
    winners_only: bool = False,
) -> Terms:
    """Ladders and order discount of a buyer in one statement, for lists, carts and placing."""
    statement = _PRICES if product_ids else _AGREEMENTS
    values = _values_of(buyer, on)
    if product_ids:
        values["product_ids"] = product_ids
    rows = read_rows(session, statement, values)
    headings = [row for row in rows if row[0] is None]
    agreements = {row[1]: Agreement(row[1], *row[4:9]) for row in headings}
    steps = [row for row in rows if row[0] is not None]
    ladders = _ladders_of(steps, agreements, winners_only=winners_only)
    return Terms(ladders, _winning_discount(headings, agreements))


def _winning_discount(rows: Iterable[Any], agreements: Mapping[int, Agreement]) -> OrderDiscount | None:
    granting = [row for row in rows if row.level in ("branch", "company") and row.order_discount_bps > 0]
    if not granting:
        return None
    row = min(granting, key=lambda row: ladder_order(Ladder(agreements[row[1]], ())))
    return OrderDiscount(row[1], row.number, row.name, row.order_discount_bps, row.order_discount_from)


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
    return terms_for(session, buyer, (), on=on).discount


@dataclass(frozen=True, slots=True)
class Tax:
    """The code printed on documents and the rate in basis points."""

    code: str
    rate_bps: int


def tax_rates_for(session: Session, company_id: int) -> dict[str, Tax]:
    """The company's tax by tax class; a class without a rate is not in it."""
    rows = read_rows(
        session,
        select(TaxRate.tax_class, TaxRate.code, TaxRate.rate_bps).where(TaxRate.company_id == company_id),
    )
    return {tax_class: Tax(code, rate_bps) for tax_class, code, rate_bps in rows}
