"""Orders of the company: list, export, page, confirmation, cancelling, ordering again."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for

from app.core import clock
from app.core.errors import Conflict, DomainError, IllegalMove, InvalidInput, NotFound
from app.core.permissions import Permission
from app.core.texts import _
from app.core.web.door import allow, current_actor, do
from app.core.web.downloads import limit_exports
from app.core.web.extensions import db
from app.core.web.visitor import current_visitor
from app.domain.accounts.queries import list_branches
from app.domain.ordering import actions
from app.domain.ordering.desk_orders import record_export
from app.domain.ordering.queries import OrderView, get_order_view, list_orders
from app.domain.ordering.shipment_reads import shipments_of
from app.portal import buying
from app.portal.orders import documents, filters, pages
from app.portal.orders.forms import CancelForm

blueprint = Blueprint("orders", __name__, url_prefix="/orders")


@blueprint.get("")
@allow(Permission.ORDER_READ)
def index() -> Any:
    """The list; its filters are in the address."""
    session, found = db.session(), filters.given(request.args)
    page, error = None, None
    try:
        page = list_orders(
            session, filters=filters.filters_of(found), cursor=request.args.get("cursor") or None
        )
    except InvalidInput as refusal:
        error = refusal
    sort = found.get("sort") if found.get("sort") in filters.SORTS else "newest"
    body = render_template(
        "portal/orders/index.html",
        page=page,
        error=error,
        given=found,
        filtered=bool(set(found) - {"sort"}),
        branches=list_branches(session, buying.company_id(), also_closed=True),
        states=_state_chips(found),
        sorts=_sorts(found, sort or "newest"),
        sort=_(filters.SORTS[sort or "newest"]),
        total=_total(page),
        previous_href=_href(found, page.previous_cursor if page else None),
        next_href=_href(found, page.next_cursor if page else None),
        sees_prices=current_actor().may(Permission.PRICE_READ),
    )
    return (body, error.status) if error else body


def _total(page: Any) -> Any:
    if page is None or page.total is None:
        return None
    return page.total if page.total_is_exact else _("1,000+")


def _href(found: dict[str, str], cursor: str | None) -> str | None:
    return url_for("portal.orders.index", **filters.changed(found, cursor=cursor)) if cursor else None


def _state_chips(found: dict[str, str]) -> list[dict[str, Any]]:
    entries = [("", _("All")), *((state, _(name)) for state, name in filters.STATES.items())]
    return [
        {
            "label": name,
            "href": url_for("portal.orders.index", **filters.changed(found, state=state)),
            "current": found.get("state", "") == state,
        }
        for state, name in entries
    ]


def _sorts(found: dict[str, str], present: str) -> list[dict[str, Any]]:
    return [
        {
            "label": _(name),
            "href": url_for("portal.orders.index", **filters.changed(found, sort=key)),
            "current": key == present,
        }
        for key, name in filters.SORTS.items()
    ]


@blueprint.post("/export")
@allow(Permission.PRICE_READ)
@limit_exports
def export() -> Response:
    """The filtered orders with every line, as CSV or XLSX; the trail keeps who took them."""
    current_actor().require(Permission.ORDER_READ)
    found = filters.given(request.form)
    chosen = filters.filters_of(found)
    do(record_export, filters=found, now=clock.now())
    kind = "xlsx" if request.form.get("kind") == "xlsx" else "csv"
    return documents.send_orders(kind, db.session(), chosen)


@blueprint.get("/<number>")
@allow(Permission.ORDER_READ)
def show(number: str) -> str:
    """One order."""
    return _page(_view(number))


def _view(number: str) -> OrderView:
    return get_order_view(db.session(), number.upper())


def _page(view: OrderView, *, form: CancelForm | None = None, error: DomainError | None = None) -> str:
    actor = current_actor()
    return render_template(
        "portal/orders/show.html",
        view=view,
        order=view.order,
        lines=[(line, pages.sentence(line)) for line in view.lines],
        heads=pages.heads(view),
        track_totals=pages.track_totals(view),
        units=view.steps[0][1],
        waits_text=pages.waits_text(view) if view.short_lines else "",
        ship_to=pages.ship_to_lines(view.order.ship_to),
        history=pages.history(view),
        shipments=shipments_of(db.session(), view.order.id),
        sums=pages.sums(view),
        cancel_form=form or CancelForm(view, formdata=None),
        can_cancel=_can_cancel(view),
        error=error,
        may_cancel=actor.may(Permission.ORDER_CANCEL),
        may_buy=actor.may(Permission.CART_MANAGE),
        sees_prices=actor.may(Permission.PRICE_READ),
    )


def _can_cancel(view: OrderView) -> bool:
    open_states = ("awaiting_approval", "on_hold", "confirmed", "released", "part_shipped")
    return view.order.state in open_states and any(line.cancellable > 0 for line in view.lines)


@blueprint.get("/<number>/confirmation.pdf")
@allow(Permission.PRICE_READ)
def confirmation(number: str) -> Response:
    """The order confirmation as PDF."""
    current_actor().require(Permission.ORDER_READ)
    view = _view(number)
    body = documents.confirmation(view, vendor_name=current_visitor().vendor_name)
    response = Response(body, mimetype="application/pdf")
    response.headers["Content-Disposition"] = f'inline; filename="{view.order.number}.pdf"'
    return response


@blueprint.post("/<number>/cancel")
@allow(Permission.ORDER_CANCEL)
def cancel(number: str) -> Any:
    """Cancel the whole order, or units of one line."""
    view = _view(number)
    form, known = CancelForm(view), view.order.number
    if not form.validate_on_submit():
        return _page(view, form=form), 422
    try:
        _cancel(view, form)
    except NotFound:
        raise
    except (Conflict, IllegalMove, InvalidInput) as error:
        return _page(_view(number), form=form, error=error), error.status
    flash(_("What you chose of %(number)s is cancelled.", number=known), "success")
    return redirect(url_for("portal.orders.show", number=known), 303)


def _cancel(view: OrderView, form: CancelForm) -> None:
    order_id, reason, now = view.order.id, form.reason.data, clock.now()
    if not form.line.data:
        if form.quantity.data is not None:
            raise InvalidInput(_("Choose the line the units are of, or leave the units empty."))
        do(actions.cancel_order, order_id=order_id, reason=reason, now=now)
        return
    line = next(line for line in view.lines if str(line.line.id) == form.line.data)
    quantity = form.quantity.data if form.quantity.data is not None else line.cancellable
    do(
        actions.cancel_line,
        order_id=order_id,
        line_id=line.line.id,
        quantity=quantity,
        reason=reason,
        now=now,
    )


@blueprint.post("/<number>/reorder")
@allow(Permission.CART_MANAGE)
def reorder(number: str) -> Any:
    """A new cart with the order's lines at today's prices."""
    order = _view(number).order
    order_id, known = order.id, order.number
    cart = do(actions.reorder, order_id=order_id, now=clock.now())
    flash(_("A new cart with the lines of %(number)s.", number=known), "success")
    return redirect(url_for("portal.carts.show", cart_id=cart.id), 303)
