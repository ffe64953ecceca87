"""Agreements, ladders, rules, tax, visibility and numbers: what is stored, refused and audited."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.audit import AuditEntry
from app.core.database import run
from app.core.errors import DomainError, InvalidInput, NotFound, PermissionDenied, StaleEdit
from app.core.permissions import ROLE_PERMISSIONS, Actor, Role
from app.core.tenancy import all_companies
from app.domain.catalogue import actions
from app.domain.catalogue.actions import Listing
from app.domain.catalogue.errors import LadderRefused, NumberTaken, QuantityRuleRefused
from app.domain.catalogue.models import (
    AgreementQuantityRule,
    CrossReference,
    CustomerPartNumber,
    PriceAgreement,
    PriceRow,
    TaxRate,
    VisibilityListing,
)
from app.domain.catalogue.quantities import QuantityRule
from tests.factories import catalogue as make
from tests.factories.accounts import make_company
from tests.factories.catalogue import NOW

SALES = Actor(name="Ida Sorrel", permissions=ROLE_PERMISSIONS[Role.VENDOR_SALES])
BUYER = Actor(name="Mara Vint", permissions=ROLE_PERMISSIONS[Role.BUYER], company_id=1)
START = date(2026, 11, 1)


def do(session: Session, action: Any, actor: Actor = SALES, **values: Any) -> Any:
    return run(session, action, actor, **values, now=NOW)


def count(session: Session, model: Any) -> int:
    with all_companies(session, reason="test"):
        return session.scalars(select(func.count()).select_from(model)).one()


def last_audit(session: Session) -> tuple[str, Any, Any]:
    with all_companies(session, reason="test"):
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert entry is not None
    return entry.action, entry.before, entry.after


def new_agreement(session: Session, **values: Any) -> PriceAgreement:
    asked = {
        "number": "PL-1",
        "name": "List",
        "level": "list",
        "currency": "USD",
        "starts_on": START,
        **values,
    }
    agreement: PriceAgreement = do(session, actions.create_agreement, **asked)
    return agreement


def test_an_agreement_of_each_level_is_made_and_audited(session: Session) -> None:
    company = make_company(session)
    new_agreement(session)
    new_agreement(session, number="G", level="tier", tier="gold")
    new_agreement(session, number="C", level="company", company_id=company.id, order_discount_bps=200)
    branch = new_agreement(session, number="B", level="branch", branch_id=company.branches[0].id)
    assert (branch.company_id, branch.branch_id) == (company.id, company.branches[0].id)
    action, before, after = last_audit(session)
    assert (action, before, after["number"], after["starts_on"]) == (
        "price_agreement.created",
        None,
        "B",
        "2026-11-01",
    )


@pytest.mark.parametrize(
    "values,field",
    [
        ({"number": " "}, "number"),
        ({"number": "x" * 41}, "number"),
        ({"name": "a\x00"}, "name"),
        ({"level": "galaxy"}, "level"),
        ({"currency": "usd"}, "currency"),
        ({"currency": "QQQ"}, "currency"),
        ({"ends_on": START}, "ends_on"),
        ({"level": "tier"}, "tier"),
        ({"level": "company"}, "company_id"),
        ({"level": "company", "company_id": 999}, "company_id"),
        ({"level": "branch", "branch_id": 999}, "branch_id"),
        ({"order_discount_bps": 100}, "order_discount_bps"),
        ({"level": "company", "company_id": 1, "order_discount_bps": 10_001}, "order_discount_bps"),
        ({"level": "company", "company_id": 1, "order_discount_from": Decimal("NaN")}, "order_discount_from"),
        ({"level": "company", "company_id": 1, "currency": "EUR"}, "currency"),
    ],
)
def test_a_wrong_agreement_is_refused_beside_its_field(
    session: Session, values: dict[str, Any], field: str
) -> None:
    make_company(session)
    with pytest.raises(InvalidInput) as refused:
        new_agreement(session, **values)
    assert refused.value.field == field
    assert (count(session, PriceAgreement), count(session, AuditEntry)) == (0, 0)


def test_a_number_is_used_once(session: Session) -> None:
    new_agreement(session)
    with pytest.raises(NumberTaken):
        new_agreement(session, name="Another")
    assert count(session, PriceAgreement) == 1


def test_an_agreement_changed_meanwhile_is_not_overwritten(session: Session) -> None:
    agreement = new_agreement(session)
    values = {
        "agreement_id": agreement.id,
        "version": 1,
        "starts_on": START,
        "ends_on": None,
        "order_discount_bps": 0,
        "order_discount_from": Decimal(0),
        "is_active": True,
    }
    changed = do(session, actions.update_agreement, **values, name="Mine")
    assert (changed.name, changed.version) == ("Mine", 2)
    assert [part["name"] for part in last_audit(session)[1:]] == ["List", "Mine"]
    with pytest.raises(StaleEdit):
        do(session, actions.update_agreement, **values, name="Theirs")
    with all_companies(session, reason="test"):
        assert session.scalars(select(PriceAgreement.name)).one() == "Mine"
    with pytest.raises(NotFound):
        do(session, actions.update_agreement, **{**values, "agreement_id": 999}, name="x")


def test_a_ladder_is_replaced_whole(session: Session) -> None:
    product, agreement = make.make_product(session, "S-1"), new_agreement(session)
    target = {"agreement_id": agreement.id, "product_id": product.id}
    do(session, actions.set_price_ladder, **target, steps=[(10, Decimal("9.0025")), (1, Decimal("9.50"))])
    do(session, actions.set_price_ladder, **target, steps=[(1, Decimal("8.00"))])
    rows = session.execute(select(PriceRow.min_quantity, PriceRow.unit_price)).all()
    assert [tuple(row) for row in rows] == [(1, Decimal("8.00"))]
    assert last_audit(session) == (
        "price_ladder.set",
        {"sku": "S-1", "steps": [[1, "9.5"], [10, "9.0025"]]},
        {"sku": "S-1", "steps": [[1, "8.00"]]},
    )
    do(session, actions.set_price_ladder, **target, steps=[])
    assert count(session, PriceRow) == 0


@pytest.mark.parametrize(
    "steps",
    [
        [(0, Decimal(1))],
        [(1_000_000, Decimal(1))],
        [(1, Decimal("-0.01"))],
        [(1, Decimal("1.00001"))],
        [(1, Decimal("Infinity"))],
        [(1, Decimal(10**9))],
        [(1, Decimal(1)), (1, Decimal(2))],
        [(number, Decimal(1)) for number in range(1, 22)],
    ],
)
def test_a_wrong_ladder_changes_nothing(session: Session, steps: list[tuple[int, Decimal]]) -> None:
    product = make.make_product(session)
    agreement = make.make_agreement(session, prices={product: [(1, "5.00")]})
    with pytest.raises(LadderRefused):
        do(
            session,
            actions.set_price_ladder,
            agreement_id=agreement.id,
            product_id=product.id,
            steps=steps,
        )
    assert session.scalars(select(PriceRow.unit_price)).all() == [Decimal("5.00")]


def test_a_quantity_rule_is_set_changed_and_taken_away(session: Session) -> None:
    product, agreement = make.make_product(session, "S-1"), new_agreement(session)
    target = {"agreement_id": agreement.id, "product_id": product.id}
    do(session, actions.set_agreement_quantity_rule, **target, rule=QuantityRule(5, 5, 50))
    do(session, actions.set_agreement_quantity_rule, **target, rule=QuantityRule(2, 2))
    assert last_audit(session)[1:] == (
        {"sku": "S-1", "rule": {"minimum": 5, "multiple": 5, "maximum": 50}},
        {"sku": "S-1", "rule": {"minimum": 2, "multiple": 2, "maximum": None}},
    )
    for wrong in (QuantityRule(0), QuantityRule(1, 0), QuantityRule(5, 4, 6), QuantityRule(1, 1, 10**6)):
        with pytest.raises(QuantityRuleRefused):
            do(session, actions.set_agreement_quantity_rule, **target, rule=wrong)
    assert session.scalars(select(AgreementQuantityRule.min_quantity)).all() == [2]
    do(session, actions.set_agreement_quantity_rule, **target, rule=None)
    assert count(session, AgreementQuantityRule) == 0


def test_a_company_has_one_tax_rate_per_class(session: Session) -> None:
    company = make_company(session)
    do(session, actions.set_tax_rate, company_id=company.id, code="US-TX", rate_bps=825)
    do(session, actions.set_tax_rate, company_id=company.id, code="US-ME", rate_bps=550)
    assert last_audit(session)[1] == {"code": "US-TX", "rate_bps": 825}
    for wrong in ({"rate_bps": -1}, {"rate_bps": 10_001}, {"code": ""}):
        with pytest.raises(InvalidInput):
            do(
                session,
                actions.set_tax_rate,
                **{"company_id": company.id, "code": "X", "rate_bps": 1, **wrong},
            )
    with all_companies(session, reason="test"):
        assert [tuple(row) for row in session.execute(select(TaxRate.code, TaxRate.rate_bps))] == [
            ("US-ME", 550)
        ]


def test_visibility_replaces_mode_and_listings_together(session: Session) -> None:
    product, company = make.make_product(session), make_company(session)
    make.make_listing(session, company, product=product)
    listing = Listing(category_id=product.category_id, ends_on=date(2027, 1, 1), reason="Trial")
    values = {"company_id": company.id, "mode": "only_listed", "listings": [listing]}
    do(session, actions.set_visibility, **values, version=1)
    action, before, after = last_audit(session)
    assert (action, before["mode"], after["mode"], len(before["listings"])) == (
        "visibility.set",
        "all",
        "only_listed",
        1,
    )
    with pytest.raises(StaleEdit):
        do(session, actions.set_visibility, **{**values, "mode": "all"}, version=1)
    with all_companies(session, reason="test"):
        rows = session.execute(select(VisibilityListing.product_id, VisibilityListing.category_id)).all()
    assert [tuple(row) for row in rows] == [(None, product.category_id)]


@pytest.mark.parametrize(
    "values,error",
    [
        ({"mode": "some"}, InvalidInput),
        ({"listings": [Listing()]}, InvalidInput),
        ({"listings": [Listing(product_id=1, category_id=1)]}, InvalidInput),
        ({"listings": [Listing(product_id=999)]}, NotFound),
        ({"listings": [Listing(product_id=1, starts_on=START, ends_on=START)]}, InvalidInput),
        ({"listings": [Listing(product_id=1, reason="x" * 201)]}, InvalidInput),
        ({"listings": [Listing(product_id=1)] * 2001}, InvalidInput),
        ({"company_id": 999}, NotFound),
    ],
)
def test_a_wrong_visibility_changes_nothing(
    session: Session, values: dict[str, Any], error: type[DomainError]
) -> None:
    make.make_product(session)
    company = make_company(session)
    asked = {"company_id": company.id, "version": 1, "mode": "all_except", "listings": [], **values}
    with pytest.raises(error):
        do(session, actions.set_visibility, **asked)
    assert (count(session, VisibilityListing), count(session, AuditEntry)) == (0, 0)


def test_a_companys_number_is_added_once_and_removed(session: Session) -> None:
    first, second = make.make_product(session, "S-1"), make.make_product(session, "S-2")
    company = make_company(session)
    add = actions.add_customer_part_number
    number = do(session, add, company_id=company.id, product_id=first.id, code=" kb-1 ")
    assert (number.code, number.code_key) == ("kb-1", "KB-1")
    with pytest.raises(NumberTaken, match="S-1 already"):
        do(session, add, company_id=company.id, product_id=second.id, code="KB-1")
    for code in ("", "\u200b", "x" * 81, "a\x00"):
        with pytest.raises(InvalidInput):
            do(session, add, company_id=company.id, product_id=second.id, code=code)
    with pytest.raises(NotFound):
        do(session, add, company_id=company.id, product_id=999, code="KB-2")
    do(session, actions.remove_customer_part_number, number_id=number.id)
    assert last_audit(session) == (
        "customer_part_number.removed",
        {"code": "kb-1", "product_id": first.id},
        None,
    )
    assert count(session, CustomerPartNumber) == 0


def test_a_cross_reference_may_stand_for_several_products_but_once_for_each(session: Session) -> None:
    first, second = make.make_product(session, "S-1"), make.make_product(session, "S-2")
    add = actions.add_cross_reference
    reference = do(session, add, product_id=first.id, code="OLD-9", kind="superseded")
    do(session, add, product_id=second.id, code="OLD-9")
    with pytest.raises(NumberTaken):
        do(session, add, product_id=first.id, code="old-9")
    with pytest.raises(InvalidInput):
        do(session, add, product_id=first.id, code="OLD-8", kind="cousin")
    do(session, actions.remove_cross_reference, reference_id=reference.id)
    assert session.scalars(select(CrossReference.product_id)).all() == [second.id]


def test_a_reseller_may_do_none_of_it(session: Session) -> None:
    make_company(session)
    for action in (
        actions.create_agreement,
        actions.update_agreement,
        actions.set_price_ladder,
        actions.set_agreement_quantity_rule,
        actions.set_tax_rate,
        actions.set_visibility,
        actions.add_customer_part_number,
        actions.remove_customer_part_number,
        actions.add_cross_reference,
        actions.remove_cross_reference,
    ):
        with pytest.raises(PermissionDenied):
            do(session, action, BUYER)
