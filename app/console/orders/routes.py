"""The list of orders with its filters, and one order's page."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from flask import Blueprint, render_template, request, url_for

from app.console.addresses import company_address
from app.console.lists import given_choice, given_day, given_number, given_text, total_text
from app.console.orders.progress import cells_of, segments_of, steps_of
from app.core.errors import InvalidInput
from app.core.permissions import Permission
from app.core.texts import N_, _
from app.core.web.door import allow, current_actor
from app.core.web.extensions import db
from app.core.web.formats import vendor_zone
from app.domain.accounts.queries import get_company
from app.domain.ordering.changes import last_change
from app.domain.ordering.desk_order import DeskOrder, get_order
from app.domain.ordering.desk_orders import DeskFilters, OrderSort, Waits, list_orders
from app.domain.ordering.erp import Exported, cursor_of, find_mark, read_cursor
from app.domain.ordering.shipment_reads import shipments_of
from app.domain.ordering.states import ORDER_MACHINE, SHIPPABLE

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
EXPORTED = {
    Exported.NO.value: N_("Not exported yet"),
    Exported.CHANGED.value: N_("Changed since exported"),
    Exported.YES.value: N_("Exported"),
}
#: Names of the filters in the address.
FILTERS = ("q", "state", "company", "source", "waits", "exported", "since", "from", "to", "sort")


def given_args() -> dict[str, str]:
    """The filters as the address has them."""
    return {name: request.args[name].strip()[:100] for name in FILTERS if request.args.get(name, "").strip()}


def given_filters() -> tuple[DeskFilters, OrderSort]:
    """What the address asks for. :raises InvalidInput: a filter cannot be used."""
    zone = vendor_zone()
    first, last = given_day("from"), given_day("to")
    if first and last and last < first:
        raise InvalidInput(_("The last day is before the first. Change one of them."), field="to")
    waits, exported = given_choice("waits", WAITS), given_choice("exported", EXPORTED)
    since = given_text("since")
    try:
        filters = DeskFilters(
            text=given_text("q"),
            state=given_choice("state", STATES),
            company_id=given_number("company"),
            source=given_choice("source", SOURCES),
            waits=Waits(waits) if waits else None,
            placed_from=datetime.combine(first, time(), tzinfo=zone) if first else None,
            placed_before=datetime.combine(last + timedelta(days=1), time(), tzinfo=zone) if last else None,
            exported=Exported(exported) if exported else None,
            changed_after=read_cursor(db.session(), since) if since else None,
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
    return list_page()


def list_page(refused: InvalidInput | None = None) -> str | tuple[str, int]:
    """The list, with the refusal of what was just tried."""
    session = db.session()
    args, page, error, company = given_args(), None, None, None
    change_cursor = cursor_of(last_change(session))
    sort = OrderSort.NEWEST
    try:
        filters, sort = given_filters()
        if filters.company_id is not None:
            company = get_company(session, filters.company_id)
        page = list_orders(session, filters, sort=sort, cursor=request.args.get("cursor"))
    except InvalidInput as refusal:
        error = refusal
    body = render_template(
        "console/orders/index.html",
        page=page,
        args=args,
        error=error or refused,
        company=company,
        # Read before the rows are: what changes between them is not taken for exported.
        change_cursor=change_cursor,
        exported=EXPORTED,
        may_mark=current_actor().may(Permission.ORDER_MANAGE),
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
    error = error or refused
    return (body, error.status) if error else body


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
        mark=find_mark(db.session(), view.order.id),
        shipments=shipments_of(db.session(), view.order.id),
        may_ship=actor.may(Permission.SHIPMENT_MANAGE)
        and view.order.state in SHIPPABLE
        and any(line.units.allocated for line in view.lines),
        may_audit=actor.may(Permission.AUDIT_READ),
        may_stock=actor.may(Permission.STOCK_READ),
    )
    return body, status


@blueprint.get("/<number>")
@allow(Permission.ORDER_READ)
def show(number: str) -> tuple[str, int]:
    return page_of(get_order(db.session(), number))
