"""The queue of orders to ship, and the page that ships one from a warehouse."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.console.lists import given_number, total_text
from app.console.shipping.forms import QUOTE, ShipForm, lines_gone, lines_here, ship_form, take_quoted
from app.core import clock
from app.core.errors import DomainError, InvalidInput
from app.core.permissions import Permission
from app.core.texts import _
from app.core.web.door import allow, do
from app.core.web.extensions import db
from app.core.web.fields import put_error
from app.domain.assets.units import UnitsRefused
from app.domain.inventory import desk
from app.domain.ordering.actions import ship_order
from app.domain.ordering.shipment_reads import (
    OrderToShip,
    count_to_ship,
    find_entered,
    latest_shipments,
    list_to_ship,
    order_to_ship,
)
from app.domain.ordering.shipping_checks import LineProblem, ShipmentRefused

blueprint = Blueprint("shipping", __name__, url_prefix="/shipping")

#: Shipments shown under the queue.
MOST_LATEST = 8

Answer = str | tuple[str, int] | Response


@blueprint.get("")
@allow(Permission.SHIPMENT_MANAGE)
def index() -> Answer:
    """Orders to ship, the oldest first."""
    session, page, error = db.session(), None, None
    warehouses = desk.list_warehouses(session)
    chosen = None
    try:
        chosen = given_number("warehouse")
        page = list_to_ship(session, warehouse_id=chosen, cursor=request.args.get("cursor"))
    except InvalidInput as refusal:
        error = refusal
    chips: list[dict[str, Any]] = [
        {"label": _("All"), "href": url_for("console.shipping.index"), "current": chosen is None}
    ]
    for one in warehouses:
        count = count_to_ship(session, warehouse_id=one.id)
        href = url_for("console.shipping.index", warehouse=one.id)
        label = f"{one.name} ({count if count <= 1000 else _('1,000+')})"
        chips.append({"label": label, "href": href, "current": chosen == one.id})
    body = render_template(
        "console/shipping/index.html",
        page=page,
        error=error,
        chips=chips if len(warehouses) > 1 else [],
        args={"warehouse": chosen} if chosen is not None else {},
        total=total_text(page) if page else None,
        latest=latest_shipments(session, limit=MOST_LATEST),
    )
    return (body, error.status) if error else body


def _page(order: OrderToShip, form: ShipForm, *, refused: str = "", status: int = 200) -> tuple[str, int]:
    here = lines_here(order)
    body = render_template(
        "console/shipping/ship.html",
        order=order,
        form=form,
        lines=here,
        first=next((line.id for line in here if form.problems.get(line.id)), here[0].id if here else None),
        refused=refused,
        quote=QUOTE,
    )
    return body, status


@blueprint.route("/orders/<order_number>", methods=["GET", "POST"])
@allow(Permission.SHIPMENT_MANAGE)
def ship(order_number: str) -> Answer:
    """Ship an order from a warehouse; sent twice, it goes once."""
    warehouse_id = given_number("warehouse")
    order = order_to_ship(db.session(), order_number, warehouse_id=warehouse_id)
    form = ship_form(order)
    if request.method != "POST":
        return _page(order, form)
    known = find_entered(db.session(), order.id, form.entry.data)
    if known:
        return redirect(url_for("console.shipping.show", number=known), 303)
    if not form.validate():
        return _page(order, form, status=422)
    if lines_gone(form, request.form):
        refused = _("The order was changed meanwhile: a line you entered cannot go any more. Look again.")
        return _page(order, form, refused=refused, status=409)
    if take_quoted(form, request.form):
        return _page(order, form)
    if order.warehouse is None:
        return _page(order, form, refused=_("There is no such warehouse. Choose another one."), status=422)
    return _ship(order, order.warehouse.id, form)


def _ship(order: OrderToShip, warehouse_id: int, form: ShipForm) -> Answer:
    try:
        shipment = do(
            ship_order,
            order_id=order.id,
            warehouse_id=warehouse_id,
            lines=form.wanted(lines_here(order)),
            carrier=form.carrier.data,
            tracking=form.tracking.data,
            note=form.note.data,
            entry_key=form.entry.data,
            now=clock.now(),
        )
    except ShipmentRefused as error:
        form.put_problems(error.problems, lines_here(order))
        return _page(order, form, status=error.status)
    except UnitsRefused as error:
        form.put_problems({error.key: LineProblem(error.code, error.message)}, lines_here(order))
        return _page(order, form, status=error.status)
    except DomainError as error:
        put_error(form, error)
        return _page(order, form, status=error.status)
    flash(_("Shipment %(number)s is on its way.", number=shipment.number), "success")
    return redirect(url_for("console.shipping.show", number=shipment.number), 303)
