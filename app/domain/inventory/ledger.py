"""Writing stock: movements with their balance, units set aside and given back. No permissions here:
ordering's actions, which call these inside their own transaction, ask for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Table, bindparam, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core import batches
from app.core.errors import Conflict
from app.core.permissions import Actor
from app.core.texts import _
from app.domain.catalogue.models import Product
from app.domain.inventory.models import Allocation, StockLevel, StockMovement, Warehouse
from app.domain.inventory.rules import Take

_LEVELS: Table = StockLevel.__table__  # type: ignore[assignment]  # mapped to exactly one table
_MOVEMENTS: Table = StockMovement.__table__  # type: ignore[assignment]  # mapped to exactly one table
_ALLOCATIONS: Table = Allocation.__table__  # type: ignore[assignment]  # mapped to exactly one table


class StockMoved(Conflict):
    """Units were taken by somebody else between reading and writing."""

    code = "stock_moved"


def lock_products(session: Session, product_ids: Collection[int]) -> None:
    """Hold the stock and the queue of the products until the transaction ends.

    Whoever places, cancels, counts or receives takes this lock first, in key order, and orders after it:
    levels alone would not do, since a product's first level appears only with its first units.
    """
    if product_ids and session.get_bind().dialect.name == "postgresql":  # SQLite writes one at a time
        session.execute(
            select(Product.id)
            .where(Product.id.in_(sorted(product_ids)))
            .order_by(Product.id)
            .with_for_update(key_share=True)
        )


def lock_free_units(
    session: Session, product_ids: Collection[int], *, are_locked: bool = False
) -> tuple[dict[tuple[int, int], int], list[int]]:
    """Free units by (product, warehouse), and the warehouses in the order they give.

    The products are locked first, unless the caller says that they are.
    """
    if not are_locked:
        lock_products(session, product_ids)
    rows = session.execute(
        select(
            StockLevel.product_id,
            StockLevel.warehouse_id,
            StockLevel.on_hand - StockLevel.allocated,
            Warehouse.position,
        )
        .join(Warehouse, Warehouse.id == StockLevel.warehouse_id)
        .where(StockLevel.product_id.in_(sorted(product_ids)), Warehouse.is_active)
    ).all()
    places = {(position, warehouse_id) for _product, warehouse_id, _free, position in rows}
    free = {(product_id, warehouse_id): units for product_id, warehouse_id, units, _position in rows}
    return free, [warehouse_id for _position, warehouse_id in sorted(places)]


def set_aside(session: Session, takes: Sequence[Take], *, for_new_lines: bool = False) -> None:
    """Allocate units to order lines (`key` is the line's id); one statement for levels, one for rows.

    Lines that were just inserted (`for_new_lines`) have no allocations yet that could grow.

    :raises StockMoved: a level has fewer free units than are taken.
    """
    if not takes:
        return
    per_level: Counter[tuple[int, int]] = Counter()
    for take in takes:
        per_level[(take.product_id, take.warehouse_id)] += take.quantity
    _change_allocated(session, per_level)
    known = set() if for_new_lines else _existing(session, {take.key for take in takes})
    grown = [take for take in takes if (take.key, take.warehouse_id) in known]
    fresh = [take for take in takes if (take.key, take.warehouse_id) not in known]
    if grown:
        session.execute(
            _GROW, [{"line": take.key, "at": take.warehouse_id, "units": take.quantity} for take in grown]
        )
    rows = [
        {
            "order_line_id": take.key,
            "product_id": take.product_id,
            "warehouse_id": take.warehouse_id,
            "quantity": take.quantity,
        }
        for take in fresh
    ]
    if rows and batches.takes_documents(session):
        batches.insert_document(session, _ALLOCATIONS, rows)
    elif rows:
        session.execute(insert(_ALLOCATIONS), rows)


_GROW = (
    update(_ALLOCATIONS)
    .where(_ALLOCATIONS.c.order_line_id == bindparam("line"), _ALLOCATIONS.c.warehouse_id == bindparam("at"))
    .values(quantity=_ALLOCATIONS.c.quantity + bindparam("units"))
)


_CHANGE_ALLOCATED = (
    update(_LEVELS)
    .where(
        _LEVELS.c.product_id == bindparam("product"),
        _LEVELS.c.warehouse_id == bindparam("at"),
        _LEVELS.c.on_hand - _LEVELS.c.allocated >= bindparam("units"),
        _LEVELS.c.allocated + bindparam("units") >= 0,
    )
    .values(allocated=_LEVELS.c.allocated + bindparam("units"))
)


_CHANGE_ON_HAND = (
    update(_LEVELS)
    .where(
        _LEVELS.c.product_id == bindparam("product"),
        _LEVELS.c.warehouse_id == bindparam("at"),
        _LEVELS.c.on_hand + bindparam("units") >= _LEVELS.c.allocated,
    )
    .values(on_hand=_LEVELS.c.on_hand + bindparam("units"))
)


#: As _CHANGE_ALLOCATED, for many levels from one document.
_CHANGE: Mapping[str, Any] = {
    "product": _LEVELS.c.product_id.type,
    "at": _LEVELS.c.warehouse_id.type,
    "units": _LEVELS.c.allocated.type,
}
_given = batches.table_of_document(_CHANGE)
_CHANGE_ALLOCATED_BY_DOCUMENT = (
    update(_LEVELS)
    .where(
        _LEVELS.c.product_id == _given.c.product,
        _LEVELS.c.warehouse_id == _given.c["at"],
        _LEVELS.c.on_hand - _LEVELS.c.allocated >= _given.c.units,
        _LEVELS.c.allocated + _given.c.units >= 0,
    )
    .values(allocated=_LEVELS.c.allocated + _given.c.units)
)


def _change_allocated(session: Session, per_level: Mapping[tuple[int, int], int]) -> None:
    changes = [
        {"product": product_id, "at": warehouse_id, "units": units}
        for (product_id, warehouse_id), units in sorted(per_level.items())
        if units
    ]
    if not changes:
        return
    changed: Any
    if batches.takes_documents(session):
        document = batches.document_of(_CHANGE, changes, session.get_bind().dialect)
        changed = session.execute(_CHANGE_ALLOCATED_BY_DOCUMENT, {"rows": document})
    else:
        changed = session.execute(_CHANGE_ALLOCATED, changes)
    if changed.rowcount != len(changes):
        raise StockMoved(_("Somebody else took the last units. Look at the stock and try again."))


def _existing(session: Session, line_ids: Collection[int]) -> set[tuple[int, int]]:
    rows = session.execute(
        select(Allocation.order_line_id, Allocation.warehouse_id).where(
            Allocation.order_line_id.in_(line_ids)
        )
    )
    return {(line_id, warehouse_id) for line_id, warehouse_id in rows}


def give_back(session: Session, units_by_line: Mapping[int, int]) -> set[int]:
    """Give allocated units of lines back to stock, last warehouse first; returns the products concerned.

    A line of a service holds no units of a warehouse and gives none back.

    :raises StockMoved: a line has fewer units allocated than are given back.
    """
    wanted = {line_id: units for line_id, units in units_by_line.items() if units}
    if not wanted:
        return set()
    rows = session.execute(
        select(Allocation)
        .where(Allocation.order_line_id.in_(wanted))
        .order_by(Allocation.product_id, Allocation.warehouse_id.desc(), Allocation.id)
        .execution_options(populate_existing=True)
    ).scalars()
    per_level: Counter[tuple[int, int]] = Counter()
    gone: list[int] = []
    holding: set[int] = set()
    for row in rows:
        holding.add(row.order_line_id)
        units = min(wanted[row.order_line_id], row.quantity)
        if not units:
            continue
        wanted[row.order_line_id] -= units
        per_level[(row.product_id, row.warehouse_id)] -= units
        if units == row.quantity:
            gone.append(row.id)
        else:
            row.quantity -= units
    if any(wanted[line_id] for line_id in holding):
        raise StockMoved(_("The order was changed meanwhile. Open it again and look at what is still open."))
    session.flush()
    if gone:
        session.execute(delete(_ALLOCATIONS).where(_ALLOCATIONS.c.id.in_(gone)))
    _change_allocated(session, per_level)
    return {product_id for product_id, _warehouse in per_level}


def move_stock(
    session: Session,
    *,
    product_id: int,
    warehouse_id: int,
    delta: int,
    kind: str,
    reference: str,
    actor: Actor,
    now: datetime,
    entry_key: str | None = None,
) -> bool:
    """Add a movement and change the balance; False when fewer units would be left than are allocated."""
    lock_products(session, [product_id])
    dialect = session.get_bind().dialect.name
    upsert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    session.execute(
        upsert(_LEVELS)
        .values(product_id=product_id, warehouse_id=warehouse_id, on_hand=0, allocated=0)
        .on_conflict_do_nothing()
    )
    changed: Any = session.execute(
        update(_LEVELS)
        .where(
            _LEVELS.c.product_id == product_id,
            _LEVELS.c.warehouse_id == warehouse_id,
            _LEVELS.c.on_hand + delta >= _LEVELS.c.allocated,
        )
        .values(on_hand=_LEVELS.c.on_hand + delta)
    )
    if changed.rowcount != 1:
        return False
    session.add(
        StockMovement(
            product_id=product_id,
            warehouse_id=warehouse_id,
            delta=delta,
            kind=kind,
            reference=reference,
            at=now,
            actor_name=actor.name,
            entry_key=entry_key,
        )
    )
    return True


@dataclass(frozen=True, slots=True)
class Move:
    """Units of a product into (+) or out of (-) a warehouse; `kind` and `reference` as in a movement."""

    product_id: int
    warehouse_id: int
    delta: int
    kind: str
    reference: str


def move_all(session: Session, moves: Sequence[Move], *, actor: Actor, now: datetime) -> list[int]:
    """Movements of products that the caller has locked, at most one per level; gives their ids in order.

    :raises StockMoved: fewer units would be left in a warehouse than are allocated.
    """
    if not moves:
        return []
    dialect = session.get_bind().dialect.name
    upsert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    levels = [{"product_id": move.product_id, "warehouse_id": move.warehouse_id} for move in moves]
    session.connection().execute(
        upsert(_LEVELS).on_conflict_do_nothing(),
        [{**level, "on_hand": 0, "allocated": 0} for level in levels],
    )
    changed = session.connection().execute(
        _CHANGE_ON_HAND,
        [{"product": move.product_id, "at": move.warehouse_id, "units": move.delta} for move in moves],
    )
    if changed.rowcount != len(moves):
        raise StockMoved(_("Orders hold more units than would be left. Cancel or move those first."))
    rows = [
        {**level, "delta": move.delta, "kind": move.kind, "reference": move.reference}
        for level, move in zip(levels, moves, strict=True)
    ]
    made = session.connection().execute(
        insert(_MOVEMENTS).returning(_MOVEMENTS.c.id, sort_by_parameter_order=True),
        [{**row, "at": now, "actor_name": actor.name} for row in rows],
    )
    return [row.id for row in made]


def is_entered(session: Session, entry_key: str | None) -> bool:
    """Whether a movement was written with this form's key; its products are locked before."""
    if entry_key is None:
        return False
    return session.scalar(select(StockMovement.id).where(StockMovement.entry_key == entry_key)) is not None


def lock_level(session: Session, *, product_id: int, warehouse_id: int) -> tuple[int, int]:
    """On hand and allocated of one level, its product locked; zeros where there is none yet."""
    lock_products(session, [product_id])
    row = session.execute(
        select(StockLevel.on_hand, StockLevel.allocated).where(
            StockLevel.product_id == product_id, StockLevel.warehouse_id == warehouse_id
        )
    ).one_or_none()
    return (row.on_hand, row.allocated) if row else (0, 0)


def levels_of(
    session: Session, product_ids: Collection[int], warehouse_ids: Collection[int]
) -> dict[tuple[int, int], tuple[int, int]]:
    """On hand and allocated by (product, warehouse); levels that never held a unit are left out."""
    if not product_ids or not warehouse_ids:
        return {}
    rows = session.execute(
        select(
            StockLevel.product_id, StockLevel.warehouse_id, StockLevel.on_hand, StockLevel.allocated
        ).where(StockLevel.product_id.in_(product_ids), StockLevel.warehouse_id.in_(warehouse_ids))
    )
    return {(row.product_id, row.warehouse_id): (row.on_hand, row.allocated) for row in rows}
