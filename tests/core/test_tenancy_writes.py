"""No company writes for another, whichever way SQLAlchemy offers, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import (
    delete,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import (
    Session,
    make_transient_to_detached,
)

from app.core.database import writing
from app.core.errors import ScopeViolated, WriteOutsideRun
from app.core.tenancy import all_companies, company_scope
from app.domain.accounts.models import Branch, EndCustomer, User
from app.domain.catalogue.models import Category, Product
from app.domain.ordering.models import Cart, CartLine
from tests.factories.two_companies import NOW, OTHER, OWN, world

__all__ = ["world"]

BRANCHES = Branch.__table__


def _other(session: Session, model: type[Any] = Branch) -> Any:
    with all_companies(session, reason="test"):
        return session.scalars(select(model).where(model.id == OTHER)).one()


def _dialect(session: Session) -> Any:
    return sqlite if session.get_bind().dialect.name == "sqlite" else postgresql


def _upsert_over_other(session: Session) -> None:
    values = {"id": OTHER, "name": "x", "company_id": OWN}
    statement = _dialect(session).insert(Branch).values(values)
    session.execute(statement.on_conflict_do_update(index_elements=["id"], set_={"name": "x"}))


def _change_other(session: Session) -> None:
    _other(session).city = "Elsewhere"
    session.flush()


def _take_over(session: Session) -> None:
    _other(session).company_id = OWN
    session.flush()


def _give_away(session: Session) -> None:
    session.scalars(select(Branch)).one().company_id = OTHER
    session.flush()


def _delete_other(session: Session) -> None:
    session.delete(_other(session, CartLine))
    session.flush()


def _add_for_other(session: Session) -> None:
    session.add(Branch(name="new", company_id=OTHER))
    session.flush()


def _attach(session: Session) -> None:
    forged = Branch(id=OTHER, name="forged", company_id=OWN)
    make_transient_to_detached(forged)
    session.add(forged)
    forged.city = "Elsewhere"
    session.flush()


def _merge(session: Session) -> None:
    session.merge(Branch(id=OTHER, name="forged", company_id=OTHER))
    session.flush()


def execute(statement: Any, *parameters: Any) -> Callable[[Session], Any]:
    return lambda session: session.execute(
        statement.execution_options(synchronize_session=False), *parameters
    )


REFUSED_WRITES: dict[str, Callable[[Session], Any]] = {
    "adding a row": _add_for_other,
    "changing a row in hand": _change_other,
    "deleting a row in hand": _delete_other,
    "taking a row over": _take_over,
    "giving a row away": _give_away,
    "merging a row": _merge,
    "attaching a forged row": _attach,
    "insert": execute(insert(Branch).values(name="x", company_id=OTHER)),
    "insert of several": execute(
        insert(Branch), [{"name": "x", "company_id": OWN}, {"name": "x", "company_id": OTHER}]
    ),
    "insert into the Core table": execute(insert(BRANCHES).values(name="x", company_id=OTHER)),
    "insert from select": execute(
        insert(Branch).from_select(["name", "company_id"], select(Branch.name, literal(OTHER)))
    ),
    "insert elsewhere from another company's row": execute(
        insert(Category).values(name=select(BRANCHES.c.name).limit(1).scalar_subquery(), slug="x")
    ),
    "upsert over another company's row": _upsert_over_other,
    "update of the owner": execute(update(Branch).values(company_id=OTHER)),
    "update of the owner by parameter": execute(update(Branch), {"company_id": OTHER}),
    "update by keys": lambda session: session.execute(update(Branch), [{"id": OTHER, "city": "x"}]),
    "update of the Core table": execute(update(BRANCHES).values(city="x")),
    "update from another company's row": execute(
        update(Product).where(Branch.id == OTHER).values(name=Branch.name)
    ),
    "delete from the Core table": execute(delete(CartLine.__table__)),
    "a write inside a select": execute(
        select(update(Branch).values(city="x").returning(Branch.name).cte().c.name)
    ),
    "bulk_save_objects": lambda session: session.bulk_save_objects([Branch(name="x", company_id=OTHER)]),
    "bulk_insert_mappings": lambda session: session.bulk_insert_mappings(
        Branch, [{"name": "x", "company_id": OTHER}]
    ),
    "bulk_update_mappings": lambda session: session.bulk_update_mappings(
        Branch, [{"id": OTHER, "city": "x"}]
    ),
}


def _everything(session: Session) -> list[Any]:
    session.rollback()
    session.expunge_all()
    with all_companies(session, reason="test"):
        return [
            sorted(map(repr, session.execute(select(model.__table__)).all()))
            for model in (Branch, Cart, CartLine, Product, Category)
        ]


@pytest.mark.parametrize("way", REFUSED_WRITES)
def test_a_company_cannot_write_for_another_by(world: Session, way: str) -> None:
    before = _everything(world)

    with company_scope(world, OWN), writing(world), pytest.raises(ScopeViolated):
        REFUSED_WRITES[way](world)

    assert _everything(world) == before


def test_updates_and_deletes_reach_own_rows_only(world: Session) -> None:
    with company_scope(world, OWN), writing(world):
        world.execute(update(Branch).values(city="Here"))
        world.execute(update(Cart).where(Cart.branch_id.in_(select(Branch.id))).values(name="mine"))
        world.execute(delete(CartLine).where(CartLine.quantity == 1))
        world.query(Branch).update({"postcode": "1"})
        world.commit()

    with all_companies(world, reason="test"):
        assert world.execute(select(Branch.city, Branch.postcode).order_by(Branch.id)).all() == [
            ("Here", "1"),
            ("", ""),
        ]
        assert world.scalars(select(Cart.name).order_by(Cart.id)).all() == ["mine", "other"]
        assert world.scalars(select(CartLine.company_id)).all() == [OTHER]


def test_a_subquery_in_an_update_reads_own_rows_only(world: Session) -> None:
    with company_scope(world, OWN), writing(world):
        world.execute(update(Product).values(name=select(func.max(Branch.name)).scalar_subquery()))
        assert world.scalars(select(Product.name)).all() == ["own"]


def test_own_rows_are_written_in_every_usual_way(world: Session) -> None:
    with company_scope(world, OWN), writing(world):
        world.add(Branch(id=12, name="second", company_id=OWN))
        world.execute(insert(Branch), [{"id": 13, "name": "third", "company_id": OWN}])
        world.execute(insert(Branch).values(id=14, name="fourth", company_id=OWN))
        world.flush()
        for city in ("Here", "There"):
            world.execute(
                _dialect(world)
                .insert(EndCustomer)
                .values(company_id=OWN, name="Hall", street="", postcode="", city=city, region="")
                .on_conflict_do_update(index_elements=["company_id", "name"], set_={"city": city})
            )
        assert world.scalars(select(EndCustomer.city)).all() == ["There"]
        assert world.scalars(select(Branch.name).order_by(Branch.name)).all() == [
            "fourth", "own", "second", "third",
        ]  # fmt: skip


@pytest.mark.parametrize("scope", ["company", "all"])
def test_a_reading_session_refuses_writes(world: Session, scope: str) -> None:
    entered = company_scope(world, OWN) if scope == "company" else all_companies(world, reason="test")
    with entered:
        with pytest.raises(WriteOutsideRun):
            world.execute(update(Branch).values(city="x"))
        with pytest.raises(WriteOutsideRun):
            world.execute(insert(User).values(email="a", name="a", created_at=NOW))
        world.add(Branch(name="new", company_id=OWN))
        with pytest.raises(WriteOutsideRun):
            world.flush()
