"""What people come for, done in a browser from the first click to the last, with script and without."""

from __future__ import annotations

import csv
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Download, expect

from tests.browser.visitor import Visitor

#: One demo for all browser tests: xdist keeps them on one worker.
pytestmark = pytest.mark.xdist_group("browser")

Visit = Callable[..., Visitor]


def make_cart(visitor: Visitor, name: str) -> None:
    """A new cart, in use from now on."""
    visitor.go("/carts")
    visitor.page.get_by_label("Name").fill(name)
    visitor.page.get_by_role("button", name="Make cart").click()
    expect(visitor.page.get_by_role("heading", level=1)).to_contain_text(name)


def quick_add(visitor: Visitor, code: str, quantity: str) -> None:
    """A line by number in the open cart."""
    form = visitor.page.get_by_role("form", name="Quick add")
    form.get_by_role("textbox").nth(0).fill(code)
    form.get_by_role("textbox").nth(1).fill(quantity)
    form.get_by_role("button", name="Add").click()
    expect(visitor.page.locator("tbody tr", has_text=code)).to_be_visible()


def place(visitor: Visitor, po_number: str) -> str:
    """Check out the open cart; the order's number."""
    visitor.page.get_by_role("link", name="Check out").click()
    visitor.page.get_by_label("PO number").fill(po_number)
    visitor.page.get_by_role("button", name="Place order").click()
    visitor.page.wait_for_url("**/orders/*")
    return visitor.page.url.rsplit("/", 1)[1].split("?")[0]


def rows_with(visitor: Visitor, path: str, text: str) -> int:
    """How many rows of a list have the text."""
    visitor.go(path)
    return visitor.page.locator("tbody tr", has_text=text).count()


def open_mail(visitor: Visitor, recipient: str, subject: re.Pattern[str]) -> None:
    """The newest such mail in the log, as soon as the worker has rendered it."""
    deadline = time.monotonic() + 20
    mails = visitor.page.locator("tbody").get_by_role("link", name=subject)
    while time.monotonic() < deadline:
        visitor.go(f"/console/mail?recipient={recipient}")
        if mails.count():
            break
        visitor.page.wait_for_timeout(300)
    mails.first.click()


def test_a_buyer_orders_by_part_of_a_part_number_and_the_vendor_sees_it_arrive(visit: Visit) -> None:
    buyer = visit("buyer")
    make_cart(buyer, "By part number")
    buyer.go("/home")
    buyer.page.keyboard.press("/")
    buyer.page.keyboard.type("NN2-2000")
    buyer.page.keyboard.press("Enter")
    row = buyer.page.locator("tr", has_text="SSD-N2-2T")
    expect(row.locator(".st-price")).to_contain_text("127.49")
    expect(row.locator(".st-stock")).to_contain_text("today")
    row.get_by_role("textbox").fill("10")
    row.get_by_role("button", name="Add SSD-N2-2T to the cart").click()
    expect(row).to_contain_text("10 in cart")
    expect(buyer.page.get_by_role("link", name="Cart, 1 line")).to_be_visible()

    buyer.go("/carts/current")
    number = place(buyer, "KB-BROWSER-1")
    expect(buyer.page.get_by_role("heading", level=1)).to_contain_text(number)
    expect(buyer.page.locator("main")).to_contain_text("1,274.90")
    buyer.check()

    sales = visit("vendor_sales")
    sales.go("/console/orders")
    row = sales.page.locator("tbody tr", has_text="KB-BROWSER-1")
    expect(row).to_contain_text("Kettle & Byte")
    row.get_by_role("link", name=number).click()
    expect(sales.page.get_by_role("heading", level=1)).to_contain_text(number)
    sales.check()


def test_the_why_beside_a_price_opens_with_the_sum_that_made_it(visit: Visit) -> None:
    buyer = visit("buyer")
    buyer.go("/catalogue?q=SSD-N2-2T")
    price = buyer.page.locator("tr", has_text="SSD-N2-2T").locator(".st-price")
    price.get_by_text("why?").click()
    expect(price.get_by_role("heading", name="Why 127.49")).to_be_visible()
    expect(price).to_contain_text("118.40")
    buyer.check()
    buyer.page.keyboard.press("Escape")
    expect(price.get_by_role("heading", name="Why 127.49")).to_be_hidden()


def test_the_same_order_can_be_placed_without_script(visit: Visit) -> None:
    buyer = visit("buyer", script=False)
    make_cart(buyer, "Without script")
    buyer.go("/catalogue")
    buyer.page.get_by_role("searchbox", name="Search").fill("NN2-2000")
    buyer.page.get_by_role("searchbox", name="Search").press("Enter")
    row = buyer.page.locator("tr", has_text="SSD-N2-2T")
    row.get_by_role("textbox").fill("10")
    row.get_by_role("button", name="Add SSD-N2-2T to the cart").click()
    buyer.go("/carts/current")
    expect(buyer.page.locator("main")).to_contain_text("1,274.90")
    quick_add(buyer, "MEM-D5-32G", "2")
    number = place(buyer, "KB-NO-SCRIPT")
    expect(buyer.page.get_by_role("heading", level=1)).to_contain_text(number)
    assert rows_with(buyer, "/orders?q=KB-NO-SCRIPT", "KB-NO-SCRIPT") == 1


def test_a_double_click_on_place_order_gives_one_order(visit: Visit) -> None:
    buyer = visit("buyer")
    make_cart(buyer, "Double click")
    quick_add(buyer, "MEM-D5-32G", "2")
    buyer.page.get_by_role("link", name="Check out").click()
    buyer.page.get_by_label("PO number").fill("KB-DOUBLE")
    buyer.page.get_by_role("button", name="Place order").dblclick(no_wait_after=True)
    buyer.page.wait_for_url("**/orders/*")
    assert rows_with(buyer, "/orders?q=KB-DOUBLE", "KB-DOUBLE") == 1


def test_a_cart_is_kept_when_its_buyer_signs_out(visit: Visit) -> None:
    buyer = visit("buyer", fresh=True)
    make_cart(buyer, "Kept for tomorrow")
    quick_add(buyer, "MEM-D5-32G", "4")
    buyer.page.locator(".st-who").click()
    buyer.page.get_by_role("button", name="Sign out").click()
    buyer.page.wait_for_url("**/sign-in*")
    buyer.go("/carts")
    expect(buyer.page.get_by_label("E-mail")).to_be_visible()

    again = visit("buyer", fresh=True)
    again.go("/carts")
    again.page.get_by_role("link", name="Kept for tomorrow", exact=True).click()
    expect(again.page.get_by_label("Quantity of MEM-D5-32G", exact=True)).to_have_value("4")


def test_a_price_is_asked_for_and_answered_and_the_mail_log_has_the_answer(visit: Visit) -> None:
    buyer = visit("buyer")
    buyer.go("/catalogue?q=SSD-U8-7T6")
    buyer.page.get_by_role("link", name="Ask for a price of SSD-U8-7T6").click()
    buyer.page.get_by_label("Quantity").fill("7")
    buyer.page.get_by_label("Note").fill("For the browser's journey")
    buyer.page.get_by_role("button", name="Send request").click()
    expect(buyer.page.locator("tbody tr", has_text="For the browser's journey")).to_be_visible()

    sales = visit("vendor_sales")
    sales.go("/console/price-requests")
    asked = sales.page.locator("tbody tr", has_text="SSD-U8-7T6")
    asked.filter(has=sales.page.get_by_role("cell", name="7", exact=True)).get_by_role("link").first.click()
    sales.check()
    number = sales.page.locator("h1 .st-sn").inner_text()
    sales.page.get_by_label("Unit price").fill("845.50")
    sales.page.get_by_label("Valid until").fill("2099-12-31")
    sales.page.get_by_role("button", name="Send the price").click()
    sales.page.wait_for_url("**/price-requests")

    buyer.go("/price-requests")
    expect(buyer.page.locator("tbody tr", has_text="For the browser's journey")).to_contain_text("845.50")
    admin = visit("vendor_admin")
    open_mail(admin, "mara@kettle-byte.example", re.compile(number))
    expect(admin.page.locator("main")).to_contain_text("845.50")


def test_an_invitation_is_accepted_through_the_link_in_the_mail_log(visit: Visit) -> None:
    boss = visit("reseller_admin")
    boss.go("/company/people")
    boss.page.get_by_label("Name", exact=True).fill("Nia Fern")
    boss.page.get_by_label("E-mail").fill("nia@kettle-byte.example")
    boss.page.get_by_label("Role", exact=True).select_option(label="Buyer")
    boss.page.get_by_role("button", name="Send invitation").click()
    expect(boss.page.locator("tbody tr", has_text="nia@kettle-byte.example")).to_be_visible()

    admin = visit("vendor_admin")
    open_mail(admin, "nia@kettle-byte.example", re.compile("."))
    admin.check_at(1280)
    admin.check_at(390)
    link = admin.page.locator("main").get_by_role("link", name=re.compile("^http")).inner_text()

    guest = visit(None)
    guest.page.goto(link)
    guest.check()
    guest.page.get_by_label("Password").fill("seven green lanterns")
    guest.page.get_by_role("button", name="Save and sign in").click()
    guest.page.wait_for_url("**/home")
    expect(guest.page.get_by_role("heading", level=1)).to_contain_text("Nia")
    visit(None).page.goto(link)
    second = visit(None)
    second.page.goto(link)
    expect(second.page.get_by_label("Password")).to_have_count(0)
    second.check()


def test_view_as_shows_a_banner_until_it_ends_and_leaves_a_trace(visit: Visit) -> None:
    admin = visit("vendor_admin", fresh=True)
    admin.go("/console/companies")
    admin.page.get_by_role("link", name="Kettle & Byte", exact=True).click()
    admin.page.get_by_role("button", name="View as").click()
    banner = admin.page.get_by_role("region", name="View as")
    expect(banner).to_contain_text("Kettle & Byte")
    admin.go("/catalogue?q=SSD-N2-2T")
    expect(banner).to_be_visible()
    expect(admin.page.locator("tr", has_text="SSD-N2-2T").locator(".st-price")).to_contain_text("127.49")
    expect(admin.page.get_by_role("button", name="Add SSD-N2-2T to the cart")).to_have_count(0)
    admin.check()
    banner.get_by_role("button", name="End the visit").click()
    admin.page.wait_for_url("**/console**")
    expect(banner).to_have_count(0)
    admin.go("/console/audit")
    expect(admin.page.locator("tbody")).to_contain_text(re.compile("view.?as", re.I))


def test_the_parts_of_a_phone_open_and_close(visit: Visit) -> None:
    buyer = visit("buyer", 390)
    buyer.go("/catalogue")
    buyer.page.get_by_role("link", name=re.compile("^Filters")).click()
    expect(buyer.page.get_by_label("Ready to ship")).to_be_visible()
    buyer.page.get_by_label("Ready to ship").check()
    buyer.page.get_by_role("button", name="Show").click()
    expect(buyer.page.get_by_role("link", name="Filters 1")).to_be_visible()
    buyer.check_width()


PRODUCTS = """SKU,Name,MPN,Price
BRW-1,Browser made one,BM-0001,12.50
BRW-2,Browser made two,BM-0002,
BRW-3,Browser made three,BM-0003,not a price
BRW-4,,BM-0004,8.00
"""


def test_a_file_is_tried_imported_and_its_bad_rows_downloaded(visit: Visit, tmp_path: Path) -> None:
    file = tmp_path / "made.csv"
    file.write_text(PRODUCTS, encoding="utf-8")
    sales = visit("vendor_sales")
    page = sales.page
    sales.go("/console/imports/new")
    page.get_by_role("link", name="Products and list prices", exact=True).click()
    page.get_by_label("Files").set_input_files(file)
    page.get_by_role("button", name="Send and look at the columns").click()
    expect(page.get_by_label("Column MPN holds")).to_be_visible()
    sales.check()
    page.get_by_label("Keep these columns as a mapping named").fill("Made by hand")
    page.get_by_role("button", name="Try it").click()
    expect(page.locator("main")).to_contain_text("Nothing is stored yet.", timeout=30_000)
    sales.check_at(1280)
    sales.check_at(390)
    assert rows_with(sales, "/console/products?q=BRW-1", "BRW-1") == 0

    page.go_back()
    page.get_by_role("button", name="Import these rows").click()
    page.get_by_role("link", name="Rejected rows").wait_for(timeout=30_000)
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Rejected rows").click()
    header, *rejected = list(csv.reader(read(waiting.value).splitlines()))
    assert [row[header.index("SKU")] for row in rejected] == ["BRW-3", "BRW-4"]
    page.get_by_role("link", name="All changes").click()
    expect(page.locator("main")).to_contain_text("Browser made two")
    sales.check_at(1280)
    sales.check_at(390)
    page.go_back()
    done = page.url
    assert rows_with(sales, "/console/products?q=BRW-", "BRW-") == 2

    page.goto(done)
    page.locator("summary", has_text="Undo").click()
    page.get_by_role("button", name="changes back").click()
    expect(page.locator("main")).to_contain_text("This import was undone.", timeout=30_000)
    sales.check()
    assert rows_with(sales, "/console/products?q=BRW-", "BRW-") == 0


def read(download: Download) -> str:
    """A downloaded file's text."""
    return Path(download.path()).read_text(encoding="utf-8-sig")
