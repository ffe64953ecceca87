"""A shipment's page, its packing slip, and undoing it."""

from __future__ import annotations

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_babel import lazy_gettext as lazy
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response as Redirect

from app.adapters import packing_slip
from app.core import clock
from app.core.errors import DomainError
from app.core.permissions import Permission
from app.core.texts import _
from app.core.web.door import allow, current_actor, do
from app.core.web.extensions import db
from app.core.web.fields import TextField, put_error
from app.core.web.formats import date_text
from app.core.web.visitor import current_visitor
from app.domain.ordering.actions import reverse_shipment
from app.domain.ordering.models import Order
from app.domain.ordering.shipment_reads import ShipmentView, get_shipment, order_of

Answer = str | tuple[str, int] | Redirect


class ReverseForm(FlaskForm):
    """Why a shipment is undone."""

    reason = TextField(lazy("Reason"), maximum=300)


def register(blueprint: Blueprint) -> None:
    """The page, the slip and the form that undoes it."""
    blueprint.add_url_rule("/<number>", "show", show, methods=["GET"])
    blueprint.add_url_rule("/<number>/slip.pdf", "slip", slip, methods=["GET"])
    blueprint.add_url_rule("/<number>/reverse", "reverse", reverse, methods=["GET", "POST"])


@allow(Permission.ORDER_READ)
def show(number: str) -> str:
    """One shipment."""
    view = get_shipment(db.session(), number.upper())
    return render_template(
        "console/shipping/show.html",
        view=view,
        order=order_of(db.session(), view),
        may_ship=current_actor().may(Permission.SHIPMENT_MANAGE),
    )


@allow(Permission.ORDER_READ)
def slip(number: str) -> Response:
    """The packing slip with barcodes of shipment and serials."""
    view = get_shipment(db.session(), number.upper())
    body = packing_slip.render(_slip(view, order_of(db.session(), view)))
    response = Response(body, mimetype="application/pdf")
    response.headers["Content-Disposition"] = f'inline; filename="{view.number}.pdf"'
    return response


def _slip(view: ShipmentView, order: Order) -> packing_slip.Slip:
    to = order.ship_to
    town = " ".join(str(part) for part in (to.get("postcode"), to.get("city")) if part)
    address = (to.get("name"), to.get("branch"), to.get("street"), town, to.get("region"), to.get("country"))
    facts = [
        (_("Order"), order.number),
        (_("PO number"), order.po_number or ""),
        (_("Shipped"), date_text(view.shipped_on, "medium", locale="en")),
        (_("From"), view.warehouse_name),
        (_("Carrier"), view.carrier),
        (_("Tracking number"), view.tracking),
        (_("Note"), view.note),
    ]
    return packing_slip.Slip(
        sender=current_visitor().vendor_name,
        title=_("Packing slip %(number)s", number=view.number),
        number=view.number,
        recipient=[str(part) for part in address if part],
        facts=facts,
        heads=(_("Article"), _("Quantity")),
        lines=[
            packing_slip.SlipLine(line.name, line.sku, f"{line.quantity:,}", line.serials)
            for line in view.lines
        ],
        footer=f"{view.number} · " + _("page %(page)s", page="{page}"),
    )


@allow(Permission.SHIPMENT_MANAGE)
def reverse(number: str) -> Answer:
    """Undo a shipment: its units lie in the warehouse again, set aside for the order."""
    view, form = get_shipment(db.session(), number.upper()), ReverseForm()
    status = 200
    if request.method == "POST":
        status = 422
        if form.validate():
            try:
                do(reverse_shipment, shipment_id=view.id, reason=form.reason.data, now=clock.now())
                flash(_("Shipment %(number)s is undone.", number=view.number), "success")
                return redirect(url_for("console.shipping.show", number=view.number), 303)
            except DomainError as error:
                put_error(form, error)
                status = error.status
    return render_template(
        "console/shipping/reverse.html", view=view, order=order_of(db.session(), view), form=form
    ), status
