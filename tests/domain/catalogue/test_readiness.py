"""What a company lacks until its first order: the rule, and how it is read."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.core.database import writing
from app.core.permissions import Role
from app.core.tenancy import all_companies
from app.domain.accounts.models import Branch, Company
from app.domain.accounts.queries import list_companies
from app.domain.catalogue.readiness import Facts, Gap, gaps_of, is_ready, read_facts
from tests.factories.accounts import make_company, make_person
from tests.factories.catalogue import (
    TODAY,
    make_agreement,
    make_listing,
    make_product,
    make_tax_rate,
)

READY = Facts(*(True for _fact in fields(Facts)))


def test_nothing_is_missing_where_every_fact_holds() -> None:
    assert gaps_of(READY) == ()


@pytest.mark.parametrize(
    ("fact", "gap"),
    [
        ("has_branch", Gap.BRANCH),
        ("has_address", Gap.ADDRESS),
        ("has_prices", Gap.PRICES),
        ("sees_products", Gap.VISIBILITY),
        ("has_tax_rate", Gap.TAX),
        ("has_administrator", Gap.ADMINISTRATOR),
        ("has_accepted", Gap.ACCEPTANCE),
    ],
)
def test_each_missing_fact_is_one_gap(fact: str, gap: Gap) -> None:
    assert gaps_of(replace(READY, **{fact: False})) == (gap,)


def test_what_follows_from_another_gap_is_not_said_twice() -> None:
    none = Facts(*(False for _fact in fields(Facts)))
    assert gaps_of(none) == (Gap.BRANCH, Gap.PRICES, Gap.VISIBILITY, Gap.TAX, Gap.ADMINISTRATOR)


def gaps(session: Session, company: Company, on: date = TODAY) -> set[Gap]:
    session.rollback()
    with all_companies(session, reason="test"):
        return set(gaps_of(read_facts(session, company.id, on=on)))


def change(session: Session, model: type, **values: object) -> None:
    with writing(session), all_companies(session, reason="test data"):
        session.execute(update(model).values(**values))
        session.commit()


def ready_company(session: Session) -> Company:
    company = make_company(session, tier="gold")
    make_person(session, company, Role.RESELLER_ADMIN)
    make_tax_rate(session, company)
    product = make_product(session, "A-1")
    make_agreement(session, prices={product: [(1, "1.00")]})
    return company


def test_a_company_with_everything_is_ready_and_found_so_in_the_list(session: Session) -> None:
    ready_company(session)
    bare = make_company(session, "Bare", currency="EUR")
    with all_companies(session, reason="test"):
        page = list_companies(session, also=[is_ready(TODAY).label("is_ready")])
        assert [(row.name, bool(row.is_ready)) for row in page.items] == [
            ("Bare", False),
            ("Kettle & Byte", True),
        ]
        unready = list_companies(session, condition=~is_ready(TODAY))
        assert [row.id for row in unready.items] == [bare.id]
    assert gaps(session, bare) == {Gap.PRICES, Gap.TAX, Gap.ADMINISTRATOR}


def test_a_branch_without_street_or_a_closed_one_does_not_do(session: Session) -> None:
    company = ready_company(session)
    change(session, Branch, street="")
    assert gaps(session, company) == {Gap.ADDRESS}
    change(session, Branch, street="1 Mill Lane", is_active=False)
    assert gaps(session, company) == {Gap.BRANCH}


def test_prices_count_where_they_reach_the_company_on_the_day(session: Session) -> None:
    company = make_company(session, tier="gold")
    product = make_product(session, "A-1")
    make_agreement(session)
    assert Gap.PRICES in gaps(session, company), "a list without a price"
    make_agreement(session, "tier", tier="silver", prices={product: [(1, "1.00")]})
    make_agreement(session, currency="EUR", prices={product: [(1, "1.00")]})
    assert Gap.PRICES in gaps(session, company), "another tier, another currency"
    tomorrow = date(2026, 11, 25)
    make_agreement(session, company=company, starts_on=tomorrow, prices={product: [(1, "1.00")]})
    assert Gap.PRICES in gaps(session, company), "not yet in force"
    assert Gap.PRICES not in gaps(session, company, on=tomorrow)


def test_only_listed_needs_a_listing_in_force(session: Session) -> None:
    company = ready_company(session)
    change(session, Company, visibility_mode="only_listed")
    assert gaps(session, company) == {Gap.VISIBILITY}
    make_listing(session, company, product=make_product(session, "A-2"))
    assert gaps(session, company) == set()


def test_an_administrator_who_has_not_accepted_is_another_gap_than_none(session: Session) -> None:
    company = make_company(session)
    make_person(session, company, Role.BUYER)
    assert Gap.ADMINISTRATOR in gaps(session, company)
    make_person(session, company, Role.RESELLER_ADMIN, password=None)
    assert Gap.ACCEPTANCE in gaps(session, company)
    make_person(session, company, Role.RESELLER_ADMIN)
    assert not gaps(session, company) & {Gap.ADMINISTRATOR, Gap.ACCEPTANCE}
