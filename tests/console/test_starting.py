"""The console's home shows administrators what is still to do, until all is done."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.adapters import machine_checks
from app.core import clock, outbox
from app.core.database import writing
from app.core.permissions import Role
from app.core.tenancy import all_companies
from app.core.web.extensions import db
from app.domain.accounts.models import Vendor
from app.domain.inventory.models import StockLevel
from app.jobs.doctor import examine
from tests.console import stage
from tests.factories.accounts import make_person, make_vendor

IN_ORDER = {
    "street": "1 Mill Lane",
    "city": "Leeds",
    "country": "GB",
    "tax_id": "GB1",
    "logo_key": "0" * 32 + ".png",
}


def text_of(app: Flask, role: Role = Role.VENDOR_ADMIN) -> str:
    answer = stage.client_of(app, role).get("/console")
    assert answer.status_code == 200
    text: str = answer.get_data(as_text=True)
    return text


def list_of(text: str) -> list[str]:
    """The titles of the list, none where it is not shown."""
    if "Getting started" not in text:
        return []
    part = text[text.index('<ul class="st-work">') :].split("</ul>")[0]
    titles = re.findall(r'st-item-title">(?:<a [^>]*>)?([^<]+)<', part)
    return [title.replace("&#39;", "'") for title in titles]


def store(session: Session, *statements: Any) -> None:
    with writing(session), all_companies(session, reason="test"):
        for statement in statements:
            session.execute(statement)
        outbox.beat(session, "embedded:test", now=clock.now())
        session.commit()


def test_a_new_instance_lists_what_is_wrong_first_and_leads_to_each_page(app: Flask) -> None:
    text = text_of(app)
    titles = list_of(text)
    assert "Documents carry no legal address." in titles
    assert titles.index("Documents carry no legal address.") < titles.index("There is no product yet.")
    for path in ("/console/imports", "/console/price-agreements", "/console/companies/new", "/console/stock"):
        assert f'href="{path}"' in text.split("Getting started")[1]
    for title in titles:
        assert text.count(title.replace("'", "&#39;")) >= 1


@pytest.fixture(autouse=True)
def stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's schema is not made by migrations, and its mail server is not there."""
    monkeypatch.setattr(machine_checks, "is_at_head", lambda session: True)
    monkeypatch.setattr(machine_checks, "mail_server_fault", lambda server: None)


@pytest.mark.parametrize("role", [Role.VENDOR_SALES, Role.VENDOR_WAREHOUSE, Role.VENDOR_FINANCE])
def test_others_do_not_see_it(app: Flask, role: Role) -> None:
    assert list_of(text_of(app, role)) == []


def test_a_demo_has_nothing_to_begin_with(app: Flask, session: Session) -> None:
    make_vendor(session, is_demo=True)
    assert list_of(text_of(app)) == []


def test_it_says_what_the_doctor_says_and_goes_once_all_is_done(app: Flask, session: Session) -> None:
    app.config.update(
        BASE_URL="https://portal.fennel.example",
        MAIL_URL="smtp://127.0.0.1:2525?tls=none",
        MAIL_SENDER="orders@fennel.example",
    )
    make_vendor(session, **IN_ORDER)
    make_person(session, None, Role.VENDOR_ADMIN)
    store(session)
    assert sorted(list_of(text_of(app))) == sorted(doctor_says(app))
    scene = stage.make_scene(app, 1)
    make_person(session, scene.company, Role.RESELLER_ADMIN)
    store(session, update(Vendor).values(version=2), update(StockLevel).values(on_hand=5))
    assert list_of(text_of(app)) == doctor_says(app)


def doctor_says(app: Flask) -> list[str]:
    """What is not in order; that tests are no real instance is not the console's to say."""
    with app.app_context():
        return [
            finding.text for finding in examine(db.session()) if not finding.is_ok and finding.key != "start"
        ]
