"""A move follows the table, writes its history, and of two at once one is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.core.database import run
from app.core.errors import IllegalMove
from app.core.permissions import Actor, Permission, requires
from app.core.states import Machine, StateChange, move
from app.core.tenancy import TenantSession, all_companies, company_scope
from app.domain.catalogue.models import Product
from app.domain.ordering.models import PriceRequest
from tests.factories.two_companies import OTHER, OWN, world

__all__ = ["world"]

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
ASKED = Machine(
    "test_request",
    {("open", "answer"): "answered", ("open", "withdraw"): "withdrawn", ("answered", "reopen"): "open"},
)
SYSTEM = Actor.system("test")


@requires(Permission.ORDER_MANAGE)
def ask(session: Session, actor: Actor) -> int:
    product = session.scalars(select(Product)).one()
    request = PriceRequest(
        number="PR-1", company_id=OWN, branch_id=OWN, product_id=product.id, quantity=1,
        asked_by_name="Mara Vint", created_at=NOW,
    )  # fmt: skip
    session.add(request)
    session.flush()
    return request.id


@requires(Permission.ORDER_MANAGE)
def move_request(session: Session, actor: Actor, request_id: int, event: str) -> str:
    request = session.get_one(PriceRequest, request_id)
    return move(session, ASKED, request, event, actor=actor, now=NOW, reason="because")


def state_of(session: Session, request_id: int) -> tuple[str, list[tuple[str | None, str]]]:
    session.rollback()
    with all_companies(session, reason="test"):
        state = session.scalars(select(PriceRequest.state).where(PriceRequest.id == request_id)).one()
        history = session.execute(
            select(StateChange.from_state, StateChange.to_state).order_by(StateChange.id)
        ).all()
    return state, [tuple(row) for row in history]


def test_the_table_says_what_is_possible() -> None:
    assert ASKED.events_from("open") == ("answer", "withdraw")
    assert ASKED.events_from("withdrawn") == ()
    assert ASKED.target("answered", "reopen") == "open"


def test_a_move_changes_the_state_and_appends_to_the_history(world: Session) -> None:
    request_id = run(world, ask, SYSTEM)

    assert run(world, move_request, SYSTEM, request_id, "answer") == "answered"
    assert run(world, move_request, SYSTEM, request_id, "reopen") == "open"

    assert state_of(world, request_id) == ("open", [("open", "answered"), ("answered", "open")])


def test_history_belongs_to_the_subjects_company(world: Session) -> None:
    run(world, move_request, SYSTEM, run(world, ask, SYSTEM), "answer")

    for company_id, rows in ((OWN, 1), (OTHER, 0)):
        with company_scope(world, company_id):
            assert len(world.scalars(select(StateChange.id)).all()) == rows


def test_an_event_the_table_does_not_know_is_refused_and_nothing_changes(world: Session) -> None:
    request_id = run(world, ask, SYSTEM)

    with pytest.raises(IllegalMove) as refusal:
        run(world, move_request, SYSTEM, request_id, "reopen")

    assert refusal.value.details == {"machine": "test_request", "state": "open", "event": "reopen"}
    assert state_of(world, request_id) == ("open", [])


def test_of_two_people_who_saw_the_same_state_the_second_is_refused(world: Session, engine: Engine) -> None:
    request_id = run(world, ask, SYSTEM)

    @requires(Permission.ORDER_MANAGE)
    def move_what_was_seen(session: Session, actor: Actor) -> None:
        with TenantSession(bind=engine) as earlier, all_companies(earlier, reason="test"):
            seen = earlier.get_one(PriceRequest, request_id)
            earlier.expunge(seen)
        move(session, ASKED, seen, "answer", actor=actor, now=NOW)

    @requires(Permission.ORDER_MANAGE)
    def move_twice(session: Session, actor: Actor) -> None:
        with TenantSession(bind=engine) as earlier, all_companies(earlier, reason="test"):
            seen = earlier.get_one(PriceRequest, request_id)
        move_request(session, actor, request_id, "withdraw")
        session.flush()
        move(session, ASKED, seen, "answer", actor=actor, now=NOW)

    with pytest.raises(IllegalMove):
        run(world, move_twice, SYSTEM)
    assert state_of(world, request_id) == ("open", [])

    run(world, move_what_was_seen, SYSTEM)
    assert state_of(world, request_id) == ("answered", [("open", "answered")])
