"""Historical orders: one invoice at a time becomes an order, or cancels what earlier ones left open."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core.clock import business_date
from app.core.errors import Conflict
from app.core.permissions import Actor, Permission, requires
from app.core.texts import _
from app.domain.catalogue.models import Product
from app.domain.ordering import replay_parties as parties
from app.domain.ordering.backorders import lock_order
from app.domain.ordering.cancelling import take_out
from app.domain.ordering.inserting import Header, NewLine, insert_order
from app.domain.ordering.judging import LinePrice
from app.domain.ordering.models import Order, OrderLine, ReplayedInvoice
from app.domain.ordering.reading import read_supply
from app.domain.ordering.replay import (
    CURRENCY,
    HistoryLine,
    Invoice,
    Kind,
    OpenLine,
    kind_of,
    match_cancellations,
)
from app.domain.ordering.replay_parties import Book, Party
from app.domain.ordering.rules import order_totals

SOURCE = "replay"


@dataclass(slots=True)
class Replayed:
    """What became of an invoice: each line's kind, and the order where it made one.

    `found` are the companies and products it used, to be remembered once the transaction is committed.
    """

    kinds: list[Kind]
    order_id: int | None = None
    found: Book = field(default_factory=Book)


def replayed_numbers(session: Session) -> set[str]:
    """The invoices that earlier runs have finished with."""
    return set(session.scalars(select(ReplayedInvoice.number)))


@requires(Permission.ORDER_REPLAY)
def replay_invoice(
    session: Session, actor: Actor, *, invoice: Invoice, book: Book, now: datetime
) -> Replayed:
    """Enter one historical invoice, at the time it carries, and remember that it is done.

    `now` is the real time, which the audit rows carry. `book` holds companies and products of invoices
    before, and is not changed.

    :raises Conflict: a company of the history exists already and cannot be used for it.
    """
    if not _remember(session, invoice.number, now):
        return Replayed([Kind.ALREADY_REPLAYED] * len(invoice.lines))
    kinds = _sort_out(invoice)
    usable = [line for line, kind in zip(invoice.lines, kinds, strict=True) if kind is None]
    if not usable:
        return Replayed([kind for kind in kinds if kind])
    outcome = Replayed([])
    if invoice.is_cancellation:
        answers = _cancel(session, actor, invoice, usable, now=now)
    else:
        outcome.order_id = _order(session, actor, invoice, usable, book, outcome.found, now=now)
        answers = [Kind.ORDERED] * len(usable)
        session.execute(
            update(ReplayedInvoice)
            .where(ReplayedInvoice.number == invoice.number)
            .values(order_id=outcome.order_id)
            .execution_options(synchronize_session=False)
        )
    rest = iter(answers)
    outcome.kinds = [kind or next(rest) for kind in kinds]
    return outcome


def _remember(session: Session, number: str, now: datetime) -> bool:
    """Note the invoice as done; False where an earlier or simultaneous run did it."""
    is_postgres = session.get_bind().dialect.name == "postgresql"
    upsert: Any = (postgresql if is_postgres else sqlite).insert(ReplayedInvoice)
    noted = session.execute(
        upsert.values(number=number, order_id=None, replayed_at=now)
        .on_conflict_do_nothing()
        .returning(ReplayedInvoice.number)
    )
    return noted.first() is not None


def _sort_out(invoice: Invoice) -> list[Kind | None]:
    """The kind of each line that orders and cancels nothing; None for the others, all of one customer."""
    kinds = [kind_of(line, is_cancellation=invoice.is_cancellation) for line in invoice.lines]
    customer = None
    for place, line in enumerate(invoice.lines):
        if kinds[place] is None:
            customer = customer or line.customer
            if line.customer != customer:
                kinds[place] = Kind.BAD_ROW
    return kinds


def _order(
    session: Session,
    actor: Actor,
    invoice: Invoice,
    lines: Sequence[HistoryLine],
    book: Book,
    found: Book,
    *,
    now: datetime,
) -> int:
    """Write the invoice's order; returns its id."""
    customer = lines[0].customer or ""
    party = book.parties.get(customer) or parties.find_or_make_party(
        session, actor, number=customer, country=lines[0].country, now=now
    )
    products = parties.find_or_make_products(session, lines, book, now=now)
    found.parties[customer] = party
    found.products.update(products)
    order = insert_order(
        session,
        actor,
        header=_header(invoice, party, book),
        lines=[_new_line(line, products[line.code], invoice.number) for line in lines],
        totals=order_totals([(line.quantity, line.unit_price, 0) for line in lines], currency=CURRENCY),
        supply=read_supply(session, {product.id for product in products.values()}),
        now=invoice.at,
        recorded_at=now,
    )
    return order.id


def _new_line(line: HistoryLine, product: parties.Goods, invoice: str) -> NewLine:
    return NewLine(
        product_id=product.id,
        sku=product.sku,
        name=product.name,
        quantity=line.quantity,
        price=LinePrice(
            unit_price=line.unit_price,
            agreement_id=None,
            step=None,
            source="imported",
            reason=_("Price of the imported invoice %(number)s.", number=invoice),
        ),
        is_stocked=product.is_stocked,
    )


def _header(invoice: Invoice, party: Party, book: Book) -> Header:
    return Header(
        company_id=party.company_id,
        branch_id=party.branch_id,
        currency=CURRENCY,
        ship_to=party.ship_to,
        terms_days=party.terms_days,
        number_prefix=book.vendor.order_prefix,
        day=business_date(invoice.at, book.vendor.timezone),
        source=SOURCE,
        external_reference=invoice.number,
        releases_automatically=book.vendor.releases_automatically,
    )


def _cancel(
    session: Session, actor: Actor, invoice: Invoice, lines: Sequence[HistoryLine], *, now: datetime
) -> list[Kind]:
    """Cancel on the customer's earlier orders, order by order."""
    kinds, units = match_cancellations(lines, _open_lines(session, lines, invoice.at))
    reason = _("Cancelled by the imported invoice %(number)s.", number=invoice.number)
    for order_id in _orders_of(session, units):
        order = lock_order(session, order_id)
        own = session.scalars(
            select(OrderLine)
            .where(OrderLine.order_id == order_id)
            .order_by(OrderLine.position)
            .execution_options(populate_existing=True)
        ).all()
        for line in own:
            if units.get(line.id, 0) > line.allocated + line.backordered - line.picked:
                raise Conflict(_("Somebody else changed the order meanwhile. Run the replay again."))
        take_out(session, actor, order, own, units, reason=reason, now=invoice.at, recorded_at=now)
    return kinds


def _open_lines(session: Session, lines: Sequence[HistoryLine], at: datetime) -> list[OpenLine]:
    """Lines of the customer's replayed orders up to then that still have open units, oldest first."""
    left = OrderLine.allocated + OrderLine.backordered - OrderLine.picked
    prices: set[Decimal] = {line.unit_price for line in lines}
    rows = session.execute(
        select(OrderLine.id, Product.sku_key, OrderLine.unit_price, left)
        .join(Order, Order.id == OrderLine.order_id)
        .join(Product, Product.id == OrderLine.product_id)
        .where(
            OrderLine.company_id == parties.company_id_of(lines[0].customer or ""),
            Product.sku_key.in_({line.code for line in lines}),
            OrderLine.unit_price.in_(prices),
            left > 0,
            Order.source == SOURCE,
            Order.placed_at <= at,
        )
        .order_by(Order.placed_at, Order.id, OrderLine.position)
    )
    return [OpenLine(line_id, code, unit_price, units) for line_id, code, unit_price, units in rows]


def _orders_of(session: Session, line_ids: Collection[int]) -> list[int]:
    if not line_ids:
        return []
    return list(
        session.scalars(
            select(OrderLine.order_id)
            .where(OrderLine.id.in_(line_ids))
            .distinct()
            .order_by(OrderLine.order_id)
        )
    )
