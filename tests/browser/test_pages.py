"""Every page of every role, wide and narrow, light and dark: nothing wrong that a browser or axe can see."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from werkzeug.exceptions import HTTPException

from app import create_app
from tests.browser.visitor import HEIGHTS, Visitor

#: One demo for all browser tests: xdist keeps them on one worker.
pytestmark = pytest.mark.xdist_group("browser")

ROLES = (
    "buyer",
    "approver",
    "reseller_admin",
    "reseller_finance",
    "reseller_support",
    "end_customer_desk",
    "vendor_sales",
    "vendor_warehouse",
    "vendor_support",
    "vendor_finance",
    "vendor_admin",
)
#: Not pages: files, pieces that a page fetches, and addresses for machines.
NO_PAGES = {
    "static",
    "brand.accent",
    "brand.logo",
    "health.healthz",
    "health.readyz",
    "metrics.show",
    "console.catalogue.picture",
    "console.companies.download_data",
    "console.imports.progress",
    "console.imports.changes_file",
    "console.imports.rejected",
    "console.imports.template",
    "console.shipping.slip",
    "portal.catalogue.facets",
    "portal.catalogue.picture",
    "portal.catalogue.suggest",
    "portal.company.download_data",
    "portal.orders.confirmation",
    "sign_in.start",
}
#: Pages that need something done first; the journeys look at them.
BY_JOURNEY = {
    "console.imports.list_changes",
    "console.imports.show",
    "console.agreements.find_product",
    "console.orders.cancel",
    "console.orders.cancel_line",
    "console.stock.receive",
    "sign_in.accept",
    "sign_in.reset",
}
#: Where a stranger gets to.
PUBLIC = (
    "/sign-in",
    "/forgot",
    "/forgot/sent",
    "/invitation/none.such",
    "/reset/none.such",
    "/become-a-reseller",
    "/become-a-reseller/sent",
    "/become-a-reseller/confirm/none.such",
    "/become-a-reseller/done/confirmation",
    "/become-a-reseller/done/answer",
)
#: Where a crawl starts beside the home, for pages that no link of an early page leads to.
STARTS = {
    "buyer": ("/search?q=dock", "/catalogue/product/SET-DESK-24"),
    "vendor_sales": (
        "/console/search?q=dock",
        "/console/price-requests?state=all",
        "/console/companies/new",
        "/console/products/sku/SET-DESK-24",
        "/console/products/categories/2",
    ),
}
#: Seen in dark too.
MAIN = {
    "buyer": ("/home", "/catalogue", "/carts/current", "/orders", "/account"),
    "vendor_admin": ("/console", "/console/orders", "/console/stock", "/console/products", "/console/audit"),
}


class Crawl:
    """Follows a role's links and opens one address of each page it finds."""

    def __init__(self, app: Flask, visitor: Visitor) -> None:
        self.map = app.url_map.bind("127.0.0.1")
        self.visitor = visitor
        self.found: dict[str, str] = {}
        self.dead: set[str] = set()

    def page_of(self, href: str) -> str | None:
        """The page behind a link, None where it is none of ours or no page."""
        parts = urlsplit(href)
        if parts.netloc or not parts.path.startswith("/"):
            return None
        try:
            endpoint, _values = self.map.match(parts.path, method="GET")
        except HTTPException:
            return None
        return None if endpoint in NO_PAGES else endpoint

    def run(self, *starts: str) -> None:
        """Fill `found` with {page: address} in the order they were found, and `dead` with refused links."""
        waiting = list(starts)
        while waiting:
            path = waiting.pop(0)
            page = self.page_of(path)
            if page is None or page in self.found:
                continue
            answer = self.visitor.page.request.get(self.visitor.address + path)
            if answer.status != 200:
                self.dead.add(f"{path} answers {answer.status}")
                continue
            # Addresses that lead on, such as the cart in use, are known by where they end.
            final = urlsplit(answer.url).path
            self.found[page] = path
            self.found.setdefault(self.page_of(final) or page, final)
            waiting += map(unescape, re.findall(r'<a [^>]*href="([^"#]+)', answer.text()))


@pytest.fixture(scope="module")
def app(demo: dict[str, Any]) -> Flask:
    patch = pytest.MonkeyPatch()
    with patch.context() as env:
        env.setenv("DATABASE_URL", demo["database_url"])
        env.setenv("DATA_DIR", str(demo["folder"]))
        env.setenv("DEMO", "1")
        return create_app()


@pytest.fixture(scope="module")
def seen() -> dict[str, set[str]]:
    """Shapes of each page that axe has been shown, over all roles."""
    return {}


def look(visitor: Visitor, page: str, path: str, seen: dict[str, set[str]]) -> None:
    """Check one page at both widths; axe is asked where the page has a part it was not shown before."""
    visitor.page.set_viewport_size({"width": 1280, "height": HEIGHTS[1280]})
    assert visitor.go(path) == 200, path
    shape = visitor.shape()
    is_new = not shape <= seen.get(page, set())
    seen.setdefault(page, set()).update(shape)
    for width in HEIGHTS:
        if is_new:
            visitor.check_at(width)
        else:
            visitor.page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
            visitor.check_width()


@pytest.mark.parametrize("role", ROLES)
def test_no_page_of_a_role_complains_scrolls_sideways_or_shuts_anybody_out(
    role: str, app: Flask, visit: Callable[..., Visitor], seen: dict[str, set[str]]
) -> None:
    visitor = visit(role)
    crawl = Crawl(app, visitor)
    crawl.run("/console" if role.startswith("vendor") else "/home", *STARTS.get(role, ()))
    for page, path in crawl.found.items():
        look(visitor, page, path, seen)
    assert crawl.dead == set(), "links lead where this role may not go"


def test_no_page_is_left_unlooked_at(app: Flask, seen: dict[str, set[str]]) -> None:
    pages = {rule.endpoint for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    public = {page for page in pages if page.startswith(("sign_in.", "apply."))}
    assert pages - NO_PAGES - BY_JOURNEY - public - set(seen) == set()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_pages_for_strangers_are_clean(dark: bool, visit: Callable[..., Visitor]) -> None:
    visitor = visit(None, dark=dark)
    for path in PUBLIC:
        visitor.go(path)
        for width in HEIGHTS:
            visitor.check_at(width)


@pytest.mark.parametrize("role", MAIN)
def test_the_main_pages_are_clean_in_the_dark(role: str, visit: Callable[..., Visitor]) -> None:
    visitor = visit(role, dark=True)
    for path in MAIN[role]:
        assert visitor.go(path) == 200
        for width in HEIGHTS:
            visitor.check_at(width)


@pytest.mark.parametrize(
    ("role", "path"), [("buyer", "/orders/SO-0"), ("vendor_admin", "/console/orders/SO-0")]
)
def test_the_page_for_what_is_not_there_is_clean(role: str, path: str, visit: Callable[..., Visitor]) -> None:
    visitor = visit(role)
    assert visitor.go(path) == 404
    for width in HEIGHTS:
        visitor.check_at(width)
