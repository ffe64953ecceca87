"""Undoing a shipment by a row of its own: its units lie in the warehouse again, set aside for the order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from app.core import audit
from app.core.clock import business_date
from app.core.errors import Conflict, InvalidInput, NotFound
from app.core.permissions import Actor, Permission, requires
from app.core.states import move
from app.core.texts import _
from app.domain.accounts.queries import get_vendor
from app.domain.assets.units import take_back_units
from app.domain.catalogue.models import Product
from app.domain.catalogue.numbers import is_storable
from app.domain.inventory import departures
from app.domain.inventory.rules import Take
from app.domain.ordering.backorders import lock_order
from app.domain.ordering.judging import WITHOUT_STOCK
from app.domain.ordering.models import Order, OrderLine, Shipment, ShipmentLine
from app.domain.ordering.shipping import number_shipment
from app.domain.ordering.states import ORDER_MACHINE, REVERSIBLE, LineUnits, reverse_event

REASON_LENGTH = 300


class NotReversible(Conflict):
    """The shipment was undone already, or later ones stand on it."""

    code = "not_reversible"


@requires(Permission.SHIPMENT_MANAGE)
def reverse_shipment(
    session: Session, actor: Actor, *, shipment_id: int, reason: str, now: datetime
) -> Shipment:
    """Undo an order's latest shipment whole; its units stay set aside for the order.

    :raises NotReversible: it was undone, a later one was not, or units of it were returned.
    :raises UnitsRefused: a unit was registered, handed on or sent in since.
    """
    reason = _clean(reason)
    order_id = session.scalar(select(Shipment.order_id).where(Shipment.id == shipment_id))
    if order_id is None:
        raise NotFound(_("There is no such shipment."))
    order = lock_order(session, order_id)
    shipment = session.scalars(select(Shipment).where(Shipment.id == shipment_id)).one()
    _require_latest(session, order, shipment)
    reversal = _write(session, actor, shipment, reason, now)
    rows = _rows(session, shipment)
    takes = [
        Take(line.id, line.product_id, shipment.warehouse_id, row.quantity)
        for row, line, kind in rows
        if kind not in WITHOUT_STOCK
    ]
    departures.put_back(session, actor, takes, reference=reversal.number, now=now)
    for row, line, _kind in rows:
        if line.shipped - row.quantity < line.returned:
            raise NotReversible(
                _("Units of %(sku)s were returned since. Take the rest back as a return.", sku=line.sku)
            )
        take_back_units(
            session,
            actor,
            shipment_line_id=row.id,
            order_line_id=line.id,
            shipment_number=reversal.number,
            now=now,
        )
        line.shipped -= row.quantity
        line.allocated += row.quantity
    order.version += 1
    session.flush()
    _finish(session, actor, order, shipment, reversal, now)
    return reversal


def _clean(reason: str) -> str:
    reason = reason.strip()
    if not reason:
        raise InvalidInput(_("Say why it is undone."), field="reason")
    if len(reason) > REASON_LENGTH:
        raise InvalidInput(_("Use at most %(count)s characters.", count=REASON_LENGTH), field="reason")
    if not is_storable(reason):
        raise InvalidInput(_("This text has a character that cannot be stored."), field="reason")
    return reason


def _require_latest(session: Session, order: Order, shipment: Shipment) -> None:
    if shipment.reverses_id is not None:
        raise NotReversible(_("This is a reversal itself. Ship the units again instead."))
    undone = aliased(Shipment)
    standing = session.scalars(
        select(Shipment.id)
        .outerjoin(undone, undone.reverses_id == Shipment.id)
        .where(Shipment.order_id == order.id, Shipment.reverses_id.is_(None), undone.id.is_(None))
        .order_by(Shipment.id.desc())
    ).all()
    if shipment.id not in standing:
        raise NotReversible(_("Shipment %(number)s was undone already.", number=shipment.number))
    if standing[0] != shipment.id:
        raise NotReversible(_("A later shipment of this order stands. Undo that one first."))
    if order.state not in REVERSIBLE:
        raise NotReversible(_("The order is closed, so its shipments stand. Take units back as a return."))


def _write(session: Session, actor: Actor, shipment: Shipment, reason: str, now: datetime) -> Shipment:
    day = business_date(now, get_vendor(session).timezone)
    reversal = Shipment(
        company_id=shipment.company_id,
        number=number_shipment(session, day),
        order_id=shipment.order_id,
        warehouse_id=shipment.warehouse_id,
        shipped_on=day,
        shipped_at=now,
        shipped_by=actor.name,
        note=reason,
        reverses_id=shipment.id,
    )
    session.add(reversal)
    session.flush()
    return reversal


def _rows(session: Session, shipment: Shipment) -> Sequence[tuple[ShipmentLine, OrderLine, str]]:
    rows = session.execute(
        select(ShipmentLine, OrderLine, Product.kind)
        .join(OrderLine, OrderLine.id == ShipmentLine.order_line_id)
        .join(Product, Product.id == OrderLine.product_id)
        .where(ShipmentLine.shipment_id == shipment.id)
        .order_by(OrderLine.position)
        .execution_options(populate_existing=True)
    )
    return [(row, line, kind) for row, line, kind in rows]


def _finish(
    session: Session, actor: Actor, order: Order, shipment: Shipment, reversal: Shipment, now: datetime
) -> None:
    lines = session.scalars(select(OrderLine).where(OrderLine.order_id == order.id)).all()
    units = [
        LineUnits(line.ordered, line.allocated, line.backordered, line.cancelled, line.shipped)
        for line in lines
    ]
    event = reverse_event(units, order.state)
    if event:
        move(session, ORDER_MACHINE, order, event, actor=actor, now=now, reason=reversal.note)
    audit.record(
        session,
        actor,
        "order.shipment_reversed",
        subject_type="order",
        subject_id=order.id,
        company_id=order.company_id,
        now=now,
        before={"shipment": shipment.number},
        after={"reversal": reversal.number, "reason": reversal.note},
    )
