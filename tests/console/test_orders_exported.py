"""The mark "exported": set for what the filters show, once, as it was shown, and a filter of its own."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select, update

from app.core.audit import AuditEntry
from app.core.permissions import Role
from app.domain.ordering.models import ExportedOrder, Order
from tests.console import stage


@pytest.fixture
def scene(app):
    scene = stage.make_scene(app, 1)
    with stage.stored(app) as session:
        for number, state in (("SO-26-1", "confirmed"), ("SO-26-2", "released"), ("SO-26-3", "released")):
            stage.add_order(session, scene.company, [(scene.products[0], 0, 1)], number=number, state=state)
    return scene


@pytest.fixture
def client(app, scene):
    return stage.client_of(app, Role.VENDOR_SALES)


def listed(client, query=""):
    text = client.get(f"/console/orders?sort=oldest&{query}").get_data(as_text=True)
    return sorted(set(re.findall(r"/console/orders/(SO-26-[0-9]+)", text)))


def seen(client, query=""):
    text = client.get(f"/console/orders?{query}").get_data(as_text=True)
    return re.search(r'name="seen" value="([^"]+)"', text)[1]


def mark(client, query="", given=None):
    data = {"seen": given if given is not None else seen(client, query)}
    return client.post(f"/console/orders/mark-exported?{query}", data=data, follow_redirects=True)


def change(app, number):
    with stage.stored(app) as session:
        session.execute(update(Order).where(Order.number == number).values(reference="changed"))


def test_what_the_filters_show_is_marked_once_and_found_by_the_mark(app, client):
    page = client.get("/console/orders?state=released").get_data(as_text=True)
    assert "The 2 orders of this list" in page
    answer = mark(client, "state=released").get_data(as_text=True)
    assert "2 orders are marked as exported." in answer
    assert listed(client, "exported=no") == ["SO-26-1"]
    assert listed(client, "exported=yes") == ["SO-26-2", "SO-26-3"]
    assert "They were marked already." in mark(client, "state=released").get_data(as_text=True)
    change(app, "SO-26-3")
    assert listed(client, "exported=changed") == ["SO-26-3"]
    assert listed(client, "exported=yes") == ["SO-26-2"]
    assert "Changed since exported" in client.get("/console/orders/SO-26-3").get_data(as_text=True)
    with stage.stored(app) as session:
        written = select(AuditEntry.after).where(AuditEntry.action == "order.marked_exported")
        assert [after["orders"] for after in session.scalars(written)] == [2]


def test_what_changed_or_came_since_the_list_was_shown_is_not_marked(app, scene, client):
    before = seen(client)
    change(app, "SO-26-2")
    with stage.stored(app) as session:
        stage.add_order(session, scene.company, [(scene.products[0], 0, 1)], number="SO-26-4")
    mark(client, given=before)
    assert listed(client, "exported=no") == ["SO-26-2", "SO-26-4"]


@pytest.mark.parametrize("given", ["", "1", "99-ffff", "x\0"])
def test_a_list_that_was_not_shown_marks_nothing(app, client, given):
    answer = mark(client, given=given)
    assert answer.status_code == 422
    with stage.stored(app) as session:
        assert session.scalars(select(ExportedOrder)).all() == []


def test_who_may_not_manage_orders_sees_no_button(app, scene):
    finance = stage.client_of(app, Role.VENDOR_FINANCE)
    assert "mark-exported" not in finance.get("/console/orders").get_data(as_text=True)
    assert finance.post("/console/orders/mark-exported", data={"seen": "1"}).status_code == 403
