"""Each way around a company's scope that SQLAlchemy leaves open is closed here, on both databases.

Company "Own" looks; everything of company "Other" is named with `other`, so a leak shows in the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import (
    column,
    exists,
    func,
    literal,
    literal_column,
    select,
    table,
    text,
    true,
    union,
    union_all,
)
from sqlalchemy.orm import (
    Session,
    aliased,
    contains_eager,
    joinedload,
    selectinload,
    subqueryload,
)

from app.core.database import Base
from app.core.errors import ScopeMissing, ScopeViolated
from app.core.tenancy import Tenant, all_companies, company_scope, read_rows, tenant_tables
from app.domain.accounts.models import Branch, Company, Membership
from app.domain.catalogue.models import PriceAgreement, Product
from app.domain.ordering.models import Cart
from tests.factories.two_companies import OTHER, OWN, world

BRANCHES = Branch.__table__
OtherBranch = aliased(Branch)


__all__ = ["world"]


def rows(statement: Any) -> Callable[[Session], Any]:
    def read(session: Session) -> list[Any]:
        found = [tuple(row) for row in session.execute(statement).all()]
        assert [tuple(row) for row in read_rows(session, statement)] == found
        return found

    return read


def names(statement: Any) -> Callable[[Session], Any]:
    return lambda session: [row.name for row in session.scalars(statement).unique()]


def branches_of_companies(statement: Any) -> Callable[[Session], Any]:
    return lambda session: [
        branch.name for company in session.scalars(statement).unique() for branch in company.branches
    ]


_cte = select(Branch.id, Branch.name).cte("places")
_start = select(Branch.id, Branch.name).where(Branch.id == OWN).cte("walk", recursive=True)
_walk = _start.union_all(select(Branch.id, Branch.name).where(Branch.id == _start.c.id + 1))

READS: dict[str, tuple[Callable[[Session], Any], Any]] = {
    "entities": (names(select(Branch)), ["own"]),
    "attributes": (rows(select(Branch.name)), [("own",)]),
    "an expression": (rows(select(Branch.name + "!")), [("own!",)]),
    "an alias": (rows(select(OtherBranch.name)), [("own",)]),
    "a joined alias": (
        rows(select(Branch.name, OtherBranch.name).outerjoin(OtherBranch, OtherBranch.id != Branch.id)),
        [("own", None)],
    ),
    "a join": (rows(select(Product.sku, Branch.name).join(Branch, true())), [("A-1", "own")]),
    "an outer join": (
        rows(select(Product.sku, Branch.name).outerjoin(Branch, Branch.id == OTHER)),
        [("A-1", None)],
    ),
    "a join along a relationship": (
        rows(select(Company.name, OtherBranch.name).join(Company.branches.of_type(OtherBranch))),
        [("own", "own")],
    ),
    "only a condition": (rows(select(literal(1)).where(Branch.name == "other")), []),
    "a subquery": (rows(select(select(Branch.name).subquery().c.name)), [("own",)]),
    "an entity of a subquery": (names(select(aliased(Branch, select(Branch).subquery()))), ["own"]),
    "a scalar subquery": (
        rows(select(Product.sku, select(func.max(Branch.name)).scalar_subquery())),
        [("A-1", "own")],
    ),
    "in a subquery": (rows(select(Product.sku).where(Product.id.in_(select(Branch.id - 1)))), []),
    "exists": (rows(select(Product.sku).where(exists().where(Branch.name == "other"))), []),
    "exists of an alias": (rows(select(Product.sku).where(exists().where(OtherBranch.name == "other"))), []),
    "any of a relationship": (rows(select(Company.name).where(Company.branches.any())), [("own",)]),
    "union": (rows(union(select(Branch.name), select(Cart.name))), [("own",)]),
    "union in a subquery": (
        rows(select(union_all(select(Branch.name), select(Cart.name)).subquery().c.name)),
        [("own",), ("own",)],
    ),
    "a CTE": (rows(select(_cte.c.name)), [("own",)]),
    "a recursive CTE": (rows(select(_walk.c.name)), [("own",)]),
    "an aggregate": (rows(select(func.count(Branch.id))), [(1,)]),
    "a count of entities": (rows(select(func.count()).select_from(Branch)), [(1,)]),
    "get by id": (lambda session: session.get(Branch, OTHER), None),
    "the legacy query": (lambda session: session.query(Branch).count(), 1),
    "the owner itself": (rows(select(Company.name)), [("own",)]),
    "shared rows beside own": (
        rows(select(PriceAgreement.number).order_by(PriceAgreement.number)),
        [("everyone",), ("own",)],
    ),
    "rows of the vendor": (rows(select(Membership.id)), []),
    "a lazy collection": (branches_of_companies(select(Company)), ["own"]),
    "a joined load": (branches_of_companies(select(Company).options(joinedload(Company.branches))), ["own"]),
    "a select-in load": (
        branches_of_companies(select(Company).options(selectinload(Company.branches))),
        ["own"],
    ),
    "a subquery load": (
        branches_of_companies(select(Company).options(subqueryload(Company.branches))),
        ["own"],
    ),
    "an eager join": (
        branches_of_companies(
            select(Company).join(Company.branches).options(contains_eager(Company.branches))
        ),
        ["own"],
    ),
}

REFUSED_READS: dict[str, Any] = {
    "a Core table": select(BRANCHES.c.name),
    "a Core table joined to a model": select(Product.sku).join(BRANCHES, true()),
    "a Core column beside a model": select(Product.sku, BRANCHES.c.name),
    "a Core alias beside a model": select(Product.sku, BRANCHES.alias().c.name),
    "a Core scalar subquery": select(Product.sku, select(func.max(BRANCHES.c.name)).scalar_subquery()),
    "a Core subquery beside its own model": select(
        Branch.name, select(func.max(BRANCHES.c.name)).scalar_subquery()
    ),
    "a Core column in a function": select(Product.sku, func.lower(BRANCHES.c.name)),
    "a Core column in a window": select(Product.sku, func.row_number().over(order_by=BRANCHES.c.name)),
    "a Core exists": select(Product.sku).where(exists(select(1).select_from(BRANCHES))),
    "a Core part of a union": union(select(Branch.name), select(BRANCHES.c.name)),
    "a Core order": select(Product.sku).order_by(select(func.max(BRANCHES.c.name)).scalar_subquery()),
    "columns replaced by Core ones": select(Branch).with_only_columns(BRANCHES.c.name),
    "a model over a Core subquery": select(aliased(Branch, select(BRANCHES).subquery()).name),
    "a table by its name": select(table("branch", column("name")).c.name),
    "raw text": text("SELECT name FROM branch"),
    "raw text with columns": text("SELECT name FROM branch").columns(Branch.name),
    "from_statement": select(Branch).from_statement(text("SELECT * FROM branch")),
    "from_statement of a union": select(Branch).from_statement(union(select(Branch), select(Branch))),
    "text as a column": select(Product.sku, text("(SELECT max(name) FROM branch)")),
    "text as a source": select(literal_column("name")).select_from(text("branch")),
    "text that undoes the condition": select(Branch.name).where(text("1=1 OR 1=1")),
    "a literal column": select(Product.sku, literal_column("(SELECT max(name) FROM branch)")),
}


@pytest.mark.parametrize("way", READS)
def test_a_company_reads_its_own_rows_only_by(world: Session, way: str) -> None:
    read, expected = READS[way]

    with company_scope(world, OWN):
        assert read(world) == expected


@pytest.mark.parametrize("way", REFUSED_READS)
def test_what_cannot_be_narrowed_to_a_company_is_refused_as(world: Session, way: str) -> None:
    for read in (Session.execute, read_rows):
        with company_scope(world, OWN), pytest.raises(ScopeViolated):
            read(world, REFUSED_READS[way])


@pytest.mark.parametrize("way", ["attributes", "a subquery", "exists", "union", "a CTE", "get by id"])
def test_without_a_scope_nothing_of_a_company_is_read_by(world: Session, way: str) -> None:
    with pytest.raises(ScopeMissing):
        READS[way][0](world)
    with pytest.raises(ScopeMissing):
        read_rows(world, select(Branch.name))


def test_a_statement_serves_one_company_after_another(world: Session) -> None:
    statement = select(Branch.name)
    for company_id, expected in ((OWN, "own"), (OTHER, "other"), (OWN, "own")):
        with company_scope(world, company_id):
            assert world.scalars(statement).all() == [expected]
            assert read_rows(world, statement) == [(expected,)]


@pytest.mark.parametrize("way", REFUSED_READS)
def test_what_was_refused_once_is_refused_again(world: Session, way: str) -> None:
    for _attempt in (1, 2):
        with company_scope(world, OWN), pytest.raises(ScopeViolated):
            world.execute(REFUSED_READS[way])


def test_what_was_read_over_all_companies_is_refused_to_one(world: Session) -> None:
    statement = select(BRANCHES.c.name)
    with all_companies(world, reason="test"):
        assert sorted(world.scalars(statement)) == ["other", "own"]
    with company_scope(world, OWN), pytest.raises(ScopeViolated):
        world.execute(statement)


def test_a_statement_made_from_a_remembered_one_is_looked_at_anew(world: Session) -> None:
    harmless = select(Product.sku)
    with company_scope(world, OWN):
        assert world.scalars(harmless).all() == ["A-1"]
        assert world.execute(harmless.add_columns(Branch.name).join(Branch, true())).all() == [("A-1", "own")]
        with pytest.raises(ScopeViolated):
            world.execute(harmless.add_columns(BRANCHES.c.name))
    with pytest.raises(ScopeMissing):
        world.execute(harmless.where(exists().where(Branch.id == OWN)))


def test_statements_that_differ_by_their_values_alone_keep_their_own(world: Session) -> None:
    with company_scope(world, OWN):
        for branch_id, expected in ((OWN, ["own"]), (OTHER, []), (OWN, ["own"])):
            statement = select(Branch.name).where(Branch.id == branch_id)
            assert world.scalars(statement).all() == expected
            assert [row.name for row in read_rows(world, statement)] == expected


def test_all_companies_reads_everything(world: Session) -> None:
    with all_companies(world, reason="test"):
        assert world.scalars(select(Branch.name).order_by(Branch.id)).all() == ["own", "other"]
        assert world.execute(text("SELECT count(*) FROM branch")).scalar_one() == 2


def test_the_identity_map_does_not_hand_out_another_companys_row(world: Session) -> None:
    with all_companies(world, reason="test"):
        kept = [world.get(Branch, OTHER), world.get(Company, OTHER), world.get(Cart, OWN)]
    assert kept[0] is not None

    with company_scope(world, OWN):
        assert world.get(Branch, OTHER) is None
        assert world.get(Cart, OWN) is kept[2]
    with pytest.raises(ScopeMissing):
        world.get(Branch, OTHER)


def test_the_bare_connection_needs_all_companies(world: Session) -> None:
    with company_scope(world, OWN), pytest.raises(ScopeViolated):
        world.connection()
    with pytest.raises(ScopeViolated):
        world.connection()
    with all_companies(world, reason="test"):
        assert world.connection().execute(select(func.count()).select_from(BRANCHES)).scalar_one() == 2


def test_a_scope_ends_with_its_block_also_when_it_fails(world: Session) -> None:
    with pytest.raises(ZeroDivisionError), company_scope(world, OWN), all_companies(world, reason="test"):
        _ = 1 // 0

    with pytest.raises(ScopeMissing):
        world.execute(select(Branch.name))


def test_models_with_a_company_carry_a_mixin_and_nobody_elses_relationship_leads_to_them() -> None:
    known = set(tenant_tables())
    forgotten = [
        mapper.class_.__name__
        for mapper in Base.registry.mappers
        if "company_id" in mapper.columns and mapper.local_table not in known
    ]
    # A condition is added for models a statement names; a relationship from elsewhere would name none.
    leading_in = [
        str(relationship)
        for mapper in Base.registry.mappers
        if not issubclass(mapper.class_, Tenant)
        for relationship in mapper.relationships
        if issubclass(relationship.mapper.class_, Tenant)
    ]
    assert (forgotten, leading_in) == ([], [])
