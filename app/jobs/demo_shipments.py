"""The demo's shipments, made by the warehouse's people as they would; some orders wait to be shipped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database import run
from app.core.permissions import Actor
from app.core.tenancy import all_companies
from app.domain.ordering import actions
from app.domain.ordering.models import Order, Shipment
from app.domain.ordering.shipment_reads import LineToShip, order_to_ship
from app.jobs.demo_orders import TOM, actor_of


@dataclass(frozen=True, slots=True)
class DemoShipment:
    """An order that has gone, so many hours after it was placed; `units` says how many where not all have."""

    po_number: str
    carrier: str
    tracking: str
    after_hours: int = 26
    units: Mapping[str, int] | None = None
    #: Why the first shipment was undone before it went again.
    undone: str = ""


SHIPMENTS = (
    DemoShipment("KB-0311", "Hollow Freight", "HF 4471 0091 22"),
    DemoShipment("KB-0318", "Hollow Freight", "HF 4471 0102 87", units={"SW-LN-24P": 4}),
    DemoShipment("Q-88120", "Barge & Cart", "BC-200917", undone="Packed for another clinic."),
    DemoShipment("KB-0327", "Barge & Cart", "BC-201144", after_hours=50),
    DemoShipment("KB-0340", "Hollow Freight", "HF 4471 0177 30"),
    DemoShipment("ML-17", "", "", after_hours=5),
)


def load(session: Session, now: datetime) -> None:
    """Ship what has not gone yet, so that a load that was stopped is finished by the next one."""
    with all_companies(session, reason="demo shipments"):
        placed = {
            row.po_number: row
            for row in session.execute(
                select(Order.id, Order.number, Order.po_number, Order.placed_at).where(
                    Order.po_number.in_([demo.po_number for demo in SHIPMENTS])
                )
            )
        }
    if not placed:
        return
    actor = actor_of(session, TOM, None)
    for demo in SHIPMENTS:
        order = placed[demo.po_number]
        at = min(order.placed_at + timedelta(hours=demo.after_hours), now)
        if demo.undone:
            _ship(session, actor, demo, order.number, at - timedelta(hours=2), attempt=1)
            _undo(session, actor, demo, order.id, at - timedelta(hours=1))
        _ship(session, actor, demo, order.number, at, attempt=2)


def _key(demo: DemoShipment, attempt: int, warehouse_id: int) -> str:
    return f"demo-{demo.po_number}-{attempt}-{warehouse_id}"


def _ship(
    session: Session, actor: Actor, demo: DemoShipment, number: str, at: datetime, *, attempt: int
) -> None:
    """From each warehouse that holds units of the order; what has gone before goes no second time."""
    with all_companies(session, reason="demo shipments"):
        known = set(session.scalars(select(Shipment.entry_key).where(Shipment.entry_key.is_not(None))))
        places = order_to_ship(session, number).places
    for place in places:
        key = _key(demo, attempt, place.id)
        if key in known:
            continue
        with all_companies(session, reason="demo shipments"):
            order = order_to_ship(session, number, warehouse_id=place.id)
        lines = {line.id: _units(demo, line, place.code) for line in order.lines if line.here}
        run(
            session,
            actions.ship_order,
            actor,
            order_id=order.id,
            warehouse_id=place.id,
            lines=lines,
            carrier=demo.carrier,
            tracking=demo.tracking,
            entry_key=key,
            now=at,
        )


def _units(demo: DemoShipment, line: LineToShip, place: str) -> tuple[int, str]:
    """All that is set aside unless the story says less, with serials that go on from one another."""
    units = min((demo.units or {}).get(line.sku, line.here), line.here)
    if not line.has_serials:
        return units, ""
    digits = "".join(character for character in demo.po_number if character.isdigit())
    model = "".join(character for character in line.sku if character.isalnum())
    return units, f"{model}{place[0]}{digits}0001+{units - 1}"


def _undo(session: Session, actor: Actor, demo: DemoShipment, order_id: int, at: datetime) -> None:
    with all_companies(session, reason="demo shipments"):
        undone = set(session.scalars(select(Shipment.reverses_id).where(Shipment.order_id == order_id)))
        made = session.execute(
            select(Shipment.id, Shipment.entry_key)
            .where(Shipment.order_id == order_id, Shipment.reverses_id.is_(None))
            .order_by(Shipment.id.desc())
        ).all()
    for row in made:
        if row.id not in undone and (row.entry_key or "").startswith(f"demo-{demo.po_number}-1-"):
            run(session, actions.reverse_shipment, actor, shipment_id=row.id, reason=demo.undone, now=at)
