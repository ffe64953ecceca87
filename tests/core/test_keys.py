"""A list of keys as one parameter, and rows as one document."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.core import batches
from app.core.database import Amount, BigInt
from app.core.keys import among
from app.core.tenancy import read_rows
from app.domain.catalogue.models import Product
from tests.domain.catalogue.statements import counted
from tests.factories import catalogue as make


def test_rows_of_some_keys_are_read_by_the_same_statement_however_many(
    engine: Engine, session: Session
) -> None:
    products = [make.make_product(session) for _ in range(5)]
    statement = select(Product.id).where(among(Product.id, "ids")).order_by(Product.id)
    ids = [product.id for product in products]
    with counted(engine) as statements:
        for wanted in (ids, ids[1:3], [], [ids[0], 10**12]):
            found = [row[0] for row in read_rows(session, statement, {"ids": wanted})]
            assert found == [key for key in wanted if key in ids]
    assert len(set(statements)) == 1


def test_a_document_holds_values_as_their_columns_store_them(engine: Engine) -> None:
    columns = {"id": BigInt, "amount": Amount(), "name": Product.__table__.c.name.type}
    rows = [
        {"id": 1, "amount": Decimal("9.0025"), "name": 'ä "\u2028'},
        {"id": 2, "amount": None, "name": ""},
    ]
    document = batches.document_of(columns, rows, engine.dialect)
    assert (
        document
        == '[{"id": 1, "amount": 90025, "name": "ä \\"\u2028"}, {"id": 2, "amount": null, "name": ""}]'
    )
    assert (
        batches.document_of({"on": BigInt}, [{"on": date(2026, 11, 24)}], engine.dialect)
        == '[{"on": "2026-11-24"}]'
    )
    with pytest.raises(TypeError):
        batches.document_of({"on": BigInt}, [{"on": object()}], engine.dialect)
