"""Administrators keep people, branches and end customers; others look, and strangers find nothing."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.audit import AuditEntry
from app.core.permissions import Role
from app.domain.accounts.models import Branch, Company, EndCustomer, Membership, User
from tests.factories.accounts import make_company, make_end_customer, make_person, read, sign_in


@pytest.fixture
def company(session: Session) -> Company:
    return make_company(session)


@pytest.fixture
def admin(app: Flask, session: Session, company: Company) -> FlaskClient:
    make_person(session, company, Role.RESELLER_ADMIN, email="mara@kettle.example")
    client = app.test_client()
    sign_in(client, "mara@kettle.example")
    return client


def membership_of(session: Session, email: str) -> Any:
    statement = select(Membership).join(User, User.id == Membership.user_id).where(User.email == email)
    return read(session, statement)[0]


INVITATION = {"name": "Ilse Worm", "email": "Ilse@Kettle.example", "role": "buyer"}


def test_an_invited_person_is_in_the_list(admin: FlaskClient, session: Session, company: Company) -> None:
    answer = admin.post("/company/people", data=INVITATION)
    assert answer.status_code == 303
    page = admin.get("/company/people").text
    assert "ilse@kettle.example" in page
    assert "Invited" in page
    row = membership_of(session, "ilse@kettle.example")
    assert (row.company_id, row.role) == (company.id, "buyer")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"email": "not an address"}, "Enter one e-mail address"),
        ({"email": "a@b.example, c@d.example"}, "Enter one e-mail address"),
        ({"email": "a@b.example\r\nBcc: c@d.example"}, "cannot be seen"),
        ({"name": "x" * 201}, "Shorten this to 200 characters."),
        ({"name": "  "}, "Fill this in."),
        ({"role": "vendor_admin"}, "Not a valid choice"),
        ({"role": ""}, "Not a valid choice"),
        ({"role": "end_customer_desk"}, "Choose the end customer this desk belongs to"),
        ({"email": "mara@kettle.example"}, "in the list already"),
    ],
)
def test_an_invitation_that_cannot_be_sent_says_why(
    admin: FlaskClient, session: Session, changed: dict[str, str], message: str
) -> None:
    answer = admin.post("/company/people", data={**INVITATION, **changed})
    assert answer.status_code == 422
    assert message in answer.text
    assert len(read(session, select(User))) == 1


def test_posted_company_and_price_fields_are_ignored(
    admin: FlaskClient, session: Session, company: Company
) -> None:
    other = make_company(session, "Other")
    admin.post("/company/people", data={**INVITATION, "company_id": other.id, "is_active": "0"})
    row = membership_of(session, "ilse@kettle.example")
    assert (row.company_id, row.is_active) == (company.id, True)
    admin.post(
        "/company/branches/new",
        data={"name": "Lidham", "country": "US", "terms_days": "365", "company_id": other.id},
    )
    branch = read(session, select(Branch).where(Branch.name == "Lidham"))[0]
    assert (branch.company_id, branch.terms_days) == (company.id, 30)


def test_role_and_access_change_from_the_list(
    admin: FlaskClient, app: Flask, session: Session, company: Company
) -> None:
    make_person(session, company, Role.BUYER, email="ilse@kettle.example")
    number = membership_of(session, "ilse@kettle.example").id
    ilse = app.test_client()
    sign_in(ilse, "ilse@kettle.example")
    assert admin.post(f"/company/people/{number}/role", data={"role": "approver"}).status_code == 303
    assert membership_of(session, "ilse@kettle.example").role == "approver"
    assert admin.post(f"/company/people/{number}/deactivate").status_code == 303
    assert ilse.get("/account").status_code == 302
    assert admin.post(f"/company/people/{number}/reactivate").status_code == 303
    assert sign_in(app.test_client(), "ilse@kettle.example").status_code == 303


@pytest.mark.parametrize(("what", "data"), [("role", {"role": "buyer"}), ("deactivate", {})])
def test_the_last_administrator_stays(
    admin: FlaskClient, session: Session, what: str, data: dict[str, str]
) -> None:
    number = membership_of(session, "mara@kettle.example").id
    answer = admin.post(f"/company/people/{number}/{what}", data=data)
    assert answer.status_code == 409
    assert "This is the last administrator." in answer.text
    row = membership_of(session, "mara@kettle.example")
    assert (row.role, row.is_active) == ("reseller_admin", True)


def test_another_companys_rows_are_not_found(admin: FlaskClient, session: Session) -> None:
    other = make_company(session, "Quillfeather Canary")
    stranger = make_person(session, other, Role.RESELLER_ADMIN, email="q@quill.example", name="Canary Person")
    customer = make_end_customer(session, other, "Canary Customer")
    number = membership_of(session, stranger.email).id
    branch = other.branches[0].id
    for what in ("role", "resend", "deactivate", "reactivate"):
        assert admin.post(f"/company/people/{number}/{what}", data={"role": "buyer"}).status_code == 404
    for path in (f"branches/{branch}", f"end-customers/{customer.id}"):
        assert admin.get(f"/company/{path}").status_code == 404
        assert admin.post(f"/company/{path}", data={"name": "x", "country": "US"}).status_code == 404
    assert admin.post(f"/company/branches/{branch}/close").status_code == 404
    assert admin.get("/company/branches/99999999999999999999").status_code == 404
    for page in ("people", "branches", "end-customers"):
        assert "Canary" not in admin.get(f"/company/{page}").text
    assert membership_of(session, stranger.email).role == "reseller_admin"


def test_a_buyer_reads_and_changes_nothing(app: Flask, session: Session, company: Company) -> None:
    make_person(session, company, Role.BUYER, email="ilse@kettle.example")
    client = app.test_client()
    sign_in(client, "ilse@kettle.example")
    assert client.get("/company/branches").status_code == 200
    assert client.get("/company/people").status_code == 403
    assert client.post("/company/people", data=INVITATION).status_code == 403
    assert client.post("/company/branches/new", data={"name": "x", "country": "US"}).status_code == 403
    assert client.post("/company/end-customers/new", data={"name": "x", "country": "US"}).status_code == 403
    assert len(read(session, select(User))) == 1
    assert len(read(session, select(Branch))) == 1
    refusals = read(session, select(AuditEntry).where(AuditEntry.action == "access.refused"))
    assert [entry.company_id for entry in refusals] == [company.id] * 4


def test_a_branch_is_changed_once_of_two_edits(
    admin: FlaskClient, session: Session, company: Company
) -> None:
    number = company.branches[0].id
    form = {"name": "Lidham", "street": "3 Quay", "country": "GB", "version": "1"}
    assert admin.post(f"/company/branches/{number}", data=form).status_code == 303
    late = admin.post(f"/company/branches/{number}", data={**form, "name": "Late"})
    assert late.status_code == 409
    row = read(session, select(Branch))[0]
    assert (row.name, row.street, row.country, row.version) == ("Lidham", "3 Quay", "GB", 2)
    entry = read(session, select(AuditEntry).where(AuditEntry.action == "branch.changed"))
    assert [(one.before["name"], one.after["name"]) for one in entry] == [("Main branch", "Lidham")]


def test_the_last_open_branch_stays(admin: FlaskClient, session: Session, company: Company) -> None:
    number = company.branches[0].id
    assert admin.post(f"/company/branches/{number}/close").status_code == 409
    assert admin.post("/company/branches/new", data={"name": "Lidham", "country": "US"}).status_code == 303
    assert admin.post(f"/company/branches/{number}/close").status_code == 303
    assert [row.is_active for row in read(session, select(Branch).order_by(Branch.id))] == [False, True]
    assert admin.post(f"/company/branches/{number}/open").status_code == 303


def test_end_customers_have_names_of_their_own(
    admin: FlaskClient, session: Session, company: Company
) -> None:
    form = {"name": "Gannet & Daughters", "city": "Thimble", "country": "US", "is_active": "y"}
    assert admin.post("/company/end-customers/new", data=form).status_code == 303
    again = admin.post("/company/end-customers/new", data=form)
    assert again.status_code == 409
    assert "There is an end customer of this name already." in again.text
    row = read(session, select(EndCustomer))[0]
    changed = admin.post(f"/company/end-customers/{row.id}", data={**form, "city": "Lidham", "is_active": ""})
    assert changed.status_code == 303
    row = read(session, select(EndCustomer))[0]
    assert (row.name, row.city, row.is_active) == ("Gannet & Daughters", "Lidham", False)
    page = admin.get("/company/end-customers").text
    assert "Gannet &amp; Daughters" in page
