"""Units that leave a warehouse for an order, and such as are put back for it. No permissions here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Table, bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from app.core.permissions import Actor
from app.core.texts import _
from app.domain.inventory.ledger import StockMoved, set_aside
from app.domain.inventory.models import Allocation, StockLevel, StockMovement
from app.domain.inventory.rules import Take

_LEVELS: Table = StockLevel.__table__  # type: ignore[assignment]  # mapped to exactly one table
_MOVEMENTS: Table = StockMovement.__table__  # type: ignore[assignment]  # mapped to exactly one table
_ALLOCATIONS: Table = Allocation.__table__  # type: ignore[assignment]  # mapped to exactly one table

_LEAVE = (
    update(_LEVELS)
    .where(
        _LEVELS.c.product_id == bindparam("product"),
        _LEVELS.c.warehouse_id == bindparam("at"),
        _LEVELS.c.allocated >= bindparam("units"),
    )
    .values(
        on_hand=_LEVELS.c.on_hand - bindparam("units"), allocated=_LEVELS.c.allocated - bindparam("units")
    )
)
_SHRINK = (
    update(_ALLOCATIONS)
    .where(
        _ALLOCATIONS.c.order_line_id == bindparam("line"),
        _ALLOCATIONS.c.warehouse_id == bindparam("at"),
        _ALLOCATIONS.c.quantity > bindparam("units"),
    )
    .values(quantity=_ALLOCATIONS.c.quantity - bindparam("units"))
)
_COME_BACK = (
    update(_LEVELS)
    .where(_LEVELS.c.product_id == bindparam("product"), _LEVELS.c.warehouse_id == bindparam("at"))
    .values(on_hand=_LEVELS.c.on_hand + bindparam("units"))
)


def set_aside_at(session: Session, line_ids: Sequence[int], warehouse_id: int) -> dict[int, int]:
    """Units that a warehouse holds for each of the lines; the products are locked by the caller."""
    rows = session.execute(
        select(Allocation.order_line_id, Allocation.quantity).where(
            Allocation.order_line_id.in_(line_ids), Allocation.warehouse_id == warehouse_id
        )
    )
    return {row.order_line_id: row.quantity for row in rows}


def send_off(session: Session, actor: Actor, takes: Sequence[Take], *, reference: str, now: datetime) -> None:
    """Set-aside units leave: allocations, balances and ledger in one go. The products are locked.

    :raises StockMoved: fewer units are set aside for a line than leave.
    """
    if not takes:
        return
    held = {
        (row.order_line_id, row.warehouse_id): row.quantity
        for row in session.execute(
            select(Allocation.order_line_id, Allocation.warehouse_id, Allocation.quantity).where(
                Allocation.order_line_id.in_({take.key for take in takes})
            )
        )
    }
    if any(held.get((take.key, take.warehouse_id), 0) < take.quantity for take in takes):
        raise _moved()
    partly = [take for take in takes if held[(take.key, take.warehouse_id)] > take.quantity]
    wholly = [take for take in takes if held[(take.key, take.warehouse_id)] == take.quantity]
    if partly:
        session.execute(
            _SHRINK, [{"line": take.key, "at": take.warehouse_id, "units": take.quantity} for take in partly]
        )
    for place in sorted({take.warehouse_id for take in wholly}):
        session.execute(
            delete(_ALLOCATIONS).where(
                _ALLOCATIONS.c.order_line_id.in_([take.key for take in wholly if take.warehouse_id == place]),
                _ALLOCATIONS.c.warehouse_id == place,
            )
        )
    _forget(session)
    _move(session, actor, _LEAVE, takes, -1, "shipment", reference, now)


def put_back(session: Session, actor: Actor, takes: Sequence[Take], *, reference: str, now: datetime) -> None:
    """Units of an undone shipment lie in their warehouse again, set aside for their lines as before."""
    if not takes:
        return
    _move(session, actor, _COME_BACK, takes, 1, "return", reference, now)
    set_aside(session, takes)
    _forget(session)


def _move(
    session: Session,
    actor: Actor,
    statement: Any,
    takes: Sequence[Take],
    sign: int,
    kind: str,
    reference: str,
    now: datetime,
) -> None:
    per_level: Counter[tuple[int, int]] = Counter()
    for take in takes:
        per_level[(take.product_id, take.warehouse_id)] += take.quantity
    levels = sorted(per_level.items())
    changed: Any = session.execute(
        statement,
        [{"product": product, "at": place, "units": units} for (product, place), units in levels],
    )
    if changed.rowcount != len(levels):
        raise _moved()
    session.execute(
        insert(_MOVEMENTS),
        [
            {"product_id": product, "warehouse_id": place, "delta": sign * units, "kind": kind}
            | {"reference": reference, "at": now, "actor_name": actor.name}
            for (product, place), units in levels
        ],
    )


def _moved() -> StockMoved:
    return StockMoved(_("The order was changed meanwhile. Open it again and look at what is set aside."))


def _forget(session: Session) -> None:
    """Allocations and balances in memory are stale now."""
    for row in list(session.identity_map.values()):
        if isinstance(row, Allocation | StockLevel):
            session.expire(row)
