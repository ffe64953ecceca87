"""Price requests: the queue, the answer, the refusal."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import select

from app.console.days import today
from app.core.outbox import Job
from app.core.permissions import Role
from app.domain.ordering.models import PriceRequest
from tests.console import stage
from tests.factories import accounts


@pytest.fixture
def valid_until(app) -> str:
    with app.test_request_context():
        return (today() + timedelta(days=14)).isoformat()


@pytest.fixture
def scene(app):
    scene = stage.make_scene(app)
    with stage.stored(app) as session:
        buyer = accounts.make_person(session, scene.company, Role.BUYER)
        stage.add_request(
            session, scene.company, scene.products[0], number="PR-26-00001", asked_by_id=buyer.id
        )
    return scene


def request_of(app: Flask) -> PriceRequest:
    with stage.stored(app) as session:
        return session.scalars(select(PriceRequest)).one()


def mail_count(app: Flask) -> int:
    with stage.stored(app) as session:
        return len(session.scalars(select(Job).where(Job.kind == "mail.render")).all())


def test_an_empty_queue_says_what_belongs_there(app):
    text = stage.client_of(app, Role.VENDOR_SALES).get("/console/price-requests").get_data(as_text=True)
    assert "No request waits" in text


def test_the_queue_is_by_age_and_states_are_chosen(app, scene):
    with stage.stored(app) as session:
        for number, days, state in (("PR-OLD", 5, "open"), ("PR-GONE", 9, "declined")):
            stage.add_request(
                session,
                scene.company,
                scene.products[0],
                number=number,
                state=state,
                created_at=stage.NOW - timedelta(days=days),
            )
    client = stage.client_of(app, Role.VENDOR_SALES)
    queue = client.get("/console/price-requests").get_data(as_text=True)
    assert queue.index("PR-OLD") < queue.index("PR-26-00001")
    assert "PR-GONE" not in queue
    assert "PR-GONE" in client.get("/console/price-requests?state=declined").get_data(as_text=True)
    found = client.get("/console/price-requests?q=pr-old").get_data(as_text=True)
    assert "PR-OLD" in found
    assert "PR-26-00001" not in found
    assert client.get("/console/price-requests?state=zz").status_code == 422


def test_a_price_is_answered_once(app, scene, valid_until):
    client = stage.client_of(app, Role.VENDOR_SALES)
    page = client.get("/console/price-requests/1").get_data(as_text=True)
    assert "Mara Vint" in page
    assert "Kettle &amp; Byte" in page
    data = {"unit_price": "12.3456", "valid_until": valid_until, "answer": "From stock", "version": "1"}
    assert client.post("/console/price-requests/1/answer", data=data).status_code == 303
    row = request_of(app)
    assert (row.state, row.unit_price, row.answer) == ("answered", Decimal("12.3456"), "From stock")
    assert mail_count(app) == 1
    again = client.post("/console/price-requests/1/answer", data={**data, "unit_price": "99"})
    assert again.status_code == 409
    assert "answered already" in again.get_data(as_text=True)
    assert request_of(app).unit_price == Decimal("12.3456")
    assert mail_count(app) == 1


def test_a_declined_request_is_not_answered(app, scene, valid_until):
    client = stage.client_of(app, Role.VENDOR_SALES)
    assert (
        client.post(
            "/console/price-requests/1/decline", data={"reason": "No longer made", "version": "1"}
        ).status_code
        == 303
    )
    assert request_of(app).state == "declined"
    answer = client.post(
        "/console/price-requests/1/answer",
        data={"unit_price": "12", "valid_until": valid_until, "version": "1"},
    )
    assert answer.status_code == 409
    assert request_of(app).unit_price is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("unit_price", ""),
        ("unit_price", "0"),
        ("unit_price", "-1"),
        ("unit_price", "1e9"),
        ("unit_price", "12,50"),
        ("unit_price", "1.23456"),
        ("unit_price", "١٢"),
        ("unit_price", "999999999999"),
        ("unit_price", "NaN"),
        ("valid_until", ""),
        ("valid_until", "2020-01-01"),
        ("valid_until", "soon"),
        ("answer", "x" * 501),
        ("answer", "a\x00b"),
    ],
)
def test_a_wrong_answer_is_refused_and_kept(app, scene, valid_until, field, value):
    data = {"unit_price": "12", "valid_until": valid_until, "answer": "ok", "version": "1", field: value}
    answer = stage.client_of(app, Role.VENDOR_SALES).post("/console/price-requests/1/answer", data=data)
    assert answer.status_code == 422
    assert "What you typed is kept" in answer.get_data(as_text=True)
    assert request_of(app).state == "open"
    assert mail_count(app) == 0


def test_declining_needs_a_reason(app, scene):
    answer = stage.client_of(app, Role.VENDOR_SALES).post(
        "/console/price-requests/1/decline", data={"reason": " ", "version": "1"}
    )
    assert answer.status_code == 422
    assert request_of(app).state == "open"


@pytest.mark.parametrize("role", [Role.VENDOR_WAREHOUSE, Role.VENDOR_SUPPORT, Role.VENDOR_FINANCE])
def test_only_sales_sees_and_answers_requests(app, scene, valid_until, role):
    client = stage.client_of(app, role)
    assert client.get("/console/price-requests").status_code == 403
    assert client.get("/console/price-requests/1").status_code == 403
    answer = client.post(
        "/console/price-requests/1/answer", data={"unit_price": "12", "valid_until": valid_until}
    )
    assert answer.status_code == 403
    assert request_of(app).state == "open"


def test_unknown_requests_are_a_404(app, scene):
    client = stage.client_of(app, Role.VENDOR_SALES)
    assert client.get("/console/price-requests/99").status_code == 404
    assert client.post("/console/price-requests/99/decline", data={"reason": "x"}).status_code == 404


def test_a_reseller_finds_no_queue(app, scene):
    assert stage.client_of(app, Role.BUYER, scene.company).get("/console/price-requests").status_code == 404
