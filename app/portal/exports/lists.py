"""Catalogue with the company's prices, carts, price requests, people, branches, end customers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from flask import request

from app.core import clock
from app.core.pages import read_pages, read_whole
from app.core.permissions import Permission
from app.core.web.door import current_actor
from app.core.web.downloads import ListExport
from app.core.web.extensions import db
from app.domain.accounts import queries
from app.domain.assets import filters as asset_filters
from app.domain.assets.queries import list_units
from app.domain.catalogue import listing
from app.domain.inventory.queries import ready_to_ship, stock_for
from app.domain.ordering.desk import RequestFilters, list_price_requests
from app.domain.ordering.queries import list_carts
from app.portal import buying
from app.portal.assets.routes import COLUMNS as ASSET_COLUMNS
from app.portal.catalogue import addresses
from app.portal.company.room import own_company_id
from app.portal.requests.routes import STATES as REQUEST_STATES

Rows = Iterable[tuple[Any, ...]]


def _catalogue() -> Rows:
    session, buyer, on = db.session(), buying.current_buyer(), buying.today()
    # By number, whatever the order on the page: a list of hits by relevance or price has no end.
    query = replace(addresses.read_query(), sort="sku", cursor=None)
    extra = ready_to_ship() if request.args.get("stock") == "ready" else None
    sees_prices = current_actor().may(Permission.PRICE_READ)

    def rows() -> Rows:
        pages = read_pages(
            lambda cursor: listing.list_products(
                session, buyer, query=replace(query, cursor=cursor), on=on, extra=extra
            )
        )
        for page in pages:
            stock = stock_for(session, [row.id for row in page.items], on=on)
            for row in page.items:
                steps = row.ladders[0].steps if row.ladders and sees_prices else ()
                held = stock.get(row.id)
                yield (
                    *(row.sku, row.name, row.mpn, row.brand, row.category_slug, row.life_cycle, row.unit),
                    *(row.rule.minimum, row.rule.multiple, row.rule.maximum),
                    *(steps[0].unit_price if steps else None, buyer.currency if steps else None),
                    ", ".join(f"{step.min_quantity}: {step.unit_price:f}" for step in steps),
                    held.available if held else 0,
                    held.receipts[0][0] if held and held.receipts else None,
                )

    return rows()


def _carts() -> Rows:
    found = list_carts(db.session())
    return ((row.name, row.branch_name, row.lines, row.units, row.updated_at) for row in found)


def _requests() -> Rows:
    session, asked = db.session(), request.args.get("state")
    state = next((known for known in REQUEST_STATES if known == asked), None)
    found = read_whole(
        lambda cursor: list_price_requests(
            session, RequestFilters(state=state), newest_first=True, cursor=cursor
        )
    )
    return (
        (
            *(row.number, row.state, row.branch_name, row.sku, row.name, row.quantity, row.note),
            *(row.asked_by_name, row.created_at, row.answered_at, row.unit_price, row.currency),
            *(row.valid_until, row.answer),
        )
        for row in found
    )


def _people() -> Rows:
    found = queries.list_members(db.session(), company_id=own_company_id(), now=clock.now())
    return (
        (
            *(row.name, row.email, row.role),
            row.is_active and not row.is_disabled and row.has_password,
            row.last_signed_in_at,
        )
        for row in found
    )


_ADDRESS = ("street", "postcode", "city", "region", "country")


def _branches() -> Rows:
    found = queries.list_branches(db.session(), own_company_id(), also_closed=True)
    return (
        (row.name, *(getattr(row, part) for part in _ADDRESS), row.terms_days, row.is_active) for row in found
    )


def _end_customers() -> Rows:
    found = queries.list_end_customers(db.session(), own_company_id(), also_closed=True)
    return ((row.name, *(getattr(row, part) for part in _ADDRESS), row.is_active) for row in found)


def _assets() -> Rows:
    session, actor, given = db.session(), current_actor(), asset_filters.given(request.args)
    given.pop("company", None)
    wanted = asset_filters.filters_of(given, on=buying.today())
    found = read_whole(lambda cursor: list_units(session, actor, wanted, cursor=cursor))
    return (
        (
            *(row.serial, row.sku, row.name, row.brand, row.end_customer_name, row.state),
            *(row.ship_date, row.cover_until, row.source),
        )
        for row in found
    )


EXPORTS = (
    ListExport(
        "catalogue",
        "/catalogue",
        Permission.CATALOGUE_READ,
        (
            *("sku", "name", "mpn", "brand", "category", "life_cycle", "unit", "minimum", "multiple"),
            *("maximum", "unit_price", "currency", "price_steps", "available", "next_due"),
        ),
        _catalogue,
    ),
    ListExport(
        "carts", "/carts", Permission.CART_READ, ("name", "branch", "lines", "units", "changed_at"), _carts
    ),
    ListExport(
        "price_requests",
        "/price-requests",
        Permission.PRICE_REQUEST_CREATE,
        (
            *("number", "state", "branch", "sku", "name", "quantity", "note", "asked_by", "asked_at"),
            *("answered_at", "unit_price", "currency", "valid_until", "answer"),
        ),
        _requests,
    ),
    ListExport("assets", "/assets", Permission.ASSET_READ, ASSET_COLUMNS, _assets),
    ListExport(
        "people",
        "/company/people",
        Permission.MEMBER_READ,
        ("name", "email", "role", "may_sign_in", "last_signed_in_at"),
        _people,
    ),
    ListExport(
        "branches",
        "/company/branches",
        Permission.ORDER_READ,
        ("name", *_ADDRESS, "terms_days", "is_active"),
        _branches,
    ),
    ListExport(
        "end_customers",
        "/company/end-customers",
        Permission.ORDER_READ,
        ("name", *_ADDRESS, "is_active"),
        _end_customers,
    ),
)
