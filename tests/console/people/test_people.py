"""A vendor admin keeps the staff and may keep anybody out."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.audit import AuditEntry
from app.core.outbox import Job
from app.core.permissions import Role
from app.domain.accounts.models import Company, Membership, SignInSession, User
from tests.factories.accounts import make_company, make_person, read, sign_in


def member(session: Session, email: str) -> Any:
    joined = select(Membership).join(User, User.id == Membership.user_id)
    return read(session, joined.where(User.email == email))[0]


@pytest.fixture
def admin(app: Flask, session: Session) -> FlaskClient:
    make_person(session, None, Role.VENDOR_ADMIN, email="ida@larkspur.example", name="Ida Sorrel")
    client = app.test_client()
    sign_in(client, "ida@larkspur.example")
    return client


def test_staff_are_invited_and_change_roles(admin: FlaskClient, session: Session) -> None:
    form = {"name": "Tom Reed", "email": "tom@larkspur.example", "role": "vendor_warehouse"}
    assert admin.post("/console/people", data=form).status_code == 303
    row = member(session, "tom@larkspur.example")
    assert (row.company_id, row.role) == (None, "vendor_warehouse")
    assert admin.post("/console/people", data=form).status_code == 422
    assert admin.post(f"/console/people/{row.id}/role", data={"role": "vendor_sales"}).status_code == 303
    assert admin.post(f"/console/people/{row.id}/role", data={"role": "buyer"}).status_code == 422
    assert member(session, "tom@larkspur.example").role == "vendor_sales"
    assert admin.post(f"/console/people/{row.id}/resend").status_code == 303
    assert "tom@larkspur.example" in admin.get("/console/people").text


@pytest.mark.parametrize("what", ["role", "deactivate", "disable"])
def test_the_last_vendor_admin_stays(admin: FlaskClient, session: Session, what: str) -> None:
    row = member(session, "ida@larkspur.example")
    path = f"everybody/{row.user_id}/disable" if what == "disable" else f"{row.id}/{what}"
    answer = admin.post(f"/console/people/{path}", data={"role": "vendor_sales"})
    assert answer.status_code == 409
    assert "This is the last administrator." in answer.text
    row = member(session, "ida@larkspur.example")
    assert (row.role, row.is_active) == ("vendor_admin", True)
    assert read(session, select(User))[0].is_disabled is False


def test_a_disabled_person_is_out_at_once_and_everywhere(
    admin: FlaskClient, app: Flask, session: Session
) -> None:
    company = make_company(session)
    person = make_person(session, company, Role.BUYER, email="ilse@kettle.example", name="Ilse Worm")
    ilse = app.test_client()
    sign_in(ilse, "ilse@kettle.example")
    assert "Kettle &amp; Byte" in admin.get("/console/people/everybody?q=ilse").text
    assert admin.post(f"/console/people/everybody/{person.id}/disable").status_code == 303
    assert ilse.get("/account").status_code == 302
    assert sign_in(app.test_client(), "ilse@kettle.example").status_code == 401
    assert admin.post(f"/console/people/everybody/{person.id}/enable").status_code == 303
    assert ilse.get("/account").status_code == 302
    assert sign_in(app.test_client(), "ilse@kettle.example").status_code == 303


def test_a_resellers_member_is_not_reached_through_the_staff(admin: FlaskClient, session: Session) -> None:
    make_person(session, make_company(session), Role.BUYER, email="ilse@kettle.example")
    row = member(session, "ilse@kettle.example")
    assert admin.post(f"/console/people/{row.id}/deactivate").status_code == 404
    assert member(session, "ilse@kettle.example").is_active


def test_sales_do_not_manage_the_staff(app: Flask, session: Session) -> None:
    make_person(session, None, Role.VENDOR_SALES, email="s@larkspur.example")
    client = app.test_client()
    sign_in(client, "s@larkspur.example")
    assert client.get("/console/people").status_code == 403
    assert client.get("/console/people/everybody").status_code == 403
    form = {"name": "T", "email": "t@larkspur.example", "role": "vendor_admin"}
    assert client.post("/console/people", data=form).status_code == 403
    assert len(read(session, select(User))) == 1


@pytest.fixture
def mara(app: Flask, session: Session) -> FlaskClient:
    make_person(session, make_company(session), Role.BUYER, email="mara@kettle.example")
    client = app.test_client()
    client.post("/sign-in", data={"email": "mara@kettle.example", "password": "not hers at all"})
    sign_in(client, "mara@kettle.example")
    return client


def path_of(session: Session, email: str = "mara@kettle.example") -> str:
    return f"/console/people/person/{member(session, email).user_id}"


def test_a_persons_page_shows_where_the_person_belongs_and_how_signing_in_went(
    admin: FlaskClient, mara: FlaskClient, session: Session
) -> None:
    page = admin.get(path_of(session)).text
    for text in ("Mara Vint", "mara@kettle.example", "Kettle &amp; Byte", "Wrong password", "Signed in"):
        assert text in page
    assert "No mail was sent to this address." in page
    assert path_of(session) in admin.get("/console/people/everybody").text
    assert admin.get("/console/people/person/999").status_code == 404


def test_one_session_or_all_are_ended_and_the_person_is_out_at_once(
    app: Flask, admin: FlaskClient, mara: FlaskClient, session: Session
) -> None:
    assert mara.get("/home").status_code == 200
    other = app.test_client()
    sign_in(other, "mara@kettle.example")
    user_id = member(session, "mara@kettle.example").user_id
    first = read(session, select(SignInSession.id).where(SignInSession.user_id == user_id))[0]
    assert admin.post(f"/console/people/sessions/{first}/end").status_code == 303
    assert mara.get("/home").status_code == 302
    assert other.get("/home").status_code == 200
    assert admin.post(f"/console/people/person/{user_id}/sessions/end").status_code == 303
    assert other.get("/home").status_code == 302
    actions = read(session, select(AuditEntry.action).where(AuditEntry.action.like("session.ended%")))
    assert actions == ["session.ended_by_administrator"] * 2
    assert admin.post("/console/people/sessions/999/end").status_code == 404


def test_a_reset_link_is_sent_only_to_who_may_sign_in(
    admin: FlaskClient, mara: FlaskClient, session: Session
) -> None:
    path = path_of(session)
    assert admin.post(f"{path}/reset").status_code == 303
    jobs = read(session, select(Job).where(Job.kind == "mail.render"))
    assert [(job.payload["template"], job.payload["recipient"]) for job in jobs] == [
        ("password_reset", "mara@kettle.example")
    ]
    user_id = member(session, "mara@kettle.example").user_id
    answer = admin.post(f"/console/people/everybody/{user_id}/disable", data={"back": "person"})
    assert answer.headers["Location"] == path
    refused = admin.post(f"{path}/reset")
    assert refused.status_code == 409
    assert "Let the person in again first." in refused.text
    assert len(read(session, select(Job).where(Job.kind == "mail.render"))) == 1
    assert "Let in again" in admin.get(path).text


def test_a_resellers_admin_sees_and_ends_only_sessions_for_the_own_company(
    app: Flask, mara: FlaskClient, session: Session
) -> None:
    company = read(session, select(Company))[0]
    other_company = make_company(session, "Other")
    boss = make_person(session, company, Role.RESELLER_ADMIN, email="boss@kettle.example")
    stranger = make_person(session, other_company, Role.BUYER, email="other@kettle.example")
    elsewhere = app.test_client()
    sign_in(elsewhere, stranger.email)
    client = app.test_client()
    sign_in(client, boss.email)
    own = member(session, "mara@kettle.example")
    page = client.get(f"/company/people/{own.id}").text
    assert "Mara Vint" in page
    assert "Wrong password" not in page
    foreign = member(session, stranger.email)
    assert client.get(f"/company/people/{foreign.id}").status_code == 404
    theirs = read(session, select(SignInSession.id).where(SignInSession.user_id == stranger.id))[0]
    for path in (f"{foreign.id}/sessions/end", f"{foreign.id}/sessions/{theirs}/end"):
        assert client.post(f"/company/people/{path}").status_code == 404
    assert client.post(f"/company/people/{own.id}/sessions/{theirs}/end").status_code == 404
    assert elsewhere.get("/home").status_code == 200
    assert client.post(f"/company/people/{own.id}/sessions/end").status_code == 303
    assert mara.get("/home").status_code == 302
