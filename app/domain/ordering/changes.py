"""Every change of orders has a number, so that whoever takes them away asks only for what is new.

The number is taken as the last thing before the commit, and its lock is held until then: a number that can
be read has none below it still to come. (Numbers or times taken earlier would be committed out of order,
and an order that was slow to be stored would be passed over for good.) All orders of one transaction get
the same number. What was changed is noted by itself: rows through the session, and the orders that an
update by condition meets, which are looked up beforehand.

Heads are locked before the number, so that nobody who has it waits for anybody.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import event, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import ORMExecuteState, Session
from sqlalchemy.sql import Delete, Insert, Update

from app.core.errors import ProgrammingFault
from app.core.sequences import NumberRange
from app.core.tenancy import TenantSession, all_companies
from app.domain.ordering.models import Order, OrderDiscount, OrderHold, OrderLine

RANGE = "changes of orders"
#: Execution option of statements whose orders the caller notes, or that change nothing of an order.
NOTED = "orders_are_noted"

_CHANGED, _NUMBER, _NUMBERED = "changed_orders", "change_number", "numbered_orders"
_BATCH = 500
#: What names the order in each of its tables.
_KEYS: dict[str, Any] = {
    Order.__tablename__: Order.id,
    OrderLine.__tablename__: OrderLine.order_id,
    OrderDiscount.__tablename__: OrderDiscount.order_id,
    OrderHold.__tablename__: OrderHold.order_id,
}


def note_changed(session: Session, order_ids: Iterable[int]) -> None:
    """These orders change in the present transaction."""
    session.info.setdefault(_CHANGED, set()).update(order_ids)


def note_number(session: Session, number: int) -> None:
    """The number of the present transaction was taken already, together with others."""
    session.info[_NUMBER] = number


def last_change(session: Session) -> int:
    """The highest number given so far: whoever reads orders after it has every change up to it."""
    found = session.scalar(select(NumberRange.next_value).where(NumberRange.name == RANGE))
    return (found or 1) - 1


@event.listens_for(TenantSession, "after_flush")
def _note_rows(session: Session, context: Any) -> None:
    for row in [*session.new, *session.dirty, *session.deleted]:
        if not isinstance(row, Order | OrderLine | OrderDiscount | OrderHold):
            continue
        if isinstance(row, Order) and row in session.new and row.change_number:
            session.info.setdefault(_NUMBERED, set()).add(row.id)
        elif row not in session.dirty or session.is_modified(row):
            note_changed(session, [row.id if isinstance(row, Order) else row.order_id])


@event.listens_for(TenantSession, "do_orm_execute")
def _note_statement(state: ORMExecuteState) -> None:
    statement: Any = state.statement
    if not isinstance(statement, Insert | Update | Delete) or state.execution_options.get(NOTED):
        return
    key = _KEYS.get(getattr(statement.table, "name", ""))
    if key is None:
        return
    if isinstance(statement, Insert):
        _note_insert(state)
    elif isinstance(state.parameters, list | tuple):
        raise ProgrammingFault("note the orders that a bulk write changes")
    else:
        met = select(key).where(*statement._where_criteria)
        note_changed(state.session, state.session.scalars(met, state.parameters or {}))


def _note_insert(state: ORMExecuteState) -> None:
    statement: Any = state.statement
    given = state.parameters or statement.compile().params
    rows: Any = given if isinstance(given, list | tuple) else [given]
    try:
        note_changed(state.session, {row["order_id"] for row in rows})
    except KeyError:
        raise ProgrammingFault("note the orders that a bulk write makes") from None


@event.listens_for(TenantSession, "before_commit")
def _give_numbers(session: Session) -> None:
    if session.in_nested_transaction():
        return
    session.flush()
    number = session.info.pop(_NUMBER, None)
    numbered = session.info.pop(_NUMBERED, ())
    changed = sorted(set(session.info.pop(_CHANGED, ())).difference(numbered))
    if not changed:
        return
    with all_companies(session, reason="one transaction may change orders of several companies"):
        if number is None:
            _lock_heads(session, changed)
            number = _take(session)
        for some in _batches(changed):
            session.execute(
                update(Order)
                .where(Order.id.in_(some), Order.change_number != number)
                .values(change_number=number)
                .execution_options(synchronize_session=False, **{NOTED: True})
            )


@event.listens_for(TenantSession, "after_soft_rollback")
def _forget(session: Session, previous: Any) -> None:
    session.info.pop(_NUMBER, None)  # a savepoint may have given it back
    if previous.parent is None:
        session.info.pop(_CHANGED, None)
        session.info.pop(_NUMBERED, None)


def _batches(order_ids: list[int]) -> Iterable[list[int]]:
    return (order_ids[start : start + _BATCH] for start in range(0, len(order_ids), _BATCH))


def _lock_heads(session: Session, order_ids: list[int]) -> None:
    for some in _batches(order_ids):
        session.execute(select(Order.id).where(Order.id.in_(some)).order_by(Order.id).with_for_update())


def _take(session: Session) -> int:
    """As `take_number`, in one statement that needs no savepoint to open the range."""
    is_postgres = session.get_bind().dialect.name == "postgresql"
    upsert: Any = (postgresql if is_postgres else sqlite).insert(NumberRange)
    taken = session.execute(
        upsert.values(name=RANGE, next_value=2)
        .on_conflict_do_update(
            index_elements=[NumberRange.name], set_={"next_value": NumberRange.next_value + 1}
        )
        .returning(NumberRange.next_value)
        .execution_options(synchronize_session=False)
    )
    return int(taken.scalar_one()) - 1
