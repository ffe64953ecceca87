"""Receipts to come: the list, entering one, receiving what arrived, closing the rest."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.console.days import today
from app.console.lists import KEY, given_choice, given_text
from app.console.stock.forms import ExpectForm, ReceiveForm
from app.core import clock
from app.core.errors import Conflict, DomainError, InvalidInput
from app.core.permissions import Permission
from app.core.texts import N_, _
from app.core.web.door import allow, current_actor, do
from app.core.web.extensions import db
from app.core.web.fields import put_error
from app.domain.catalogue.lookup import look_up_codes
from app.domain.inventory import desk
from app.domain.inventory.desk import ReceiptFilters
from app.domain.ordering import stock as actions

STATES = {"open": N_("Open"), "due": N_("Due or late"), "closed": N_("Closed"), "all": N_("All")}


def register(blueprint: Blueprint) -> None:
    """The list, the forms and their answers."""
    blueprint.add_url_rule("/receipts", "receipts", receipts, methods=["GET"])
    blueprint.add_url_rule("/receipts/new", "expect", expect, methods=["GET", "POST"])
    one = f"/receipts/<{KEY}:receipt_id>"
    blueprint.add_url_rule(f"{one}/receive", "receive", receive, methods=["GET", "POST"])
    blueprint.add_url_rule(f"{one}/close", "close", close, methods=["POST"])


@allow(Permission.STOCK_READ)
def receipts() -> str:
    """Receipts by due day; open ones unless another state is chosen."""
    state = given_choice("state", STATES)
    day = today()
    filters = ReceiptFilters(
        is_open={"closed": False, "all": None}.get(state or "open", True),
        due_until=day if state == "due" else None,
    )
    page = desk.list_receipts(db.session(), filters, cursor=request.args.get("cursor"))
    chips = [
        {
            "label": _(label),
            "href": url_for("console.stock.receipts", state=one if one != "open" else None),
            "current": one == (state or "open"),
        }
        for one, label in STATES.items()
    ]
    return render_template(
        "console/stock/receipts.html",
        page=page,
        chips=chips,
        args={"state": state} if state else {},
        today=day,
        may_manage=current_actor().may(Permission.STOCK_MANAGE),
    )


def _product_id(code: str) -> int:
    """:raises InvalidInput: no product, or several, go by the number."""
    matches = look_up_codes(db.session(), None, [code], on=today())[code]
    if len(matches) > 1 and matches[0].source != "sku":
        skus = ", ".join(match.sku for match in matches[:5])
        raise InvalidInput(
            _("Several products go by this number. Enter one of their SKUs: %(skus)s.", skus=skus),
            field="product",
        )
    if not matches:
        raise InvalidInput(
            _("No product has this SKU, maker's number, EAN or other number."), field="product"
        )
    return matches[0].product_id


@allow(Permission.STOCK_MANAGE)
def expect() -> str | tuple[str, int] | Response:
    """Enter a receipt to come."""
    form = ExpectForm()
    form.offer(desk.list_warehouses(db.session()))
    if request.method == "GET":
        form.product.data = given_text("product", maximum=80) or ""
        return render_template("console/stock/expect.html", form=form)
    status = 422
    if form.validate():
        try:
            product_id = _product_id(form.product.data)
            if form.due_on.data < today():
                raise InvalidInput(_("This day has passed. Choose today or a later one."), field="due_on")
            do(
                actions.expect_receipt,
                product_id=product_id,
                warehouse_id=form.warehouse.data,
                quantity=form.quantity.data,
                due_on=form.due_on.data,
                reference=form.reference.data,
                entry_key=form.entry.data,
                now=clock.now(),
            )
            flash(_("The receipt is expected; waiting orders have their dates."), "success")
            return redirect(url_for("console.stock.show", product_id=product_id), 303)
        except DomainError as error:
            put_error(form, error)
            status = error.status
    return render_template("console/stock/expect.html", form=form), status


@allow(Permission.STOCK_MANAGE)
def receive(receipt_id: int) -> str | tuple[str, int] | Response:
    """Receive what arrived of an expected receipt."""
    receipt = desk.get_receipt(db.session(), receipt_id)
    if not receipt.is_open:
        raise Conflict(_("This receipt is closed. Receive the units on the product's stock page instead."))
    form = ReceiveForm(data={"quantity": receipt.outstanding, "reference": receipt.reference})
    status = 200
    if request.method == "POST":
        status = 422
        if form.validate():
            try:
                do(
                    actions.receive_stock,
                    product_id=receipt.product_id,
                    warehouse_id=receipt.warehouse_id,
                    quantity=form.quantity.data,
                    receipt_id=receipt_id,
                    reference=form.reference.data,
                    entry_key=form.entry.data,
                    now=clock.now(),
                )
                flash(
                    _("%(units)s × %(sku)s received.", units=form.quantity.data, sku=receipt.sku), "success"
                )
                return redirect(url_for("console.stock.show", product_id=receipt.product_id), 303)
            except DomainError as error:
                put_error(form, error)
                status = error.status
    return render_template("console/stock/receive.html", receipt=receipt, form=form), status


@allow(Permission.STOCK_MANAGE)
def close(receipt_id: int) -> Response:
    """Call off what is still to come of a receipt."""
    desk.get_receipt(db.session(), receipt_id)
    do(actions.close_receipt, receipt_id=receipt_id, now=clock.now())
    flash(_("The receipt is closed; it promises nothing any more."), "success")
    return redirect(url_for("console.stock.receipts"), 303)
