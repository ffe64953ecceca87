"""Prices of many products for one buyer: which agreements are in force, in how many statements."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.core.tenancy import company_scope
from app.domain.accounts.models import Company
from app.domain.catalogue.buyers import Buyer, get_buyer
from app.domain.catalogue.prices import (
    explain_price,
    order_discount_for,
    prices_for,
    prices_for_buyer,
    quantity_rules_for,
    tax_rates_for,
)
from app.domain.catalogue.quantities import QuantityRule
from tests.domain.catalogue.statements import counted
from tests.factories import catalogue as make
from tests.factories.accounts import make_company
from tests.factories.catalogue import TODAY


def buyer_of(session: Session, company: Company, branch: int = 0) -> Buyer:
    with company_scope(session, company.id):
        return get_buyer(session, company_id=company.id, branch_id=company.branches[branch].id)


def winning(session: Session, buyer: Buyer, product_id: int, on: date = TODAY) -> tuple[str, Decimal] | None:
    assert buyer.company_id is not None
    with company_scope(session, buyer.company_id):
        ladders = prices_for_buyer(session, buyer, [product_id], on=on).get(product_id)
    return (ladders[0].agreement.level, ladders[0].steps[0].unit_price) if ladders else None


def test_each_buyer_gets_the_agreement_closest_to_it(session: Session) -> None:
    product = make.make_product(session)
    kettle = make_company(session, tier="gold", branches=("Portland", "Lidham"))
    other = make_company(session, "Quillfeather", tier="silver")
    make.make_agreement(session, "list", prices={product: [(1, "10.00")]})
    make.make_agreement(session, "tier", tier="gold", prices={product: [(1, "9.00")]})
    make.make_agreement(session, company=kettle, prices={product: [(1, "9.50")]})
    make.make_agreement(session, branch=kettle.branches[1], prices={product: [(1, "9.75")]})
    assert winning(session, buyer_of(session, kettle, 1), product.id) == ("branch", Decimal("9.75"))
    assert winning(session, buyer_of(session, kettle, 0), product.id) == ("company", Decimal("9.50"))
    assert winning(session, buyer_of(session, other), product.id) == ("list", Decimal("10.00"))


def test_dates_are_half_open_and_inactive_or_foreign_currency_agreements_do_not_count(
    session: Session,
) -> None:
    product = make.make_product(session)
    company = make_company(session)
    start, end = date(2026, 11, 1), date(2026, 12, 1)
    make.make_agreement(session, starts_on=start, ends_on=end, prices={product: [(1, "5.00")]})
    make.make_agreement(session, company=company, is_active=False, prices={product: [(1, "1.00")]})
    make.make_agreement(session, currency="EUR", prices={product: [(1, "2.00")]})
    buyer, price = buyer_of(session, company), ("list", Decimal("5.00"))
    days = (start - timedelta(days=1), start, end - timedelta(days=1), end)
    assert [winning(session, buyer, product.id, day) for day in days] == [None, price, price, None]


def test_a_page_of_products_takes_one_statement(engine: Engine, session: Session) -> None:
    products = [make.make_product(session) for _ in range(30)]
    company = make_company(session)
    steps = [(1, "10.00"), (10, "9.0025")]
    make.make_agreement(session, prices=dict.fromkeys(products, steps))
    agreement = make.make_agreement(session, company=company, prices={products[0]: [(4, "8.00")]})
    buyer = buyer_of(session, company)
    for rules in (False, True):
        if rules:
            make.make_quantity_rule(session, agreement, products[0], min_quantity=4, multiple=4)
        session.rollback()
        with company_scope(session, company.id), counted(engine) as statements:
            ladders = prices_for_buyer(session, buyer, [product.id for product in products], on=TODAY)
        assert len(statements) == 1
    assert len(ladders) == 30
    assert [step.unit_price for step in ladders[products[1].id][0].steps] == [Decimal(10), Decimal("9.0025")]
    assert ladders[products[0].id][0].rule == QuantityRule(4, 4, None)
    assert ladders[products[0].id][1].rule is None
    with company_scope(session, company.id):
        rules_found = quantity_rules_for(session, [products[0].id, products[1].id], ladders)
    assert rules_found == {products[0].id: QuantityRule(4, 4, None), products[1].id: QuantityRule(1, 1, None)}


def test_prices_from_the_buyers_parts_are_the_same(session: Session) -> None:
    product = make.make_product(session)
    make.make_agreement(session, "tier", tier="gold", prices={product: [(1, "9.00")]})
    company = make_company(session, tier="gold")
    with company_scope(session, company.id):
        found = prices_for(
            session,
            company_id=company.id,
            branch_id=None,
            tier="gold",
            currency="USD",
            product_ids=[product.id],
            on=TODAY,
        )
    assert found[product.id][0].steps[0].unit_price == Decimal("9.00")
    assert prices_for_buyer(session, None, [product.id], on=TODAY) == {}


def test_an_explanation_never_names_another_party(session: Session) -> None:
    product = make.make_product(session)
    kettle = make_company(session, tier="gold", branches=("Portland", "Lidham"))
    rival = make_company(session, "Rival")
    make.make_agreement(session, "list", number="PL", prices={product: [(1, "10.00")]})
    make.make_agreement(session, "tier", tier="gold", number="GOLD", prices={product: [(1, "9.00")]})
    make.make_agreement(session, company=kettle, number="KB", prices={product: [(1, "9.50")]})
    make.make_agreement(session, branch=kettle.branches[1], number="KB-L", prices={product: [(1, "1.00")]})
    make.make_agreement(session, company=rival, number="RIVAL", prices={product: [(1, "2.00")]})
    buyer = buyer_of(session, kettle, 0)
    with company_scope(session, kettle.id):
        shown = explain_price(session, buyer, product.id, quantity=1, on=TODAY)
        staff = explain_price(session, buyer, product.id, quantity=1, on=TODAY, for_staff=True)
    assert shown is not None
    assert staff is not None
    assert [ladder.number for ladder in shown.ladders] == ["KB", "PL"]
    assert [ladder.number for ladder in staff.ladders] == ["KB", "GOLD", "PL"]


def test_the_branchs_order_discount_goes_before_the_companys(session: Session) -> None:
    company = make_company(session, branches=("Portland", "Lidham"))
    other = make_company(session, "Other")
    make.make_agreement(
        session, company=company, number="KB", order_discount_bps=200, order_discount_from=5000
    )
    make.make_agreement(session, branch=company.branches[1], number="KB-L", order_discount_bps=100)
    found = []
    for buyer in (buyer_of(session, company, 0), buyer_of(session, company, 1), buyer_of(session, other)):
        assert buyer.company_id is not None
        with company_scope(session, buyer.company_id):
            discount = order_discount_for(session, buyer, on=TODAY)
        found.append((discount.number, discount.bps, discount.from_amount) if discount else None)
    assert found == [("KB", 200, Decimal(5000)), ("KB-L", 100, Decimal(0)), None]


def test_tax_is_the_companys_own(session: Session) -> None:
    company, other = make_company(session), make_company(session, "Other")
    make.make_tax_rate(session, company)
    make.make_tax_rate(session, other, rate_bps=700)
    with company_scope(session, company.id):
        rates = tax_rates_for(session, company.id)
    assert {tax_class: (tax.code, tax.rate_bps) for tax_class, tax in rates.items()} == {
        "standard": ("US-TX", 825)
    }


def test_a_closed_or_foreign_branch_is_no_buyer(session: Session) -> None:
    company, other = make_company(session), make_company(session, "Other")
    with company_scope(session, company.id), pytest.raises(NotFound):
        get_buyer(session, company_id=company.id, branch_id=other.branches[0].id)
    with company_scope(session, company.id), pytest.raises(NotFound):
        get_buyer(session, company_id=other.id)
