"""A transaction has one owner, and columns take exact amounts and aware moments only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, text
from sqlalchemy.exc import IntegrityError, OperationalError, StatementError
from sqlalchemy.orm import Session

from app.core.database import is_retryable, run, writing
from app.core.errors import NotFound, PermissionDenied, PermissionUndeclared, ScopeViolated, WriteOutsideRun
from app.core.permissions import Actor, Permission, requires
from app.core.tenancy import TenantSession, all_companies
from app.domain.accounts.models import Branch, User
from app.domain.catalogue.models import PriceRow
from tests.factories.two_companies import NOW, OTHER, OWN, world

__all__ = ["world"]

SYSTEM = Actor.system("test")


def add_user(session: Session, email: str) -> User:
    user = User(email=email, name="x", created_at=NOW)
    session.add(user)
    session.flush()
    return user


def emails(session: Session) -> list[str]:
    session.rollback()
    session.expunge_all()
    with all_companies(session, reason="test"):
        return list(session.scalars(select(User.email).order_by(User.email)))


def test_an_action_is_committed_and_its_result_readable_afterwards(session: Session) -> None:
    @requires(Permission.STAFF_MANAGE)
    def act(session: Session, actor: Actor) -> User:
        return add_user(session, "a")

    assert run(session, act, SYSTEM).email == "a"
    assert emails(session) == ["a"]


def test_a_refusal_leaves_nothing_behind(session: Session) -> None:
    @requires(Permission.STAFF_MANAGE)
    def act(session: Session, actor: Actor) -> None:
        add_user(session, "a")
        raise NotFound("gone")

    with pytest.raises(NotFound):
        run(session, act, SYSTEM)
    assert emails(session) == []


def test_the_loser_of_a_race_for_a_unique_value_tries_again_and_finds_the_winners_row(
    session: Session, engine: Engine
) -> None:
    tries: list[str | None] = []

    @requires(Permission.STAFF_MANAGE)
    def find_or_add(session: Session, actor: Actor) -> str:
        found = session.scalars(select(User.name).where(User.email == "a")).one_or_none()
        tries.append(found)
        if found is None:
            if len(tries) == 1:
                session.rollback()  # lets the other in, who would have to wait on SQLite
                with TenantSession(bind=engine) as other, writing(other), all_companies(other, reason="test"):
                    other.add(User(email="a", name="winner", created_at=NOW))
                    other.commit()
            add_user(session, "a")
        return found or "me"

    assert run(session, find_or_add, SYSTEM) == "winner"
    assert tries == [None, "winner"]


def test_after_three_uniqueness_failures_the_fault_is_shown(session: Session) -> None:
    tries = []

    @requires(Permission.STAFF_MANAGE)
    def act(session: Session, actor: Actor) -> None:
        tries.append(1)
        add_user(session, "a")
        add_user(session, "a")

    with pytest.raises(IntegrityError):
        run(session, act, SYSTEM)
    assert (len(tries), emails(session)) == (3, [])


def test_a_check_that_fails_is_not_tried_again(world: Session) -> None:
    tries = []

    @requires(Permission.STAFF_MANAGE)
    def act(session: Session, actor: Actor) -> None:
        tries.append(1)
        session.execute(insert(PriceRow).values(agreement_id=1, product_id=1, min_quantity=0, unit_price=1))

    with pytest.raises(IntegrityError):
        run(world, act, SYSTEM)
    assert tries == [1]


@pytest.mark.parametrize(
    ("state", "message", "expected"),
    [
        ("40001", "could not serialize access", True),
        ("40P01", "deadlock detected", True),
        ("55P03", "lock timeout", True),
        ("57014", "statement timeout", False),
        (None, "database is locked", True),
        (None, "no such table: x", False),
    ],
)
def test_lost_races_are_tried_again_and_other_faults_are_not(
    state: str | None, message: str, expected: bool
) -> None:
    cause = Exception(message)
    if state:
        cause.sqlstate = state  # type: ignore[attr-defined]  # as psycopg's errors have it

    assert is_retryable(OperationalError("SELECT 1", {}, cause)) is expected


def test_an_action_without_a_permission_is_refused(session: Session) -> None:
    def act(session: Session, actor: Actor) -> None:
        add_user(session, "a")

    with pytest.raises(PermissionUndeclared):
        run(session, act, SYSTEM)
    assert emails(session) == []


def test_an_actor_without_the_permission_is_refused(session: Session) -> None:
    @requires(Permission.STAFF_MANAGE)
    def act(session: Session, actor: Actor) -> None:
        add_user(session, "a")

    with pytest.raises(PermissionDenied):
        run(session, act, Actor("Mara", frozenset({Permission.ORDER_READ})))
    assert emails(session) == []


def test_writing_outside_run_is_refused_also_after_a_run(session: Session) -> None:
    @requires(Permission.STAFF_MANAGE)
    def act(session: Session, actor: Actor) -> User:
        return add_user(session, "a")

    user = run(session, act, SYSTEM)
    user.name = "changed"
    with pytest.raises(WriteOutsideRun):
        session.flush()
    assert emails(session) == ["a"]


def test_the_scope_is_the_actors_company(world: Session) -> None:
    @requires(Permission.ORDER_READ)
    def names(session: Session, actor: Actor) -> list[str]:
        return list(session.scalars(select(Branch.name).order_by(Branch.id)))

    @requires(Permission.ORDER_READ)
    def add_for(session: Session, actor: Actor, company_id: int) -> None:
        session.add(Branch(id=20 + company_id, name="new", company_id=company_id))

    own = Actor("Mara", frozenset({Permission.ORDER_READ}), company_id=OWN)
    assert run(world, names, own) == ["own"]
    assert run(world, names, SYSTEM) == ["own", "other"]
    with pytest.raises(ScopeViolated):
        run(world, add_for, own, OTHER)
    run(world, add_for, own, OWN)
    assert run(world, names, SYSTEM) == ["own", "other", "new"]


def test_the_database_itself_refuses_a_write_of_a_reading_session_on_postgres(
    session: Session, engine: Engine
) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no read-only transaction; the session refuses by itself")
    with all_companies(session, reason="test"), pytest.raises(Exception, match="read-only transaction"):
        session.execute(text("INSERT INTO number_range (name, next_value) VALUES ('x', 1)"))


@pytest.mark.parametrize("amount", [1.5, Decimal("1.00001"), Decimal("NaN")])
def test_amounts_are_exact_decimals_of_four_places(world: Session, amount: Any) -> None:
    with writing(world), all_companies(world, reason="test"), pytest.raises(StatementError):
        world.execute(insert(PriceRow).values(agreement_id=1, product_id=1, unit_price=amount))


def test_amounts_come_back_as_they_went_in(world: Session) -> None:
    amounts = [Decimal("0.0335"), Decimal("19.99"), Decimal("0"), Decimal("900000000000.1234")]
    with writing(world), all_companies(world, reason="test"):
        for step, amount in enumerate(amounts, start=1):
            world.add(PriceRow(agreement_id=1, product_id=1, min_quantity=step, unit_price=amount))
        world.commit()
        world.expunge_all()
        assert world.scalars(select(PriceRow.unit_price).order_by(PriceRow.min_quantity)).all() == amounts


def test_naive_moments_are_refused_and_aware_ones_come_back_in_utc(session: Session) -> None:
    with writing(session), all_companies(session, reason="test"):
        with pytest.raises(StatementError):
            session.execute(insert(User).values(email="a", name="a", created_at=datetime(2026, 11, 24)))
        session.rollback()
        berlin = timezone(timedelta(hours=1))
        session.add(User(email="b", name="b", created_at=datetime(2026, 11, 24, 10, 30, tzinfo=berlin)))
        session.commit()
        session.expunge_all()
        stored = session.scalars(select(User.created_at)).one()
    assert (stored, stored.tzinfo) == (datetime(2026, 11, 24, 9, 30, tzinfo=UTC), UTC)
