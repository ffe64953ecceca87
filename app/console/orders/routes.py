"""The list of orders with its filters and export, and one order's page."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from flask import Blueprint, Response, render_template, request, url_for

from app.console.addresses import company_address
from app.console.downloads import send_table
from app.console.lists import given_choice, given_day, given_number, given_text, total_text
from app.console.orders.progress import cells_of, segments_of, steps_of
from app.core import clock
from app.core.errors import InvalidInput
from app.core.money import round_to_currency
from app.core.permissions import Permission
from app.core.texts import N_, _
from app.core.web.door import allow, current_actor, do
from app.core.web.extensions import db
from app.core.web.formats import vendor_zone
from app.domain.accounts.queries import get_company
from app.domain.ordering.desk_order import DeskOrder, get_order
from app.domain.ordering.desk_orders import (
    DeskFilters,
    OrderSort,
    Waits,
    iter_orders,
    list_orders,
    record_export,
)
from app.domain.ordering.states import ORDER_MACHINE

blueprint = Blueprint("orders", __name__, url_prefix="/orders")

STATES = {
    "awaiting_approval": N_("Waits for approval"),
    "on_hold": N_("On hold"),
    "confirmed": N_("Confirmed"),
    "released": N_("Released"),
    "part_shipped": N_("Partly shipped"),
    "shipped": N_("Shipped"),
    "cancelled": N_("Cancelled"),
}
WAITS = {Waits.RELEASE.value: N_("To release"), Waits.STOCK.value: N_("Wait for stock")}
SOURCES = {"portal": N_("Placed in the portal"), "replay": N_("Imported history")}
SORTS = {
    OrderSort.NEWEST.value: N_("newest first"),
    OrderSort.OLDEST.value: N_("oldest first"),
    OrderSort.LARGEST.value: N_("largest first"),
    OrderSort.COMPANY.value: N_("by company"),
}
COLUMNS = (
    *("number", "company_number", "company", "po_number", "state", "source", "placed_at", "placed_by"),
    *("lines", "ordered", "allocated", "backordered", "shipped", "cancelled", "total", "currency"),
)
#: Names of the filters in the address.
FILTERS = ("q", "state", "company", "source", "waits", "from", "to", "sort")


def _args() -> dict[str, str]:
    return {name: request.args[name].strip()[:100] for name in FILTERS if request.args.get(name, "").strip()}


def _filters() -> tuple[DeskFilters, OrderSort]:
    zone = vendor_zone()
    first, last = given_day("from"), given_day("to")
    if first and last and last < first:
        raise InvalidInput(_("The last day is before the first. Change one of them."), field="to")
    waits = given_choice("waits", WAITS)
    try:
        filters = DeskFilters(
            text=given_text("q"),
            state=given_choice("state", STATES),
            company_id=given_number("company"),
            source=given_choice("source", SOURCES),
            waits=Waits(waits) if waits else None,
            placed_from=datetime.combine(first, time(), tzinfo=zone) if first else None,
            placed_before=datetime.combine(last + timedelta(days=1), time(), tzinfo=zone) if last else None,
        )
    except OverflowError as error:
        raise InvalidInput(_("Write the day as 2026-11-24."), field="to") from error
    return filters, OrderSort(given_choice("sort", SORTS) or OrderSort.NEWEST.value)


def _address(args: dict[str, str], **changes: Any) -> str:
    return url_for("console.orders.index", **{**args, **changes})


def _chips(args: dict[str, str]) -> list[dict[str, Any]]:
    rest = {name: value for name, value in args.items() if name != "waits"}
    chosen = args.get("waits")
    return [
        {"label": _("All"), "href": _address(rest), "current": chosen is None},
        *(
            {"label": _(label), "href": _address(rest, waits=one), "current": chosen == one}
            for one, label in WAITS.items()
        ),
    ]


@blueprint.get("")
@allow(Permission.ORDER_READ)
def index() -> str | tuple[str, int]:
    session = db.session()
    args, page, error, company = _args(), None, None, None
    sort = OrderSort.NEWEST
    try:
        filters, sort = _filters()
        if filters.company_id is not None:
            company = get_company(session, filters.company_id)
        page = list_orders(session, filters, sort=sort, cursor=request.args.get("cursor"))
    except InvalidInput as refusal:
        error = refusal
    body = render_template(
        "console/orders/index.html",
        page=page,
        args=args,
        error=error,
        company=company,
        without_company={name: value for name, value in args.items() if name != "company"},
        total=total_text(page) if page else None,
        chips=_chips(args),
        sources=SOURCES,
        states=STATES,
        sorts=[
            {"label": _(label), "href": _address(args, sort=one), "current": one == sort.value}
            for one, label in SORTS.items()
        ],
        sort_label=_(SORTS[sort.value]),
        sort=sort.value,
        segments_of=segments_of,
    )
    return (body, error.status) if error else body


@blueprint.post("/export.csv", defaults={"kind": "csv"})
@blueprint.post("/export.xlsx", defaults={"kind": "xlsx"})
@allow(Permission.ORDER_READ)
def export(kind: str) -> Response:
    filters, _sort = _filters()
    do(record_export, filters=_args(), now=clock.now())
    rows = (
        (
            row.number,
            row.company_number,
            row.company_name,
            row.po_number,
            row.state,
            row.source,
            row.placed_at,
            row.placed_by_name,
            row.line_count,
            row.units.ordered,
            row.units.allocated,
            row.units.backordered,
            row.units.shipped,
            row.units.cancelled,
            round_to_currency(row.total, row.currency),
            row.currency,
        )
        for row in iter_orders(db.session(), filters)
    )
    return send_table(kind, "orders", COLUMNS, rows)


def events_for(view: DeskOrder) -> set[str]:
    """What the reader may do with the order now: the machine's events within the role's permissions."""
    actor = current_actor()
    needed = {"release": Permission.ORDER_RELEASE, "cancel": Permission.ORDER_MANAGE}
    possible = set(ORDER_MACHINE.events_from(view.order.state))
    if any(hold.cleared_at is None for hold in view.holds) or not view.units.held:
        possible.discard("release")
    return {event for event in possible if event in needed and actor.may(needed[event])}


def page_of(view: DeskOrder, *, refused: str | None = None, status: int = 200) -> tuple[str, int]:
    """The order's page, with the refusal of what was just tried."""
    actor = current_actor()
    body = render_template(
        "console/orders/show.html",
        view=view,
        order=view.order,
        events=events_for(view),
        steps=steps_of(view),
        cells_of=cells_of,
        waiting=[line for line in view.lines if line.units.backordered],
        refused=refused,
        sources=SOURCES,
        company_href=company_address(view.order.company_id),
        may_audit=actor.may(Permission.AUDIT_READ),
        may_stock=actor.may(Permission.STOCK_READ),
    )
    return body, status


@blueprint.get("/<number>")
@allow(Permission.ORDER_READ)
def show(number: str) -> tuple[str, int]:
    return page_of(get_order(db.session(), number))
