"""The console's home: what waits, by role."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app.console.days import today
from app.core import clock
from app.core.imports.models import ImportRun
from app.core.outbox import Job, enqueue
from app.core.permissions import Role
from app.domain.ordering.models import OrderHold
from tests.console import stage

VENDOR_ROLES = [
    Role.VENDOR_ADMIN,
    Role.VENDOR_SALES,
    Role.VENDOR_WAREHOUSE,
    Role.VENDOR_SUPPORT,
    Role.VENDOR_FINANCE,
]


def text_of(app: Flask, role: Role) -> str:
    answer = stage.client_of(app, role).get("/console")
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def fill(app: Flask) -> stage.Scene:
    scene = stage.make_scene(app, 3)
    with app.test_request_context():
        day = today()
    with stage.stored(app) as session:
        stage.add_order(
            session, scene.company, [(scene.products[0], 4, 0)], warehouse=scene.warehouse, number="SO-READY"
        )
        stage.add_order(session, scene.company, [(scene.products[1], 0, 7)], number="SO-WAITS")
        stage.add_request(session, scene.company, scene.products[2], number="PR-ASKED")
        stage.add_receipt(session, scene.products[1], scene.warehouse, 30, day - timedelta(days=3))
        stage.add_receipt(session, scene.products[1], scene.warehouse, 31, day)
        stage.add_receipt(session, scene.products[1], scene.warehouse, 32, day + timedelta(days=1))
    return scene


@pytest.mark.parametrize("role", VENDOR_ROLES)
def test_an_empty_home_says_what_belongs_there(app, role):
    assert "Nothing waits for you" in text_of(app, role)


def test_sales_releases_and_answers_but_receives_nothing(app):
    fill(app)
    text = text_of(app, Role.VENDOR_SALES)
    assert "Release order SO-READY" in text
    assert "Price 20 × PART-3" in text
    assert "Receive" not in text
    assert "Release order SO-WAITS" not in text


def test_the_warehouse_sees_late_receipts_first_and_no_prices_to_answer(app):
    fill(app)
    text = text_of(app, Role.VENDOR_WAREHOUSE)
    assert "3 days late" in text
    assert text.index("Receive 30 × PART-2") < text.index("Receive 31 × PART-2")
    assert "Receive 32" not in text
    assert "Release order" not in text
    assert "Price 20" not in text


@pytest.mark.parametrize("role", [Role.VENDOR_SUPPORT, Role.VENDOR_FINANCE])
def test_reading_roles_have_nothing_to_do_but_see_what_orders_wait_for(app, role):
    fill(app)
    text = text_of(app, role)
    assert "Nothing waits for you" in text
    assert "Orders wait for these" in text
    assert "SO-WAITS" in text
    assert 'method="post" action="/console/orders' not in text


def test_the_oldest_order_is_the_first_to_release(app):
    scene = stage.make_scene(app)
    with stage.stored(app) as session:
        for number, days in (("SO-YOUNG", 1), ("SO-OLD", 9), ("SO-MIDDLE", 5)):
            stage.add_order(
                session,
                scene.company,
                [(scene.products[0], 1, 0)],
                warehouse=scene.warehouse,
                number=number,
                placed_at=stage.NOW - timedelta(days=days),
            )
    text = text_of(app, Role.VENDOR_SALES)
    places = [text.index(f"Release order {number}") for number in ("SO-OLD", "SO-MIDDLE", "SO-YOUNG")]
    assert places == sorted(places)


def test_an_order_on_hold_is_not_offered_for_release(app):
    scene = stage.make_scene(app)
    with stage.stored(app) as session:
        order = stage.add_order(
            session, scene.company, [(scene.products[0], 1, 0)], warehouse=scene.warehouse
        )
        session.add(
            OrderHold(
                company_id=scene.company.id,
                order_id=order.id,
                kind="credit",
                reason="200.00 over the limit",
                opened_at=stage.NOW,
                opened_by="system",
            )
        )
    assert "Release order" not in text_of(app, Role.VENDOR_SALES)


def test_a_failed_import_waits_until_the_file_is_done(app):
    def run(state: str, **values) -> None:
        with stage.stored(app) as session:
            session.add(
                ImportRun(
                    kind="products",
                    filename="parts.csv",
                    options={},
                    state=state,
                    started_by="Jonas Pell",
                    created_at=clock.now(),
                    **values,
                )
            )

    run("failed", error="The file is damaged.")
    client = stage.client_of(app, Role.VENDOR_WAREHOUSE)
    text = client.get("/console").get_data(as_text=True)
    assert "See to failed import parts.csv" in text
    assert "The file is damaged." in text
    run("done")
    assert "failed import" not in client.get("/console").get_data(as_text=True)


def test_a_failed_job_waits_for_the_administrator(app):
    with stage.stored(app) as session:
        enqueue(session, "mail.render", {}, now=stage.NOW)
        job = session.scalars(select(Job)).one()
        job.state, job.last_error = "dead", "Traceback\nValueError: no such template"
    text = text_of(app, Role.VENDOR_ADMIN)
    assert "See to failed job mail.render" in text
    assert "no such template" in text
    assert "failed job" not in text_of(app, Role.VENDOR_SALES)


def test_a_reseller_finds_nothing_at_the_console(app):
    scene = stage.make_scene(app)
    answer = stage.client_of(app, Role.BUYER, scene.company).get("/console")
    assert answer.status_code == 404


def test_the_home_takes_as_many_statements_for_ten_rows_as_for_one(app):
    scene = stage.make_scene(app, 2, on_hand=100)
    with app.test_request_context():
        day = today()

    def add(count: int) -> None:
        with stage.stored(app) as session:
            for _ in range(count):
                held, short = scene.products
                stage.add_order(session, scene.company, [(held, 1, 0)], warehouse=scene.warehouse)
                stage.add_order(session, scene.company, [(short, 0, 1)])
                stage.add_request(session, scene.company, held)
                stage.add_receipt(session, short, scene.warehouse, 1, day)

    add(1)
    client = stage.client_of(app, Role.VENDOR_ADMIN)
    client.get("/console")
    with stage.counted_statements(app) as one:
        client.get("/console")
    add(9)
    with stage.counted_statements(app) as ten:
        client.get("/console")
    assert len(one) == len(ten) <= 25
