"""Cancelling whole orders or parts of lines: stock is given back once and serves who waits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import audit
from app.core.errors import InvalidInput, NotFound
from app.core.permissions import Actor, Permission, requires
from app.core.states import move
from app.core.texts import _
from app.domain.accounts.mails import queue_mail
from app.domain.accounts.models import User
from app.domain.inventory import ledger
from app.domain.ordering.backorders import lock_order, serve_backorders
from app.domain.ordering.errors import NotCancellable
from app.domain.ordering.models import Order, OrderLine
from app.domain.ordering.promises import renew_promises
from app.domain.ordering.states import CANCELLABLE, ORDER_MACHINE, LineUnits, cancel_event

REASON_LENGTH = 300


@requires(Permission.ORDER_CANCEL)
def cancel_order(session: Session, actor: Actor, *, order_id: int, now: datetime, reason: str = "") -> Order:
    """A buyer cancels all that is open of an own order, while nothing of it is picked."""
    return _cancel(session, actor, order_id, None, reason=reason, now=now)


@requires(Permission.ORDER_CANCEL)
def cancel_line(
    session: Session,
    actor: Actor,
    *,
    order_id: int,
    line_id: int,
    quantity: int,
    now: datetime,
    reason: str = "",
) -> Order:
    """A buyer cancels units of one line, while none of them is picked."""
    return _cancel(session, actor, order_id, {line_id: quantity}, reason=reason, now=now)


@requires(Permission.ORDER_MANAGE)
def cancel_order_for(session: Session, actor: Actor, *, order_id: int, reason: str, now: datetime) -> Order:
    """The vendor cancels all that is open of an order, with a reason the buyer reads."""
    return _cancel(session, actor, order_id, None, reason=_required(reason), now=now)


@requires(Permission.ORDER_MANAGE)
def cancel_line_for(
    session: Session,
    actor: Actor,
    *,
    order_id: int,
    line_id: int,
    quantity: int,
    reason: str,
    now: datetime,
) -> Order:
    """The vendor cancels units of one line, with a reason the buyer reads."""
    return _cancel(session, actor, order_id, {line_id: quantity}, reason=_required(reason), now=now)


def _required(reason: str) -> str:
    if not reason.strip():
        raise InvalidInput(_("Say why: the buyer reads it."), field="reason")
    return reason


def _lines(session: Session, order: Order) -> Sequence[OrderLine]:
    return session.scalars(
        select(OrderLine).where(OrderLine.order_id == order.id).order_by(OrderLine.position)
    ).all()


def _cancel(
    session: Session,
    actor: Actor,
    order_id: int,
    wanted: dict[int, int] | None,
    *,
    reason: str,
    now: datetime,
) -> Order:
    if len(reason) > REASON_LENGTH:
        raise InvalidInput(
            _("Keep the reason under %(count)s characters.", count=REASON_LENGTH), field="reason"
        )
    order = lock_order(session, order_id)
    if order.state not in CANCELLABLE:
        raise NotCancellable(_("Nothing of this order is open any more."))
    lines = _lines(session, order)
    units = _units_to_cancel(lines, wanted)
    cancelled = take_out(session, actor, order, lines, units, reason=reason, now=now)
    renew_promises(session, {line.product_id for line, _count in cancelled}, now=now)
    if order.source == "portal":
        _queue_mail(session, order, cancelled, reason, now)
    return order


def _units_to_cancel(lines: Sequence[OrderLine], wanted: dict[int, int] | None) -> dict[int, int]:
    """Units by line id; for a whole order all that is open."""
    if wanted is None:
        found = {line.id: line.allocated + line.backordered for line in lines}
        if any(line.picked for line in lines):
            raise NotCancellable(_("It is being picked. Ask us; we can still stop it by hand."))
        if not any(found.values()):
            raise NotCancellable(_("Nothing of this order is open any more."))
        return {line_id: units for line_id, units in found.items() if units}
    known = {line.id: line for line in lines}
    for line_id, quantity in wanted.items():
        line = known.get(line_id)
        if line is None:
            raise NotFound(_("This line is not in the order."))
        possible = line.allocated + line.backordered - line.picked
        if not 1 <= quantity <= possible:
            raise NotCancellable(
                _(
                    "%(count)s units of this line can still be cancelled: enter 1 to %(count)s.",
                    count=possible,
                )
                if possible
                else _("Nothing of this line is open any more.")
            )
    return wanted


def take_out(
    session: Session,
    actor: Actor,
    order: Order,
    lines: Sequence[OrderLine],
    units: dict[int, int],
    *,
    reason: str,
    now: datetime,
    recorded_at: datetime | None = None,
) -> list[tuple[OrderLine, int]]:
    """Cancel units of lines: waiting units first, then allocated ones, whose stock serves who waits.

    The header moves once nothing is open any more. Returns the lines with what was cancelled of each.
    """
    freed: Counter[int] = Counter()
    cancelled = []
    for line in lines:
        count = units.get(line.id, 0)
        if not count:
            continue
        waiting = min(count, line.backordered)
        line.backordered -= waiting
        line.allocated -= count - waiting
        line.cancelled += count
        freed[line.id] = count - waiting
        if not line.backordered:
            line.promised_on = None
        cancelled.append((line, count))
    order.version += 1
    session.flush()
    products = ledger.give_back(session, freed)
    left = [_units(line) for line in lines]
    event = cancel_event(left, order.state)
    if event:
        move(session, ORDER_MACHINE, order, event, actor=actor, now=now, reason=reason or None)
    audit.record(
        session,
        actor,
        "order.cancelled" if event else "order.line_cancelled",
        subject_type="order",
        subject_id=order.id,
        company_id=order.company_id,
        now=recorded_at or now,
        before={"open": {line.sku: line.allocated + line.backordered + count for line, count in cancelled}},
        after={"cancelled": {line.sku: count for line, count in cancelled}, "reason": reason},
    )
    if products:
        serve_backorders(session, actor, products, now=now)
    return cancelled


def _units(line: OrderLine) -> LineUnits:
    return LineUnits(line.ordered, line.allocated, line.backordered, line.cancelled, line.shipped)


def _queue_mail(
    session: Session, order: Order, cancelled: Sequence[tuple[OrderLine, int]], reason: str, now: datetime
) -> None:
    recipient = session.scalar(select(User.email).where(User.id == order.placed_by_id))
    if not recipient:
        return
    queue_mail(
        session,
        template="order_cancelled",
        recipient=recipient,
        company_id=order.company_id,
        context={
            "number": order.number,
            "po_number": order.po_number,
            "reason": reason,
            "currency": order.currency,
            "lines": [{"sku": line.sku, "name": line.name, "quantity": count} for line, count in cancelled],
            "url": f"/orders/{order.number}",
        },
        link_id=None,
        now=now,
    )
