"""Orders for the vendor's ERP: by number, whole or what changed since a cursor, and the mark "exported".

Reading leaves no trace in the rows: the same orders give the same file.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, literal, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core import audit
from app.core.database import UTCDateTime
from app.core.errors import InvalidInput
from app.core.money import exponent, round_to_currency
from app.core.permissions import Actor, Permission, requires
from app.core.texts import _
from app.domain.accounts.models import Branch, Company, EndCustomer
from app.domain.ordering.changes import last_change
from app.domain.ordering.models import ExportedOrder, Order, OrderLine

BATCH = 500
SHIP_TO = ("name", "street", "postcode", "city", "region", "country")
HEAD_COLUMNS = (
    *("number", "company_number", "company_name", "company_tax_id", "branch", "end_customer", "state"),
    *("source", "external_reference", "po_number", "reference", "notes", "requested_on"),
    *(f"ship_to_{part}" for part in SHIP_TO),
    *("currency", "terms_days", "net", "discount", "tax", "total", "line_count", "placed_at", "placed_by"),
)
LINE_COLUMNS = (
    *("position", "sku", "name", "ordered", "allocated", "backordered", "shipped", "cancelled", "returned"),
    *("unit_price", "price_source", "net", "discount", "tax_code", "tax_rate", "tax", "promised_on"),
)


class Exported(StrEnum):
    """Whether the ERP has an order."""

    NO = "no"
    YES = "yes"
    #: It has it as it was before its latest change.
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class ErpOrder:
    """An order with values by the names of the columns; amounts are rounded to the currency."""

    id: int
    head: dict[str, Any]
    lines: list[dict[str, Any]]


def cursor_of(change: int) -> str:
    """The cursor after a change, with a check against slips of the pen: `12-8d3e`."""
    return f"{change}-{zlib.crc32(f'orders {change}'.encode()) & 0xFFFF:04x}"


def read_cursor(session: Session, text: str) -> int:
    """The change a cursor stands after.

    :raises InvalidInput: it was not printed here, or by a later state than this one.
    """
    number = text.strip().partition("-")[0]
    is_number = number.isascii() and number.isdigit() and len(number) <= 18
    if not is_number or text.strip() != cursor_of(int(number)) or int(number) > last_change(session):
        raise InvalidInput(
            _(
                "The cursor %(cursor)s is not known here. Give the one the last export printed, or none for "
                "all orders.",
                cursor=repr(text),
            )
        )
    return int(number)


def changed_after(change: int) -> ColumnElement[bool]:
    """New or changed since; orders that an older version of the program stored are always among them."""
    return or_(Order.change_number > change, Order.change_number == 0)


def is_exported(which: Exported) -> ColumnElement[bool]:
    """The condition on orders by their mark."""
    marked = ExportedOrder.order_id == Order.id
    if which is Exported.NO:
        return ~exists().where(marked).correlate(Order)
    as_is = ExportedOrder.change_number >= Order.change_number
    return exists().where(marked, as_is if which is Exported.YES else ~as_is).correlate(Order)


def ids_by_number(session: Session, statement: Any) -> Sequence[int]:
    """Ids of the orders a statement on orders meets, in the order of their numbers; eight bytes each."""
    range_name = func.rtrim(Order.number, "0123456789").collate(_plain_collation(session))
    number = Order.number.collate(_plain_collation(session))
    ordered = statement.with_only_columns(Order.id).order_by(range_name, func.length(Order.number), number)
    return array("q", session.scalars(ordered.execution_options(yield_per=5000)))


def _plain_collation(session: Session) -> str:
    return "C" if session.get_bind().dialect.name == "postgresql" else "BINARY"


def read_orders(session: Session, order_ids: Sequence[int]) -> Iterator[ErpOrder]:
    """The orders with their lines, two statements for every five hundred."""
    for start in range(0, len(order_ids), BATCH):
        some = list(order_ids[start : start + BATCH])
        heads = {row.id: row for row in session.execute(_HEADS.where(Order.id.in_(some)))}
        lines: dict[int, list[Any]] = {order_id: [] for order_id in some}
        for line in session.execute(_LINES.where(OrderLine.order_id.in_(some))):
            lines[line.order_id].append(line)
        for order_id in some:
            if order_id in heads:
                yield _order(heads[order_id], lines[order_id])


_HEADS: Any = (
    select(
        Order.id,
        Order.number,
        Company.number.label("company_number"),
        Company.name.label("company_name"),
        Company.tax_id.label("company_tax_id"),
        Branch.name.label("branch"),
        EndCustomer.name.label("end_customer"),
        *(getattr(Order, name) for name in HEAD_COLUMNS if name in Order.__table__.c and name != "number"),
        Order.ship_to,
        Order.placed_by_name.label("placed_by"),
    )
    .join(Company, Company.id == Order.company_id)
    .join(Branch, Branch.id == Order.branch_id)
    .outerjoin(EndCustomer, EndCustomer.id == Order.end_customer_id)
)
_LINES: Any = select(
    OrderLine.order_id,
    *(getattr(OrderLine, name) for name in LINE_COLUMNS if name in OrderLine.__table__.c),
    OrderLine.discount_share.label("discount"),
    OrderLine.tax_rate_bps,
).order_by(OrderLine.order_id, OrderLine.position)


def _order(row: Any, lines: Sequence[Any]) -> ErpOrder:
    ship_to = {f"ship_to_{part}": row.ship_to.get(part) for part in SHIP_TO}
    values = {**row._mapping, **ship_to}
    head = {name: _rounded(name, values[name], row.currency) for name in HEAD_COLUMNS}
    return ErpOrder(row.id, head, [_line(line, row.currency) for line in lines])


def _line(row: Any, currency: str) -> dict[str, Any]:
    values = {**row._mapping, "tax_rate": Decimal(row.tax_rate_bps) / 100}
    line = {name: _rounded(name, values[name], currency) for name in LINE_COLUMNS}
    return line | {"unit_price": _unit_price(row.unit_price, currency)}


def _rounded(name: str, value: Any, currency: str) -> Any:
    return round_to_currency(value, currency) if name in _AMOUNTS else value


_AMOUNTS = frozenset({"net", "discount", "tax", "total"})


def _unit_price(price: Decimal, currency: str) -> Decimal:
    """With the currency's decimals, and more only where it has more."""
    rounded = round_to_currency(price, currency)
    return rounded if rounded == price or exponent(currency) >= 4 else price.normalize()


def find_mark(session: Session, order_id: int) -> ExportedOrder | None:
    """Since when, and by whose mark, the ERP has the order."""
    return session.get(ExportedOrder, order_id)


@requires(Permission.ORDER_MANAGE)
def mark_exported(
    session: Session, actor: Actor, *, order_ids: Iterable[int], change: int, now: datetime
) -> int:
    """The ERP has these orders as they were up to `change`; returns how many it did not have so before.

    Orders that changed later stay to be exported again. Marking twice marks once.
    """
    marked, waiting = 0, sorted(order_ids)
    for start in range(0, len(waiting), BATCH):
        marked += _mark(session, actor, waiting[start : start + BATCH], change, now)
    if marked:
        audit.record(
            session,
            actor,
            "order.marked_exported",
            subject_type="order",
            subject_id=None,
            now=now,
            after={"orders": marked, "cursor": cursor_of(change)},
        )
    return marked


def _mark(session: Session, actor: Actor, order_ids: list[int], change: int, now: datetime) -> int:
    is_postgres = session.get_bind().dialect.name == "postgresql"
    upsert: Any = (postgresql if is_postgres else sqlite).insert(ExportedOrder)
    unmarked = (
        select(
            Order.id,
            Order.company_id,
            literal(change),
            literal(now, UTCDateTime()),
            literal(actor.name),
        )
        .outerjoin(ExportedOrder, ExportedOrder.order_id == Order.id)
        .where(
            Order.id.in_(order_ids),
            or_(
                ExportedOrder.order_id.is_(None),
                and_(ExportedOrder.change_number < Order.change_number, ExportedOrder.change_number < change),
            ),
        )
        .order_by(Order.id)
    )
    names = ["order_id", "company_id", "change_number", "at", "by_name"]
    upsert = upsert.from_select(names, unmarked)
    done = session.scalars(
        upsert.on_conflict_do_update(
            index_elements=["order_id"],
            set_={name: upsert.excluded[name] for name in names[2:]},
            where=ExportedOrder.change_number < upsert.excluded.change_number,
        )
        .returning(ExportedOrder.order_id)
        .execution_options(synchronize_session=False)
    )
    return len(done.all())
