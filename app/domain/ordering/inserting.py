"""Writing a new order: head, lines, allocations, discount, history and audit row in a fixed number of
statements, whatever the number of lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Table, insert
from sqlalchemy.orm import Session

from app.core import audit, batches
from app.core.permissions import Actor
from app.core.sequences import take_numbers
from app.core.states import StateChange
from app.core.tenancy import all_companies
from app.domain.accounts.vendor_rules import order_range
from app.domain.catalogue.prices import OrderDiscount
from app.domain.inventory import ledger
from app.domain.inventory.rules import Demand, Take, allocate
from app.domain.ordering import changes
from app.domain.ordering.judging import LinePrice
from app.domain.ordering.models import Order, OrderLine
from app.domain.ordering.models import OrderDiscount as OrderDiscountRow
from app.domain.ordering.reading import Supply
from app.domain.ordering.rules import Totals
from app.domain.ordering.states import ORDER_MACHINE, OrderState

_LINES: Table = OrderLine.__table__  # type: ignore[assignment]  # mapped to exactly one table


@dataclass(frozen=True, slots=True)
class NewLine:
    """A line about to be ordered."""

    product_id: int
    sku: str
    name: str
    quantity: int
    price: LinePrice
    is_stocked: bool = True


@dataclass(frozen=True, slots=True)
class Header:
    """What an order's head keeps, whoever enters it."""

    company_id: int
    branch_id: int
    currency: str
    ship_to: dict[str, Any]
    terms_days: int
    number_prefix: str
    day: date
    source: str = "portal"
    cart_id: int | None = None
    external_reference: str | None = None
    end_customer_id: int | None = None
    po_number: str | None = None
    reference: str | None = None
    requested_on: date | None = None
    notes: str = ""
    releases_automatically: bool = True


def insert_order(
    session: Session,
    actor: Actor,
    *,
    header: Header,
    lines: Sequence[NewLine],
    totals: Totals,
    supply: Supply,
    now: datetime,
    discount: OrderDiscount | None = None,
    recorded_at: datetime | None = None,
) -> Order:
    """Write an order with its lines, allocations, history and audit row.

    Every order is written here, a cart's and a replayed one. Lines are allocated in their order from what
    the `supply` has free; the rest is backordered. `recorded_at` is the real time where `now` is history's.
    The number is taken after everything was read and locked, so that its lock is held shortest.
    """
    takes, allocated = _allocate(lines, supply)
    missing: Counter[int] = Counter()
    for position, line in enumerate(lines):
        if line.quantity > allocated[position]:
            missing[line.product_id] += line.quantity - allocated[position]
    promised = supply.queue.promise(missing, on=header.day)
    released = header.releases_automatically and any(allocated.values())
    order = _insert_head(session, actor, header, lines, totals, released, now)
    line_ids = _insert_lines(session, order, lines, totals, allocated, promised)
    ledger.set_aside(
        session,
        [Take(line_ids[take.key], take.product_id, take.warehouse_id, take.quantity) for take in takes],
        for_new_lines=True,
    )
    if totals.discount and discount:
        session.add(_discount_row(order, discount, totals.discount))
    _record(session, actor, order, released, now, recorded_at or now)
    return order


def _allocate(lines: Sequence[NewLine], supply: Supply) -> tuple[list[Take], Counter[int]]:
    """What is taken from the warehouses (`key` is the line's place), and the units each line has of it.

    A service is there at once and takes nothing.
    """
    demands = [
        Demand(position, line.product_id, line.quantity)
        for position, line in enumerate(lines)
        if line.is_stocked
    ]
    takes = allocate(demands, supply.free, supply.warehouses)
    allocated: Counter[int] = Counter()
    for take in takes:
        allocated[take.key] += take.quantity
    for position, line in enumerate(lines):
        if not line.is_stocked:
            allocated[position] = line.quantity
    return takes, allocated


def _discount_row(order: Order, discount: OrderDiscount, amount: Decimal) -> OrderDiscountRow:
    return OrderDiscountRow(
        company_id=order.company_id,
        order_id=order.id,
        agreement_id=discount.agreement_id,
        label=discount.name,
        rate_bps=discount.bps,
        amount=amount,
    )


def _insert_head(
    session: Session,
    actor: Actor,
    header: Header,
    lines: Sequence[NewLine],
    totals: Totals,
    released: bool,
    now: datetime,
) -> Order:
    year = f"{header.day.year % 100:02}"
    number, change = take_numbers(session, order_range(header.day), changes.RANGE)
    changes.note_number(session, change)
    order = Order(
        number=f"{header.number_prefix}-{year}-{number:05}",
        company_id=header.company_id,
        branch_id=header.branch_id,
        end_customer_id=header.end_customer_id,
        cart_id=header.cart_id,
        state=(OrderState.RELEASED if released else OrderState.CONFIRMED).value,
        source=header.source,
        external_reference=header.external_reference,
        currency=header.currency,
        po_number=header.po_number,
        reference=header.reference,
        notes=header.notes,
        requested_on=header.requested_on,
        ship_to=header.ship_to,
        terms_days=header.terms_days,
        net=totals.net,
        discount=totals.discount,
        tax=totals.tax,
        total=totals.total,
        line_count=len(lines),
        placed_at=now,
        placed_by_id=actor.user_id,
        placed_by_name=actor.name,
        change_number=change,
    )
    session.add(order)
    session.flush()
    return order


def _insert_lines(
    session: Session,
    order: Order,
    lines: Sequence[NewLine],
    totals: Totals,
    allocated: Counter[int],
    promised: dict[int, date | None],
) -> list[int]:
    rows = [
        {
            "company_id": order.company_id,
            "order_id": order.id,
            "position": position + 1,
            "product_id": line.product_id,
            "sku": line.sku,
            "name": line.name,
            "ordered": line.quantity,
            "allocated": allocated[position],
            "backordered": line.quantity - allocated[position],
            "unit_price": line.price.unit_price,
            "price_source": line.price.source,
            "price_reason": line.price.reason,
            "agreement_id": line.price.agreement_id,
            "price_step": line.price.step,
            "net": sums.net,
            "discount_share": sums.discount,
            "tax_code": line.price.tax_code,
            "tax_rate_bps": line.price.tax_rate_bps,
            "tax": sums.tax,
            "promised_on": promised.get(line.product_id) if line.quantity > allocated[position] else None,
        }
        for position, (line, sums) in enumerate(zip(lines, totals.lines, strict=True))
    ]
    ids = [0] * len(rows)
    for line_id, position in _write_lines(session, rows):
        ids[position - 1] = line_id
    return ids


def _write_lines(session: Session, rows: list[dict[str, Any]]) -> Any:
    """Insert the lines; their ids and positions."""
    if batches.takes_documents(session):
        # The order was written in its company's scope, and a line of another one's would break its key.
        changes.note_changed(session, {row["order_id"] for row in rows})
        with all_companies(session, reason="lines of an order just written"):
            return batches.insert_document(
                session, _LINES, rows, returned=("id", "position"), options={changes.NOTED: True}
            )
    return session.execute(
        insert(OrderLine).returning(OrderLine.id, OrderLine.position),
        rows,
        # Without render_nulls, lines with and without a promised day would go in statements of their own.
        execution_options={"insertmanyvalues_page_size": 5000, "render_nulls": True},
    )


def _record(
    session: Session, actor: Actor, order: Order, released: bool, now: datetime, recorded_at: datetime
) -> None:
    moves: list[tuple[str, OrderState | None, OrderState]] = [("place", None, OrderState.CONFIRMED)]
    if released:
        moves.append(("release", OrderState.CONFIRMED, OrderState.RELEASED))
    session.execute(
        insert(StateChange),
        [
            {
                "machine": ORDER_MACHINE.name,
                "subject_id": order.id,
                "company_id": order.company_id,
                "event": event,
                "from_state": before.value if before else None,
                "to_state": after.value,
                "at": now,
                "actor_name": actor.name,
                "actor_user_id": actor.user_id,
            }
            for event, before, after in moves
        ],
        execution_options={"render_nulls": True},
    )
    audit.record(
        session,
        actor,
        "order.placed",
        subject_type="order",
        subject_id=order.id,
        company_id=order.company_id,
        now=recorded_at,
        after={"number": order.number, "total": str(order.total), "currency": order.currency},
    )
