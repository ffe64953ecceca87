"""Counting in with keyboard or scanner."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from app.core.permissions import Role
from app.domain.inventory.models import StockLevel, StockMovement
from tests.console import stage
from tests.factories import catalogue


def on_hand(app: Flask) -> list[int]:
    with stage.stored(app) as session:
        return list(session.scalars(select(StockLevel.on_hand).order_by(StockLevel.product_id)))


def movement_count(app: Flask) -> int:
    with stage.stored(app) as session:
        return len(session.scalars(select(StockMovement)).all())


def post(app, client, scene, **data):
    return client.post(
        "/console/stock/count", data={"what": "count", "warehouse": scene.warehouse.id, **data}
    )


def test_without_a_warehouse_the_page_says_what_to_do_first(app):
    text = stage.client_of(app, Role.VENDOR_WAREHOUSE).get("/console/stock/count").get_data(as_text=True)
    assert "Name a warehouse" in text


def test_a_code_alone_shows_the_product_and_asks_for_its_quantity(app):
    scene = stage.make_scene(app, on_hand=12)
    client = stage.client_of(app, Role.VENDOR_WAREHOUSE)
    answer = post(app, client, scene, code=" part-1 ", quantity="")
    assert answer.status_code == 303
    text = client.get(answer.headers["Location"]).get_data(as_text=True)
    assert "Quill N1" in text
    assert "12 on hand here" in text
    quantity = (
        text.split('name="quantity"')[0].rsplit("<input", 1)[1]
        + text.split('name="quantity"')[1].split(">")[0]
    )
    assert "autofocus" in quantity
    assert on_hand(app) == [12]


def test_a_count_says_what_is_true_now_and_takes_the_next_code(app):
    scene = stage.make_scene(app, on_hand=12)
    client = stage.client_of(app, Role.VENDOR_WAREHOUSE)
    answer = post(app, client, scene, code="PART-1", quantity="15")
    assert answer.status_code == 303
    text = client.get(answer.headers["Location"]).get_data(as_text=True)
    assert "15 on hand, 12 before." in text
    code = text.split('name="code"')[0].rsplit("<input", 1)[1] + text.split('name="code"')[1].split(">")[0]
    assert "autofocus" in code
    assert 'value="PART-1"' not in code
    assert on_hand(app) == [15]
    assert "15 on hand, 12 before." not in client.get(answer.headers["Location"]).get_data(as_text=True)


def test_receiving_adds_and_stays_chosen_for_the_next_scan(app):
    scene = stage.make_scene(app, on_hand=12)
    client = stage.client_of(app, Role.VENDOR_WAREHOUSE)
    answer = post(app, client, scene, what="receive", code="PART-1", quantity="3")
    text = client.get(answer.headers["Location"]).get_data(as_text=True)
    assert "3 received, 15 on hand." in text
    assert '<option selected value="receive">' in text
    assert on_hand(app) == [15]


@pytest.mark.parametrize("code", ["mk 77/b", "4006381333931", "OLD-1"])
def test_any_number_of_the_product_finds_it(app, code):
    scene = stage.make_scene(app)
    with stage.stored(app) as session:
        catalogue.make_product(
            session, "TERN-1", "Tern", mpn="MK 77/B", gtin="4006381333931", references=["OLD-1"]
        )
    client = stage.client_of(app, Role.VENDOR_WAREHOUSE)
    assert post(app, client, scene, code=code, quantity="4").status_code == 303
    assert on_hand(app) == [10, 4]


def test_a_number_of_several_products_is_asked_about(app):
    scene = stage.make_scene(app)
    with stage.stored(app) as session:
        for sku in ("TERN-1", "TERN-2"):
            catalogue.make_product(session, sku, f"Tern {sku}", mpn="SAME")
    client = stage.client_of(app, Role.VENDOR_WAREHOUSE)
    answer = post(app, client, scene, code="SAME", quantity="4")
    text = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "Which one is it?" in text
    assert "TERN-1" in text
    assert "TERN-2" in text
    assert on_hand(app) == [10]


@pytest.mark.parametrize("code", ["NOPE", "%", "' OR 1=1 --", "<b>x</b>", "💾"])
def test_an_unknown_number_is_said_and_kept(app, code):
    scene = stage.make_scene(app)
    client = stage.client_of(app, Role.VENDOR_WAREHOUSE)
    answer = post(app, client, scene, code=code, quantity="4")
    text = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "Unknown number" in text
    assert "<b>x</b>" not in text
    assert movement_count(app) == 1


@pytest.mark.parametrize(
    "quantity", ["-1", "9223372036854775808", "1e9", "١٢", "1_000", "1.5", "1000000", "NaN", "0x10", "\x00"]
)
def test_a_quantity_that_is_no_quantity_is_refused_and_kept(app, quantity):
    scene = stage.make_scene(app)
    client = stage.client_of(app, Role.VENDOR_WAREHOUSE)
    answer = post(app, client, scene, code="PART-1", quantity=quantity)
    text = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "whole number from 0 to 999999" in text
    assert 'value="PART-1"' in text
    assert on_hand(app) == [10]
    assert movement_count(app) == 1


def test_zero_may_be_counted_but_not_received(app):
    scene = stage.make_scene(app)
    client = stage.client_of(app, Role.VENDOR_WAREHOUSE)
    assert post(app, client, scene, what="receive", code="PART-1", quantity="0").status_code == 422
    assert on_hand(app) == [10]
    assert post(app, client, scene, code="PART-1", quantity="0").status_code == 303
    assert on_hand(app) == [0]


@pytest.mark.parametrize(
    ("name", "value"), [("what", "steal"), ("what", ""), ("warehouse", "99"), ("warehouse", ""), ("code", "")]
)
def test_a_choice_that_is_none_is_refused(app, name, value):
    scene = stage.make_scene(app)
    client = stage.client_of(app, Role.VENDOR_WAREHOUSE)
    answer = post(app, client, scene, **{"code": "PART-1", "quantity": "3", name: value})
    assert answer.status_code == 422
    assert on_hand(app) == [10]


@pytest.mark.parametrize(
    "query", ["what=steal", "warehouse=x", "code=%00", "quantity=1e9", "code=" + "x" * 500]
)
def test_an_address_that_cannot_be_used_is_no_failure(app, query):
    stage.make_scene(app)
    answer = stage.client_of(app, Role.VENDOR_WAREHOUSE).get(f"/console/stock/count?{query}")
    assert answer.status_code in (200, 422)


@pytest.mark.parametrize("role", [Role.VENDOR_SALES, Role.VENDOR_SUPPORT, Role.VENDOR_FINANCE])
def test_only_the_warehouse_counts(app, role):
    scene = stage.make_scene(app)
    client = stage.client_of(app, role)
    assert client.get("/console/stock/count").status_code == 403
    assert post(app, client, scene, code="PART-1", quantity="3").status_code == 403
    assert on_hand(app) == [10]
