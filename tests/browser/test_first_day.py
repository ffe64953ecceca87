"""The first day by the pages alone: the administrator's link, settings, files in, a reseller's first order.

FIRST_DAY_PICTURES names a folder for the pictures of docs/first-day.md.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import working
from tests.browser.visitor import HEIGHTS, Visitor
from tests.factories.accounts import PASSWORD
from tests.smtp_server import SmtpServer, smtp_server
from tests.system.servers import flask, serving
from tests.system.test_first_day import (
    BUYER,
    COMPANIES,
    CONTACTS,
    PRICES,
    PRODUCTS,
    STOCK,
    Day,
    path_in,
    set_up,
    text_of,
)

#: One demo for all browser tests: xdist keeps them on one worker.
pytestmark = pytest.mark.xdist_group("browser")

PICTURES = os.environ.get("FIRST_DAY_PICTURES")


@dataclass
class Office:
    """The instance of the first day, and browsers for its people."""

    day: Day
    address: str
    link: str
    open: Callable[[], Visitor]


@pytest.fixture
def office(browser: Browser, tmp_path: Path) -> Iterator[Office]:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    url = f"sqlite:///{data_dir / 'sellthru.db'}"
    contexts = []
    with smtp_server() as mails:
        day = Day(url, data_dir, mails, tmp_path)
        link = set_up(day)
        with serving(url, data_dir) as address, working(url, data_dir, address):

            def opened() -> Visitor:
                context = browser.new_context(
                    viewport={"width": 1280, "height": 900}, reduced_motion="reduce", locale="en-GB"
                )
                contexts.append(context)
                return Visitor(context.new_page(), address)

            yield Office(day, address, link, opened)
            for context in contexts:
                context.close()


def look(visitor: Visitor, name: str) -> None:
    """Check the page at both widths, and keep its picture where one is asked for."""
    for width in HEIGHTS:
        visitor.check_at(width)
        if PICTURES:
            suffix = "" if width > 600 else "-phone"
            visitor.page.set_viewport_size({"width": width, "height": 820})
            visitor.page.screenshot(path=Path(PICTURES) / f"{name}{suffix}.png")
    visitor.page.set_viewport_size({"width": 1280, "height": 900})


def choose_password(page: Page) -> None:
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_role("button", name="Save and sign in").click()
    page.wait_for_url(lambda url: "/invitation" not in url)


def set_mail_server(admin: Visitor, mails: SmtpServer) -> None:
    page = admin.page
    admin.go("/console/settings/mail")
    page.get_by_label("Mail server").fill("127.0.0.1")
    page.get_by_label("Encryption").select_option("none")
    page.get_by_label("Port").fill(str(mails.port))
    page.get_by_label("Sender").fill("portal@fennel.example")
    page.get_by_role("button", name="Save settings").click()
    admin.go("/console/settings/mail")
    page.get_by_role("button", name="Send a test").click()
    expect(page.locator("body")).to_contain_text("The server took the test")
    look(admin, "mail-server")


def import_rows(
    admin: Visitor, day: Day, kind: str, rows: str, *, invite: bool = False, name: str = ""
) -> None:
    """Send a file, try it, look at what would change, and store it."""
    page = admin.page
    file = day.folder / f"{kind}.csv"
    file.write_text(rows)
    admin.go(f"/console/imports/new/{kind}")
    page.get_by_label("Files").set_input_files(file)
    if invite:
        page.get_by_label("Send invitations").check()
    page.get_by_role("button", name="Send and look at the columns").click()
    page.get_by_role("button", name="Try it").click()
    expect(page.locator(".st-badge", has_text="Done")).to_be_visible(timeout=60_000)
    if name:
        look(admin, name)
    page.get_by_role("button", name=re.compile("^Import")).first.click()
    expect(page.locator(".st-badge", has_text="Done")).to_be_visible(timeout=60_000)


def order(buyer: Visitor) -> str:
    """Search, put into a cart, check out; the order's number."""
    page = buyer.page
    buyer.go("/carts")
    page.get_by_label("Name").fill("First order")
    page.get_by_role("button", name="Make cart").click()
    form = page.get_by_role("form", name="Quick add")
    form.get_by_role("textbox").nth(0).fill("FD-DOCK")
    form.get_by_role("textbox").nth(1).fill("2")
    form.get_by_role("button", name="Add").click()
    expect(page.locator("tbody tr", has_text="FD-DOCK")).to_contain_text("170.00")
    page.get_by_role("link", name="Check out").click()
    page.get_by_label("PO number").fill("PO-1")
    page.get_by_role("button", name="Place order").click()
    page.wait_for_url("**/orders/*")
    return page.url.rpartition("/")[2].partition("?")[0]


def test_the_first_day_by_the_pages_alone(office: Office) -> None:
    admin = office.open()
    page = admin.page
    admin.go(office.link)
    choose_password(page)
    look(admin, "getting-started")

    set_mail_server(admin, office.day.mails)
    admin.go("/console/settings/branding")
    page.get_by_label("Accent").fill("#0b6b4f")
    page.get_by_role("button", name="Save settings").click()
    admin.go("/console/settings")
    look(admin, "settings")

    admin.go("/console/stock/warehouses/new")
    page.get_by_label("Code").fill("MAIN")
    page.get_by_label("Name").fill("Main warehouse")
    page.get_by_role("button", name="Save", exact=True).click()

    import_rows(admin, office.day, "companies", COMPANIES, name="import-preview")
    import_rows(admin, office.day, "contacts", CONTACTS, invite=True)
    import_rows(admin, office.day, "products", PRODUCTS)
    import_rows(admin, office.day, "prices", PRICES)
    import_rows(admin, office.day, "stock", STOCK)
    admin.go("/console/imports")
    look(admin, "imports")

    buyer = office.open()
    buyer.go(path_in(text_of(office.day.mail_to(BUYER, "Fennel"))))
    choose_password(buyer.page)
    number = order(buyer)
    look(buyer, "first-order")

    admin.go("/console/companies")
    page.get_by_role("link", name="Kestrel Systems").first.click()
    look(admin, "reseller")
    admin.go(f"/console/orders/{number}")
    expect(page.locator("main")).to_contain_text("PO-1")
    look(admin, "order-arrived")
    assert number in flask(office.day.url, office.day.data_dir, "orders", "export").stdout
