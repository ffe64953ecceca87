"""The home of each role: work first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, current_app, render_template, url_for

from app.core import clock
from app.core.permissions import Permission, Role
from app.core.texts import _
from app.core.web.door import allow, current_actor
from app.core.web.extensions import db
from app.core.web.formats import vendor_zone
from app.core.web.visitor import current_visitor
from app.domain.assets.queries import AssetFilters, count_covers, list_units
from app.domain.ordering.desk import RequestFilters, count_orders_by_week, list_price_requests
from app.domain.ordering.queries import OrderFilters, OrderRow, list_carts, list_orders
from app.domain.ordering.states import RequestState
from app.portal import buying
from app.portal.amounts import unit_price
from app.portal.catalogue.cards import day_text, number

blueprint = Blueprint("home", __name__)

#: Roles whose work begins with a serial number.
DESKS = frozenset({Role.RESELLER_SUPPORT, Role.END_CUSTOMER_DESK})
UNITS_SHOWN, SOON_DAYS = 8, 90
CARTS_SHOWN, ORDERS_SHOWN, REQUESTS_SHOWN, WEEKS = 3, 6, 3, 12


@dataclass(frozen=True, slots=True)
class Task:
    """A thing that waits for the reader: verb first, why, until when, one button."""

    icon: str
    title: str
    sub: str
    act: str
    href: str
    name: str
    due: str = ""


@blueprint.get("/home")
@allow(Permission.ACCOUNT_USE)
def index() -> str:
    """What waits for the reader; a plain page for those who do not buy."""
    actor = current_actor()
    if actor.role in DESKS:
        return _desk()
    if not actor.may(Permission.ORDER_READ):
        return render_template(
            "portal/home/plain.html", greeting=_greeting(), today=buying.today(), rooms=_rooms()
        )
    session, buys = db.session(), actor.may(Permission.CART_MANAGE)
    orders = list_orders(session, filters=OrderFilters(is_open=True), size=ORDERS_SHOWN)
    carts = list_carts(session, limit=CARTS_SHOWN) if actor.may(Permission.CART_READ) else []
    tasks = [*_requests(), *_undated(orders.items), *_carts(carts)] if buys else []
    weeks = count_orders_by_week(session, weeks=WEEKS, now=clock.now())
    return render_template(
        "portal/home/index.html",
        greeting=_greeting(),
        waiting_text=_waiting(len(tasks)),
        today=buying.today(),
        tasks=tasks,
        orders=orders.items,
        open_count=orders.total or 0,
        carts=carts,
        weeks=weeks,
        has_orders=bool(orders.items or sum(weeks)),
        may_buy=buys,
    )


def _desk() -> str:
    """A field for a serial, and the units whose cover ends soonest."""
    session, actor, today = db.session(), current_actor(), buying.today()
    filters = AssetFilters(ends_within=SOON_DAYS, on=today)
    return render_template(
        "portal/home/desk.html",
        greeting=_greeting(),
        today=today,
        counts=count_covers(session, actor, on=today),
        ending=list_units(session, actor, filters, size=UNITS_SHOWN),
    )


def _greeting() -> str:
    first = current_visitor().name.split(" ")[0]
    return _("Hello, %(name)s", name=first)


def _waiting(count: int) -> str:
    if not count:
        return _("Nothing waits for you")
    return _("One thing waits for you") if count == 1 else _("%(n)s things wait for you", n=count)


def _rooms() -> list[dict[str, str]]:
    """Other pages that the role may open, where there are any."""
    known = (
        ("portal.catalogue.index", Permission.CATALOGUE_READ, _("Catalogue"), "layout-grid"),
        ("account.index", Permission.ACCOUNT_USE, _("Account and security"), "user"),
    )
    return [
        {"label": label, "href": url_for(endpoint), "icon": icon}
        for endpoint, permission, label, icon in known
        if endpoint in current_app.view_functions and current_actor().may(permission)
    ]


def _requests() -> list[Task]:
    """Answered price requests that still hold, the first to end first."""
    page = list_price_requests(db.session(), RequestFilters(RequestState.ANSWERED.value), newest_first=True)
    today = buying.today()
    rows = [row for row in page.items if row.valid_until is None or row.valid_until >= today]
    rows.sort(key=lambda row: (row.valid_until is None, row.valid_until, row.id))
    return [_request(row) for row in rows[:REQUESTS_SHOWN]]


def _request(row: Any) -> Task:
    price = f"{unit_price(row.unit_price, row.currency)} {row.currency}"
    return Task(
        icon="currency-dollar",
        title=_("Use the price for %(name)s", name=row.name),
        sub=_("%(number)s, %(n)s at %(price)s each", number=row.number, n=number(row.quantity), price=price),
        act=_("See answer"),
        href=url_for("portal.requests.index", state=RequestState.ANSWERED.value),
        name=row.number,
        due=_("until %(day)s", day=day_text(row.valid_until)) if row.valid_until else "",
    )


def _undated(orders: Any) -> list[Task]:
    """Orders with units that wait for stock and have no day yet."""
    return [_order(row) for row in orders if row.undated]


def _order(row: OrderRow) -> Task:
    po_number = f", {_('PO')} {row.po_number}" if row.po_number else ""
    return Task(
        icon="clock",
        title=_("Decide about %(number)s", number=row.number),
        sub=_("%(n)s units wait for stock without a date", n=number(row.undated)) + po_number,
        act=_("See order"),
        href=url_for("portal.orders.show", number=row.number),
        name=row.number,
        due=day_text(row.placed_at.astimezone(vendor_zone()).date()),
    )


def _carts(carts: Any) -> list[Task]:
    """Carts that hold something."""
    return [
        Task(
            icon="shopping-cart",
            title=_("Finish cart “%(name)s”", name=cart.name),
            sub=_("%(units)s units for %(branch)s", units=number(int(cart.units)), branch=cart.branch_name),
            act=_("Open cart"),
            href=url_for("portal.carts.show", cart_id=cart.id),
            name=cart.name,
            due=day_text(cart.updated_at.date()),
        )
        for cart in carts
        if cart.lines
    ]
