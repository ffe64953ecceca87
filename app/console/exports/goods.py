"""Products, categories, price agreements and stock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from flask import request

from app.console.agreements.routes import LEVEL_NAMES
from app.console.assets.routes import COLUMNS as ASSET_COLUMNS
from app.console.days import today
from app.console.lists import KEY, given_choice, given_number, given_text
from app.console.stock.receipts import STATES as RECEIPT_STATES
from app.console.stock.routes import COLUMNS as STOCK_COLUMNS
from app.console.stock.routes import given_filters
from app.core.pages import read_pages, read_whole
from app.core.permissions import Permission
from app.core.web.door import current_actor
from app.core.web.downloads import ListExport
from app.core.web.extensions import db
from app.domain.accounts.queries import get_vendor
from app.domain.assets import filters as asset_filters
from app.domain.assets.queries import list_units
from app.domain.catalogue import queries
from app.domain.catalogue.filters import ProductQuery
from app.domain.catalogue.list_prices import list_prices_of
from app.domain.catalogue.listing import list_products
from app.domain.inventory import desk
from app.domain.inventory.desk import ReceiptFilters

Rows = Iterable[tuple[Any, ...]]


def _products() -> Rows:
    session, on = db.session(), today()
    query = ProductQuery(
        text=given_text("q", maximum=200) or "",
        category_slug=given_text("category", maximum=120),
        # By number, whatever the order on the page: a list of hits by relevance has no end.
        sort="sku",
        show_ended=True,
    )
    currency = get_vendor(session).currency

    def rows() -> Rows:
        pages = read_pages(
            lambda cursor: list_products(session, None, query=replace(query, cursor=cursor), on=on)
        )
        for page in pages:
            prices = list_prices_of(session, [row.id for row in page.items], currency)
            for row in page.items:
                yield (
                    *(row.sku, row.name, row.mpn, row.brand, row.category_slug, row.kind, row.life_cycle),
                    *(row.unit, row.rule.minimum, row.rule.multiple, row.rule.maximum),
                    *(prices.get(row.id), currency, row.successor[0] if row.successor else None),
                )

    return rows()


def _categories() -> Rows:
    tree = queries.category_tree(db.session(), None, on=today())
    return ((node.slug, node.name, node.depth) for node in tree)


def _agreements() -> Rows:
    session, text, level = db.session(), given_text("q"), given_choice("level", LEVEL_NAMES)
    company_id = given_number("company")
    found = read_whole(
        lambda cursor: queries.list_agreements(
            session, text=text or "", level=level, company_id=company_id, cursor=cursor
        )
    )
    return (
        (
            *(row.number, row.name, row.level, row.tier, row.company_name, row.branch_name),
            *(row.currency, row.starts_on, row.ends_on, row.is_active),
        )
        for row in found
    )


def _agreement_prices(agreement_id: int) -> Rows:
    session, text = db.session(), given_text("q") or ""
    agreement = queries.get_agreement(session, agreement_id)
    number, currency = agreement.number, agreement.currency
    found = read_whole(
        lambda cursor: queries.list_agreement_rows(session, agreement_id, text=text, cursor=cursor)
    )
    return (
        (
            *(number, row.sku, row.name, row.min_quantity, row.unit_price, currency),
            *(row.rule_minimum, row.rule_multiple, row.rule_maximum),
        )
        for row in found
    )


def _stock() -> Rows:
    filters, _args = given_filters()
    return (
        (
            *(row.sku, row.name, row.on_hand, row.allocated, row.available, row.expected, row.expected_on),
            ", ".join(f"{level.warehouse_code} {level.on_hand}" for level in row.levels if level.on_hand),
        )
        for row in desk.iter_stock(db.session(), filters)
    )


def _receipts() -> Rows:
    session, state = db.session(), given_choice("state", RECEIPT_STATES) or "open"
    filters = ReceiptFilters(
        is_open={"closed": False, "all": None}.get(state, True),
        due_until=today() if state == "due" else None,
    )
    found = read_whole(lambda cursor: desk.list_receipts(session, filters, cursor=cursor))
    return (
        (
            *(row.sku, row.name, row.warehouse_code, row.due_on, row.quantity, row.received),
            *(row.outstanding, row.reference, row.is_open),
        )
        for row in found
    )


def _movements(product_id: int) -> Rows:
    session = db.session()
    sku = desk.get_stock(session, product_id).sku
    found = read_whole(lambda cursor: desk.list_movements(session, product_id=product_id, cursor=cursor))
    return (
        (sku, row.at, row.kind, row.delta, row.warehouse_code, row.reference, row.actor_name) for row in found
    )


def _warehouses() -> Rows:
    found = desk.list_warehouses(db.session(), also_closed=True)
    return ((row.code, row.name, row.position, row.is_active) for row in found)


def _assets() -> Rows:
    session, actor = db.session(), current_actor()
    wanted = asset_filters.filters_of(asset_filters.given(request.args), on=today())
    found = read_whole(lambda cursor: list_units(session, actor, wanted, cursor=cursor))
    return (
        (
            *(row.serial, row.sku, row.name, row.brand, row.company_number, row.company_name),
            *(row.end_customer_name, row.state, row.ship_date, row.cover_until, row.source),
        )
        for row in found
    )


EXPORTS = (
    ListExport(
        "products",
        "/products",
        Permission.CATALOGUE_READ,
        (
            *("sku", "name", "mpn", "brand", "category", "kind", "life_cycle", "unit", "minimum"),
            *("multiple", "maximum", "list_price", "currency", "successor"),
        ),
        _products,
    ),
    ListExport(
        "categories",
        "/products/categories",
        Permission.CATALOGUE_MANAGE,
        ("category", "name", "depth"),
        _categories,
    ),
    ListExport(
        "agreements",
        "/price-agreements",
        Permission.PRICE_MANAGE,
        (
            *("number", "name", "level", "tier", "company", "branch"),
            *("currency", "starts_on", "ends_before", "is_active"),
        ),
        _agreements,
    ),
    ListExport(
        "agreement_prices",
        f"/price-agreements/<{KEY}:agreement_id>",
        Permission.PRICE_MANAGE,
        (
            *("agreement", "sku", "name", "from_quantity", "unit_price", "currency"),
            *("minimum", "multiple", "maximum"),
        ),
        _agreement_prices,
    ),
    ListExport("stock", "/stock", Permission.STOCK_READ, STOCK_COLUMNS, _stock),
    ListExport(
        "receipts",
        "/stock/receipts",
        Permission.STOCK_READ,
        (
            *("sku", "name", "warehouse", "due_on", "quantity", "received", "to_come", "reference"),
            "is_open",
        ),
        _receipts,
    ),
    ListExport("assets", "/assets", Permission.ASSET_READ, ASSET_COLUMNS, _assets),
    ListExport(
        "movements",
        f"/stock/products/<{KEY}:product_id>",
        Permission.STOCK_READ,
        ("sku", "at", "kind", "units", "warehouse", "reference", "by"),
        _movements,
    ),
    ListExport(
        "warehouses",
        "/stock/warehouses",
        Permission.STOCK_READ,
        ("code", "name", "position", "is_active"),
        _warehouses,
    ),
)
