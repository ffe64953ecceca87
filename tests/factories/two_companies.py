"""Two companies with a branch, a cart and a price agreement each, named `own` and `other`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from sqlalchemy.orm import Session

from app.core.database import writing
from app.core.tenancy import all_companies
from app.domain.accounts.models import Branch, Company
from app.domain.catalogue.models import Category, PriceAgreement, Product
from app.domain.ordering.models import Cart, CartLine

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
OWN, OTHER = 1, 2


def fill(session: Session) -> None:
    category = Category(name="Memory", slug="memory")
    session.add(category)
    session.flush()
    session.add(
        Product(
            sku="A-1", sku_key="A-1", name="Thing", name_key="thing", category_id=category.id,
            created_at=NOW, updated_at=NOW,
        )
    )  # fmt: skip
    session.add(
        PriceAgreement(number="everyone", name="", level="list", currency="USD", starts_on=NOW.date())
    )
    for company_id, word in ((OWN, "own"), (OTHER, "other")):
        session.add(
            Company(id=company_id, name=word, name_key=word, number=word, currency="USD", created_at=NOW)
        )
        session.flush()
        session.add(Branch(id=company_id, name=word, company_id=company_id))
        session.flush()
        session.add(
            Cart(
                id=company_id, name=word, company_id=company_id, branch_id=company_id,
                created_at=NOW, updated_at=NOW,
            )
        )  # fmt: skip
        session.add(
            PriceAgreement(
                number=word, name="", level="company", company_id=company_id, currency="USD",
                starts_on=date(2026, 1, 1),
            )
        )  # fmt: skip
        session.flush()
        session.add(
            CartLine(id=company_id, cart_id=company_id, company_id=company_id, product_id=1, quantity=1)
        )


@pytest.fixture
def world(session: Session) -> Iterator[Session]:
    with writing(session), all_companies(session, reason="test data"):
        fill(session)
        session.commit()
        session.expunge_all()
    yield session
    session.rollback()
