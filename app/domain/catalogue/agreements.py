"""What vendor staff do with price agreements, their ladders and quantity rules, and tax rates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from babel.numbers import is_currency
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.core import audit
from app.core.database import AMOUNT_SCALE
from app.core.errors import InvalidInput, NotFound, StaleEdit
from app.core.permissions import Actor, Permission, requires
from app.core.texts import _
from app.domain.accounts.models import Branch, Company
from app.domain.catalogue.errors import LadderRefused, NumberTaken, QuantityRuleRefused
from app.domain.catalogue.models import AgreementQuantityRule, PriceAgreement, PriceRow, Product, TaxRate
from app.domain.catalogue.numbers import is_storable
from app.domain.catalogue.pricing import LEVELS
from app.domain.catalogue.quantities import MAX_QUANTITY, QuantityRule

MAX_STEPS = 20
MAX_AMOUNT = Decimal(99_999_999)
FULL_BPS = 10_000


def required_text(text: str, *, field: str, limit: int) -> str:
    """The text trimmed. :raises InvalidInput: empty, longer than `limit`, or with control characters."""
    trimmed = text.strip()
    if not trimmed:
        raise InvalidInput(_("Fill this in."), field=field)
    if len(trimmed) > limit or not is_storable(trimmed):
        raise InvalidInput(
            _("Use at most %(limit)s characters, without control characters.", limit=limit), field=field
        )
    return trimmed


def check_dates(starts_on: date | None, ends_on: date | None) -> None:
    """:raises InvalidInput: the end is not after the start."""
    if starts_on is not None and ends_on is not None and ends_on <= starts_on:
        raise InvalidInput(
            _("The end must be after the start; it is the first day without."), field="ends_on"
        )


def _check_discount(bps: int, from_amount: Decimal, level: str) -> None:
    if not 0 <= bps <= FULL_BPS:
        raise InvalidInput(_("A discount is from 0 to 100 per cent."), field="order_discount_bps")
    _check_amount(from_amount, field="order_discount_from")
    if bps and level not in ("company", "branch"):
        raise InvalidInput(
            _("Only a company's or a branch's agreement can carry a discount on the whole order."),
            field="order_discount_bps",
        )


def _check_amount(amount: Decimal, *, field: str) -> None:
    if not amount.is_finite() or not 0 <= amount <= MAX_AMOUNT:
        raise InvalidInput(_("Enter an amount from 0 to 99,999,999."), field=field)
    if amount * AMOUNT_SCALE % 1:
        raise InvalidInput(_("Use at most four decimals."), field=field)


def agreement_values(agreement: PriceAgreement) -> dict[str, Any]:
    """The agreement as the audit trail keeps it."""
    return {
        "number": agreement.number,
        "name": agreement.name,
        "level": agreement.level,
        "tier": agreement.tier,
        "branch_id": agreement.branch_id,
        "currency": agreement.currency,
        "starts_on": agreement.starts_on.isoformat(),
        "ends_on": agreement.ends_on.isoformat() if agreement.ends_on else None,
        "order_discount_bps": agreement.order_discount_bps,
        "order_discount_from": str(agreement.order_discount_from),
        "is_active": agreement.is_active,
    }


@requires(Permission.PRICE_MANAGE)
def create_agreement(
    session: Session,
    actor: Actor,
    *,
    number: str,
    name: str,
    level: str,
    currency: str,
    starts_on: date,
    ends_on: date | None = None,
    tier: str | None = None,
    company_id: int | None = None,
    branch_id: int | None = None,
    order_discount_bps: int = 0,
    order_discount_from: Decimal = Decimal(0),
    now: datetime,
) -> PriceAgreement:
    """Make a price agreement: everybody's list, a tier's, a company's, or a branch's.

    A branch agreement needs the branch alone. :raises NumberTaken: the number is in use.
    """
    number = required_text(number, field="number", limit=40)
    name = required_text(name, field="name", limit=120)
    if level not in LEVELS:
        raise InvalidInput(_("Choose list, tier, company or branch."), field="level")
    check_dates(starts_on, ends_on)
    _check_discount(order_discount_bps, order_discount_from, level)
    if not is_currency(currency):
        raise InvalidInput(_("Use a currency's three letters, such as USD."), field="currency")
    owner = _party(session, level, currency, tier=tier, company_id=company_id, branch_id=branch_id)
    if session.scalar(select(PriceAgreement.id).where(PriceAgreement.number == number)):
        raise NumberTaken(_("There is an agreement by that number already."), field="number")
    agreement = PriceAgreement(
        number=number,
        name=name,
        level=level,
        currency=currency,
        starts_on=starts_on,
        ends_on=ends_on,
        order_discount_bps=order_discount_bps,
        order_discount_from=order_discount_from,
        **owner,
    )
    session.add(agreement)
    session.flush()
    _record(session, actor, "price_agreement.created", agreement, now, after=agreement_values(agreement))
    return agreement


def _party(
    session: Session,
    level: str,
    currency: str,
    *,
    tier: str | None,
    company_id: int | None,
    branch_id: int | None,
) -> dict[str, Any]:
    """Whose agreement it is, as columns; the company trades in the agreement's currency."""
    if level == "list":
        return {}
    if level == "tier":
        return {"tier": required_text(tier or "", field="tier", limit=40)}
    if level == "branch":
        branch = session.get(Branch, branch_id) if branch_id is not None else None
        if branch is None:
            raise InvalidInput(_("Choose the branch."), field="branch_id")
        company_id = branch.company_id
    company = session.get(Company, company_id) if company_id is not None else None
    if company is None:
        raise InvalidInput(_("Choose the company."), field="company_id")
    if company.currency != currency:
        raise InvalidInput(
            _(
                "%(company)s trades in %(currency)s; its agreements are in that currency.",
                company=company.name,
                currency=company.currency,
            ),
            field="currency",
        )
    return {"company_id": company.id, "branch_id": branch_id if level == "branch" else None}


@requires(Permission.PRICE_MANAGE)
def update_agreement(
    session: Session,
    actor: Actor,
    *,
    agreement_id: int,
    version: int,
    name: str,
    starts_on: date,
    ends_on: date | None,
    order_discount_bps: int,
    order_discount_from: Decimal,
    is_active: bool,
    now: datetime,
) -> PriceAgreement:
    """Change an agreement's heading; whose it is and its currency stay.

    :raises StaleEdit: it was changed since `version` was shown.
    """
    agreement = _locked(session, agreement_id)
    if agreement.version != version:
        raise StaleEdit()
    check_dates(starts_on, ends_on)
    _check_discount(order_discount_bps, order_discount_from, agreement.level)
    before = agreement_values(agreement)
    agreement.name = required_text(name, field="name", limit=120)
    agreement.starts_on, agreement.ends_on = starts_on, ends_on
    agreement.order_discount_bps = order_discount_bps
    agreement.order_discount_from = order_discount_from
    agreement.is_active = is_active
    agreement.version += 1
    after = agreement_values(agreement)
    _record(session, actor, "price_agreement.changed", agreement, now, before=before, after=after)
    return agreement


def _locked(session: Session, agreement_id: int) -> PriceAgreement:
    found = session.execute(
        select(PriceAgreement).where(PriceAgreement.id == agreement_id).with_for_update()
    ).scalar_one_or_none()
    if found is None:
        raise NotFound(_("There is no such price agreement."))
    return found


def _record(
    session: Session,
    actor: Actor,
    action: str,
    agreement: PriceAgreement,
    now: datetime,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    audit.record(
        session,
        actor,
        action,
        subject_type="price_agreement",
        subject_id=agreement.id,
        company_id=agreement.company_id,
        before=before,
        after=after,
        now=now,
    )


def _sku(session: Session, product_id: int) -> str:
    sku = session.scalar(select(Product.sku).where(Product.id == product_id))
    if sku is None:
        raise NotFound(_("There is no product by that number."))
    return sku


def check_ladder(steps: Sequence[tuple[int, Decimal]]) -> list[tuple[int, Decimal]]:
    """The steps, lowest quantity first.

    :raises LadderRefused: more than 20 steps, two from one quantity, or a value that cannot be stored.
    """
    if len(steps) > MAX_STEPS:
        raise LadderRefused(_("A ladder has at most %(steps)s steps.", steps=MAX_STEPS), field="steps")
    for quantity, price in steps:
        if not 1 <= quantity <= MAX_QUANTITY:
            raise LadderRefused(_("Every step starts at a quantity from 1 to 999999."), field="steps")
        try:
            _check_amount(price, field="steps")
        except InvalidInput as error:
            raise LadderRefused(error.message, field="steps") from error
    if len({quantity for quantity, _price in steps}) < len(steps):
        raise LadderRefused(_("Two steps start at the same quantity. Keep one of them."), field="steps")
    return sorted(steps)


@requires(Permission.PRICE_MANAGE)
def set_price_ladder(
    session: Session,
    actor: Actor,
    *,
    agreement_id: int,
    product_id: int,
    steps: Sequence[tuple[int, Decimal]],
    now: datetime,
) -> None:
    """Replace a product's whole ladder under an agreement; without steps the agreement does not price it.

    :raises LadderRefused: see :func:`check_ladder`.
    """
    ladder = check_ladder(steps)
    agreement, sku = _locked(session, agreement_id), _sku(session, product_id)
    own = (PriceRow.agreement_id == agreement_id, PriceRow.product_id == product_id)
    before = session.execute(
        select(PriceRow.min_quantity, PriceRow.unit_price).where(*own).order_by(PriceRow.min_quantity)
    ).all()
    session.execute(delete(PriceRow).where(*own))
    session.add_all(
        PriceRow(agreement_id=agreement_id, product_id=product_id, min_quantity=quantity, unit_price=price)
        for quantity, price in ladder
    )
    _record(
        session,
        actor,
        "price_ladder.set",
        agreement,
        now,
        before={"sku": sku, "steps": [[quantity, str(price)] for quantity, price in before]},
        after={"sku": sku, "steps": [[quantity, str(price)] for quantity, price in ladder]},
    )


def _rule_values(rule: QuantityRule | None) -> dict[str, Any] | None:
    if rule is None:
        return None
    return {"minimum": rule.minimum, "multiple": rule.multiple, "maximum": rule.maximum}


def check_rule(rule: QuantityRule) -> None:
    """:raises QuantityRuleRefused: values out of range, or no quantity meets them together."""
    limits = [rule.minimum, rule.multiple] + ([rule.maximum] if rule.maximum is not None else [])
    if not all(1 <= value <= MAX_QUANTITY for value in limits):
        raise QuantityRuleRefused(_("Minimum, multiple and maximum are from 1 to 999999."), field="minimum")
    if not rule.is_possible:
        raise QuantityRuleRefused(
            _("No multiple of %(multiple)s lies between minimum and maximum.", multiple=rule.multiple),
            field="maximum",
        )


@requires(Permission.PRICE_MANAGE)
def set_agreement_quantity_rule(
    session: Session,
    actor: Actor,
    *,
    agreement_id: int,
    product_id: int,
    rule: QuantityRule | None,
    now: datetime,
) -> None:
    """Give a product its own minimum, multiple and maximum under an agreement; None takes them away.

    :raises QuantityRuleRefused: see :func:`check_rule`.
    """
    if rule is not None:
        check_rule(rule)
    agreement, sku = _locked(session, agreement_id), _sku(session, product_id)
    stored = session.get(AgreementQuantityRule, (agreement_id, product_id))
    before = QuantityRule(stored.min_quantity, stored.multiple, stored.max_quantity) if stored else None
    if rule is None and stored is not None:
        session.delete(stored)
    elif rule is not None:
        if stored is None:
            stored = AgreementQuantityRule(agreement_id=agreement_id, product_id=product_id)
            session.add(stored)
        stored.min_quantity, stored.multiple = rule.minimum, rule.multiple
        stored.max_quantity = rule.maximum
    _record(
        session,
        actor,
        "quantity_rule.set",
        agreement,
        now,
        before={"sku": sku, "rule": _rule_values(before)},
        after={"sku": sku, "rule": _rule_values(rule)},
    )


@requires(Permission.PRICE_MANAGE)
def set_tax_rate(
    session: Session,
    actor: Actor,
    *,
    company_id: int,
    code: str,
    rate_bps: int,
    tax_class: str = "standard",
    now: datetime,
) -> TaxRate:
    """Set the one rate of a company and tax class, in basis points (825 is 8.25 %)."""
    code = required_text(code, field="code", limit=20)
    tax_class = required_text(tax_class, field="tax_class", limit=20)
    if not 0 <= rate_bps <= FULL_BPS:
        raise InvalidInput(_("A tax rate is from 0 to 100 per cent."), field="rate_bps")
    if session.get(Company, company_id) is None:
        raise NotFound()
    rate = session.execute(
        select(TaxRate)
        .where(TaxRate.company_id == company_id, TaxRate.tax_class == tax_class)
        .with_for_update()
    ).scalar_one_or_none()
    before = {"code": rate.code, "rate_bps": rate.rate_bps} if rate else None
    if rate is None:
        rate = TaxRate(company_id=company_id, tax_class=tax_class)
        session.add(rate)
    rate.code, rate.rate_bps = code, rate_bps
    session.flush()
    audit.record(
        session,
        actor,
        "tax_rate.set",
        subject_type="tax_rate",
        subject_id=rate.id,
        company_id=company_id,
        before=before,
        after={"tax_class": tax_class, "code": code, "rate_bps": rate_bps},
        now=now,
    )
    return rate
