"""The portal's rooms in the side bar and on the phone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select

from app.core.permissions import Permission
from app.core.texts import N_
from app.core.web.shell import NavEntry, Navigation, NavSection
from app.domain.accounts.models import Branch, Membership, SignInSession
from app.domain.ordering.models import Cart, CartLine

HOME = NavEntry(N_("Home"), "portal.home.index", "home", Permission.ACCOUNT_USE)
CATALOGUE = NavEntry(N_("Catalogue"), "portal.catalogue.index", "layout-grid", Permission.CATALOGUE_READ)
CARTS = NavEntry(N_("Carts"), "portal.carts.index", "shopping-cart", Permission.CART_READ)
REQUESTS = NavEntry(
    N_("Price requests"), "portal.requests.index", "message-question", Permission.PRICE_REQUEST_CREATE
)
ORDERS = NavEntry(N_("Orders"), "portal.orders.index", "package", Permission.ORDER_READ)
PEOPLE = NavEntry(N_("People"), "portal.company.people", "users", Permission.MEMBER_READ)
BRANCHES = NavEntry(N_("Branches"), "portal.company.branches", "map-pin", Permission.ORDER_READ)
END_CUSTOMERS = NavEntry(
    N_("End customers"), "portal.company.end_customers", "building-store", Permission.ORDER_READ
)

NAVIGATION = Navigation(
    sections=(
        NavSection(None, (HOME,)),
        NavSection(N_("Buy"), (CATALOGUE, CARTS, REQUESTS, ORDERS)),
        NavSection(N_("Company"), (PEOPLE, BRANCHES, END_CUSTOMERS)),
    ),
    tabs=(HOME, CATALOGUE, CARTS, ORDERS),
    search_endpoint="portal.search.index",
    cart_endpoint="portal.carts.current",
)


def counts_read_along() -> Mapping[str, Any]:
    """Scalar subqueries that the sign-in read carries, so that the frame costs no statement of its own."""
    company_id = func.coalesce(SignInSession.view_as_company_id, Membership.company_id)
    latest = (
        select(Cart.id)
        .where(Cart.company_id == company_id, Cart.placed_at.is_(None), Cart.discarded_at.is_(None))
        .order_by(Cart.updated_at.desc(), Cart.id.desc())
        .limit(1)
        .correlate(SignInSession, Membership)
        .scalar_subquery()
    )
    lines = (
        select(func.count(CartLine.id))
        .where(CartLine.cart_id == latest)
        .correlate(SignInSession, Membership)
        .scalar_subquery()
    )
    # The branch of that cart where it is still open, else the company's first open branch. Two subqueries:
    # SQLite does not find the outer row from within a subquery's ORDER BY.
    of_cart = (
        select(Branch.id)
        .join(Cart, Cart.branch_id == Branch.id)
        .where(Cart.id == latest, Branch.is_active)
        .correlate(SignInSession, Membership)
        .scalar_subquery()
    )
    first_open = (
        select(func.min(Branch.id))
        .where(Branch.company_id == company_id, Branch.is_active)
        .correlate(SignInSession, Membership)
        .scalar_subquery()
    )
    branch = func.coalesce(of_cart, first_open)
    return {"cart_id": latest, "cart_lines": lines, "branch_id": branch}


def count_rooms(visitor: Any) -> Mapping[str, int]:
    """Numbers beside the rooms, from what the sign-in read brought along."""
    return {"cart": visitor.extras.get("cart_lines") or 0}
