"""A vendor admin keeps the staff and may keep anybody out."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.permissions import Role
from app.domain.accounts.models import Membership, User
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
