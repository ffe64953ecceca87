"""Placing: a cart becomes an order once, priced, taxed and allocated in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import and_, bindparam, select, true, update
from sqlalchemy.orm import Session

from app.core.clock import business_date
from app.core.database import BigInt, UTCDateTime
from app.core.errors import Conflict, InvalidInput, NotFound
from app.core.permissions import Actor, Permission, requires
from app.core.tenancy import read_rows
from app.core.texts import _
from app.domain.accounts.mails import Mail, queue_mails
from app.domain.accounts.models import Branch, Company, EndCustomer, User, Vendor
from app.domain.catalogue.buyers import Buyer
from app.domain.catalogue.numbers import is_storable
from app.domain.catalogue.prices import terms_for
from app.domain.ordering.errors import CartClosed, CartEmpty, LinesRefused, TotalChanged
from app.domain.ordering.inserting import Header, NewLine, insert_order
from app.domain.ordering.models import Cart, Order
from app.domain.ordering.reading import (
    JudgedLine,
    cart_lines,
    judge_lines,
    read_supply,
    totals_of,
)
from app.domain.ordering.rules import ShownLine, Totals, changes_since, parse_shown


@dataclass(frozen=True, slots=True)
class Checkout:
    """What a buyer enters when placing. `to_end_customer` ships to the end customer's address."""

    branch_id: int
    po_number: str | None = None
    reference: str | None = None
    end_customer_id: int | None = None
    to_end_customer: bool = False
    requested_on: date | None = None
    notes: str = ""


@requires(Permission.ORDER_PLACE)
def place_order(
    session: Session,
    actor: Actor,
    *,
    cart_id: int,
    shown_total: Decimal,
    checkout: Checkout,
    now: datetime,
    shown_lines: str = "",
) -> Order:
    """Place a cart; placing it again gives the same order.

    :raises TotalChanged: it would cost something else than `shown_total`; `shown_lines` (see
        `rules.encode_shown`) lets the refusal name the lines.
    :raises LinesRefused: a line cannot be ordered as it is.
    :raises CartEmpty, CartClosed, NotFound, InvalidInput: the cart or an entry of the checkout.
    """
    context = _context(session, actor, cart_id, checkout)
    if context.placed_at is not None:
        return session.scalars(select(Order).where(Order.cart_id == cart_id)).one()
    if context.discarded_at is not None:
        raise CartClosed(_("This cart was put away. Bring it back, then place it."))
    _check_entries(checkout, context, day := business_date(now, context.timezone))
    buyer = Buyer(
        context.company_id, checkout.branch_id, context.tier, context.currency, context.visibility_mode
    )
    lines = cart_lines(session, buyer, cart_id, on=day, locks_products=True)
    if not lines:
        raise CartEmpty(_("There is nothing in this cart yet."))
    supply = read_supply(session, {line.product.id for line in lines}, are_locked=True)
    terms = terms_for(session, buyer, [line.product.id for line in lines], on=day)
    judged = judge_lines(lines, terms, supply.available())
    totals = totals_of(judged, terms.discount, context.currency)
    _check_shown(judged, totals, shown_total, shown_lines)
    order = insert_order(
        session,
        actor,
        header=_header(context, checkout, cart_id, day),
        lines=[_new_line(line) for line in judged],
        totals=totals,
        discount=terms.discount,
        supply=supply,
        now=now,
    )
    _finish_cart(session, cart_id, context.company_id, now)
    _queue_mails(session, order, judged, totals, context, now)
    return order


#: Parts of an address, as branches, end customers and orders have them.
ADDRESS = ("street", "postcode", "city", "region", "country")


def _given(name: str) -> Any:
    return bindparam(name, type_=BigInt)


#: Cart (locked), branch, company, vendor, end customer and the buyer's mailbox in one row. Built once.
_CONTEXT: Any = (
    select(
        Cart.placed_at,
        Cart.discarded_at,
        Company.id.label("company_id"),
        Company.name.label("company_name"),
        Company.currency,
        Company.tier,
        Company.visibility_mode,
        Company.is_active.label("company_is_active"),
        Branch.id.label("branch_id"),
        Branch.name.label("branch_name"),
        Branch.is_active.label("branch_is_active"),
        Branch.terms_days,
        *(getattr(Branch, part).label(f"branch_{part}") for part in ADDRESS),
        EndCustomer.id.label("end_customer_id"),
        EndCustomer.name.label("customer_name"),
        EndCustomer.is_active.label("customer_is_active"),
        *(getattr(EndCustomer, part).label(f"customer_{part}") for part in ADDRESS),
        Vendor.timezone,
        Vendor.order_prefix,
        Vendor.alert_email,
        Vendor.releases_automatically,
        User.email,
    )
    .select_from(Cart)
    .join(Company, Company.id == Cart.company_id)
    .join(Vendor, true())
    .outerjoin(Branch, and_(Branch.company_id == Company.id, Branch.id == _given("branch_id")))
    .outerjoin(
        EndCustomer,
        and_(EndCustomer.company_id == Company.id, EndCustomer.id == _given("end_customer_id")),
    )
    .outerjoin(User, User.id == _given("user_id"))
    .where(Cart.id == _given("cart_id"))
    .with_for_update(of=Cart)
)


def _context(session: Session, actor: Actor, cart_id: int, checkout: Checkout) -> Any:
    """:raises NotFound: there is no such cart, or it is not the company's."""
    values = {
        "branch_id": checkout.branch_id,
        "end_customer_id": checkout.end_customer_id,
        "user_id": actor.user_id,
        "cart_id": cart_id,
    }
    rows = read_rows(session, _CONTEXT, values)
    if not rows:
        raise NotFound()
    return rows[0]


#: Longest entries of the checkout, in characters.
LENGTHS = {"po_number": 80, "reference": 120, "notes": 2000}
_LINE_BREAKS = str.maketrans("\r\n\t", "   ")


def _check_entries(checkout: Checkout, context: Any, day: date) -> None:
    if not context.company_is_active:
        raise _closed()
    for field, most in LENGTHS.items():
        text = getattr(checkout, field) or ""
        if len(text) > most:
            raise InvalidInput(_("Use at most %(count)s characters.", count=most), field=field)
        if not is_storable(text.translate(_LINE_BREAKS) if field == "notes" else text):
            raise InvalidInput(_("This text has a character that cannot be stored."), field=field)
    if context.branch_id is None or not context.branch_is_active:
        raise InvalidInput(_("This branch is closed or not yours. Choose another one."), field="branch_id")
    if checkout.end_customer_id is not None and not context.customer_is_active:
        raise InvalidInput(
            _("This end customer is closed or not yours. Choose another one."), field="end_customer_id"
        )
    if checkout.to_end_customer and context.end_customer_id is None:
        raise InvalidInput(_("Choose the end customer it is shipped to."), field="end_customer_id")
    if checkout.to_end_customer and not context.customer_city:
        raise InvalidInput(
            _("This end customer has no address yet. Enter it, or ship to your branch."),
            field="end_customer_id",
        )
    if checkout.requested_on is not None and checkout.requested_on < day:
        raise InvalidInput(_("The requested day has passed. Choose a later one."), field="requested_on")


def _closed() -> Conflict:
    return Conflict(_("Your company's account is closed. Ask us to open it again."))


#: Built once. The company is looked at here, after the order holds it.
_FINISH_CART = (
    update(Cart)
    .where(
        Cart.id == _given("cart"),
        select(Company.id).where(Company.id == _given("company"), Company.is_active).exists(),
    )
    .values(placed_at=bindparam("now", type_=UTCDateTime()), updated_at=bindparam("now", type_=UTCDateTime()))
    .execution_options(synchronize_session=False)
)


def _finish_cart(session: Session, cart_id: int, company_id: int, now: datetime) -> None:
    """Note the cart as placed. :raises Conflict: the company was closed since it was read.

    The new order holds its company until the end, so that nobody closes it after this look.
    """
    values = {"cart": cart_id, "company": company_id, "now": now}
    placed: Any = session.execute(_FINISH_CART, values)
    if placed.rowcount != 1:
        raise _closed()


def _check_shown(
    judged: Sequence[JudgedLine], totals: Totals, shown_total: Decimal, shown_lines: str
) -> None:
    refused = [line for line in judged if not line.verdict.may_order]
    if refused:
        raise LinesRefused(refused)
    if totals.total == shown_total:
        return
    now = {
        line.sku: (line.product.name, ShownLine(line.quantity, line.unit_price or Decimal(0)))
        for line in judged
    }
    raise TotalChanged(
        shown=shown_total, total=totals.total, changes=changes_since(parse_shown(shown_lines), now)
    )


def _header(context: Any, checkout: Checkout, cart_id: int, day: date) -> Header:
    side = "customer" if checkout.to_end_customer else "branch"
    name = context.customer_name if checkout.to_end_customer else context.company_name
    ship_to = {"name": name} | {part: getattr(context, f"{side}_{part}") for part in ADDRESS}
    if not checkout.to_end_customer:
        ship_to["branch"] = context.branch_name
    return Header(
        company_id=context.company_id,
        branch_id=context.branch_id,
        currency=context.currency,
        ship_to=ship_to,
        terms_days=context.terms_days,
        number_prefix=context.order_prefix,
        day=day,
        cart_id=cart_id,
        end_customer_id=context.end_customer_id,
        po_number=checkout.po_number or None,
        reference=checkout.reference or None,
        requested_on=checkout.requested_on,
        notes=checkout.notes,
        releases_automatically=context.releases_automatically,
    )


def _new_line(line: JudgedLine) -> NewLine:
    return NewLine(
        product_id=line.product.id,
        sku=line.sku,
        name=line.product.name,
        quantity=line.quantity,
        price=line.line_price(),
        is_stocked=line.product.is_stocked,
    )


def _queue_mails(
    session: Session,
    order: Order,
    judged: Sequence[JudgedLine],
    totals: Totals,
    context: Any,
    now: datetime,
) -> None:
    values = {
        "number": order.number,
        "company": context.company_name,
        "po_number": order.po_number,
        "currency": order.currency,
        "discount": str(order.discount) if order.discount else None,
        "tax": str(order.tax),
        "total": str(order.total),
        "lines": [
            {
                "sku": line.sku,
                "name": line.product.name,
                "quantity": line.quantity,
                "unit_price": str(line.unit_price),
                "amount": str(sums.net),
            }
            for line, sums in zip(judged, totals.lines, strict=True)
        ],
    }
    confirmation = Mail("order_confirmation", context.email, order.company_id, f"/orders/{order.number}")
    alert = Mail("new_order_alert", context.alert_email, None, f"/console/orders/{order.number}")
    queue_mails(session, [confirmation, alert], context=values, now=now)
