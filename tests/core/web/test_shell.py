"""The frame leads to rooms that exist and that the role may enter, and nowhere else."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.core.permissions import Role
from app.core.web.extensions import db
from app.core.web.shell import initials_of
from tests.factories.accounts import make_company, make_person, sign_in


def navigation_of(page: str) -> list[str]:
    side = page.split('id="menu"')[1].split("</nav>")[0]
    return re.findall(r'class="st-nav-item" href="([^"]+)"', side)


@pytest.mark.parametrize("role", list(Role))
def test_every_link_of_the_frame_opens_for_the_role_it_is_shown_to(
    app: Flask, session: Session, role: Role
) -> None:
    company = None if role.value.startswith("vendor_") else make_company(session)
    make_person(session, company, role, email="p@people.example")
    client = app.test_client()
    sign_in(client, "p@people.example")
    page = client.get("/account").text
    for address in {*navigation_of(page), client.get("/").headers["Location"]}:
        answer = client.get(address)
        assert answer.status_code == 200, address
        assert 'aria-current="page"' in answer.text or address == "/account"
    tabs = page.split('class="st-bottombar"')[1].split("</nav>")[0]
    for address in re.findall(r'class="st-tab" href="([^"]+)"', tabs):
        assert address == "#menu" or client.get(address).status_code == 200


def test_a_page_below_an_entry_marks_that_entry(app: Flask, session: Session) -> None:
    make_person(session, make_company(session), Role.RESELLER_ADMIN, email="p@people.example")
    client = app.test_client()
    sign_in(client, "p@people.example")
    side = client.get("/company/branches/new").text.split('id="menu"')[1].split("</nav>")[0]
    current = re.findall(r'href="([^"]+)" aria-current="page"', side)
    assert current == ["/company/branches"]


def test_who_is_signed_in_is_read_in_one_statement(app: Flask, session: Session) -> None:
    make_person(session, make_company(session), Role.BUYER, email="p@people.example")
    client = app.test_client()
    sign_in(client, "p@people.example")
    seen: list[str] = []
    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", lambda *arguments: seen.append(arguments[2]))
    client.get("/account")
    reads = [statement for statement in seen if "user_account" in statement]
    assert len(reads) == 1, reads


@pytest.mark.parametrize(
    ("name", "initials"),
    [("Mara Vint", "MV"), ("Cher", "C"), ("Ana de la Cruz", "AC"), ("(x) ", "?"), ("", "?"), ("éa ö", "ÉÖ")],
)
def test_initials(name: str, initials: str) -> None:
    assert initials_of(name) == initials
