"""Stock pages: the list, a product's stock and ledger, changes, receipts, warehouses."""

from __future__ import annotations

import io
import re
from datetime import timedelta

import pytest
from flask import Flask
from python_calamine import CalamineWorkbook
from sqlalchemy import select

from app.console.days import today
from app.core.permissions import Role
from app.domain.inventory.models import ExpectedReceipt, StockLevel, StockMovement, Warehouse
from app.domain.ordering.models import OrderLine
from tests.console import stage
from tests.factories import catalogue

BAD_QUANTITIES = ["-1", "9223372036854775808", "1e9", "١٢", "1_000", "1.5", "", " ", "１２", "NaN", "0x10"]


@pytest.fixture
def day(app):
    with app.test_request_context():
        return today()


def levels(app: Flask) -> list[tuple[int, int]]:
    with stage.stored(app) as session:
        rows = session.execute(
            select(StockLevel.on_hand, StockLevel.allocated).order_by(StockLevel.product_id)
        )
        return [tuple(row) for row in rows]


def movements(app: Flask) -> list[tuple[int, str]]:
    with stage.stored(app) as session:
        rows = session.execute(select(StockMovement.delta, StockMovement.kind).order_by(StockMovement.id))
        return [tuple(row) for row in rows]


class TestList:
    def test_an_empty_list_says_what_belongs_there(self, app):
        text = stage.client_of(app, Role.VENDOR_SUPPORT).get("/console/stock").get_data(as_text=True)
        assert "No stock yet" in text
        assert "Count in" not in text

    def test_levels_are_shown_by_sku(self, app):
        scene = stage.make_scene(app, 2, on_hand=12)
        with stage.stored(app) as session:
            stage.add_order(session, scene.company, [(scene.products[0], 5, 0)], warehouse=scene.warehouse)
        text = stage.client_of(app, Role.VENDOR_WAREHOUSE).get("/console/stock").get_data(as_text=True)
        assert text.index("PART-1") < text.index("PART-2")
        assert "MAIN" in text
        assert "1 to 2 of 2" in text

    def test_low_and_none_are_found(self, app):
        scene = stage.make_scene(app, 3, on_hand=50)
        with stage.stored(app) as session:
            for product, units in zip(scene.products, (50, 3, 0), strict=True):
                session.get(StockLevel, (product.id, scene.warehouse.id)).on_hand = units
        client = stage.client_of(app, Role.VENDOR_WAREHOUSE)
        low = client.get("/console/stock?show=low").get_data(as_text=True)
        none = client.get("/console/stock?show=none").get_data(as_text=True)
        assert [sku in low for sku in ("PART-1", "PART-2", "PART-3")] == [False, True, False]
        assert [sku in none for sku in ("PART-1", "PART-2", "PART-3")] == [False, False, True]

    def test_words_find_products_that_were_never_held(self, app):
        stage.make_scene(app)
        with stage.stored(app) as session:
            catalogue.make_product(session, "NEW-1", "Tern cooler")
        client = stage.client_of(app, Role.VENDOR_WAREHOUSE)
        assert "NEW-1" in client.get("/console/stock?q=tern").get_data(as_text=True)
        assert "NEW-1" not in client.get("/console/stock").get_data(as_text=True)

    def test_pages_follow_each_other(self, app):
        stage.make_scene(app, 30)
        client = stage.client_of(app, Role.VENDOR_WAREHOUSE)
        first = client.get("/console/stock").get_data(as_text=True)
        assert "1 to 24 of 30" in first
        following = first.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0].replace("&amp;", "&")
        assert "25 to 30 of 30" in client.get(following).get_data(as_text=True)

    @pytest.mark.parametrize(
        "query",
        [
            "show=zzz",
            "warehouse=abc",
            "warehouse=9223372036854775808",
            "cursor=zzz",
            "q=%00",
            "q=%E2%80%AEx",
            "warehouse=١",
        ],
    )
    def test_filters_that_cannot_be_used_are_answered(self, app, query):
        stage.make_scene(app)
        answer = stage.client_of(app, Role.VENDOR_WAREHOUSE).get(f"/console/stock?{query}")
        assert answer.status_code == 422
        assert "filters cannot be used" in answer.get_data(as_text=True)

    def test_the_list_is_downloaded_as_csv_and_xlsx(self, app):
        stage.make_scene(app, 2, on_hand=12)
        client = stage.client_of(app, Role.VENDOR_FINANCE)
        csv = client.post("/console/stock/export.csv")
        assert csv.get_data(as_text=True).splitlines() == [
            "sku,name,on_hand,allocated,available,to_come,next_due,by_warehouse",
            "PART-1,Quill N1,12,0,12,0,,MAIN 12",
            "PART-2,Quill N2,12,0,12,0,,MAIN 12",
        ]
        xlsx = client.post("/console/stock/export.xlsx?q=PART-2")
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(xlsx.data)).get_sheet_by_index(0)
        assert [row[0] for row in sheet.to_python()] == ["sku", "PART-2"]

    def test_the_list_takes_as_many_statements_for_24_rows_as_for_one(self, app):
        scene = stage.make_scene(app, 1)
        client = stage.client_of(app, Role.VENDOR_WAREHOUSE)
        client.get("/console/stock")
        with stage.counted_statements(app) as one:
            client.get("/console/stock")
        with stage.stored(app) as session:
            more = [catalogue.make_product(session, f"MORE-{n}") for n in range(23)]
        with stage.stored(app) as session:
            for product in more:
                stage.add_stock(session, product, scene.warehouse, 5)
        with stage.counted_statements(app) as many:
            client.get("/console/stock")
        assert len(one) == len(many) <= 7


class TestProduct:
    def test_the_page_shows_ledger_receipts_waiting_lines_and_allocations(self, app, day):
        scene = stage.make_scene(app, 1, on_hand=6)
        part = scene.products[0]
        with stage.stored(app) as session:
            stage.add_order(
                session, scene.company, [(part, 4, 0)], warehouse=scene.warehouse, number="SO-HAS"
            )
            stage.add_order(session, scene.company, [(part, 0, 9)], number="SO-LACKS")
            stage.add_receipt(session, part, scene.warehouse, 40, day + timedelta(days=5), reference="DN-77")
        answer = stage.client_of(app, Role.VENDOR_SUPPORT).get(f"/console/stock/products/{part.id}")
        text = answer.get_data(as_text=True)
        assert answer.status_code == 200
        for shown in ("SO-HAS", "SO-LACKS", "DN-77", "Counted", "Jonas Pell", "+6"):
            assert shown in text
        assert "Change the stock" not in text

    def test_a_product_that_is_not_there_is_a_404(self, app):
        client = stage.client_of(app, Role.VENDOR_WAREHOUSE)
        assert client.get("/console/stock/products/999").status_code == 404
        assert client.get("/console/stock/products/9223372036854775808").status_code == 404

    def test_counting_sets_the_balance_and_writes_the_difference(self, app):
        scene = stage.make_scene(app, 1, on_hand=10)
        answer = stage.client_of(app, Role.VENDOR_WAREHOUSE).post(
            f"/console/stock/products/{scene.products[0].id}",
            data={"what": "count", "warehouse": scene.warehouse.id, "quantity": "7"},
        )
        assert answer.status_code == 303
        assert levels(app) == [(7, 0)]
        assert movements(app) == [(10, "count"), (-3, "count")]

    def test_what_comes_in_goes_to_the_waiting_order(self, app):
        scene = stage.make_scene(app, 1, on_hand=0)
        part = scene.products[0]
        with stage.stored(app) as session:
            stage.add_order(session, scene.company, [(part, 0, 9)])
        stage.client_of(app, Role.VENDOR_WAREHOUSE).post(
            f"/console/stock/products/{part.id}",
            data={"what": "receive", "warehouse": scene.warehouse.id, "quantity": "6", "reference": "DN-1"},
        )
        assert levels(app) == [(6, 6)]
        assert movements(app) == [(6, "receipt")]
        with stage.stored(app) as session:
            line = session.scalars(select(OrderLine)).one()
            assert (line.allocated, line.backordered) == (6, 3)

    def test_lost_units_are_taken_away(self, app):
        scene = stage.make_scene(app, 1, on_hand=10)
        stage.client_of(app, Role.VENDOR_WAREHOUSE).post(
            f"/console/stock/products/{scene.products[0].id}",
            data={"what": "correct", "warehouse": scene.warehouse.id, "quantity": "2", "reference": "broken"},
        )
        assert levels(app) == [(8, 0)]
        assert movements(app)[-1] == (-2, "correction")

    @pytest.mark.parametrize("quantity", [*BAD_QUANTITIES, "1000000"])
    @pytest.mark.parametrize("what", ["count", "receive"])
    def test_a_quantity_that_is_no_quantity_changes_nothing(self, app, what, quantity):
        scene = stage.make_scene(app, 1, on_hand=10)
        answer = stage.client_of(app, Role.VENDOR_WAREHOUSE).post(
            f"/console/stock/products/{scene.products[0].id}",
            data={"what": what, "warehouse": scene.warehouse.id, "quantity": quantity},
        )
        assert answer.status_code == 422
        assert "What you typed is kept" in answer.get_data(as_text=True)
        assert levels(app) == [(10, 0)]

    @pytest.mark.parametrize("what", ["receive", "correct"])
    def test_nothing_received_or_lost_is_refused(self, app, what):
        scene = stage.make_scene(app, 1, on_hand=10)
        answer = stage.client_of(app, Role.VENDOR_WAREHOUSE).post(
            f"/console/stock/products/{scene.products[0].id}",
            data={"what": what, "warehouse": scene.warehouse.id, "quantity": "0"},
        )
        assert answer.status_code == 422
        assert movements(app) == [(10, "count")]

    def test_units_promised_to_orders_cannot_be_taken_away(self, app):
        scene = stage.make_scene(app, 1, on_hand=10)
        part = scene.products[0]
        with stage.stored(app) as session:
            stage.add_order(session, scene.company, [(part, 9, 0)], warehouse=scene.warehouse)
        answer = stage.client_of(app, Role.VENDOR_WAREHOUSE).post(
            f"/console/stock/products/{part.id}",
            data={"what": "correct", "warehouse": scene.warehouse.id, "quantity": "11"},
        )
        assert answer.status_code in (409, 422)
        assert levels(app) == [(10, 9)]

    @pytest.mark.parametrize(
        ("what", "entered"),
        [("receive", [(10, "count"), (3, "receipt")]), ("correct", [(10, "count"), (-3, "correction")])],
    )
    def test_a_form_sent_twice_is_one_entry(self, app, what, entered):
        scene = stage.make_scene(app, 1, on_hand=10)
        client = stage.client_of(app, Role.VENDOR_WAREHOUSE)
        address = f"/console/stock/products/{scene.products[0].id}"
        page = client.get(address).get_data(as_text=True)
        key = re.search(r'name="entry"[^>]*value="([^"]+)"', page).group(1)
        data = {"what": what, "warehouse": scene.warehouse.id, "quantity": "3", "entry": key}
        assert [client.post(address, data=data).status_code for _ in range(2)] == [303, 303]
        assert movements(app) == entered
        assert client.post(address, data=data | {"entry": ""}).status_code == 303
        assert len(movements(app)) == 3

    @pytest.mark.parametrize("warehouse", ["", "0", "999", "x", "9223372036854775808", "-1"])
    def test_an_unknown_warehouse_is_refused(self, app, warehouse):
        scene = stage.make_scene(app, 1, on_hand=10)
        answer = stage.client_of(app, Role.VENDOR_WAREHOUSE).post(
            f"/console/stock/products/{scene.products[0].id}",
            data={"what": "count", "warehouse": warehouse, "quantity": "3"},
        )
        assert answer.status_code == 422
        assert levels(app) == [(10, 0)]

    @pytest.mark.parametrize("role", [Role.VENDOR_SALES, Role.VENDOR_SUPPORT, Role.VENDOR_FINANCE])
    def test_only_the_warehouse_changes_stock(self, app, role):
        scene = stage.make_scene(app, 1, on_hand=10)
        answer = stage.client_of(app, role).post(
            f"/console/stock/products/{scene.products[0].id}",
            data={"what": "count", "warehouse": scene.warehouse.id, "quantity": "3"},
        )
        assert answer.status_code == 403
        assert levels(app) == [(10, 0)]


class TestReceipts:
    def test_an_empty_list_says_what_belongs_there(self, app):
        text = stage.client_of(app, Role.VENDOR_FINANCE).get("/console/stock/receipts").get_data(as_text=True)
        assert "Nothing is expected" in text
        assert "Expect a receipt" not in text

    def test_a_receipt_is_expected_by_any_number_of_the_product(self, app, day):
        scene = stage.make_scene(app)
        with stage.stored(app) as session:
            catalogue.make_product(session, "TERN-1", "Tern", mpn="TR 100/x")
        answer = stage.client_of(app, Role.VENDOR_WAREHOUSE).post(
            "/console/stock/receipts/new",
            data={
                "product": "tr 100/X",
                "warehouse": scene.warehouse.id,
                "quantity": "40",
                "due_on": (day + timedelta(days=9)).isoformat(),
                "reference": "DN-9",
            },
        )
        assert answer.status_code == 303
        with stage.stored(app) as session:
            receipt = session.scalars(select(ExpectedReceipt)).one()
            assert (receipt.quantity, receipt.received, receipt.due_on, receipt.reference) == (
                40,
                0,
                day + timedelta(days=9),
                "DN-9",
            )

    def test_a_receipt_sent_twice_is_expected_once(self, app, day):
        scene = stage.make_scene(app)
        client = stage.client_of(app, Role.VENDOR_WAREHOUSE)
        data = {
            "product": "PART-1",
            "warehouse": scene.warehouse.id,
            "quantity": "40",
            "due_on": (day + timedelta(days=9)).isoformat(),
            "entry": "form-0000000000000001",
        }
        for _ in range(2):
            assert client.post("/console/stock/receipts/new", data=data).status_code == 303
        with stage.stored(app) as session:
            receipt = session.scalars(select(ExpectedReceipt)).one()
            address = f"/console/stock/receipts/{receipt.id}/receive"
        data = {"quantity": "15", "entry": "form-0000000000000002"}
        assert [client.post(address, data=data).status_code for _ in range(2)] == [303, 303]
        assert levels(app) == [(10 + 15, 0)]

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("product", "NOPE-1"),
            ("product", ""),
            ("product", "\x00"),
            ("quantity", "0"),
            *[("quantity", bad) for bad in BAD_QUANTITIES],
            ("due_on", "2020-01-01"),
            ("due_on", "tomorrow"),
            ("due_on", ""),
            ("due_on", "2026-13-41"),
            ("warehouse", "77"),
            ("reference", "x" * 81),
        ],
    )
    def test_a_receipt_with_a_wrong_field_is_not_entered(self, app, day, field, value):
        scene = stage.make_scene(app)
        data = {
            "product": "PART-1",
            "warehouse": scene.warehouse.id,
            "quantity": "40",
            "due_on": (day + timedelta(days=9)).isoformat(),
            "reference": "DN-9",
            field: value,
        }
        answer = stage.client_of(app, Role.VENDOR_WAREHOUSE).post("/console/stock/receipts/new", data=data)
        assert answer.status_code == 422
        with stage.stored(app) as session:
            assert session.scalars(select(ExpectedReceipt)).all() == []

    def test_a_part_of_a_receipt_leaves_the_rest_open(self, app, day):
        scene = stage.make_scene(app, on_hand=0)
        with stage.stored(app) as session:
            receipt = stage.add_receipt(session, scene.products[0], scene.warehouse, 40, day)
        client = stage.client_of(app, Role.VENDOR_WAREHOUSE)
        assert 'value="40"' in client.get(f"/console/stock/receipts/{receipt.id}/receive").get_data(
            as_text=True
        )
        answer = client.post(f"/console/stock/receipts/{receipt.id}/receive", data={"quantity": "15"})
        assert answer.status_code == 303
        assert levels(app) == [(15, 0)]
        with stage.stored(app) as session:
            stored = session.get(ExpectedReceipt, receipt.id)
            assert (stored.received, stored.is_open) == (15, True)

    def test_a_closed_receipt_promises_nothing_and_takes_nothing(self, app, day):
        scene = stage.make_scene(app, on_hand=0)
        with stage.stored(app) as session:
            receipt = stage.add_receipt(session, scene.products[0], scene.warehouse, 40, day)
        client = stage.client_of(app, Role.VENDOR_WAREHOUSE)
        assert client.post(f"/console/stock/receipts/{receipt.id}/close").status_code == 303
        answer = client.post(f"/console/stock/receipts/{receipt.id}/receive", data={"quantity": "15"})
        assert answer.status_code == 409
        assert levels(app) == [(0, 0)]

    @pytest.mark.parametrize("role", [Role.VENDOR_SALES, Role.VENDOR_FINANCE])
    def test_reading_roles_see_receipts_and_enter_none(self, app, day, role):
        scene = stage.make_scene(app)
        with stage.stored(app) as session:
            receipt = stage.add_receipt(session, scene.products[0], scene.warehouse, 40, day)
        client = stage.client_of(app, role)
        assert "PART-1" in client.get("/console/stock/receipts").get_data(as_text=True)
        assert client.get("/console/stock/receipts/new").status_code == 403
        assert client.post(f"/console/stock/receipts/{receipt.id}/close").status_code == 403
        assert (
            client.post(f"/console/stock/receipts/{receipt.id}/receive", data={"quantity": "1"}).status_code
            == 403
        )


class TestWarehouses:
    def test_a_warehouse_is_added_and_renamed(self, app):
        client = stage.client_of(app, Role.VENDOR_WAREHOUSE)
        assert "No warehouse yet" in client.get("/console/stock/warehouses").get_data(as_text=True)
        added = client.post(
            "/console/stock/warehouses/new", data={"code": "east-2", "name": "East depot", "position": "3"}
        )
        assert added.status_code == 303
        changed = client.post(
            "/console/stock/warehouses/1",
            data={"code": "EAST", "name": "East", "position": "1", "is_active": "y", "version": "1"},
        )
        assert changed.status_code == 303
        with stage.stored(app) as session:
            row = session.scalars(select(Warehouse)).one()
            assert (row.code, row.name, row.position, row.is_active, row.version) == (
                "EAST",
                "East",
                1,
                True,
                2,
            )

    def test_an_edit_of_an_older_state_is_refused(self, app):
        scene = stage.make_scene(app)
        client = stage.client_of(app, Role.VENDOR_WAREHOUSE)
        data = {"code": "MAIN", "name": "First", "position": "1", "is_active": "y", "version": "1"}
        address = f"/console/stock/warehouses/{scene.warehouse.id}"
        assert client.post(address, data=data).status_code == 303
        answer = client.post(address, data={**data, "name": "Second"})
        assert answer.status_code == 409
        assert "Somebody else changed this" in answer.get_data(as_text=True)
        with stage.stored(app) as session:
            assert session.get(Warehouse, scene.warehouse.id).name == "First"

    def test_a_warehouse_with_units_in_it_stays_open(self, app):
        scene = stage.make_scene(app, on_hand=3)
        answer = stage.client_of(app, Role.VENDOR_WAREHOUSE).post(
            f"/console/stock/warehouses/{scene.warehouse.id}",
            data={"code": "MAIN", "name": "Main", "position": "1", "version": "1"},
        )
        assert answer.status_code == 409
        assert "3 units lie here" in answer.get_data(as_text=True)
        with stage.stored(app) as session:
            assert session.get(Warehouse, scene.warehouse.id).is_active

    @pytest.mark.parametrize(
        ("field", "value"),
        [("code", "MAIN"), ("code", "a b"), ("code", "ÄÖ"), ("code", ""), ("name", ""), ("position", "-1")],
    )
    def test_a_warehouse_with_a_wrong_field_is_not_added(self, app, field, value):
        stage.make_scene(app)
        data = {"code": "EAST", "name": "East", "position": "2", field: value}
        answer = stage.client_of(app, Role.VENDOR_WAREHOUSE).post("/console/stock/warehouses/new", data=data)
        assert answer.status_code in (409, 422)
        with stage.stored(app) as session:
            assert len(session.scalars(select(Warehouse)).all()) == 1

    def test_finance_reads_warehouses_only(self, app):
        client = stage.client_of(app, Role.VENDOR_FINANCE)
        assert client.get("/console/stock/warehouses").status_code == 200
        assert client.get("/console/stock/warehouses/new").status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "/console/stock",
        "/console/stock/count",
        "/console/stock/products/1",
        "/console/stock/receipts",
        "/console/stock/receipts/new",
        "/console/stock/warehouses",
    ],
)
def test_a_reseller_finds_no_stock_pages(app, path):
    scene = stage.make_scene(app)
    assert stage.client_of(app, Role.RESELLER_ADMIN, scene.company).get(path).status_code == 404
