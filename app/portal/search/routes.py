"""The search box of every page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for

from app.core.errors import InvalidInput
from app.core.permissions import Permission
from app.core.web.door import allow, current_actor
from app.core.web.extensions import db
from app.domain.assets.queries import FoundUnit, find_by_serial, find_scanned, suggest_serials
from app.domain.catalogue import listing, lookup
from app.domain.catalogue.filters import ProductQuery
from app.domain.ordering.queries import OrderFilters, find_order_number, list_orders, stock_and_cart
from app.portal import buying
from app.portal.catalogue.addresses import given_text
from app.portal.catalogue.cards import cards_of
from app.portal.catalogue.rows import rows_of
from app.portal.marks import cart_mark_read

blueprint = Blueprint("search", __name__, url_prefix="/search")

PRODUCTS_SHOWN, ORDERS_SHOWN = 12, 6


@blueprint.get("")
@allow(Permission.ASSET_READ)
def index() -> Any:
    """An exact number's page, else what the words find."""
    error, text = None, ""
    try:
        text = given_text("q")
    except InvalidInput as refusal:
        scanned = find_scanned(db.session(), current_actor(), request.args["q"][:200])
        if scanned is not None:
            return redirect(url_for("portal.assets.show", asset_id=scanned.id))
        error = refusal
    units = find_by_serial(db.session(), current_actor(), text) if text else []
    exact = _exact(text, units) if text else None
    if exact:
        return redirect(exact)
    may_shop = current_actor().may(Permission.CATALOGUE_READ)
    body = render_template(
        "portal/search/index.html",
        text=text,
        error=error,
        units=units,
        look_alikes=[] if units or not text else suggest_serials(db.session(), current_actor(), text),
        may_shop=may_shop,
        buyer=buying.current_buyer() if may_shop else None,
        may_buy=current_actor().may(Permission.CART_MANAGE),
        sees_prices=current_actor().may(Permission.PRICE_READ),
        mark=cart_mark_read(),
        **_found(text if may_shop else ""),
    )
    return (body, error.status) if error else body


def _exact(text: str, units: Sequence[FoundUnit]) -> str | None:
    """Address of the one thing that goes by this number; the one product of several by its SKU."""
    session = db.session()
    if current_actor().may(Permission.ORDER_READ):
        number = find_order_number(session, text)
        if number is not None:
            return url_for("portal.orders.show", number=number)
    if len(units) == 1:
        return url_for("portal.assets.show", asset_id=units[0].id)
    if units or not current_actor().may(Permission.CATALOGUE_READ):
        return None
    matches = lookup.look_up_codes(session, buying.current_buyer(), [text], on=buying.today())[text]
    if matches and (len(matches) == 1 or matches[0].source == "sku"):
        return url_for("portal.catalogue.product", sku=matches[0].sku)
    return None


def _found(text: str) -> dict[str, Any]:
    session, buyer, on = db.session(), buying.current_buyer(), buying.today()
    if not text:
        return {"rows": [], "orders": [], "products": None}
    products = listing.list_products(session, buyer, query=ProductQuery(text=text), on=on)
    rows = products.items[:PRODUCTS_SHOWN]
    stock, in_cart = stock_and_cart(session, [row.id for row in rows], buying.cart_id(), on=on)
    orders: list[Any] = []
    if current_actor().may(Permission.ORDER_READ):
        orders = list(list_orders(session, filters=OrderFilters(text=text), size=ORDERS_SHOWN).items)
    cards = cards_of(rows, stock, in_cart)
    return {
        "rows": rows_of(
            cards,
            buyer.currency,
            may_buy=current_actor().may(Permission.CART_MANAGE),
            sees_prices=current_actor().may(Permission.PRICE_READ),
            next_href=request.full_path,
        ),
        "products": products,
        "orders": orders,
    }
