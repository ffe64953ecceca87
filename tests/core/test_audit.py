"""Audit rows are chained afterwards, and a changed, removed or forged row is found by its place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from app.core import audit
from app.core.audit import AuditEntry, AuditSeal
from app.core.database import run, writing
from app.core.permissions import Actor, Permission, requires
from app.core.tenancy import all_companies

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
SYSTEM = Actor.system("test")
SETTLE = timedelta(minutes=2)


@requires(Permission.AUDIT_READ)
def record_rows(session: Session, actor: Actor, count: int, at: datetime) -> None:
    for number in range(count):
        audit.record(
            session, actor, "order.placed", subject_type="order", subject_id=number, now=at,
            before=None, after={"total": "12.50", "name": "Zoë", "lines": [1, 2]},
        )  # fmt: skip


@requires(Permission.AUDIT_READ)
def seal(
    session: Session, actor: Actor, now: datetime, limit: int = 100, look_back: int | None = None
) -> int:
    return audit.seal_entries(session, now=now, settle=SETTLE, limit=limit, look_back=look_back)


def broken(session: Session, batch: int = 3) -> int | None:
    session.rollback()
    session.expunge_all()
    with all_companies(session, reason="test"):
        return audit.first_broken_seal(session, batch=batch)


def tamper(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement))


@pytest.fixture
def chain(session: Session) -> Session:
    run(session, record_rows, SYSTEM, 7, NOW - timedelta(minutes=5))
    assert run(session, seal, SYSTEM, NOW) == 7
    return session


def test_rows_are_sealed_once_oldest_first_and_only_when_settled(session: Session) -> None:
    run(session, record_rows, SYSTEM, 3, NOW - timedelta(minutes=5))
    run(session, record_rows, SYSTEM, 2, NOW - timedelta(minutes=1))

    assert [run(session, seal, SYSTEM, NOW, 2) for _ in range(3)] == [2, 1, 0]
    assert run(session, seal, SYSTEM, NOW + timedelta(minutes=5)) == 2
    with all_companies(session, reason="test"):
        order = session.execute(select(AuditSeal.sequence, AuditSeal.audit_id).order_by(AuditSeal.sequence))
        assert [tuple(row) for row in order] == [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)]


def test_looking_back_a_little_finds_late_rows_and_leaves_far_older_ones_to_the_full_look(
    session: Session,
) -> None:
    run(session, record_rows, SYSTEM, 4, NOW)
    run(session, record_rows, SYSTEM, 6, NOW - timedelta(minutes=5))
    assert run(session, seal, SYSTEM, NOW) == 6
    later = NOW + timedelta(minutes=5)

    assert run(session, seal, SYSTEM, later, 100, 8) == 2
    assert run(session, seal, SYSTEM, later) == 2
    assert broken(session) is None


def test_a_chain_nobody_touched_is_whole(chain: Session) -> None:
    assert broken(chain) is None
    run(chain, record_rows, SYSTEM, 2, NOW)
    run(chain, seal, SYSTEM, NOW + timedelta(minutes=5))
    assert broken(chain) is None


@pytest.mark.parametrize(
    ("statement", "place"),
    [
        ("UPDATE audit_entry SET actor_name = 'somebody else' WHERE id = 4", 4),
        ("UPDATE audit_entry SET action = 'order.read' WHERE id = 1", 1),
        ("UPDATE audit_entry SET subject_id = 99 WHERE id = 7", 7),
        ("UPDATE audit_entry SET request_id = 'x' WHERE id = 2", 2),
        ("UPDATE audit_entry SET after = NULL WHERE id = 5", 5),
        ("DELETE FROM audit_seal WHERE sequence = 3", 3),
        ("UPDATE audit_seal SET digest = 'f00d' WHERE sequence = 6", 6),
    ],
)
def test_what_was_changed_is_found_by_its_place(
    chain: Session, engine: Engine, statement: str, place: int
) -> None:
    tamper(engine, statement)

    assert broken(chain) == place


def test_a_removed_row_is_found(chain: Session, engine: Engine) -> None:
    tamper(engine, "DELETE FROM audit_seal WHERE sequence = 2")
    tamper(engine, "DELETE FROM audit_entry WHERE id = 2")

    assert broken(chain) == 2


def test_a_row_pushed_in_between_is_found(chain: Session, engine: Engine) -> None:
    with writing(chain), all_companies(chain, reason="test"):
        chain.add(AuditEntry(at=NOW, actor_name="x", action="forged", subject_type="order", subject_id=1))
        chain.commit()
    tamper(engine, "UPDATE audit_seal SET audit_id = 8 WHERE sequence = 5")

    assert broken(chain) == 5
