"""The places that hold stock."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.console.fields import whole_key
from app.console.lists import KEY
from app.console.stock.forms import WarehouseForm
from app.core import clock
from app.core.errors import DomainError
from app.core.permissions import Permission
from app.core.texts import _
from app.core.web.door import allow, current_actor, do
from app.core.web.extensions import db
from app.core.web.fields import put_error
from app.domain.inventory import desk
from app.domain.inventory.warehouses import add_warehouse, change_warehouse


def register(blueprint: Blueprint) -> None:
    """The list and the form."""
    blueprint.add_url_rule("/warehouses", "warehouses", warehouses, methods=["GET"])
    blueprint.add_url_rule("/warehouses/new", "new_warehouse", new_warehouse, methods=["GET", "POST"])
    one = f"/warehouses/<{KEY}:warehouse_id>"
    blueprint.add_url_rule(one, "edit_warehouse", edit_warehouse, methods=["GET", "POST"])


@allow(Permission.STOCK_READ)
def warehouses() -> str:
    """Every warehouse, closed ones as well."""
    return render_template(
        "console/stock/warehouses.html",
        rows=desk.list_warehouses(db.session(), also_closed=True),
        may_manage=current_actor().may(Permission.STOCK_MANAGE),
    )


def _form(form: WarehouseForm, status: int, warehouse: object = None) -> tuple[str, int]:
    return render_template("console/stock/warehouse.html", form=form, warehouse=warehouse), status


@allow(Permission.STOCK_MANAGE)
def new_warehouse() -> tuple[str, int] | Response:
    """Add one; it comes last until it is given another place."""
    if request.method == "GET":
        places = [one.position for one in desk.list_warehouses(db.session(), also_closed=True)]
        return _form(WarehouseForm(data={"position": max(places, default=0) + 1}), 200)
    form = WarehouseForm()
    if not form.validate():
        return _form(form, 422)
    try:
        do(
            add_warehouse,
            code=form.code.data,
            name=form.name.data,
            position=form.position.data,
            now=clock.now(),
        )
    except DomainError as error:
        put_error(form, error)
        return _form(form, error.status)
    flash(_("The warehouse is there. Count stock in next."), "success")
    return redirect(url_for("console.stock.warehouses"), 303)


@allow(Permission.STOCK_MANAGE)
def edit_warehouse(warehouse_id: int) -> tuple[str, int] | Response:
    """Rename, move or close one."""
    warehouse = desk.get_warehouse(db.session(), warehouse_id)
    if request.method == "GET":
        return _form(WarehouseForm(obj=warehouse), 200, warehouse)
    form = WarehouseForm()
    if not form.validate():
        return _form(form, 422, warehouse)
    try:
        do(
            change_warehouse,
            warehouse_id=warehouse_id,
            version=whole_key(form.version.data) or 0,
            code=form.code.data,
            name=form.name.data,
            position=form.position.data,
            is_active=form.is_active.data,
            now=clock.now(),
        )
    except DomainError as error:
        put_error(form, error)
        return _form(form, error.status, desk.get_warehouse(db.session(), warehouse_id))
    flash(_("Saved."), "success")
    return redirect(url_for("console.stock.warehouses"), 303)
