"""The list of products for staff, and one product with all that hangs on it."""

from __future__ import annotations

from typing import Any

from flask import render_template, request, url_for

from app.console.catalogue.forms import ReferenceForm, UploadForm
from app.console.catalogue.room import KINDS, LIFE_CYCLES, blueprint
from app.console.days import today
from app.console.lists import given_choice, given_text, total_text
from app.core.errors import DomainError, InvalidInput
from app.core.permissions import Permission
from app.core.web.door import allow, current_actor
from app.core.web.extensions import db
from app.domain.accounts.queries import get_vendor
from app.domain.catalogue import queries
from app.domain.catalogue.filters import ProductQuery
from app.domain.catalogue.list_prices import list_prices_of
from app.domain.catalogue.listing import list_products
from app.domain.catalogue.product_parts import list_bundle_parts, list_media
from app.domain.catalogue.product_reads import list_product_prices, list_references, list_values

SORTS = ("name", "sku", "newest")


@blueprint.get("")
@allow(Permission.CATALOGUE_READ)
def index() -> Any:
    """Products by name, or those that a search finds."""
    session, on, page, error = db.session(), today(), None, None
    args: dict[str, str] = {}
    try:
        text, category = given_text("q", maximum=200), given_text("category", maximum=120)
        sort = given_choice("sort", SORTS)
        args = {key: value for key, value in (("q", text), ("category", category), ("sort", sort)) if value}
        query = ProductQuery(
            text=text or "",
            category_slug=category,
            sort=sort or "",
            cursor=request.args.get("cursor"),
            show_ended=True,
        )
        page = list_products(session, None, query=query, on=on)
    except InvalidInput as refusal:
        error = refusal
    currency = get_vendor(session).currency
    body = render_template(
        "console/catalogue/index.html",
        page=page,
        args=args,
        error=error,
        total=total_text(page) if page else None,
        tree=queries.category_tree(session, None, on=on),
        prices=list_prices_of(session, [row.id for row in page.items], currency) if page else {},
        currency=currency,
        may_manage=current_actor().may(Permission.CATALOGUE_MANAGE),
        may_import=current_actor().may(Permission.IMPORT_RUN),
    )
    return (body, error.status) if error else body


@blueprint.get("/sku/<path:sku>")
@allow(Permission.CATALOGUE_READ)
def show(sku: str) -> str:
    """One product."""
    return product_page(sku)


def product_page(
    sku: str,
    *,
    upload: UploadForm | None = None,
    reference: ReferenceForm | None = None,
    error: DomainError | None = None,
) -> str:
    """The product's page, with a form that was refused in the place of a fresh one."""
    session = db.session()
    page = queries.get_product_page(session, None, sku, on=today())
    product_id = page.product.id
    actor = current_actor()
    return render_template(
        "console/catalogue/show.html",
        page=page,
        product=page.product,
        values=list_values(session, product_id),
        media=list_media(session, product_id),
        parts=list_bundle_parts(session, product_id),
        references=list_references(session, product_id),
        prices=list_product_prices(session, product_id) if actor.may(Permission.PRICE_READ) else [],
        kinds=KINDS,
        life_cycles=LIFE_CYCLES,
        upload=upload or UploadForm(formdata=None),
        reference=reference or ReferenceForm(formdata=None),
        error=error,
        stock_href=url_for("console.stock.show", product_id=product_id),
        may_manage=actor.may(Permission.CATALOGUE_MANAGE),
        may_price=actor.may(Permission.PRICE_MANAGE),
    )
