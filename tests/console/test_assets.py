"""The vendor's view of units: every company's list, one unit, a serial in the search box, serial rules."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import clock
from app.core.audit import AuditEntry
from app.core.permissions import Role
from app.domain.assets.models import SerialRule
from app.domain.assets.serial_rules import Rule, rule_for
from app.domain.assets.serials import Check
from tests.console import stage
from tests.factories import accounts, catalogue
from tests.factories.assets import make_rule, make_unit
from tests.portal.shop import text_of


def test_every_companys_units_are_listed_and_narrowed_to_one(app: Flask, session: Session) -> None:
    scene = stage.make_scene(app, products=2)
    other = accounts.make_company(session, "Other & Sons")
    one, two = scene.products
    paid = {"price_paid": Decimal("5.55"), "currency": "USD", "invoice_number": "INV-9"}
    unit = make_unit(session, scene.company, one, "U-ONE", **paid)
    make_unit(session, other, two, "U-TWO")
    client = stage.client_of(app, Role.VENDOR_SUPPORT)
    page = text_of(client.get("/console/assets"))
    assert "U-ONE" in page
    assert "U-TWO" in page
    page = text_of(client.get(f"/console/assets?company={other.id}"))
    assert "U-ONE" not in page
    assert "U-TWO" in page
    assert client.get("/console/assets?company=99").status_code == 404
    assert client.get("/console/assets?ends=never").status_code == 422
    page = text_of(client.get(f"/console/assets/{unit}"))
    for words in ("U-ONE", "Covered until", "INV-9", "5.55", scene.company.name, "Lifeline"):
        assert words in page
    assert client.get("/console/assets/99").status_code == 404
    lines = client.post(f"/console/assets/export.csv?company={other.id}").get_data(as_text=True).splitlines()
    assert [line.split(",")[0] for line in lines] == ["serial", "U-TWO"]


def test_the_search_box_goes_straight_to_a_serial_or_asks_which(app: Flask, session: Session) -> None:
    scene = stage.make_scene(app, products=2)
    unit = make_unit(session, scene.company, scene.products[0], "S0I1")
    client = stage.client_of(app, Role.VENDOR_WAREHOUSE)
    assert client.get("/console/search?q=s0i1").location == f"/console/assets/{unit}"
    assert "Did you mean one of these units?" in text_of(client.get("/console/search?q=SO11"))
    make_unit(session, scene.company, scene.products[1], "S0I1", brand_key="another")
    assert "Units with this serial number" in text_of(client.get("/console/search?q=S0I1"))


def test_support_begins_with_a_serial_and_others_with_their_work(app: Flask, session: Session) -> None:
    scene = stage.make_scene(app)
    since = clock.now().date() - timedelta(days=350)
    make_unit(session, scene.company, scene.products[0], "ENDS-1", shipped=since, months=12)
    page = text_of(stage.client_of(app, Role.VENDOR_SUPPORT).get("/console"))
    assert "Type or scan a serial number" in page
    assert "ENDS-1" in page
    assert "ENDS-1" not in text_of(stage.client_of(app, Role.VENDOR_SALES).get("/console"))


def test_the_nearest_rule_counts(session: Session) -> None:
    top = catalogue.make_category(session, "Phones")
    phone = catalogue.make_product(session, "P-1", category=top)
    other = catalogue.make_product(session, "P-2", category=top)
    plain = catalogue.make_product(session, "P-3", category=catalogue.make_category(session, "Cables"))
    make_rule(session, phone.id, "AA99")
    make_rule(session, None, "999999", category_id=top.id)
    rules = rule_for(session, [phone.id, other.id, plain.id])
    assert rules == {phone.id: Rule("AA99"), other.id: Rule("999999"), plain.id: Rule()}


RULE = {"category_id": "0", "sku": "PART-1", "mask": "AA999999", "check_digit": "", "version": "1"}


def test_a_rule_is_tried_saved_changed_and_deleted(app: Flask, session: Session) -> None:
    stage.make_scene(app)
    client = stage.client_of(app, Role.VENDOR_SUPPORT)
    assert "No rules yet" in text_of(client.get("/console/assets/rules"))
    tried = {**RULE, "act": "try"}
    taken = client.post("/console/assets/rules/new", data={**tried, "serial": "ab012345"})
    assert "would be taken as AB012345" in text_of(taken)
    refused = client.post("/console/assets/rules/new", data={**tried, "serial": "ABO12345"})
    assert "would be refused" in text_of(refused)
    assert "Is it AB012345?" in text_of(refused)
    assert accounts.read(session, select(SerialRule)) == []

    assert client.post("/console/assets/rules/new", data=RULE).status_code == 303
    [rule] = accounts.read(session, select(SerialRule))
    assert (rule.mask, rule.check_digit, rule.version) == ("AA999999", None, 1)
    again = client.post("/console/assets/rules/new", data=RULE)
    assert again.status_code == 409
    assert "There is a rule for this already" in text_of(again)

    changed = {**RULE, "mask": "", "check_digit": "luhn"}
    assert client.post(f"/console/assets/rules/{rule.id}", data=changed).status_code == 303
    stale = client.post(f"/console/assets/rules/{rule.id}", data=changed)
    assert stale.status_code == 409
    [rule] = accounts.read(session, select(SerialRule))
    assert (rule.mask, rule.check_digit, rule.version) == (None, Check.LUHN.value, 2)
    assert client.post(f"/console/assets/rules/{rule.id}/delete").status_code == 303
    assert accounts.read(session, select(SerialRule)) == []
    about = select(AuditEntry.action).where(AuditEntry.subject_type == "serial_rule")
    actions = accounts.read(session, about.order_by(AuditEntry.id))
    assert actions == ["serial_rule.created", "serial_rule.changed", "serial_rule.deleted"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"mask": ""},
        {"mask": "A B"},
        {"mask": "9" * 65},
        {"check_digit": "crc"},
        {"sku": "NONE-9"},
        {"sku": ""},
        {"category_id": "99"},
    ],
)
def test_a_rule_that_cannot_be_used_is_refused_and_kept_as_typed(app: Flask, wrong: dict[str, str]) -> None:
    stage.make_scene(app)
    client = stage.client_of(app, Role.VENDOR_ADMIN)
    answer = client.post("/console/assets/rules/new", data={**RULE, **wrong})
    assert answer.status_code == 422
    assert "No rules yet" in text_of(client.get("/console/assets/rules"))


def test_rules_are_for_those_who_keep_units(app: Flask) -> None:
    stage.make_scene(app)
    client = stage.client_of(app, Role.VENDOR_SALES)
    assert client.get("/console/assets/rules").status_code == 403
    assert client.post("/console/assets/rules/new", data=RULE).status_code == 403
