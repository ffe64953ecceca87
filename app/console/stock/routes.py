"""Levels of all products, and one product's stock with its ledger."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from app.console.addresses import has_product_pages, product_address
from app.console.days import today
from app.console.lists import KEY, given_choice, given_number, given_text, total_text
from app.console.stock.entering import KINDS, enter
from app.console.stock.forms import ChangeForm
from app.core.errors import DomainError, InvalidInput
from app.core.permissions import Permission
from app.core.texts import N_, _
from app.core.web.door import allow, current_actor
from app.core.web.extensions import db
from app.core.web.fields import put_error
from app.domain.inventory import desk
from app.domain.inventory.desk import LOW_AVAILABLE, ReceiptFilters, StockFilters, StockShow
from app.domain.ordering import desk as order_desk

blueprint = Blueprint("stock", __name__, url_prefix="/stock")

SHOWN = {
    StockShow.HELD.value: N_("In stock or counted"),
    StockShow.LOW.value: N_("Low"),
    StockShow.NONE.value: N_("None left"),
    StockShow.ALL.value: N_("All products"),
}
COLUMNS = ("sku", "name", "on_hand", "allocated", "available", "to_come", "next_due", "by_warehouse")


def given_filters() -> tuple[StockFilters, dict[str, Any]]:
    """What the address asks for, and its values. :raises InvalidInput: a filter cannot be used."""
    text = given_text("q")
    show = given_choice("show", SHOWN)
    warehouse_id = given_number("warehouse")
    args = {"q": text, "show": show, "warehouse": str(warehouse_id) if warehouse_id else None}
    # Words look among all products, since one may want to count in what was never held.
    chosen = StockShow(show or (StockShow.ALL if text and not warehouse_id else StockShow.HELD))
    return StockFilters(text, warehouse_id, chosen), {name: value for name, value in args.items() if value}


@blueprint.get("")
@allow(Permission.STOCK_READ)
def index() -> str | tuple[str, int]:
    session = db.session()
    page, args, error, chosen = None, {}, None, StockShow.HELD
    try:
        filters, args = given_filters()
        chosen = filters.show
        page = desk.list_stock(session, filters, cursor=request.args.get("cursor"))
    except InvalidInput as refusal:
        error = refusal
    kept = {name: value for name, value in args.items() if name != "show"}
    chips = [
        {
            "label": _(label),
            "href": url_for("console.stock.index", show=show, **kept),
            "current": show == chosen,
        }
        for show, label in SHOWN.items()
    ]
    body = render_template(
        "console/stock/index.html",
        page=page,
        args=args,
        error=error,
        chips=chips,
        total=total_text(page) if page else None,
        low=LOW_AVAILABLE,
        warehouses=desk.list_warehouses(session),
        may_manage=current_actor().may(Permission.STOCK_MANAGE),
    )
    return (body, error.status) if error else body


def _page(product_id: int, form: ChangeForm | None, status: int = 200) -> tuple[str, int]:
    session = db.session()
    row = desk.get_stock(session, product_id)
    if form is not None:
        form.offer(desk.list_warehouses(session))
    body = render_template(
        "console/stock/show.html",
        row=row,
        product_href=product_address(row.id, row.sku) if has_product_pages() else None,
        form=form,
        kinds=KINDS,
        receipts=desk.list_receipts(session, ReceiptFilters(product_id=product_id)).items,
        movements=desk.list_movements(session, product_id=product_id, cursor=request.args.get("cursor")),
        waiting=order_desk.list_waiting_lines(session, product_id=product_id),
        allocations=order_desk.list_allocations(session, product_id=product_id),
        today=today(),
        may_manage=form is not None,
    )
    return body, status


@blueprint.get(f"/products/<{KEY}:product_id>")
@allow(Permission.STOCK_READ)
def show(product_id: int) -> tuple[str, int]:
    may_manage = current_actor().may(Permission.STOCK_MANAGE)
    return _page(product_id, ChangeForm() if may_manage else None)


@blueprint.post(f"/products/<{KEY}:product_id>")
@allow(Permission.STOCK_MANAGE)
def change(product_id: int) -> tuple[str, int] | Redirect:
    session = db.session()
    product = desk.get_stock(session, product_id)
    form = ChangeForm()
    form.offer(desk.list_warehouses(session))
    if not form.validate():
        return _page(product_id, form, 422)
    try:
        text = enter(
            form.what.data,
            product=product,
            warehouse_id=form.warehouse.data,
            quantity=form.quantity.data,
            reference=form.reference.data,
            entry_key=form.entry.data,
        )
    except DomainError as error:
        put_error(form, error)
        return _page(product_id, form, error.status)
    flash(text, "success")
    return redirect(url_for("console.stock.show", product_id=product_id), 303)
