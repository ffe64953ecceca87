"""Shipping units of an order from a warehouse: stock, serials, cover, order and mail in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import audit
from app.core.clock import business_date
from app.core.errors import Conflict, InvalidInput, NotFound
from app.core.money import share_out
from app.core.permissions import Actor, Permission, requires
from app.core.sequences import take_number
from app.core.states import move
from app.core.texts import _
from app.domain.accounts.mails import queue_mail
from app.domain.accounts.models import User
from app.domain.accounts.queries import get_vendor
from app.domain.assets.units import Receiver, ShippedLine, ShippedUnit, record_shipped_units
from app.domain.catalogue.models import Product
from app.domain.catalogue.numbers import is_storable
from app.domain.inventory import departures
from app.domain.inventory.models import Warehouse
from app.domain.inventory.rules import Take
from app.domain.ordering.backorders import lock_order
from app.domain.ordering.judging import WITHOUT_STOCK
from app.domain.ordering.models import Order, OrderHold, OrderLine, Shipment, ShipmentLine, ShipmentUnit
from app.domain.ordering.shipping_checks import Goods, LineProblem, ShipmentRefused, check_serials
from app.domain.ordering.states import ORDER_MACHINE, SHIPPABLE, LineUnits, ship_event

#: Longest entries, in characters.
LENGTHS = {"carrier": 60, "tracking": 120, "note": 300}
#: Serials of a line that its mail names; the rest is on the order's page.
MOST_IN_MAIL = 50


@dataclass(frozen=True, slots=True)
class Parcel:
    """How a shipment travels."""

    carrier: str = ""
    tracking: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Going:
    """Units of a line that leave, with their serials as (canonical, as typed)."""

    line: OrderLine
    goods: Goods
    quantity: int
    serials: Sequence[tuple[str, str]]


@requires(Permission.SHIPMENT_MANAGE)
def ship_order(
    session: Session,
    actor: Actor,
    *,
    order_id: int,
    warehouse_id: int,
    lines: Mapping[int, tuple[int, str]],
    now: datetime,
    carrier: str = "",
    tracking: str = "",
    note: str = "",
    entry_key: str | None = None,
) -> Shipment:
    """Ship units (quantity and serials by line) of a released order; a key entered before ships no more.

    :raises ShipmentRefused: lines that cannot go as they are, each with its reason; nothing was shipped.
    :raises NotShippable: the order is not released, or on hold.
    """
    parcel = _parcel(carrier, tracking, note)
    order = lock_order(session, order_id)
    known = _entered(session, order, entry_key)
    if known is not None:
        return known
    _require_shippable(session, order)
    if not session.scalar(select(Warehouse.id).where(Warehouse.id == warehouse_id)):
        raise InvalidInput(_("There is no such warehouse. Choose another one."), field="warehouse")
    all_lines = _lines(session, order)
    going = _going(session, order, all_lines, warehouse_id, lines)
    shipment = _write_shipment(session, actor, order, warehouse_id, parcel, entry_key, now)
    rows = _write_lines(session, shipment, going)
    _move_stock(session, actor, going, shipment, now)
    _record_units(session, actor, order, shipment, going, rows, now)
    for one in going:
        one.line.allocated -= one.quantity
        one.line.shipped += one.quantity
        one.line.picked = min(one.line.picked, one.line.allocated)
    order.version += 1
    session.flush()
    event = ship_event([_units(line) for line, _goods in all_lines], order.state)
    if event:
        move(session, ORDER_MACHINE, order, event, actor=actor, now=now, reason=shipment.number)
    _record(session, actor, order, shipment, going, now)
    if order.source == "portal":
        _queue_mail(session, order, shipment, going, now)
    return shipment


class NotShippable(Conflict):
    """The order is not in the warehouse's hands."""

    code = "not_shippable"


def _parcel(carrier: str, tracking: str, note: str) -> Parcel:
    values = {"carrier": carrier.strip(), "tracking": tracking.strip(), "note": note.strip()}
    for field, text in values.items():
        if len(text) > LENGTHS[field]:
            raise InvalidInput(_("Use at most %(count)s characters.", count=LENGTHS[field]), field=field)
        if not is_storable(text):
            raise InvalidInput(_("This text has a character that cannot be stored."), field=field)
    return Parcel(**values)


def _entered(session: Session, order: Order, entry_key: str | None) -> Shipment | None:
    """The shipment of this form where it was sent before."""
    if entry_key is None:
        return None
    known = session.scalars(select(Shipment).where(Shipment.entry_key == entry_key)).first()
    if known is not None and known.order_id != order.id:
        raise Conflict(_("This form was sent for another order. Open this order's page and ship it there."))
    return known


def _require_shippable(session: Session, order: Order) -> None:
    hold = session.scalar(
        select(OrderHold.reason)
        .where(OrderHold.order_id == order.id, OrderHold.cleared_at.is_(None))
        .limit(1)
    )
    if hold:
        raise NotShippable(_("It is on hold: %(reason)s. Clear the hold first.", reason=hold))
    if order.state not in SHIPPABLE:
        raise NotShippable(
            _(
                "Order %(number)s is not open for shipping: it is %(state)s.",
                number=order.number,
                state=order.state.replace("_", " "),
            )
        )


def _lines(session: Session, order: Order) -> list[tuple[OrderLine, Goods]]:
    rows = session.execute(
        select(OrderLine, Product.kind, Product.brand)
        .join(Product, Product.id == OrderLine.product_id)
        .where(OrderLine.order_id == order.id)
        .order_by(OrderLine.position)
        .execution_options(populate_existing=True)
    )
    return [(line, Goods(line.id, line.product_id, line.sku, kind, brand)) for line, kind, brand in rows]


def _going(
    session: Session,
    order: Order,
    lines: Sequence[tuple[OrderLine, Goods]],
    warehouse_id: int,
    wanted: Mapping[int, tuple[int, str]],
) -> list[_Going]:
    """What leaves, checked. :raises ShipmentRefused: with every line that cannot go."""
    if set(wanted) - {line.id for line, _goods in lines}:
        raise NotFound(_("This line is not in the order."))
    held = departures.set_aside_at(session, [line.id for line, _goods in lines], warehouse_id)
    problems: dict[int, LineProblem] = {}
    chosen: list[tuple[OrderLine, Goods, int, str]] = []
    for line, goods in lines:
        quantity, text = wanted.get(line.id, (0, ""))
        possible = line.allocated if goods.kind in WITHOUT_STOCK else held.get(line.id, 0)
        if not quantity and not text.strip():
            continue
        if not 1 <= quantity <= possible:
            problems[line.id] = _too_many(possible)
        else:
            chosen.append((line, goods, quantity, text))
    fields = [
        (goods, quantity, text)
        for _line, goods, quantity, text in chosen
        if goods.has_serials and (text.strip() or order.source != "replay")
    ]
    serials = check_serials(session, fields, warehouse_id=warehouse_id, problems=problems)
    if problems:
        raise ShipmentRefused(problems)
    if not chosen:
        raise InvalidInput(_("Enter for one line at least how many units go."), field="lines")
    return [
        _Going(line, goods, quantity, serials.get(line.id, ())) for line, goods, quantity, _text in chosen
    ]


def _too_many(possible: int) -> LineProblem:
    if possible:
        return LineProblem(
            "quantity",
            _("%(count)s units are set aside here: enter 1 to %(count)s.", count=possible),
        )
    return LineProblem("quantity", _("Nothing of this line is set aside here. Leave it out."))


def number_shipment(session: Session, day: date) -> str:
    """The next shipment's number, `SH-26-00001`."""
    return f"SH-{day:%y}-{take_number(session, f'shipment-{day:%y}'):05d}"


def _write_shipment(
    session: Session,
    actor: Actor,
    order: Order,
    warehouse_id: int,
    parcel: Parcel,
    entry_key: str | None,
    now: datetime,
) -> Shipment:
    day = business_date(now, get_vendor(session).timezone)
    shipment = Shipment(
        company_id=order.company_id,
        number=number_shipment(session, day),
        order_id=order.id,
        warehouse_id=warehouse_id,
        carrier=parcel.carrier,
        tracking=parcel.tracking,
        note=parcel.note,
        shipped_on=day,
        shipped_at=now,
        shipped_by=actor.name,
        entry_key=entry_key,
    )
    session.add(shipment)
    session.flush()
    return shipment


def _write_lines(session: Session, shipment: Shipment, going: Sequence[_Going]) -> dict[int, ShipmentLine]:
    rows = {
        one.line.id: ShipmentLine(
            company_id=shipment.company_id,
            shipment_id=shipment.id,
            order_line_id=one.line.id,
            quantity=one.quantity,
        )
        for one in going
    }
    session.add_all(rows.values())
    session.flush()
    return rows


def _move_stock(
    session: Session, actor: Actor, going: Sequence[_Going], shipment: Shipment, now: datetime
) -> None:
    takes = [
        Take(one.line.id, one.line.product_id, shipment.warehouse_id, one.quantity)
        for one in going
        if one.goods.kind not in WITHOUT_STOCK
    ]
    departures.send_off(session, actor, takes, reference=shipment.number, now=now)


def _record_units(
    session: Session,
    actor: Actor,
    order: Order,
    shipment: Shipment,
    going: Sequence[_Going],
    rows: Mapping[int, ShipmentLine],
    now: datetime,
) -> None:
    lines = [
        ShippedLine(
            order_line_id=one.line.id,
            shipment_line_id=rows[one.line.id].id,
            product_id=one.line.product_id,
            units=[
                ShippedUnit(serial, raw, price)
                for (serial, raw), price in zip(
                    one.serials, prices_paid(one.line, order.currency, one.quantity), strict=True
                )
            ],
        )
        for one in going
        if one.serials
    ]
    country = order.ship_to.get("country") or ""
    receiver = Receiver(
        company_id=order.company_id,
        end_customer_id=order.end_customer_id,
        currency=order.currency,
        country=country if len(country) == 2 else None,
        shipped_on=shipment.shipped_on,
        shipment_number=shipment.number,
    )
    recorded = record_shipped_units(session, actor, lines=lines, to=receiver, now=now)
    session.add_all(
        ShipmentUnit(company_id=order.company_id, shipment_line_id=line_id, asset_id=asset_id, serial=serial)
        for line_id, units in recorded.items()
        for asset_id, serial in units
    )
    session.flush()


def prices_paid(line: OrderLine, currency: str, quantity: int) -> list[Decimal]:
    """What the next units of a line cost after discounts: 290.00 for 3 are 96.67, 96.67 and 96.66."""
    units = share_out(line.net - line.discount_share, [Decimal(1)] * line.ordered, currency)
    return units[line.shipped : line.shipped + quantity]


def _units(line: OrderLine) -> LineUnits:
    return LineUnits(line.ordered, line.allocated, line.backordered, line.cancelled, line.shipped)


def _record(
    session: Session,
    actor: Actor,
    order: Order,
    shipment: Shipment,
    going: Sequence[_Going],
    now: datetime,
) -> None:
    units: Counter[str] = Counter()
    for one in going:
        units[one.line.sku] += one.quantity
    audit.record(
        session,
        actor,
        "order.shipped",
        subject_type="order",
        subject_id=order.id,
        company_id=order.company_id,
        now=now,
        after={
            "shipment": shipment.number,
            "warehouse_id": shipment.warehouse_id,
            "units": dict(units),
            "serials": sum(len(one.serials) for one in going),
            "carrier": shipment.carrier,
            "tracking": shipment.tracking,
        },
    )


def _queue_mail(
    session: Session, order: Order, shipment: Shipment, going: Sequence[_Going], now: datetime
) -> None:
    recipient = session.scalar(select(User.email).where(User.id == order.placed_by_id))
    if not recipient:
        return
    context: dict[str, Any] = {
        "number": order.number,
        "shipment": shipment.number,
        "po_number": order.po_number,
        "carrier": shipment.carrier,
        "tracking": shipment.tracking,
        "lines": [
            {
                "sku": one.line.sku,
                "name": one.line.name,
                "quantity": one.quantity,
                "serials": [serial for serial, _raw in one.serials[:MOST_IN_MAIL]],
                "more": max(len(one.serials) - MOST_IN_MAIL, 0),
            }
            for one in going
        ],
        "url": f"/orders/{order.number}",
    }
    queue_mail(
        session,
        template="order_shipped",
        recipient=recipient,
        company_id=order.company_id,
        context=context,
        link_id=None,
        now=now,
    )
