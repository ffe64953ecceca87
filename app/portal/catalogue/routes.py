"""List, facets, product, explanation, suggestions; adding to the present cart."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for

from app.adapters.storage import LocalStore, variant_key
from app.core import clock
from app.core.errors import DomainError, InvalidInput, NotFound
from app.core.pages import Page
from app.core.permissions import Permission
from app.core.texts import _
from app.core.web.door import allow, current_actor, do
from app.core.web.downloads import send_upload
from app.core.web.extensions import db
from app.domain.catalogue import listing, prices, queries
from app.domain.catalogue.buyers import Buyer
from app.domain.catalogue.facets import FacetGroup, facet_counts
from app.domain.catalogue.filters import CategoryScope, ProductQuery
from app.domain.catalogue.listing import ProductRow
from app.domain.catalogue.pricing import Explanation, ShownLadder
from app.domain.catalogue.product_parts import get_medium
from app.domain.inventory.queries import ready_to_ship
from app.domain.ordering import actions as ordering
from app.domain.ordering.queries import stock_and_cart
from app.portal import buying
from app.portal.catalogue import addresses
from app.portal.catalogue.cards import card_of, cards_of, pack_text, price_at, stock_mark
from app.portal.catalogue.forms import AddForm
from app.portal.catalogue.rows import Row, rows_of
from app.portal.marks import cart_mark, cart_mark_read
from app.portal.sign_in.routes import local_path

blueprint = Blueprint("catalogue", __name__, url_prefix="/catalogue")

THUMBNAIL = "160"


def _stock_choice() -> str:
    return "ready" if request.args.get("stock") == "ready" else ""


def _list(buyer: Buyer, query: ProductQuery, scope: CategoryScope | None, on: date) -> Page[ProductRow]:
    extra = ready_to_ship() if _stock_choice() else None
    return listing.list_products(db.session(), buyer, query=query, on=on, extra=extra, category=scope)


def _rows(page: Page[ProductRow] | None, buyer: Buyer, on: date) -> dict[str, list[Row]]:
    """The page's rows, and behind them those that only resemble what was asked for."""
    found = page.items if page else ()
    session, actor = db.session(), current_actor()
    stock, in_cart = stock_and_cart(session, [row.id for row in found], buying.cart_id(), on=on)
    cards = cards_of(found, stock, in_cart)
    rows = rows_of(
        cards,
        buyer.currency,
        may_buy=actor.may(Permission.CART_MANAGE),
        sees_prices=actor.may(Permission.PRICE_READ),
        next_href=request.full_path,
    )
    exact = sum(1 for row in found if not row.approximate)
    return {"rows": rows[:exact], "similar_rows": rows[exact:]}


@blueprint.get("")
@allow(Permission.CATALOGUE_READ)
def index() -> Any:
    """The list; facets follow by htmx, or come along with `?facets=1`."""
    on, buyer, error = buying.today(), buying.current_buyer(), None
    query, page = ProductQuery(), None
    try:
        query = addresses.read_query()
    except InvalidInput as refusal:
        error = refusal
    tree, scope = queries.tree_and_scope(db.session(), buyer, query.category_slug, on=on)
    try:
        page = _list(buyer, query, scope, on) if error is None else None
    except InvalidInput as refusal:
        error = refusal
    values = addresses.values_of(query, stock=_stock_choice())
    with_facets = request.args.get("facets") == "1"
    extra = ready_to_ship() if _stock_choice() else None
    groups = facet_counts(db.session(), buyer, query, on=on, extra=extra) if with_facets and page else []
    names = {group.code: group.name for group in groups}
    sorts, sort = addresses.sorts_of(query, values)
    body = render_template(
        "portal/catalogue/index.html",
        page=page,
        **_rows(page, buyer, on),
        buyer=buyer,
        query=query,
        values=values,
        error=error,
        category=next((node for node in tree if node.slug == query.category_slug), None),
        branches=_branches(tree, query.category_slug, values),
        chips=addresses.chips_of(query, values, names),
        sorts=sorts,
        sort=sort,
        groups=_facet_groups(groups) if with_facets else None,
        address=addresses.address,
        mark=cart_mark_read(),
        may_buy=current_actor().may(Permission.CART_MANAGE),
        sees_prices=current_actor().may(Permission.PRICE_READ),
        **_pager(page, values),
    )
    return (body, error.status) if error else body


def _pager(page: Page[ProductRow] | None, values: Any) -> dict[str, Any]:
    total = page.total if page else None
    return {
        "total": _("1,000+") if page and not page.total_is_exact and total is not None else total,
        "previous_href": addresses.address(values, cursor=page.previous_cursor)
        if page and page.previous_cursor
        else None,
        "next_href": addresses.address(values, cursor=page.next_cursor)
        if page and page.next_cursor
        else None,
    }


def _branches(tree: list[queries.CategoryNode], slug: str | None, values: Any) -> dict[str, Any]:
    """The categories above the present one, those below it (or beside, at a leaf), and their addresses."""
    present = next((node for node in tree if node.slug == slug), None)
    ids = [int(part) for part in present.path.split("/") if part] if present else []
    above = [node for node in tree if node.id in ids]
    below = [node for node in tree if node.parent_id == (present.id if present else None)]
    if present and not below:
        below = [node for node in tree if node.parent_id == present.parent_id]
        above = above[:-1]
    return {
        "above": above,
        "below": below,
        "hrefs": addresses.category_addresses(values, [node.slug for node in (*above, *below)]),
    }


@blueprint.get("/facets")
@allow(Permission.CATALOGUE_READ)
def facets() -> str:
    """The facet panel, asked for once the rows are there."""
    buyer, on, query = buying.current_buyer(), buying.today(), addresses.read_query()
    extra = ready_to_ship() if _stock_choice() else None
    groups = facet_counts(db.session(), buyer, query, on=on, extra=extra)
    values = addresses.values_of(query, stock=_stock_choice())
    return render_template(
        "portal/catalogue/facets.html",
        groups=_facet_groups(groups),
        query=query,
        values=values,
        clear_href=addresses.address(values, without=("brand", "stock", "ended", *_facet_names(query))),
        has_choice=bool(query.brands or query.facets or _stock_choice() or query.show_ended),
    )


def _facet_names(query: ProductQuery) -> list[str]:
    return [addresses.FACET + code for code in query.facets]


def _facet_groups(groups: list[FacetGroup]) -> list[dict[str, Any]]:
    """The groups of the panel: stock first, then brand and attributes."""
    stock = {
        "name": "stock",
        "label": _("Stock"),
        "options": [{"value": "ready", "label": _("Ready to ship"), "checked": _stock_choice() == "ready"}],
    }
    return [stock] + [
        {
            "name": "brand" if group.code == "brand" else addresses.FACET + group.code,
            "label": f"{group.name}, {group.unit}" if group.unit else group.name,
            "options": [
                {
                    "value": found.value,
                    "label": found.value,
                    "count": found.count if found.is_exact else _("1,000+"),
                    "checked": found.is_chosen,
                }
                for found in group.values
            ],
        }
        for group in groups
    ]


@blueprint.get("/suggest")
@allow(Permission.CATALOGUE_READ)
def suggest() -> str:
    """What a person may mean, while typing."""
    text = addresses.given_text("q")
    found = listing.suggest(db.session(), buying.current_buyer(), text, on=buying.today()) if text else []
    return render_template("portal/catalogue/suggestions.html", suggestions=found, text=text)


@blueprint.get("/product/<path:sku>")
@allow(Permission.CATALOGUE_READ)
def product(sku: str) -> str:
    """One product."""
    return _product_page(sku)


def _product_page(sku: str, *, form: AddForm | None = None, error: DomainError | None = None) -> str:
    session, buyer, on = db.session(), buying.current_buyer(), buying.today()
    page = queries.get_product_page(session, buyer, sku, on=on)
    stocks, in_carts = stock_and_cart(session, [page.product.id], buying.cart_id(), on=on)
    stock, in_cart = stocks.get(page.product.id), in_carts.get(page.product.id, 0)
    quantity = page.rule.lowest
    price = price_at(page.ladders, max(quantity, in_cart))
    return render_template(
        "portal/catalogue/product.html",
        page=page,
        product=page.product,
        buyer=buyer,
        price=price,
        price_quantity=max(quantity, in_cart),
        can_order=price is not None and page.product.life_cycle != "ended",
        steps=_steps(page.ladders, max(quantity, in_cart)),
        stock=stock_mark(page.product.kind, stock, wanted=max(1, in_cart)),
        receipts=stock.receipts if stock else (),
        in_cart=in_cart,
        quantity=form.quantity.data if form else quantity,
        pack=pack_text(page.rule),
        error=error,
        may_buy=current_actor().may(Permission.CART_MANAGE),
        sees_prices=current_actor().may(Permission.PRICE_READ),
    )


def _steps(ladders: Any, quantity: int) -> list[dict[str, Any]]:
    """The winning ladder's steps, the present one marked."""
    if not ladders:
        return []
    present = ladders[0].step_at(quantity)
    return [
        {"label": f"{step.min_quantity}+", "unit_price": step.unit_price, "current": step is present}
        for step in ladders[0].steps
    ]


@blueprint.get("/why/<path:sku>")
@allow(Permission.PRICE_READ)
def why(sku: str) -> str:
    """How the buyer's own price came about: a fragment for htmx, else a page of its own."""
    session, buyer, on = db.session(), buying.current_buyer(), buying.today()
    page = queries.get_product_page(session, buyer, sku, on=on)
    quantity = request.args.get("quantity", type=int) or page.rule.lowest
    quantity = min(max(quantity, 1), 999_999)
    explanation = prices.explain_price(session, buyer, page.product.id, quantity=quantity, on=on)
    name = "why_body.html" if request.headers.get("HX-Request") else "why.html"
    return render_template(
        f"portal/catalogue/{name}",
        page=page,
        product=page.product,
        currency=buyer.currency,
        **_why(explanation, quantity),
    )


def _why(explanation: Explanation | None, quantity: int) -> dict[str, Any]:
    """The popover's rows: each agreement with its price at the quantity, the sum, what was not used."""
    if explanation is None or explanation.winner is None:
        return {"explanation": None}
    winner = explanation.winner
    base = next((ladder for ladder in explanation.losers if ladder.level == "list"), None)
    price = explanation.step.unit_price if explanation.step else winner.steps[0].unit_price
    base_price = _price_of(base, max(quantity, explanation.minimum)) if base else None
    return {
        "explanation": explanation,
        "winner": winner,
        # Agreements are half open; people read the last day that counts.
        "last_days": {
            ladder.number: ladder.ends_on - timedelta(days=1)
            for ladder in explanation.ladders
            if ladder.ends_on
        },
        "base": base,
        "base_price": base_price,
        "difference": price - base_price if base_price is not None else None,
        "price": price,
        "quantity": max(quantity, explanation.minimum),
        "steps": [
            {
                "label": f"{step.min_quantity}+",
                "unit_price": step.unit_price,
                "current": step is explanation.step,
            }
            for step in winner.steps
        ],
        "others": [
            (ladder, _price_of(ladder, max(quantity, explanation.minimum)))
            for ladder in explanation.losers
            if ladder is not base
        ],
    }


def _price_of(ladder: ShownLadder, quantity: int) -> Decimal | None:
    reached = [step.unit_price for step in ladder.steps if step.min_quantity <= quantity]
    return reached[-1] if reached else None


@blueprint.post("/add/<path:sku>")
@allow(Permission.CART_MANAGE)
def add(sku: str) -> Any:
    """Put a quantity of a product into the present cart; the answer is the row anew, or the page before."""
    form = AddForm()
    is_htmx, error = bool(request.headers.get("HX-Request")), None
    form.validate()
    try:
        if form.quantity.errors and not form.quantity.data:
            raise InvalidInput(_("Enter a quantity."), field="quantity")
        cart = do(
            ordering.add_to_cart,
            cart_id=buying.cart_id(),
            code=sku,
            quantity=form.quantity.data,
            now=clock.now(),
        )
    except DomainError as refusal:
        error = refusal
    if is_htmx:
        return _row(sku, form, error)
    if error is not None:
        return _product_page(sku, form=form, error=error), error.status
    flash(
        _("%(quantity)s × %(sku)s put into “%(cart)s”.", quantity=form.quantity.data, sku=sku, cart=cart.name)
    )
    back = local_path(request.form.get("next")) or url_for("portal.catalogue.product", sku=sku)
    return redirect(back, 303)


def _row(sku: str, form: AddForm, error: DomainError | None) -> Any:
    """The list's row with the message beside the quantity; the cart's mark along with it."""
    session, buyer, on = db.session(), buying.current_buyer(), buying.today()
    product_id = queries.get_product_page(session, buyer, sku, on=on).product.id
    row = listing.rows_for(session, buyer, [product_id], on=on)[0]
    mark = cart_mark(session)
    stock, in_cart = stock_and_cart(session, [product_id], mark.cart_id, on=on)
    card = card_of(row, stock.get(product_id), in_cart=in_cart.get(product_id, 0))
    body = render_template(
        "portal/catalogue/row.html",
        card=card,
        rows=rows_of(
            [card],
            buyer.currency,
            may_buy=True,
            sees_prices=True,
            next_href=local_path(request.form.get("next")),
            typed=form.quantity.data if error else None,
            error=error.message if error else None,
            is_changed=error is None,
        ),
        mark=mark,
        added=None if error else form.quantity.data,
    )
    return body, error.status if error else 200


@blueprint.get("/media/<key>")
@allow(Permission.CATALOGUE_READ)
def picture(key: str) -> Any:
    """A product's picture (`?size=160` the small one), or its datasheet as a download."""
    medium = get_medium(db.session(), buying.current_buyer(), key, on=buying.today())
    kept = LocalStore(Path(current_app.config["DATA_DIR"]) / "uploads")
    try:
        path = kept.path_of(variant_key(key, THUMBNAIL) if request.args.get("size") == THUMBNAIL else key)
    except NotFound:
        path = kept.path_of(key)
    return send_upload(
        path, filename=medium.filename, content_type=medium.content_type, is_shown=medium.kind == "image"
    )
