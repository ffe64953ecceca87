"""Tables' base, column types, engine settings, and `run`: the one owner of a transaction."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, ClassVar, Concatenate, ParamSpec, TypeVar

from sqlalchemy import (
    JSON,
    BigInteger,
    Date,
    DateTime,
    Dialect,
    Engine,
    Integer,
    MetaData,
    String,
    event,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator

from app.core.errors import PermissionUndeclared
from app.core.permissions import Actor, required_permission

P = ParamSpec("P")
R = TypeVar("R")

#: Amounts are stored as integers of this many per unit of currency.
AMOUNT_SCALE = 10_000

#: 64-bit keys on PostgreSQL; SQLite only numbers rows by itself for INTEGER.
BigInt = BigInteger().with_variant(Integer(), "sqlite")
#: JSON that PostgreSQL can index.
Json = JSON().with_variant(JSONB(), "postgresql")


class Amount(TypeDecorator[Decimal]):
    """An exact decimal of up to four places, stored as integer x 10^4 (SQLite's NUMERIC is a float)."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | int | None, dialect: Dialect) -> int | None:
        if value is None:
            return None
        if isinstance(value, float):
            raise TypeError("amounts are Decimal, never float")
        scaled = Decimal(value) * AMOUNT_SCALE
        if scaled != scaled.to_integral_value():
            raise ValueError(f"{value} has more than four decimals")
        return int(scaled)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value) / AMOUNT_SCALE


class UTCDateTime(TypeDecorator[datetime]):
    """An aware moment, stored in UTC. Naive values are refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs its time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of every table; constraint names are fixed so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        int: BigInt,
        str: String(),
        Decimal: Amount,
        datetime: UTCDateTime,
        date: Date(),
        dict[str, Any]: Json,
        list[Any]: Json,
    }


def configure_engine(engine: Engine) -> None:
    """Install the per-connection settings of the engine's database; call once per engine."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _on_sqlite_connect)
        event.listen(engine, "begin", _on_sqlite_begin)
    elif engine.dialect.name == "postgresql":
        event.listen(engine, "connect", _on_postgres_connect)
        _end_reading_by_commit(engine.dialect)


def _on_sqlite_connect(connection: Any, record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout = 10000")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")  # NORMAL may lose an acknowledged order on power loss
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _on_sqlite_begin(connection: Connection) -> None:
    readonly = connection.get_execution_options().get("readonly", False)
    connection.exec_driver_sql("BEGIN" if readonly else "BEGIN IMMEDIATE")


def _on_postgres_connect(connection: Any, record: ConnectionPoolEntry) -> None:
    autocommit, connection.autocommit = connection.autocommit, True
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '5s'")
        cursor.execute("SET statement_timeout = '30s'")
        cursor.execute("SET idle_in_transaction_session_timeout = '60s'")
    connection.autocommit = autocommit


def _end_reading_by_commit(dialect: Any) -> None:
    """End read-only transactions, which have nothing to take back, by a commit.

    At a rollback psycopg forgets its prepared statements, so that every page would have all of its
    statements parsed and planned anew.
    """
    roll_back = dialect.do_rollback

    def do_rollback(connection: Any) -> None:
        driver = getattr(connection, "driver_connection", connection)
        if driver.read_only and driver.info.transaction_status.name == "INTRANS":
            driver.commit()
        else:
            roll_back(connection)

    dialect.do_rollback = do_rollback


def is_retryable(error: DBAPIError) -> bool:
    """Whether the same action may succeed when tried again: a lost race, not a fault of the input."""
    if isinstance(error, IntegrityError):
        return _is_unique_violation(error)
    if isinstance(error, OperationalError):
        state = getattr(error.orig, "sqlstate", None)
        text = str(error.orig)
        return state in {"40001", "40P01", "55P03"} or "database is locked" in text
    return False


def _is_unique_violation(error: IntegrityError) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    return state == "23505" or "UNIQUE constraint failed" in str(error.orig)


def begin_snapshot(session: Session) -> None:
    """Begin a reading in which all statements see one moment; for long ones, inside `all_companies`.

    SQLite's transactions do so by themselves.
    """
    session.rollback()
    if session.get_bind().dialect.name == "postgresql":
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        # Whoever takes the rows away slowly is no reason to end the transaction.
        session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))


@contextmanager
def writing(session: Session) -> Iterator[None]:
    """Let `session` write until the block ends. For `run`, the commands' batches and tests' factories."""
    before = session.info.get("readonly", True)
    session.info["readonly"] = False
    try:
        yield
    finally:
        session.info["readonly"] = before


def is_writing(session: Session) -> bool:
    """Whether the session may write now, so that rows can be locked for it."""
    return not session.info.get("readonly", True)


def run(
    session: Session,
    action: Callable[Concatenate[Session, Actor, P], R],
    actor: Actor,
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> R:
    """Run `action` in one transaction of its own: begin, commit, or roll back.

    A uniqueness or serialization failure is tried again, three times in all, so the loser of a race
    finds the winner's row. Actions take ids and values, never rows loaded before. The scope is the
    actor's company; the vendor's own staff, jobs and commands work over all companies.

    :raises PermissionUndeclared: the action declares no permission.
    """
    from app.core.tenancy import all_companies, company_scope

    if required_permission(action) is None:
        raise PermissionUndeclared(f"{action.__module__}.{action.__qualname__} has no @requires")
    name = action.__qualname__
    for attempt in (1, 2, 3):
        session.rollback()
        session.expunge_all()
        scope = (
            all_companies(session, reason=f"{actor.name}: {name}")
            if actor.company_id is None
            else company_scope(session, actor.company_id)
        )
        try:
            with writing(session), scope:
                result = action(session, actor, *args, **kwargs)
                session.commit()
                return result
        except DBAPIError as error:
            session.rollback()
            if attempt == 3 or not is_retryable(error):
                raise
            time.sleep(random.uniform(0.005, 0.05) * attempt)  # noqa: S311 - jitter, not a secret
        except BaseException:
            session.rollback()
            raise
    raise AssertionError("unreachable")
