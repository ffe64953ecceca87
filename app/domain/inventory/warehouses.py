"""Naming, ordering and closing the places that hold stock."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from app.core import audit
from app.core.errors import Conflict, InvalidInput, StaleEdit
from app.core.permissions import Actor, Permission, requires
from app.core.texts import _
from app.domain.inventory.desk import get_warehouse
from app.domain.inventory.models import ExpectedReceipt, StockLevel, Warehouse


def _code(session: Session, text: str, *, own_id: int | None) -> str:
    code = text.strip().upper()
    if not (code.isascii() and code.replace("-", "").isalnum() and len(code) <= 20):
        raise InvalidInput(
            _("Use up to 20 letters, digits and hyphens, such as MAIN or EAST-2."), field="code"
        )
    taken = select(exists().where(Warehouse.code == code, Warehouse.id != (own_id or 0)))
    if session.scalar(taken):
        raise Conflict(_("Another warehouse has the code %(code)s.", code=code), field="code")
    return code


@requires(Permission.STOCK_MANAGE)
def add_warehouse(
    session: Session, actor: Actor, *, code: str, name: str, position: int, now: datetime
) -> Warehouse:
    """Add a place that holds stock; lower positions are allocated first.

    :raises InvalidInput: the code is not letters, digits and hyphens.
    :raises Conflict: another warehouse has the code.
    """
    warehouse = Warehouse(code=_code(session, code, own_id=None), name=name, position=position)
    session.add(warehouse)
    session.flush()
    audit.record(
        session,
        actor,
        "warehouse.added",
        subject_type="warehouse",
        subject_id=warehouse.id,
        now=now,
        after=_facts(warehouse),
    )
    return warehouse


@requires(Permission.STOCK_MANAGE)
def change_warehouse(
    session: Session,
    actor: Actor,
    *,
    warehouse_id: int,
    version: int,
    code: str,
    name: str,
    position: int,
    is_active: bool,
    now: datetime,
) -> Warehouse:
    """Rename, move or close a warehouse; one that holds or expects units cannot be closed.

    :raises StaleEdit: somebody else saved it since `version`.
    :raises Conflict: units lie there or are expected there, or the code is taken.
    """
    warehouse = get_warehouse(session, warehouse_id, locked=True)
    if warehouse.version != version:
        raise StaleEdit()
    if warehouse.is_active and not is_active:
        _require_empty(session, warehouse_id)
    before = _facts(warehouse)
    warehouse.code = _code(session, code, own_id=warehouse_id)
    warehouse.name, warehouse.position, warehouse.is_active = name, position, is_active
    after = _facts(warehouse)
    if after != before:
        warehouse.version += 1
        audit.record(
            session,
            actor,
            "warehouse.changed",
            subject_type="warehouse",
            subject_id=warehouse_id,
            now=now,
            before=before,
            after=after,
        )
    return warehouse


def _require_empty(session: Session, warehouse_id: int) -> None:
    units = session.scalar(
        select(func.sum(StockLevel.on_hand)).where(StockLevel.warehouse_id == warehouse_id)
    )
    if units:
        raise Conflict(
            _("%(units)s units lie here. Count them out first, then close it.", units=int(units)),
            field="is_active",
        )
    expected = exists().where(ExpectedReceipt.warehouse_id == warehouse_id, ExpectedReceipt.is_open)
    if session.scalar(select(expected)):
        raise Conflict(
            _("Receipts are expected here. Close or receive them first, then close it."), field="is_active"
        )


def _facts(warehouse: Warehouse) -> dict[str, object]:
    return {
        "code": warehouse.code,
        "name": warehouse.name,
        "position": warehouse.position,
        "is_active": warehouse.is_active,
    }
