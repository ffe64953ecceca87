"""The portal's rooms in the side bar and on the phone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.core.permissions import Permission
from app.core.texts import N_
from app.core.web.shell import NavEntry, Navigation, NavSection

HOME = NavEntry(N_("Home"), "portal.home.index", "home", Permission.ACCOUNT_USE)
CATALOGUE = NavEntry(N_("Catalogue"), "portal.catalogue.index", "layout-grid", Permission.CATALOGUE_READ)
CARTS = NavEntry(N_("Carts"), "portal.carts.index", "shopping-cart", Permission.CART_READ)
REQUESTS = NavEntry(
    N_("Price requests"), "portal.requests.index", "message-question", Permission.PRICE_REQUEST_CREATE
)
ORDERS = NavEntry(N_("Orders"), "portal.orders.index", "package", Permission.ORDER_READ)
PEOPLE = NavEntry(N_("People"), "portal.company.people", "users", Permission.MEMBER_READ)
BRANCHES = NavEntry(N_("Branches"), "portal.company.branches", "map-pin", Permission.ACCOUNT_USE)
END_CUSTOMERS = NavEntry(
    N_("End customers"), "portal.company.end_customers", "building-store", Permission.ACCOUNT_USE
)

NAVIGATION = Navigation(
    sections=(
        NavSection(None, (HOME,)),
        NavSection(N_("Buy"), (CATALOGUE, CARTS, REQUESTS, ORDERS)),
        NavSection(N_("Company"), (PEOPLE, BRANCHES, END_CUSTOMERS)),
    ),
    tabs=(HOME, CATALOGUE, CARTS, ORDERS),
    search_endpoint="portal.catalogue.index",
    cart_endpoint="portal.carts.current",
)


def count_rooms(visitor: Any) -> Mapping[str, int]:
    """Numbers beside the rooms, from what the sign-in read brought along."""
    return {"cart": visitor.extras.get("cart_lines") or 0}
