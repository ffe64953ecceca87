"""Counting in with keyboard or scanner: one code, one quantity, a verdict, and on to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask import session as cookie
from werkzeug.wrappers import Response

from app.console.days import today
from app.console.stock.entering import KINDS, enter
from app.console.stock.forms import CountForm
from app.core.errors import DomainError
from app.core.permissions import Permission
from app.core.texts import N_, _
from app.core.web.door import allow
from app.core.web.extensions import db
from app.core.web.fields import put_error
from app.domain.catalogue.listing import rows_for
from app.domain.catalogue.lookup import look_up_codes
from app.domain.inventory import desk
from app.domain.inventory.desk import Level, StockRow

VERDICT = "count_verdict"
#: What a code was recognised by.
SOURCES = {
    "sku": N_("SKU"),
    "mpn": N_("maker's number"),
    "gtin": N_("EAN"),
    "cross_reference": N_("another number of it"),
    "superseded": N_("a number it replaces"),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several products that go by the same code."""

    sku: str
    name: str
    source: str


def register(blueprint: Blueprint) -> None:
    """The page and its form."""
    blueprint.add_url_rule("/count", "count", count, methods=["GET"])
    blueprint.add_url_rule("/count", "count_in", count_in, methods=["POST"])


def _verdict(family: str, title: str, text: str) -> dict[str, str]:
    return {"family": family, "title": title, "text": text}


def _find(code: str) -> tuple[int | None, list[Choice]]:
    """The one product of the code, or the several it may be; neither where nobody knows it."""
    session = db.session()
    matches = look_up_codes(session, None, [code], on=today())[code]
    if matches and (len(matches) == 1 or matches[0].source == "sku"):
        # A SKU is unique, so it says which one is meant even where another maker uses the same number.
        return matches[0].product_id, []
    names = {row.id: row.name for row in rows_for(session, None, [m.product_id for m in matches], on=today())}
    return None, [
        Choice(match.sku, names.get(match.product_id, match.sku), _(SOURCES.get(match.source, match.source)))
        for match in matches
    ]


def _unknown(code: str) -> dict[str, str]:
    return _verdict(
        "bad",
        _("Unknown number: %(code)s", code=code),
        _("No product has this SKU, maker's number, EAN or other number. Scan it again or type its SKU."),
    )


def _page(
    form: CountForm,
    *,
    product: StockRow | None = None,
    choices: list[Choice] | None = None,
    verdict: dict[str, str] | None = None,
    status: int = 200,
) -> tuple[str, int]:
    session = db.session()
    warehouse_id = form.warehouse.data
    levels = {level.warehouse_id: level for level in product.levels} if product else {}
    body = render_template(
        "console/stock/count.html",
        form=form,
        kinds=KINDS,
        product=product,
        here=levels.get(warehouse_id, Level(0, "", "", 0, 0)),
        choices=choices or [],
        verdict=verdict,
        kept=_kept(form),
        latest=desk.latest_movements(session, warehouse_id=warehouse_id) if warehouse_id else [],
    )
    return body, status


def _kept(form: CountForm) -> dict[str, Any]:
    """What stays the same from one scan to the next."""
    return {"what": form.what.data, "warehouse": form.warehouse.data}


@allow(Permission.STOCK_MANAGE)
def count() -> tuple[str, int]:
    """The empty form, or with `code` the product and the cursor in its quantity."""
    form = CountForm(request.args, meta={"csrf": False}) if request.args else CountForm(formdata=None)
    form.offer(desk.list_warehouses(db.session()))
    verdict = cookie.pop(VERDICT, None)
    form.validate() if request.args else None
    for field in (form.code, form.quantity):
        if not field.data:
            field.errors = []
    if not form.code.data or form.errors:
        return _page(form, verdict=verdict, status=422 if form.errors else 200)
    product_id, choices = _find(form.code.data)
    if product_id is None and not choices:
        return _page(form, verdict=_unknown(form.code.data))
    product = desk.get_stock(db.session(), product_id) if product_id else None
    return _page(form, product=product, choices=choices, verdict=verdict)


@allow(Permission.STOCK_MANAGE)
def count_in() -> tuple[str, int] | Response:
    """Enter what was counted or came in; without a quantity, show the product first."""
    form = CountForm()
    form.offer(desk.list_warehouses(db.session()))
    if not form.validate():
        product_id = _find(form.code.data)[0] if form.code.data and not form.code.errors else None
        product = desk.get_stock(db.session(), product_id) if product_id else None
        return _page(form, product=product, verdict=_not_entered(form), status=422)
    product_id, choices = _find(form.code.data)
    if product_id is None and not choices:
        return _page(form, verdict=_unknown(form.code.data), status=422)
    if product_id is None:
        return _page(form, choices=choices, status=422)
    if form.quantity.data is None:
        return redirect(url_for("console.stock.count", code=form.code.data, **_kept(form)), 303)
    return _enter(form, product_id)


def _enter(form: CountForm, product_id: int) -> tuple[str, int] | Response:
    product = desk.get_stock(db.session(), product_id)
    try:
        text = enter(
            form.what.data,
            product=product,
            warehouse_id=form.warehouse.data,
            quantity=form.quantity.data,
            reference="",
            entry_key=form.entry.data,
        )
    except DomainError as error:
        put_error(form, error)
        return _page(
            form,
            product=product,
            verdict=_verdict("bad", _("Not entered"), error.message),
            status=error.status,
        )
    cookie[VERDICT] = _verdict("ok", product.sku, text)
    return redirect(url_for("console.stock.count", **_kept(form)), 303)


def _not_entered(form: CountForm) -> dict[str, str]:
    field = next((field for field in form if field.errors), form.quantity)
    return _verdict("bad", _("Not entered"), f"{field.label.text}: {field.errors[0]}" if field.errors else "")
