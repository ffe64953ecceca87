"""The company's orders: list, filters, export, page, paper, cancelling and ordering again."""

from __future__ import annotations

import csv
import io

import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import select

from app.core.audit import AuditEntry
from app.core.permissions import Role
from app.domain.ordering.models import Order
from tests.factories.accounts import actor_for, make_person, read
from tests.factories.catalogue import make_agreement, make_product
from tests.factories.ordering import lines_of, place, stock_in, units_of
from tests.portal.shop import Shop, statements, text_of


@pytest.fixture
def number(shop: Shop) -> str:
    """An order of 50 SSDs and 5 CPUs, of which 3 are there and 2 come on 2 December."""
    return shop.place(("SSD-1", 50), ("CPU-1", 5), po_number="KB-7741", reference="Render room")


def foreign(shop: Shop) -> Order:
    """An order of the other company."""
    person = make_person(shop.session, shop.other, Role.BUYER)
    make_agreement(shop.session, company=shop.other, prices={shop.ssd: [(1, "8")]})
    return place(shop.session, actor_for(shop.session, person, shop.other), shop.other, {shop.ssd: 10})


def test_without_orders_the_list_says_what_belongs_there(shop: Shop) -> None:
    page = text_of(shop.buyer.get("/orders"))
    assert "No orders yet" in page
    assert "CSV" not in page


def test_the_list_shows_progress_and_what_is_short(shop: Shop, number: str) -> None:
    page = text_of(shop.buyer.get("/orders"))
    for words in (number, "KB-7741", "Released", "2 short", "Wed 2 Dec", "1,595.00"):
        assert words in page


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("q=kb-77", True),
        ("q=render", True),
        ("q=cpu-1", True),
        ("q=nothing", False),
        ("state=open", True),
        ("state=released", True),
        ("state=cancelled", False),
        ("from=2000-01-01&to=2199-01-01", True),
        ("to=2000-01-01", False),
        ("sort=largest", True),
        ("sort=oldest", True),
        ("branch=999999", False),
        ("q=%25", False),
    ],
)
def test_filters_find_and_leave_out(shop: Shop, number: str, query: str, is_found: bool) -> None:
    answer = shop.buyer.get(f"/orders?{query}")
    assert answer.status_code == 200
    assert (number in text_of(answer)) is is_found


@pytest.mark.parametrize(
    "query",
    ["from=yesterday", "to=2026-13-01", "to=9999-12-31", "state=moon", "branch=x", "q=a%00", "cursor=zz"],
)
def test_a_filter_that_cannot_be_used_is_answered(shop: Shop, number: str, query: str) -> None:
    answer = shop.buyer.get(f"/orders?{query}")
    assert answer.status_code == 422
    assert "The filters cannot be used." in text_of(answer)


def test_the_page_tells_which_line_waits_for_what(shop: Shop, number: str) -> None:
    page = text_of(shop.buyer.get(f"/orders/{number}"))
    for words in (
        "1 line waits for stock. 2 of CPU-1 are due Wed 2 Dec.",
        "50 × 9.00",
        "3 / 5",
        "Net 1,450.00",
        "1,595.00 USD",
        "Order placed",
        "Released to the warehouse",
        "30 days net of the invoice",
        "Render room",
    ):
        assert words in page
    assert shop.buyer.get(f"/orders/{number.lower()}").status_code == 200


def test_another_companys_order_does_not_exist(shop: Shop) -> None:
    order = foreign(shop)
    for address in (f"/orders/{order.number}", f"/orders/{order.number}/confirmation.pdf", "/orders/SO-1"):
        assert shop.buyer.get(address).status_code == 404
    for step in ("cancel", "reorder"):
        assert shop.buyer.post(f"/orders/{order.number}/{step}").status_code == 404
    assert order.number not in text_of(shop.buyer.get("/orders"))
    assert units_of(shop.session, order) == [(10, 10, 0, 0)]


def test_a_support_desk_sees_orders_without_prices(shop: Shop, number: str) -> None:
    desk = shop.client(Role.RESELLER_SUPPORT)
    for address in ("/orders", f"/orders/{number}"):
        page = text_of(desk.get(address))
        assert number in page
        for amount in ("1,595.00", "1,450.00", "9.00"):
            assert amount not in page
    assert desk.get(f"/orders/{number}/confirmation.pdf").status_code == 403
    assert desk.post("/orders/export", data={"kind": "csv"}).status_code == 403
    assert desk.post(f"/orders/{number}/cancel").status_code == 403
    assert desk.post(f"/orders/{number}/reorder").status_code == 403
    assert shop.client(Role.END_CUSTOMER_DESK).get("/orders").status_code == 403


def test_the_confirmation_is_a_pdf_that_names_the_order(shop: Shop, number: str) -> None:
    answer = shop.buyer.get(f"/orders/{number}/confirmation.pdf")
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    assert answer.data.startswith(b"%PDF-")
    assert f"{number}.pdf" in answer.headers["Content-Disposition"]


def rows_of(answer: object) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.get_data(as_text=True))))  # type: ignore[attr-defined]  # a response


def test_the_export_holds_every_line_of_the_filtered_orders(shop: Shop, number: str) -> None:
    shop.place(("CPU-1", 1), po_number="OTHER")
    answer = shop.buyer.post("/orders/export", data={"kind": "csv", "q": "kb-77"})
    assert "attachment" in answer.headers["Content-Disposition"]
    rows = rows_of(answer)
    shown = [
        (row["order"], row["sku"], row["ordered"], row["backordered"], row["unit_price"], row["net"])
        for row in rows
    ]
    assert shown == [
        (number, "SSD-1", "50", "0", "9", "450"),
        (number, "CPU-1", "5", "2", "200", "1000"),
    ]
    entries = read(shop.session, select(AuditEntry).where(AuditEntry.action == "order.exported"))
    assert [(entry.company_id, entry.after) for entry in entries] == [(shop.company.id, {"q": "kb-77"})]


def test_no_cell_of_the_export_runs(shop: Shop) -> None:
    shop.place(("CPU-1", 1), po_number="=HYPERLINK(1)", reference="@x")
    rows = rows_of(shop.buyer.post("/orders/export", data={"kind": "csv"}))
    assert (rows[0]["po_number"], rows[0]["reference"]) == ("'=HYPERLINK(1)", "'@x")


def test_the_export_is_also_a_workbook(shop: Shop, number: str) -> None:
    answer = shop.buyer.post("/orders/export", data={"kind": "xlsx"})
    assert answer.status_code == 200
    rows = CalamineWorkbook.from_filelike(io.BytesIO(answer.data)).get_sheet_by_index(0).to_python()
    assert rows[0][0] == "order"
    assert [row[10] for row in rows[1:]] == ["SSD-1", "CPU-1"]


def test_a_whole_order_is_cancelled_once(shop: Shop, number: str) -> None:
    data = {"line": "", "reason": "Ordered twice"}
    answer = shop.buyer.post(f"/orders/{number}/cancel", data=data, follow_redirects=True)
    page = text_of(answer)
    assert "Cancelled" in page
    assert "Ordered twice" in page
    order = shop.orders()[0]
    assert units_of(shop.session, order) == [(50, 0, 0, 50), (5, 0, 0, 5)]
    again = shop.buyer.post(f"/orders/{number}/cancel", data=data)
    assert again.status_code in (409, 422)
    assert "100 today" in text_of(shop.buyer.get("/catalogue?q=SSD-1"))


def test_units_of_a_line_are_cancelled_waiting_ones_first(shop: Shop, number: str) -> None:
    cpu = lines_of(shop.session, shop.orders()[0])[1]
    answer = shop.buyer.post(f"/orders/{number}/cancel", data={"line": str(cpu.id), "quantity": "3"})
    assert answer.status_code == 303
    assert units_of(shop.session, shop.orders()[0]) == [(50, 50, 0, 0), (5, 2, 0, 3)]


@pytest.mark.parametrize("quantity", ["0", "-1", "9223372036854775808", "1e9", "١٢", "99"])
def test_no_other_units_can_be_cancelled(shop: Shop, number: str, quantity: str) -> None:
    line = lines_of(shop.session, shop.orders()[0])[1]
    answer = shop.buyer.post(
        f"/orders/{number}/cancel", data={"line": str(line.id), "quantity": quantity, "reason": "Too many"}
    )
    assert answer.status_code in (409, 422)
    assert f'value="{quantity}"' in answer.text
    assert 'value="Too many"' in answer.text
    assert units_of(shop.session, shop.orders()[0]) == [(50, 50, 0, 0), (5, 3, 2, 0)]


def test_units_without_a_line_are_answered(shop: Shop, number: str) -> None:
    answer = shop.buyer.post(f"/orders/{number}/cancel", data={"line": "", "quantity": "3"})
    assert answer.status_code == 422
    assert "Choose the line the units are of" in text_of(answer)


def test_another_orders_line_cannot_be_cancelled(shop: Shop, number: str) -> None:
    line = lines_of(shop.session, foreign(shop))[0]
    answer = shop.buyer.post(f"/orders/{number}/cancel", data={"line": str(line.id), "quantity": "1"})
    assert answer.status_code == 422
    assert units_of(shop.session, line.order_id) == [(10, 10, 0, 0)]


def test_ordering_again_fills_a_new_cart_at_todays_prices(shop: Shop, number: str) -> None:
    stock_in(shop.session, shop.cpu, 50)
    answer = shop.buyer.post(f"/orders/{number}/reorder", follow_redirects=True)
    page = text_of(answer)
    for words in (f"{number} again", "50", "1,595.00", "Check out"):
        assert words in page


def test_list_and_page_cost_the_same_for_few_and_for_many(shop: Shop) -> None:
    one_line = shop.place(("CPU-1", 1))
    with statements(shop.app) as list_of_one:
        shop.buyer.get("/orders")
    with statements(shop.app) as page_of_one:
        shop.buyer.get(f"/orders/{one_line}")
    made = {make_product(shop.session, f"ROW-{n}"): [(1, "5")] for n in range(30)}
    make_agreement(shop.session, prices=made)
    long = shop.place(*((product.sku, 1) for product in made))
    with statements(shop.app) as list_of_two:
        shop.buyer.get("/orders")
    with statements(shop.app) as page_of_thirty:
        assert shop.buyer.get(f"/orders/{long}").status_code == 200
    assert len(list_of_two) <= len(list_of_one) <= 8
    assert len(page_of_thirty) <= len(page_of_one) <= 10
