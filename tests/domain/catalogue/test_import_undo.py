"""A run of products is taken back whole, or not at all with what stands in the way."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select

from app.core.audit import AuditEntry
from app.core.database import run, writing
from app.core.imports import runs
from app.core.imports.models import ImportChange, ImportRun
from app.core.imports.runs import AnotherRunActive
from app.core.imports.undo import NotUndoable, undo_run
from app.core.imports.undoing import CannotUndo
from app.core.tenancy import all_companies
from app.domain.catalogue.listing import ProductQuery, list_products
from app.domain.catalogue.models import Attribute, Category, CrossReference, Product, ProductAttribute
from tests.domain.catalogue.test_imports import ACTOR, KIND, LAMPS, NOW, Importer, Stop, prices, rows
from tests.factories.accounts import make_vendor
from tests.factories.catalogue import TODAY

SKUS = """sku,name,category,price,brand,colour
A-1,Desk lamp,Lamps,10,Acme,Black
A-2,Floor lamp,Lamps,20,Acme,White
"""


@pytest.fixture
def importer(session, tmp_path):
    make_vendor(session)
    return Importer(session, tmp_path)


def last_run(session: Any) -> int:
    return session.scalar(select(func.max(ImportRun.id)))


def undo(session: Any, run_id: int) -> None:
    run(session, undo_run, ACTOR, run_id=run_id, kind=KIND, now=NOW)


def stored(session: Any) -> list[tuple[Any, ...]]:
    return rows(
        session,
        select(Product.sku, Product.name, Product.brand, Category.slug, Product.summary)
        .join(Category, Category.id == Product.category_id)
        .order_by(Product.sku),
    )


def found(session: Any, text: str) -> list[str]:
    session.rollback()
    with all_companies(session, reason="test"):
        return [
            row.sku for row in list_products(session, None, query=ProductQuery(text=text), on=TODAY).items
        ]


def test_new_products_go_with_their_prices_attributes_categories_and_search(importer, session):
    importer(LAMPS)
    undo(session, last_run(session))
    for model in (Product, ProductAttribute, Attribute, Category):
        assert rows(session, select(func.count()).select_from(model)) == [(0,)]
    assert prices(session) == []
    assert found(session, "lamp") == []
    run_row = session.get(ImportRun, last_run(session), populate_existing=True)
    assert (run_row.state, run_row.undone_by, run_row.undone_at) == ("undone", "test", NOW)
    [(after,)] = rows(session, select(AuditEntry.after).where(AuditEntry.action == "import.undone"))
    assert after["file"] == "desk-lamp.csv"


def test_changed_products_get_their_values_back(importer, session):
    importer(SKUS, "parts.csv")
    before = stored(session)
    changed = SKUS.replace("Desk lamp,Lamps,10,Acme,Black", "Zebra,Lights,11,Other,Green")
    assert importer(changed, "parts.csv") == (0, 1, 1, 0)
    assert found(session, "zebra") == ["A-1"]
    undo(session, last_run(session))
    assert stored(session) == before
    assert prices(session) == [("Desk lamp", "10.00"), ("Floor lamp", "20.00")]
    assert (found(session, "zebra"), found(session, "desk")) == ([], ["A-1"])
    assert rows(session, select(Category.slug)) == [("lamps",)]


@pytest.mark.parametrize("what", ["name", "reference"])
def test_nothing_is_taken_back_where_one_product_was_changed_or_is_used(importer, session, what):
    importer(SKUS, "parts.csv")
    run_id = last_run(session)
    with writing(session), all_companies(session, reason="test"):
        product = session.scalars(select(Product).where(Product.sku == "A-1")).one()
        if what == "name":
            product.name, product.version = "Other lamp", product.version + 1
        else:
            session.add(CrossReference(product_id=product.id, code="X", code_key="X"))
        session.commit()
    message = "A-1 was changed" if what == "name" else "A-1 is in use: cross reference refers to it"
    with pytest.raises(CannotUndo, match=message):
        undo(session, run_id)
    assert [row[0] for row in stored(session)] == ["A-1", "A-2"]
    assert len(prices(session)) == 2
    assert session.get(ImportRun, run_id, populate_existing=True).state == "done"


def test_a_run_that_went_on_after_a_kill_is_undone_as_one(importer, session):
    text = "name,price,size\n" + "".join(f"Lamp,{number}.5,{number}\n" for number in range(1, 12))
    run_id = importer.open()
    with pytest.raises(Stop):
        importer.take(run_id, [importer.plan(text)], stop_after=6)
    importer.take(run_id, [importer.plan(text)])
    assert rows(session, select(func.count()).select_from(Product)) == [(11,)]
    seqs = [row[0] for row in rows(session, select(ImportChange.seq).order_by(ImportChange.seq))]
    assert seqs == list(range(len(seqs)))
    undo(session, run_id)
    assert rows(session, select(func.count()).select_from(Product)) == [(0,)]
    with pytest.raises(NotUndoable):
        undo(session, run_id)


def test_a_run_is_not_undone_while_another_of_its_kind_stores_rows(importer, session):
    importer(SKUS, "parts.csv")
    first = last_run(session)
    other = importer.open()
    run(session, runs.begin_run, ACTOR, run_id=other, now=NOW)
    with writing(session):
        session.get(ImportRun, other).process = "elsewhere:1"
        session.commit()
    with pytest.raises(AnotherRunActive):
        undo(session, first)
    assert len(stored(session)) == 2


def test_a_category_that_later_products_are_in_stays(importer, session):
    importer(SKUS, "parts.csv")
    first = last_run(session)
    importer(SKUS.splitlines()[0] + "\nA-3,Wall lamp,Lamps,30,Acme,Red\n", "parts.csv")
    undo(session, first)
    assert [row[0] for row in stored(session)] == ["A-3"]
    assert rows(session, select(Category.slug)) == [("lamps",)]
