"""Shipping at the desk: the queue, one order with its serials, the shipment, its slip, and undoing it."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.core.permissions import Role
from app.domain.assets.models import Asset
from app.domain.ordering.models import Order, OrderLine, Shipment
from tests.console import stage
from tests.factories import accounts

KEY = "k" * 22


@pytest.fixture
def scene(app: Flask) -> stage.Scene:
    """SO-1: 3 serialised units of PART-1 and 2 plain ones of PART-2, released; SO-2 waits for its release."""
    scene = stage.make_scene(app, 2)
    with stage.stored(app) as session:
        session.get(type(scene.products[0]), scene.products[0].id).kind = "hardware_serial"
        one, two = scene.products
        buyer = accounts.make_person(session, scene.company, Role.BUYER)
        stage.add_order(
            session,
            scene.company,
            [(one, 3, 0), (two, 2, 1)],
            warehouse=scene.warehouse,
            number="SO-1",
            state="released",
            placed_by_id=buyer.id,
        )
        stage.add_order(session, scene.company, [(two, 1, 0)], warehouse=scene.warehouse, number="SO-2")
    return scene


@pytest.fixture
def clerk(app: Flask, scene: stage.Scene) -> Any:
    return stage.client_of(app, Role.VENDOR_WAREHOUSE)


def page(answer: Any) -> str:
    return html.unescape(answer.get_data(as_text=True))


def send(clerk: Any, serials: str, *, first: str = "3", second: str = "2", **values: str) -> Any:
    data = {"quantity-1": first, "serials-1": serials, "quantity-2": second, "entry": KEY, **values}
    return clerk.post("/console/shipping/orders/SO-1", data=data)


def shipments(app: Flask) -> int:
    with stage.stored(app) as session:
        return session.scalar(select(func.count(Shipment.id)))


def test_the_queue_lists_released_orders_and_the_home_leads_there(clerk: Any, scene: stage.Scene) -> None:
    text = page(clerk.get("/console/shipping"))
    assert "SO-1" in text
    assert "SO-2" not in text
    assert page(clerk.get(f"/console/shipping?warehouse={scene.warehouse.id}")).count("SO-1") >= 1
    assert "Nothing to ship from here" in page(clerk.get("/console/shipping?warehouse=99"))
    assert clerk.get("/console/shipping?warehouse=x").status_code == 422
    assert "Ship order SO-1" in page(clerk.get("/console"))


def test_an_order_ships_with_serials_once_however_often_it_is_sent(app: Flask, clerk: Any) -> None:
    form = page(clerk.get("/console/shipping/orders/SO-1"))
    assert re.search(r'<textarea[^>]*name="serials-1"', form)
    assert 'name="serials-2"' not in form
    sent = {"carrier": "Hollow Freight", "tracking": "HF-1"}
    first = send(clerk, "sn-1\nsn-2\r\nsn-3", **sent)
    assert first.status_code == 303
    assert first.location == send(clerk, "sn-1 sn-2 sn-3", **sent).location
    assert shipments(app) == 1
    assert first.location in page(clerk.get("/console/shipping"))
    text = page(clerk.get(first.location))
    assert "SN-2" in text
    assert "HF-1" in text
    assert "SN-2" in page(clerk.get("/console/orders/SO-1"))
    with stage.stored(app) as session:
        assert session.scalars(select(Order.state).where(Order.number == "SO-1")).one() == "part_shipped"


def test_what_cannot_go_is_said_beside_its_line_and_kept(app: Flask, clerk: Any) -> None:
    answer = send(clerk, "10-20", carrier="Hollow Freight")
    text = page(answer)
    assert answer.status_code == 422
    assert "can be the one serial" in text
    assert 'value="Hollow Freight"' in text
    assert """name="quote-1" value='"10-20"'""" in text or 'name="quote-1" value=""10-20""' in text
    quoted = send(clerk, "10-20", **{"quote-1": '"10-20"'})
    assert quoted.status_code == 200
    assert '"10-20"</textarea>' in page(quoted)
    assert "digits only" in page(send(clerk, "A1", first="1.5"))
    assert "Enter for one line" in page(send(clerk, "", first="0", second="0"))
    assert shipments(app) == 0


def test_the_slip_is_a_pdf_and_the_reversal_asks_why(app: Flask, clerk: Any) -> None:
    address = send(clerk, '"A-SERIAL-LONGER-THAN-THE-BARS-OF-ONE-COLUMN" A2 A3').location
    slip = clerk.get(f"{address}/slip.pdf")
    assert (slip.mimetype, slip.data[:5]) == ("application/pdf", b"%PDF-")
    assert "again, set aside" in page(clerk.get(f"{address}/reverse"))
    assert clerk.post(f"{address}/reverse", data={"reason": " "}).status_code == 422
    assert clerk.post(f"{address}/reverse", data={"reason": "Wrong box"}).location == address
    assert "Wrong box" in page(clerk.get(address))
    assert clerk.post(f"{address}/reverse", data={"reason": "Again"}).status_code == 409
    with stage.stored(app) as session:
        assert session.scalars(select(OrderLine.shipped).where(OrderLine.order_id == 1)).all() == [0, 0]
        assert set(session.scalars(select(Asset.state))) == {"in_stock"}
    assert clerk.get("/console/shipping/SH-99-00001").status_code == 404
    assert clerk.get("/console/shipping/orders/SO-99").status_code == 404


def test_the_reseller_sees_shipment_and_serials_and_nobody_elses(app: Flask, clerk: Any, scene: Any) -> None:
    send(clerk, "A1 A2 A3", tracking="HF-1")
    buyer = stage.client_of(app, Role.BUYER, scene.company)
    text = page(buyer.get("/orders/SO-1"))
    assert "HF-1" in text
    assert "A2" in text
    with stage.stored(app) as session:
        other = accounts.make_company(session, "Tin Badger Systems", number="17850")
    assert stage.client_of(app, Role.BUYER, other).get("/orders/SO-1").status_code == 404
