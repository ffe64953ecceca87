"""The portal's rooms in the side bar and on the phone."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import exists, func, select

from app.core.permissions import Permission
from app.core.texts import N_
from app.core.web.shell import NavEntry, Navigation, NavSection
from app.domain.accounts.models import Branch, Company, Membership, SignInSession
from app.domain.catalogue.models import CustomerPartNumber
from app.domain.ordering.models import Cart, CartLine

HOME = NavEntry(N_("Home"), "portal.home.index", "home", Permission.ACCOUNT_USE)
CATALOGUE = NavEntry(N_("Catalogue"), "portal.catalogue.index", "layout-grid", Permission.CATALOGUE_READ)
CARTS = NavEntry(N_("Carts"), "portal.carts.index", "shopping-cart", Permission.CART_READ)
REQUESTS = NavEntry(
    N_("Price requests"), "portal.requests.index", "message-question", Permission.PRICE_REQUEST_CREATE
)
ORDERS = NavEntry(N_("Orders"), "portal.orders.index", "package", Permission.ORDER_READ)
ASSETS = NavEntry(N_("Assets"), "portal.assets.index", "barcode", Permission.ASSET_READ)
PEOPLE = NavEntry(N_("People"), "portal.company.people", "users", Permission.MEMBER_READ)
BRANCHES = NavEntry(N_("Branches"), "portal.company.branches", "map-pin", Permission.ORDER_READ)
END_CUSTOMERS = NavEntry(
    N_("End customers"), "portal.company.end_customers", "building-store", Permission.ORDER_READ
)
DATA = NavEntry(N_("Our data"), "portal.company.data", "file-export", Permission.MEMBER_MANAGE)

NAVIGATION = Navigation(
    sections=(
        NavSection(None, (HOME,)),
        NavSection(N_("Buy"), (CATALOGUE, CARTS, REQUESTS, ORDERS)),
        NavSection(N_("Support"), (ASSETS,)),
        NavSection(N_("Company"), (PEOPLE, BRANCHES, END_CUSTOMERS, DATA)),
    ),
    tabs=(HOME, CATALOGUE, CARTS, ORDERS, ASSETS),
    search_endpoint="portal.search.index",
    cart_endpoint="portal.carts.current",
)


@cache
def counts_read_along() -> Mapping[str, Any]:
    """Columns that the sign-in read carries: the present cart, and the company as a buyer.

    So that the frame costs no statement of its own, and no list one for whom it is read. Built once.
    """
    company_id = func.coalesce(SignInSession.view_as_company_id, Membership.company_id)
    latest = _read_along(
        select(Cart.id)
        .where(Cart.company_id == company_id, Cart.placed_at.is_(None), Cart.discarded_at.is_(None))
        .order_by(Cart.updated_at.desc(), Cart.id.desc())
        .limit(1)
    )
    lines = select(func.count(CartLine.id)).where(CartLine.cart_id == latest)
    units = select(func.sum(CartLine.quantity)).where(CartLine.cart_id == latest)
    # The branch of that cart where it is still open, else the company's first open branch. Two subqueries:
    # SQLite does not find the outer row from within a subquery's ORDER BY.
    of_cart = (
        select(Branch.id).join(Cart, Cart.branch_id == Branch.id).where(Cart.id == latest, Branch.is_active)
    )
    first_open = select(func.min(Branch.id)).where(Branch.company_id == company_id, Branch.is_active)
    own_numbers = exists().where(CustomerPartNumber.company_id == company_id)
    return {
        "cart_id": latest,
        "cart_name": _read_along(select(Cart.name).where(Cart.id == latest)),
        "cart_lines": _read_along(lines),
        "cart_units": _read_along(units),
        "branch_id": func.coalesce(_read_along(of_cart), _read_along(first_open)),
        "tier": Company.tier,
        "currency": Company.currency,
        "visibility_mode": Company.visibility_mode,
        "has_own_numbers": own_numbers.correlate(SignInSession, Membership),
    }


def _read_along(statement: Any) -> Any:
    return statement.correlate(SignInSession, Membership).scalar_subquery()


def count_rooms(visitor: Any) -> Mapping[str, int]:
    """Numbers beside the rooms, from what the sign-in read brought along."""
    return {"cart": visitor.extras.get("cart_lines") or 0}
