"""Invitation and reset through the web, from the mail's link to the signed-in person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database import run
from app.core.outbox import Job
from app.core.permissions import Actor, Role
from app.domain.accounts import actions
from app.domain.accounts.links import token_of
from app.domain.accounts.models import SingleUseLink, User
from app.domain.accounts.rules import PersonData
from tests.factories.accounts import PASSWORD, make_company, make_person, read, sign_in

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
GOOD = "meadow under slow rain"


def path_of_latest(app: Flask, session: Session, purpose: str) -> str:
    link = read(session, select(SingleUseLink).order_by(SingleUseLink.id.desc()))[0]
    assert link.purpose == purpose
    return f"/{purpose}/{token_of(link, app.config['SECRET_KEY'].encode())}"


@pytest.fixture
def invitation(app: Flask, session: Session) -> str:
    company = make_company(session)
    run(
        session,
        actions.invite_user,
        Actor.system("vendor"),
        company_id=company.id,
        person=PersonData("Ilse Worm", "ilse@kettle.example"),
        role="reseller_admin",
        now=datetime.now(UTC),
    )
    return path_of_latest(app, session, "invitation")


def test_an_invited_person_chooses_a_password_and_is_in(
    app: Flask, session: Session, invitation: str
) -> None:
    client = app.test_client()
    assert sign_in(client, "ilse@kettle.example", GOOD).status_code == 401
    assert client.get(invitation).status_code == 200
    assert client.post(invitation, data={"password": GOOD}).status_code == 303
    assert "Ilse Worm" in client.get("/account").text
    again = app.test_client().get(invitation)
    assert again.status_code == 410
    assert "This link has been used." in again.text
    late = app.test_client().post(invitation, data={"password": "another meadow in may"})
    assert late.status_code == 410
    assert sign_in(app.test_client(), "ilse@kettle.example", GOOD).status_code == 303


@pytest.mark.parametrize(
    ("password", "message"),
    [
        ("", "Fill this in."),
        ("short", "Use at least 12 characters"),
        ("x" * 129, "Use at most 128 characters."),
        ("password1234", "well known"),
        ("kettle & byte!", "Leave out your own name"),
        ("ilse worm 24 nov", "Leave out your own name"),
        ("i am at larkspur", "Leave out your own name"),
    ],
)
def test_a_refused_password_leaves_the_link_usable(
    app: Flask, session: Session, invitation: str, password: str, message: str
) -> None:
    answer = app.test_client().post(invitation, data={"password": password})
    assert answer.status_code == 422
    assert message in answer.text
    if password:
        assert password not in answer.text
    assert read(session, select(User.password_hash)) == [None]
    assert app.test_client().post(invitation, data={"password": GOOD}).status_code == 303


def test_a_forgotten_password_is_reset_by_mail_and_ends_other_sessions(app: Flask, session: Session) -> None:
    make_person(session, make_company(session), Role.BUYER, email="mara@kettle.example")
    elsewhere = app.test_client()
    sign_in(elsewhere, "mara@kettle.example")
    client = app.test_client()
    asked = client.post("/forgot", data={"email": "mara@kettle.example"})
    assert asked.headers["Location"] == "/forgot/sent"
    path = path_of_latest(app, session, "reset")
    assert client.post(path, data={"password": GOOD}).status_code == 303
    assert client.get("/account").status_code == 200
    assert elsewhere.get("/account").status_code == 302
    assert sign_in(app.test_client(), "mara@kettle.example", PASSWORD).status_code == 401
    assert sign_in(app.test_client(), "mara@kettle.example", GOOD).status_code == 303


def test_the_answer_does_not_say_whether_an_address_is_known(app: Flask, session: Session) -> None:
    make_person(session, make_company(session), Role.BUYER, email="mara@kettle.example")
    known = app.test_client().post("/forgot", data={"email": "mara@kettle.example"})
    unknown = app.test_client().post("/forgot", data={"email": "nobody@kettle.example"})
    assert (known.status_code, known.headers["Location"], known.data) == (
        unknown.status_code,
        unknown.headers["Location"],
        unknown.data,
    )
    assert len(read(session, select(Job))) == 1


@pytest.mark.parametrize(
    "email", ["", "mara", "a@b.example\r\nBcc: c@d.example", "x" * 300, "\x00@b.example"]
)
def test_an_address_that_is_none_is_refused_beside_the_field(
    app: Flask, session: Session, email: str
) -> None:
    answer = app.test_client().post("/forgot", data={"email": email})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert read(session, select(Job)) == []


@pytest.mark.parametrize(
    ("purpose", "lifetime"), [("invitation", timedelta(days=7)), ("reset", timedelta(hours=1))]
)
def test_links_end_when_their_time_is_over(
    app: Flask, session: Session, purpose: str, lifetime: timedelta
) -> None:
    company = make_company(session)
    make_person(session, company, Role.BUYER, email="mara@kettle.example")
    values: dict[str, Any] = {"company_id": company.id, "role": "buyer"}
    with time_machine.travel(START, tick=False) as clock:
        if purpose == "reset":
            app.test_client().post("/forgot", data={"email": "mara@kettle.example"})
        else:
            person = PersonData("Ilse Worm", "ilse@kettle.example")
            run(session, actions.invite_user, Actor.system("v"), person=person, now=START, **values)
        path = path_of_latest(app, session, purpose)
        clock.move_to(START + lifetime)
        assert app.test_client().post(path, data={"password": GOOD}).status_code == 410
        clock.move_to(START + lifetime - timedelta(seconds=1))
        assert app.test_client().post(path, data={"password": GOOD}).status_code == 303


@pytest.mark.parametrize("token", ["x", "1.", "1.x", "%00", "9" * 40 + ".x", "1.é", "../../account"])
def test_a_made_up_link_says_that_it_does_not_work(app: Flask, session: Session, token: str) -> None:
    for purpose in ("invitation", "reset"):
        answer = app.test_client().get(f"/{purpose}/{token}")
        assert answer.status_code in (404, 410)


def test_a_changed_password_ends_other_sessions_and_needs_the_present_one(
    app: Flask, session: Session
) -> None:
    make_person(session, make_company(session), Role.BUYER, email="mara@kettle.example")
    client, elsewhere = app.test_client(), app.test_client()
    for one in (client, elsewhere):
        sign_in(one, "mara@kettle.example")
    before = read(session, select(User.password_hash))
    for data in (
        {"password": GOOD},
        {"current": "", "password": GOOD},
        {"current": "wrong one here", "password": GOOD},
        {"current": PASSWORD, "password": "short"},
    ):
        assert client.post("/account/password", data=data).status_code == 422
    assert read(session, select(User.password_hash)) == before
    assert elsewhere.get("/account").status_code == 200
    answer = client.post("/account/password", data={"current": PASSWORD, "password": GOOD})
    assert answer.status_code == 303
    assert client.get("/account").status_code == 200
    assert elsewhere.get("/account").status_code == 302
    assert sign_in(app.test_client(), "mara@kettle.example", GOOD).status_code == 303
