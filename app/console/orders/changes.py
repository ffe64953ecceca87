"""Releasing an order, and cancelling all of it or a part of a line."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.console.fields import whole_key
from app.console.lists import KEY
from app.console.orders.forms import CancelForm, CancelLineForm
from app.console.orders.routes import page_of
from app.core import clock
from app.core.errors import DomainError, IllegalMove, NotFound, StaleEdit
from app.core.permissions import Permission
from app.core.texts import _
from app.core.web.door import allow, do
from app.core.web.extensions import db
from app.core.web.fields import put_error
from app.domain.ordering.backorders import release_order
from app.domain.ordering.cancelling import cancel_line_for, cancel_order_for
from app.domain.ordering.desk_order import DeskLine, DeskOrder, get_order

Answer = tuple[str, int] | Response


def register(blueprint: Blueprint) -> None:
    """The forms and their answers."""
    blueprint.add_url_rule("/<number>/release", "release", release, methods=["POST"])
    blueprint.add_url_rule("/<number>/cancel", "cancel", cancel, methods=["GET", "POST"])
    line = f"/<number>/lines/<{KEY}:line_id>/cancel"
    blueprint.add_url_rule(line, "cancel_line", cancel_line, methods=["GET", "POST"])


def _to(number: str) -> Response:
    return redirect(url_for("console.orders.show", number=number), 303)


@allow(Permission.ORDER_RELEASE)
def release(number: str) -> Answer:
    """Hand the order to the warehouse; pressed twice, it is released once."""
    view = get_order(db.session(), number)
    try:
        do(release_order, order_id=view.order.id, now=clock.now())
    except DomainError as error:
        view = get_order(db.session(), number)
        if not isinstance(error, IllegalMove) or view.order.state != "released":
            return page_of(view, refused=error.message, status=error.status)
    flash(_("Order %(number)s is released.", number=number), "success")
    if request.args.get("back") == "home":
        return redirect(url_for("console.home.index"), 303)
    return _to(number)


def _cancel_page(view: DeskOrder, form: CancelForm, status: int = 200) -> tuple[str, int]:
    return render_template("console/orders/cancel.html", view=view, order=view.order, form=form), status


@allow(Permission.ORDER_MANAGE)
def cancel(number: str) -> Answer:
    """Cancel all that is still open; its units go to whoever waits for them."""
    view, form = get_order(db.session(), number), CancelForm()
    if request.method == "GET":
        return _cancel_page(view, form)
    if not form.validate():
        return _cancel_page(view, form, 422)
    try:
        do(cancel_order_for, order_id=view.order.id, reason=form.reason.data, now=clock.now())
    except DomainError as error:
        view = get_order(db.session(), number)
        if view.order.state != "cancelled":
            put_error(form, error)
            return _cancel_page(view, form, error.status)
    flash(_("Order %(number)s is cancelled; the buyer is told by mail.", number=number), "success")
    return _to(number)


def _line_page(view: DeskOrder, line: DeskLine, form: CancelLineForm, status: int = 200) -> tuple[str, int]:
    body = render_template(
        "console/orders/cancel_line.html", view=view, order=view.order, line=line, form=form
    )
    return body, status


def _line_of(view: DeskOrder, line_id: int) -> DeskLine:
    line = next((line for line in view.lines if line.id == line_id), None)
    if line is None:
        raise NotFound(_("This order has no such line."))
    return line


def _require_unchanged(line: DeskLine, seen: int | None) -> None:
    """:raises StaleEdit: units were cancelled since the form was shown, perhaps by sending it twice."""
    if seen is not None and seen != line.units.cancelled:
        raise StaleEdit(
            _(
                "%(n)s units were cancelled meanwhile. Send it again if more are to go.",
                n=line.units.cancelled - seen,
            )
        )


@allow(Permission.ORDER_MANAGE)
def cancel_line(number: str, line_id: int) -> Answer:
    """Cancel some or all open units of one line; sent twice, they are cancelled once."""
    view = get_order(db.session(), number)
    line = _line_of(view, line_id)
    if request.method == "GET":
        first = {"quantity": line.units.allocated + line.units.backordered, "seen": line.units.cancelled}
        return _line_page(view, line, CancelLineForm(data=first))
    form = CancelLineForm()
    if not form.validate():
        return _line_page(view, line, form, 422)
    try:
        _require_unchanged(line, whole_key(form.seen.data))
        do(
            cancel_line_for,
            order_id=view.order.id,
            line_id=line_id,
            quantity=form.quantity.data,
            reason=form.reason.data,
            now=clock.now(),
        )
    except DomainError as error:
        view = get_order(db.session(), number)
        line = _line_of(view, line_id)
        form.seen.data = line.units.cancelled
        put_error(form, error)
        return _line_page(view, line, form, error.status)
    flash(_("%(n)s × %(sku)s cancelled.", n=form.quantity.data, sku=line.sku), "success")
    return _to(number)
