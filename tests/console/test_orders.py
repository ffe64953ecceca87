"""All companies' orders: list, filters, export, one order, releasing and cancelling."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime

import pytest
from flask import Flask
from python_calamine import CalamineWorkbook
from sqlalchemy import select

from app.core.audit import AuditEntry
from app.core.outbox import Job
from app.core.permissions import Role
from app.core.states import StateChange
from app.domain.inventory.models import StockLevel
from app.domain.ordering.models import Order, OrderHold, OrderLine
from tests.console import stage
from tests.factories import accounts, catalogue


def state_of(app: Flask, number: str) -> str:
    with stage.stored(app) as session:
        return session.scalars(select(Order.state).where(Order.number == number)).one()


def line_of(app: Flask, line_id: int = 1) -> tuple[int, int, int, int]:
    """Ordered, allocated, backordered, cancelled."""
    with stage.stored(app) as session:
        line = session.get(OrderLine, line_id)
        return line.ordered, line.allocated, line.backordered, line.cancelled


def level_of(app: Flask) -> tuple[int, int]:
    with stage.stored(app) as session:
        level = session.scalars(select(StockLevel).order_by(StockLevel.product_id)).first()
        return level.on_hand, level.allocated


def moves(app: Flask) -> list[tuple[str, str]]:
    with stage.stored(app) as session:
        rows = session.execute(select(StateChange.event, StateChange.to_state).order_by(StateChange.id))
        return [tuple(row) for row in rows]


def mails(app: Flask) -> int:
    with stage.stored(app) as session:
        return len(session.scalars(select(Job).where(Job.kind == "mail.render")).all())


@pytest.fixture
def scene(app):
    """SO-1: 6 units of PART-1 set aside and 4 waiting, confirmed."""
    scene = stage.make_scene(app, 1, on_hand=6)
    with stage.stored(app) as session:
        buyer = accounts.make_person(session, scene.company, Role.BUYER)
        stage.add_order(
            session,
            scene.company,
            [(scene.products[0], 6, 4)],
            warehouse=scene.warehouse,
            number="SO-1",
            placed_by_id=buyer.id,
        )
    return scene


class TestList:
    def test_an_empty_list_says_what_belongs_there(self, app):
        text = stage.client_of(app, Role.VENDOR_FINANCE).get("/console/orders").get_data(as_text=True)
        assert "No orders yet" in text

    @pytest.fixture
    def orders(self, app):
        scene = stage.make_scene(app, 2, on_hand=50)
        with stage.stored(app) as session:
            other = accounts.make_company(session, "Tin Badger Systems", number="17850")
            one, two = scene.products

            def add(number, company, lines, **values):
                stage.add_order(session, company, lines, warehouse=scene.warehouse, number=number, **values)

            add("SO-READY", scene.company, [(one, 5, 0)], placed_at=datetime(2026, 11, 20, 12, tzinfo=UTC))
            add("SO-WAITS", other, [(two, 0, 7)], placed_at=datetime(2026, 11, 21, 12, tzinfo=UTC))
            add(
                "SO-OUT",
                other,
                [(one, 1, 0)],
                state="released",
                po_number="ZX-81",
                placed_at=datetime(2026, 11, 22, 12, tzinfo=UTC),
            )
            add(
                "SO-PAST",
                scene.company,
                [(two, 1, 0)],
                state="cancelled",
                source="replay",
                placed_at=datetime(2011, 1, 5, 12, tzinfo=UTC),
            )
        return scene

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("", ["SO-OUT", "SO-WAITS", "SO-READY", "SO-PAST"]),
            ("sort=oldest", ["SO-PAST", "SO-READY", "SO-WAITS", "SO-OUT"]),
            ("sort=largest", ["SO-WAITS", "SO-READY", "SO-PAST", "SO-OUT"]),
            ("sort=company", ["SO-READY", "SO-PAST", "SO-WAITS", "SO-OUT"]),
            ("state=released", ["SO-OUT"]),
            ("state=cancelled", ["SO-PAST"]),
            ("waits=release", ["SO-READY"]),
            ("waits=stock", ["SO-WAITS"]),
            ("source=replay", ["SO-PAST"]),
            ("q=so-wa", ["SO-WAITS"]),
            ("q=zx-8", ["SO-OUT"]),
            ("q=badger", ["SO-OUT", "SO-WAITS"]),
            ("q=17850", ["SO-OUT", "SO-WAITS"]),
            ("q=part-2", ["SO-WAITS", "SO-PAST"]),
            ("company=1", ["SO-READY", "SO-PAST"]),
            ("from=2026-11-21", ["SO-OUT", "SO-WAITS"]),
            ("from=2026-11-20&to=2026-11-21", ["SO-WAITS", "SO-READY"]),
            ("q=nobody", []),
        ],
    )
    def test_filters_and_sorts(self, app, orders, query, found):
        text = (
            stage.client_of(app, Role.VENDOR_SUPPORT).get(f"/console/orders?{query}").get_data(as_text=True)
        )
        numbers = ["SO-READY", "SO-WAITS", "SO-OUT", "SO-PAST"]
        shown = sorted((number for number in numbers if number in text), key=text.index)
        assert shown == found

    @pytest.mark.parametrize(
        "query",
        [
            "state=zz",
            "waits=zz",
            "source=zz",
            "sort=zz",
            "company=x",
            "company=99999999999999999999",
            "from=2026-13-01",
            "from=soon",
            "from=2026-11-24&to=2026-11-20",
            "to=9999-12-31",
            "q=%00",
            "cursor=abc",
            "cursor=WzAsMSxbMV1d",
        ],
    )
    def test_filters_that_cannot_be_used_are_answered(self, app, orders, query):
        answer = stage.client_of(app, Role.VENDOR_SUPPORT).get(f"/console/orders?{query}")
        assert answer.status_code == 422
        assert "filters cannot be used" in answer.get_data(as_text=True)

    def test_an_unknown_company_is_a_404(self, app, orders):
        assert stage.client_of(app, Role.VENDOR_SUPPORT).get("/console/orders?company=99").status_code == 404

    def test_pages_follow_each_other_with_their_filters(self, app):
        scene = stage.make_scene(app, 1, on_hand=0)
        with stage.stored(app) as session:
            for n in range(30):
                stage.add_order(session, scene.company, [(scene.products[0], 0, 1)], number=f"SO-{n:03d}")
        client = stage.client_of(app, Role.VENDOR_SALES)
        first = client.get("/console/orders?waits=stock&sort=oldest").get_data(as_text=True)
        assert "1 to 24 of 30" in first
        following = first.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0].replace("&amp;", "&")
        assert "waits=stock" in following
        second = client.get(following).get_data(as_text=True)
        assert "25 to 30 of 30" in second
        assert "SO-029" in second

    def test_the_export_holds_what_the_filters_leave_and_is_audited(self, app, orders):
        answer = stage.client_of(app, Role.VENDOR_FINANCE).post("/console/orders/export.csv?state=released")
        rows = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True), newline="")))
        assert [(row["number"], row["company_name"], row["line_ordered"], row["total"]) for row in rows] == [
            ("SO-OUT", "Tin Badger Systems", "1", "10.00")
        ]
        with stage.stored(app) as session:
            entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "order.exported")).one()
            assert entry.after == {"state": "released"}

    def test_json_lines_have_an_order_a_line_and_the_cursor_goes_on_from_there(self, app, orders):
        client = stage.client_of(app, Role.VENDOR_FINANCE)
        answer = client.post("/console/orders/export.jsonl")
        found = [json.loads(line) for line in answer.get_data(as_text=True).splitlines()]
        assert len(found) == 4
        assert all(order["lines"] for order in found)
        cursor = answer.headers["Sellthru-Cursor"]
        assert client.post(f"/console/orders/export.jsonl?since={cursor}").data == b""
        assert "is not known here" in client.get("/console/orders?since=7-xxxx").get_data(as_text=True)

    def test_names_that_look_like_formulas_are_only_text(self, app):
        scene = stage.make_scene(app, 1, on_hand=0)
        with stage.stored(app) as session:
            company = accounts.make_company(session, "=HYPERLINK(1)")
            stage.add_order(session, company, [(scene.products[0], 0, 1)], po_number="@SUM(A1)")
        client = stage.client_of(app, Role.VENDOR_FINANCE)
        text = client.post("/console/orders/export.csv").get_data(as_text=True)
        assert "'=HYPERLINK(1)" in text
        assert "'@SUM(A1)" in text
        book = CalamineWorkbook.from_filelike(io.BytesIO(client.post("/console/orders/export.xlsx").data))
        assert {"=HYPERLINK(1)", "@SUM(A1)"} <= set(book.get_sheet_by_index(0).to_python()[1])

    def test_the_list_takes_as_many_statements_for_24_rows_as_for_one(self, app, scene):
        client = stage.client_of(app, Role.VENDOR_SALES)
        client.get("/console/orders")
        with stage.counted_statements(app) as one:
            client.get("/console/orders")
        with stage.stored(app) as session:
            for _ in range(23):
                stage.add_order(
                    session, scene.company, [(scene.products[0], 0, 1), (scene.products[0], 0, 2)]
                )
        with stage.counted_statements(app) as many:
            client.get("/console/orders")
        assert len(one) == len(many) <= 6


class TestPage:
    def test_the_page_shows_lines_prices_stock_and_holds(self, app, scene):
        with stage.stored(app) as session:
            agreement = catalogue.make_agreement(session, "list", name="Autumn list", number="PL-2026-Q4")
            line = session.scalars(select(OrderLine)).one()
            line.agreement_id, line.price_step = agreement.id, 5
            line.promised_on = date(2026, 12, 2)
            session.add(
                OrderHold(
                    company_id=scene.company.id,
                    order_id=1,
                    kind="credit",
                    reason="200.00 over the limit",
                    opened_at=stage.NOW,
                    opened_by="system",
                )
            )
        text = stage.client_of(app, Role.VENDOR_SALES).get("/console/orders/SO-1").get_data(as_text=True)
        for shown in (
            "SO-1",
            "Kettle &amp; Byte",
            "PART-1",
            "4 short",
            "Wed 2 Dec",
            "MAIN",
            "PL-2026-Q4",
            "step from 5",
            "200.00 over the limit",
            "100.00",
        ):
            assert shown in text
        assert "/console/orders/SO-1/release" not in text

    def test_an_imported_price_says_where_it_came_from(self, app, scene):
        with stage.stored(app) as session:
            line = session.scalars(select(OrderLine)).one()
            line.price_source, line.price_reason = "imported", "invoice 536365"
        text = stage.client_of(app, Role.VENDOR_FINANCE).get("/console/orders/SO-1").get_data(as_text=True)
        assert "Imported price" in text
        assert "invoice 536365" in text

    @pytest.mark.parametrize(
        ("role", "release", "cancel"),
        [
            (Role.VENDOR_ADMIN, True, True),
            (Role.VENDOR_SALES, True, True),
            (Role.VENDOR_WAREHOUSE, False, False),
            (Role.VENDOR_SUPPORT, False, False),
            (Role.VENDOR_FINANCE, False, False),
        ],
    )
    def test_buttons_are_what_the_state_and_the_role_allow(self, app, scene, role, release, cancel):
        text = stage.client_of(app, role).get("/console/orders/SO-1").get_data(as_text=True)
        assert ("/console/orders/SO-1/release" in text) is release
        assert ("/console/orders/SO-1/cancel" in text) is cancel

    def test_a_cancelled_order_has_no_buttons(self, app, scene):
        with stage.stored(app) as session:
            stage.add_order(
                session, scene.company, [(scene.products[0], 0, 1)], state="cancelled", number="SO-2"
            )
        text = stage.client_of(app, Role.VENDOR_ADMIN).get("/console/orders/SO-2").get_data(as_text=True)
        assert "SO-2/release" not in text
        assert "SO-2/cancel" not in text

    @pytest.mark.parametrize("number", ["SO-404", "%00", "x" * 300, "../etc", "%F0%9F%92%BE"])
    def test_an_order_that_is_not_there_is_a_404(self, app, scene, number):
        assert stage.client_of(app, Role.VENDOR_SALES).get(f"/console/orders/{number}").status_code == 404

    def test_the_page_takes_as_many_statements_for_thirty_lines_as_for_one(self, app, scene):
        with stage.stored(app) as session:
            stage.add_order(session, scene.company, [(scene.products[0], 0, 1)] * 30, number="SO-30")
        client = stage.client_of(app, Role.VENDOR_SALES)
        client.get("/console/orders/SO-1")
        with stage.counted_statements(app) as one:
            client.get("/console/orders/SO-1")
        with stage.counted_statements(app) as many:
            client.get("/console/orders/SO-30")
        assert len(one) == len(many) <= 9

    def test_a_reseller_finds_no_console_order(self, app, scene):
        client = stage.client_of(app, Role.BUYER, scene.company)
        assert client.get("/console/orders/SO-1").status_code == 404
        assert client.get("/console/orders").status_code == 404
        assert client.post("/console/orders/SO-1/release").status_code == 404
        assert state_of(app, "SO-1") == "confirmed"


class TestRelease:
    def test_pressed_twice_it_is_released_once(self, app, scene):
        client = stage.client_of(app, Role.VENDOR_SALES)
        for _ in range(2):
            answer = client.post("/console/orders/SO-1/release")
            assert (answer.status_code, answer.headers["Location"]) == (303, "/console/orders/SO-1")
        assert state_of(app, "SO-1") == "released"
        assert moves(app) == [("release", "released")]

    def test_from_the_desk_it_goes_back_to_the_desk(self, app, scene):
        answer = stage.client_of(app, Role.VENDOR_SALES).post("/console/orders/SO-1/release?back=home")
        assert (answer.status_code, answer.headers["Location"]) == (303, "/console")

    def test_a_cancelled_order_is_not_released(self, app, scene):
        with stage.stored(app) as session:
            session.get(Order, 1).state = "cancelled"
        answer = stage.client_of(app, Role.VENDOR_SALES).post("/console/orders/SO-1/release")
        assert answer.status_code == 409
        assert "That was not possible." in answer.get_data(as_text=True)
        assert state_of(app, "SO-1") == "cancelled"

    def test_an_order_on_hold_is_not_released(self, app, scene):
        with stage.stored(app) as session:
            session.add(
                OrderHold(
                    company_id=scene.company.id,
                    order_id=1,
                    kind="credit",
                    reason="over the limit",
                    opened_at=stage.NOW,
                    opened_by="system",
                )
            )
        answer = stage.client_of(app, Role.VENDOR_SALES).post("/console/orders/SO-1/release")
        assert answer.status_code in (409, 422)
        assert state_of(app, "SO-1") == "confirmed"

    @pytest.mark.parametrize("role", [Role.VENDOR_WAREHOUSE, Role.VENDOR_SUPPORT, Role.VENDOR_FINANCE])
    def test_other_roles_do_not_release(self, app, scene, role):
        assert stage.client_of(app, role).post("/console/orders/SO-1/release").status_code == 403
        assert state_of(app, "SO-1") == "confirmed"


class TestCancel:
    def test_units_are_given_back_once_and_the_buyer_is_told_once(self, app, scene):
        client = stage.client_of(app, Role.VENDOR_SALES)
        assert client.get("/console/orders/SO-1/cancel").status_code == 200
        for _ in range(2):
            answer = client.post("/console/orders/SO-1/cancel", data={"reason": "No longer made"})
            assert answer.status_code == 303
        assert state_of(app, "SO-1") == "cancelled"
        assert line_of(app) == (10, 0, 0, 10)
        assert level_of(app) == (6, 0)
        assert moves(app) == [("cancel", "cancelled")]
        assert mails(app) == 1

    def test_given_back_units_go_to_the_order_that_waits(self, app, scene):
        with stage.stored(app) as session:
            stage.add_order(session, scene.company, [(scene.products[0], 0, 5)], number="SO-NEXT")
        client = stage.client_of(app, Role.VENDOR_SALES)
        client.post("/console/orders/SO-1/cancel", data={"reason": "No longer made"})
        assert line_of(app, 2) == (5, 5, 0, 0)
        assert level_of(app) == (6, 5)

    @pytest.mark.parametrize("reason", ["", "   ", "x" * 301, "a\x00b", "a\u202eb"])
    def test_a_reason_is_needed(self, app, scene, reason):
        answer = stage.client_of(app, Role.VENDOR_SALES).post(
            "/console/orders/SO-1/cancel", data={"reason": reason}
        )
        assert answer.status_code == 422
        assert state_of(app, "SO-1") == "confirmed"
        assert level_of(app) == (6, 6)

    def test_a_shipped_order_is_not_cancelled(self, app, scene):
        with stage.stored(app) as session:
            session.get(Order, 1).state = "shipped"
        answer = stage.client_of(app, Role.VENDOR_SALES).post(
            "/console/orders/SO-1/cancel", data={"reason": "Wrong"}
        )
        assert answer.status_code == 409
        assert "What you typed is kept" in answer.get_data(as_text=True)
        assert 'value="Wrong"' in answer.get_data(as_text=True)
        assert state_of(app, "SO-1") == "shipped"

    @pytest.mark.parametrize("role", [Role.VENDOR_WAREHOUSE, Role.VENDOR_SUPPORT, Role.VENDOR_FINANCE])
    def test_other_roles_do_not_cancel(self, app, scene, role):
        client = stage.client_of(app, role)
        assert client.get("/console/orders/SO-1/cancel").status_code == 403
        assert client.post("/console/orders/SO-1/cancel", data={"reason": "x"}).status_code == 403
        assert client.post("/console/orders/SO-1/lines/1/cancel", data={"reason": "x"}).status_code == 403
        assert state_of(app, "SO-1") == "confirmed"


class TestCancelLine:
    def test_a_part_takes_waiting_units_first(self, app, scene):
        client = stage.client_of(app, Role.VENDOR_SALES)
        page = client.get("/console/orders/SO-1/lines/1/cancel").get_data(as_text=True)
        assert 'value="10"' in page
        answer = client.post(
            "/console/orders/SO-1/lines/1/cancel", data={"quantity": "5", "reason": "Too many", "seen": "0"}
        )
        assert answer.status_code == 303
        assert line_of(app) == (10, 5, 0, 5)
        assert level_of(app) == (6, 5)
        assert state_of(app, "SO-1") == "confirmed"

    def test_sent_twice_it_is_done_once(self, app, scene):
        client = stage.client_of(app, Role.VENDOR_SALES)
        data = {"quantity": "2", "reason": "Too many", "seen": "0"}
        assert client.post("/console/orders/SO-1/lines/1/cancel", data=data).status_code == 303
        again = client.post("/console/orders/SO-1/lines/1/cancel", data=data)
        assert again.status_code == 409
        assert "2 units were cancelled meanwhile" in again.get_data(as_text=True)
        assert line_of(app) == (10, 6, 2, 2)

    def test_the_last_line_cancels_the_order(self, app, scene):
        client = stage.client_of(app, Role.VENDOR_SALES)
        client.post(
            "/console/orders/SO-1/lines/1/cancel", data={"quantity": "10", "reason": "All of it", "seen": "0"}
        )
        assert state_of(app, "SO-1") == "cancelled"

    @pytest.mark.parametrize(
        "quantity", ["0", "-1", "11", "9223372036854775808", "1e9", "١٢", "", "1_0", "2.5", "NaN"]
    )
    def test_a_quantity_that_is_not_open_is_refused(self, app, scene, quantity):
        answer = stage.client_of(app, Role.VENDOR_SALES).post(
            "/console/orders/SO-1/lines/1/cancel",
            data={"quantity": quantity, "reason": "Too many", "seen": "0"},
        )
        assert answer.status_code in (409, 422)
        assert line_of(app) == (10, 6, 4, 0)
        assert level_of(app) == (6, 6)

    def test_a_line_of_another_order_is_a_404(self, app, scene):
        with stage.stored(app) as session:
            stage.add_order(session, scene.company, [(scene.products[0], 0, 5)], number="SO-2")
        client = stage.client_of(app, Role.VENDOR_SALES)
        answer = client.post(
            "/console/orders/SO-2/lines/1/cancel", data={"quantity": "1", "reason": "x", "seen": "0"}
        )
        assert answer.status_code == 404
        assert client.get("/console/orders/SO-2/lines/99/cancel").status_code == 404
        assert line_of(app) == (10, 6, 4, 0)
