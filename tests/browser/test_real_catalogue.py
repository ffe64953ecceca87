"""The main job on a catalogue as distributors publish it: imported, counted in, priced and ordered.

SELLTHRU_DATA names a folder of such files (`memory.csv` is taken); without it one of the same shape is made:
no SKU, repeated names, three of four rows without a price, the same row again at another price.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.visitor import Visitor

#: One demo for all browser tests: xdist keeps them on one worker.
pytestmark = pytest.mark.xdist_group("browser")

COLUMNS = ("name", "price", "speed", "modules", "price_per_gb", "color", "first_word_latency", "cas_latency")
MADE_ROWS = 300
#: Rows taken of a real file, so that the import takes seconds.
REAL_ROWS = 2_000


def made_rows() -> list[list[str]]:
    """Rows of kits that nobody makes: 50 names in six speeds."""
    rows = []
    for index in range(MADE_ROWS):
        name = f"Brackwater Ember {8 * (index % 50 + 1)} GB"
        speed = 4800 + 400 * (index // 50)
        price = f"{20 + index}.{index % 100:02d}" if index % 4 == 0 else ""
        rows.append([name, price, f"5,{speed}", "2,16", "", "Black", "12", "36"])
    rows.append([rows[0][0], "999.99", *rows[0][2:]])
    return rows


def real_rows(folder: Path) -> list[list[str]]:
    """The first rows of the real file."""
    with (folder / "memory.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    assert tuple(header) == COLUMNS
    return rows[:REAL_ROWS]


@pytest.fixture
def catalogue(tmp_path: Path) -> tuple[Path, list[list[str]]]:
    """A file to import, and its rows."""
    folder = os.environ.get("SELLTHRU_DATA")
    rows = real_rows(Path(folder)) if folder else made_rows()
    file = tmp_path / "memory.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    return file, rows


def import_file(page: Page, address: str, file: Path) -> None:
    """Send the file, take the columns as they were found, and wait for the last row."""
    page.goto(address + "/console/imports/new/products")
    page.get_by_label("Files").set_input_files(file)
    page.get_by_role("button", name="Send and look at the columns").click()
    page.get_by_role("button", name="Import at once").click()
    expect(page.locator(".st-badge", has_text="Done")).to_be_visible(timeout=60_000)


def count_of(page: Page, label: str) -> int:
    """A number of the import's summary."""
    text = page.locator(".st-counts > *", has_text=label).inner_text()
    return int(re.sub(r"\D", "", text))


def sku_of(page: Page, address: str, name: str) -> str:
    """The SKU that the import gave the first product of that name."""
    page.goto(f"{address}/console/products?q={name.replace(' ', '+')}")
    row = page.locator("tbody tr", has=page.get_by_role("link", name=name, exact=True)).first
    return row.locator(".st-sn").first.inner_text()


def count_in(page: Page, address: str, sku: str, units: int) -> None:
    """Count units of a product into the first warehouse."""
    page.goto(address + "/console/stock/count")
    page.get_by_label("Product", exact=True).fill(sku)
    page.get_by_label("Units").fill(str(units))
    page.get_by_role("button", name="Enter", exact=True).click()
    expect(
        page.get_by_role("status").filter(has_text=sku).or_(page.locator(".st-verdict-ok"))
    ).to_be_visible()


def agree(page: Page, address: str, sku: str, price: str) -> None:
    """An agreement of one company with one price."""
    page.goto(address + "/console/price-agreements/new")
    page.get_by_label("Number", exact=True).fill("KB-REAL")
    page.get_by_label("Name", exact=True).fill("Memory, direct")
    page.get_by_label("For", exact=True).select_option(label="A company")
    companies = page.get_by_role("combobox", name=re.compile("^Company"))
    companies.select_option(companies.locator("option", has_text="Kettle & Byte").get_attribute("value"))
    page.get_by_role("button", name="Add agreement").click()
    page.get_by_label("SKU", exact=True).fill(sku)
    page.get_by_role("button", name="Set its prices").click()
    page.get_by_label("From quantity").first.fill("1")
    page.get_by_label("Price each").first.fill(price)
    page.get_by_role("button", name="Save prices").click()
    expect(page.locator("tbody tr", has_text=sku)).to_contain_text(price)


def test_a_published_catalogue_is_imported_counted_in_priced_and_ordered(
    visit: Callable[..., Visitor], catalogue: tuple[Path, list[list[str]]]
) -> None:
    file, rows = catalogue
    staff = visit("vendor_admin")
    import_file(staff.page, staff.address, file)
    staff.check()
    verdicts = ("Created", "Updated", "Unchanged", "Rejected")
    assert sum(count_of(staff.page, verdict) for verdict in verdicts) == len(rows)
    if "SELLTHRU_DATA" not in os.environ:
        assert count_of(staff.page, "Created") == MADE_ROWS
        assert count_of(staff.page, "Rejected") == 1

    unpriced = next(row[0] for row in rows if not row[1])
    sku = sku_of(staff.page, staff.address, unpriced)
    buyer = visit("buyer")
    buyer.go(f"/catalogue/product/{sku}")
    expect(buyer.page.locator(".st-price-large")).to_have_text("On request")

    count_in(staff.page, staff.address, sku, 40)
    agree(staff.page, staff.address, sku, "61.30")

    buyer.go(f"/catalogue?q={sku}")
    row = buyer.page.locator("tbody tr", has_text=sku)
    expect(row.locator(".st-price")).to_contain_text("61.30")
    expect(row.locator(".st-stock")).to_contain_text("40 today")
    buyer.check()
    buyer.go("/carts")
    buyer.page.get_by_label("Name").fill("From the real catalogue")
    buyer.page.get_by_role("button", name="Make cart").click()
    form = buyer.page.get_by_role("form", name="Quick add")
    form.get_by_role("textbox").nth(0).fill(sku)
    form.get_by_role("textbox").nth(1).fill("3")
    form.get_by_role("button", name="Add").click()
    buyer.page.get_by_role("link", name="Check out").click()
    buyer.page.get_by_label("PO number").fill("KB-REAL-1")
    buyer.page.get_by_role("button", name="Place order").click()
    buyer.page.wait_for_url("**/orders/*")
    expect(buyer.page.locator("tbody tr", has_text=sku)).to_contain_text("183.90")

    staff.go(f"/console/stock?q={sku}")
    expect(staff.page.locator("tbody tr", has_text=sku)).to_contain_text(re.compile(r"40\s*3\s*37"))
    staff.go("/console/orders?q=KB-REAL-1")
    expect(staff.page.locator("tbody tr", has_text="KB-REAL-1")).to_contain_text("Released")
