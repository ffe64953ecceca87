"""The vendor's staff open companies, keep their people and branches, and look through their eyes."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.audit import AuditEntry
from app.core.outbox import Job
from app.core.permissions import Role
from app.domain.accounts.models import Branch, Company, Membership, SignInSession, User
from app.domain.catalogue.models import TaxRate
from tests.console.stage import add_order, counted_statements, make_scene, stored
from tests.factories.accounts import make_company, make_person, make_vendor, read, sign_in


def client_for(app: Flask, session: Session, role: Role) -> FlaskClient:
    make_person(session, None, role, email=f"{role.value}@larkspur.example", name="Ida Sorrel")
    client = app.test_client()
    sign_in(client, f"{role.value}@larkspur.example")
    return client


@pytest.fixture
def sales(app: Flask, session: Session) -> FlaskClient:
    make_vendor(session)
    return client_for(app, session, Role.VENDOR_SALES)


FORM = {
    "name": "Quillfeather Systems",
    "number": "",
    "currency": "EUR",
    "tier": "Gold",
    "tax_id": "",
    "branch_name": "Lidham",
    "terms_days": "14",
    "street": "3 Quay",
    "postcode": "10115",
    "city": "Lidham",
    "region": "",
    "country": "DE",
    "tax_code": "DE-19",
    "tax_percent": "19",
    "user_name": "Ilse Worm",
    "user_email": "ilse@quill.example",
}


def test_a_company_is_opened_with_branch_tax_and_first_user(sales: FlaskClient, session: Session) -> None:
    assert sales.get("/console/companies/new").status_code == 200
    answer = sales.post("/console/companies/new", data=FORM)
    assert answer.status_code == 303, answer.text
    company = read(session, select(Company))[0]
    assert (company.name, company.currency, company.tier, company.number) == (
        "Quillfeather Systems",
        "EUR",
        "gold",
        "C1001",
    )
    branch = read(session, select(Branch))[0]
    assert (branch.name, branch.terms_days, branch.country) == ("Lidham", 14, "DE")
    rate = read(session, select(TaxRate))[0]
    assert (rate.company_id, rate.code, rate.rate_bps) == (company.id, "DE-19", 1900)
    member = read(session, select(Membership).where(Membership.company_id == company.id))[0]
    assert member.role == "reseller_admin"
    jobs = read(session, select(Job).where(Job.kind == "mail.render"))
    assert [(job.payload["template"], job.payload["recipient"]) for job in jobs] == [
        ("invitation", "ilse@quill.example")
    ]
    page = sales.get(answer.headers["Location"]).text
    for text in ("Quillfeather Systems", "Lidham", "Ilse Worm", "DE-19", "Invited"):
        assert text in page


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": ""}, "Fill this in."),
        ({"currency": "XXQ"}, "Not a valid choice"),
        ({"country": "ZZ"}, "Not a valid choice"),
        ({"terms_days": "-1"}, "Enter a whole number from 0 to 365, digits only."),
        ({"terms_days": "1e2"}, "Enter a whole number from 0 to 365, digits only."),
        ({"terms_days": "٣"}, "Enter a whole number from 0 to 365, digits only."),
        ({"terms_days": "9223372036854775808"}, "Enter a whole number from 0 to 365, digits only."),
        ({"tax_percent": "101"}, "Enter an amount from 0 to 100."),
        ({"tax_percent": "19.123"}, "Enter at most 2 decimals."),
        ({"tax_percent": "NaN"}, "Enter an amount such as 1234.50"),
        ({"user_email": "ilse"}, "Enter one e-mail address"),
        ({"user_name": "", "user_email": "ilse@quill.example"}, "Fill this in."),
        ({"street": "x\x00y"}, "cannot be seen"),
    ],
)
def test_a_company_that_cannot_be_opened_says_why_and_keeps_what_was_typed(
    sales: FlaskClient, session: Session, changed: dict[str, str], message: str
) -> None:
    answer = sales.post("/console/companies/new", data={**FORM, **changed})
    assert answer.status_code == 422
    assert message in answer.text
    assert 'value="Lidham"' in answer.text
    assert read(session, select(Company)) == []
    assert len(read(session, select(User))) == 1
    assert read(session, select(Job)) == []


def test_a_number_is_one_companys(sales: FlaskClient, session: Session) -> None:
    make_company(session, number="17850")
    answer = sales.post("/console/companies/new", data={**FORM, "number": "17850"})
    assert answer.status_code == 409
    assert "Another company has this number." in answer.text
    assert len(read(session, select(Company))) == 1


def test_the_list_finds_by_part_of_name_and_number_and_takes_wildcards_as_text(
    sales: FlaskClient, session: Session
) -> None:
    make_company(session, "Kettle & Byte", number="K-1")
    make_company(session, "100% Bytes", number="B_2")
    assert "Kettle &amp; Byte" in sales.get("/console/companies?q=ettle").text
    for text, found in (("%25", "100% Bytes"), ("b_2", "100% Bytes")):
        page = sales.get(f"/console/companies?q={text}").text
        assert found in page
        assert "Kettle" not in page
    assert sales.get("/console/companies?cursor=nonsense").status_code == 422


def test_pages_follow_each_other(sales: FlaskClient, session: Session) -> None:
    for number in range(30):
        make_company(session, f"Company {number:02}", branches=())
    first = sales.get("/console/companies").text
    assert "1 to 24 of 30" in first
    assert "Company 23" in first
    assert "Company 24" not in first
    link = first.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0].replace("&amp;", "&")
    second = sales.get(link).text
    assert "25 to 30 of 30" in second
    assert "Company 29" in second


def test_a_closed_company_is_signed_out_and_can_be_opened_again(
    sales: FlaskClient, app: Flask, session: Session
) -> None:
    company = make_company(session)
    make_person(session, company, Role.BUYER, email="ilse@kettle.example")
    ilse = app.test_client()
    sign_in(ilse, "ilse@kettle.example")
    assert sales.post(f"/console/companies/{company.id}/close").status_code == 303
    assert ilse.get("/account").status_code == 302
    assert sign_in(app.test_client(), "ilse@kettle.example").status_code == 401
    assert sales.post(f"/console/companies/{company.id}/view-as").status_code == 409
    assert sales.post(f"/console/companies/{company.id}/open").status_code == 303
    assert sign_in(app.test_client(), "ilse@kettle.example").status_code == 303
    changes = read(session, select(AuditEntry).where(AuditEntry.action.like("company.%")))
    assert [(entry.before, entry.after) for entry in changes] == [
        ({"is_active": True}, {"is_active": False}),
        ({"is_active": False}, {"is_active": True}),
    ]


def test_an_edit_is_saved_once_of_two(sales: FlaskClient, session: Session) -> None:
    company = make_company(session)
    form = {"name": "Kettle & Bit", "tier": "silver", "tax_id": "US-1", "version": "1", "currency": "GBP"}
    assert sales.post(f"/console/companies/{company.id}/edit", data=form).status_code == 303
    late = sales.post(f"/console/companies/{company.id}/edit", data={**form, "name": "Late"})
    assert late.status_code == 409
    row = read(session, select(Company))[0]
    assert (row.name, row.name_key) == ("Kettle & Bit", "kettle & bit")
    assert (row.tier, row.currency) == ("silver", "USD")


def test_members_and_branches_belong_to_the_company_in_the_address(
    sales: FlaskClient, session: Session
) -> None:
    one, other = make_company(session), make_company(session, "Other")
    make_person(session, other, Role.BUYER, email="o@other.example")
    statement = select(Membership).where(Membership.company_id == other.id)
    number = read(session, statement)[0].id
    branch = other.branches[0].id
    base = f"/console/companies/{one.id}"
    for what in ("role", "resend", "deactivate", "reactivate"):
        assert sales.post(f"{base}/people/{number}/{what}", data={"role": "approver"}).status_code == 404
    assert sales.post(f"{base}/branches/{branch}/close").status_code == 404
    assert sales.get(f"{base}/branches/{branch}").status_code == 404
    base = f"/console/companies/{other.id}"
    assert sales.post(f"{base}/people/{number}/role", data={"role": "approver"}).status_code == 303
    assert read(session, statement)[0].role == "approver"
    assert sales.post(f"{base}/branches/{branch}/close").status_code == 409
    assert sales.post(f"{base}/people", data={"name": "A", "email": "a@other.example", "role": "buyer"})
    assert sales.get("/console/companies/99").status_code == 404


def test_warehouse_staff_read_companies_and_change_none(app: Flask, session: Session) -> None:
    company = make_company(session)
    client = client_for(app, session, Role.VENDOR_WAREHOUSE)
    assert client.get(f"/console/companies/{company.id}").status_code == 200
    for path in ("new", f"{company.id}/edit", f"{company.id}/branches/new"):
        assert client.get(f"/console/companies/{path}").status_code == 403
    for path in ("close", "view-as", "people", "tax"):
        assert client.post(f"/console/companies/{company.id}/{path}").status_code == 403
    assert read(session, select(Company))[0].is_active


def test_viewing_as_a_company_reads_only_and_is_logged(
    sales: FlaskClient, app: Flask, session: Session
) -> None:
    company = make_company(session)
    with sales.session_transaction() as cookie:
        before = cookie["_user_id"]
    assert sales.post(f"/console/companies/{company.id}/view-as").status_code == 303
    with sales.session_transaction() as cookie:
        assert cookie["_user_id"] != before
    page = sales.get("/company/branches")
    assert page.status_code == 200
    assert "You see the portal as Kettle &amp; Byte. This visit is logged." in page.text
    assert sales.get("/console/companies").status_code == 404
    for path in ("/company/people", "/company/branches/new", "/account/name", "/account/switch"):
        assert sales.post(path, data={"name": "x", "country": "US"}).status_code == 403
    assert len(read(session, select(Branch))) == 1
    ended = sales.post("/account/end-view-as")
    assert ended.headers["Location"] == f"/console/companies/{company.id}"
    assert sales.get("/console/companies").status_code == 200
    entries = read(
        session, select(AuditEntry).where(AuditEntry.action.like("view_as.%")).order_by(AuditEntry.id)
    )
    assert [(entry.action, entry.company_id, entry.actor_name) for entry in entries] == [
        ("view_as.started", company.id, "Ida Sorrel"),
        ("view_as.ended", company.id, "Ida Sorrel"),
    ]
    assert entries[1].real_user_id == entries[0].actor_user_id
    refused = read(session, select(AuditEntry).where(AuditEntry.action == "access.refused"))
    assert {entry.real_user_id for entry in refused} == {entries[0].actor_user_id}


def test_the_cookie_from_before_a_visit_opens_nothing(
    sales: FlaskClient, app: Flask, session: Session
) -> None:
    company = make_company(session)
    old = sales.get_cookie("sellthru")
    assert old is not None
    sales.post(f"/console/companies/{company.id}/view-as")
    thief = app.test_client()
    thief.set_cookie("sellthru", old.value)
    assert thief.get("/account").status_code == 302
    assert len(read(session, select(SignInSession))) == 1


def test_a_new_companys_page_says_what_is_missing_and_where_it_is_done(
    sales: FlaskClient, session: Session
) -> None:
    answer = sales.post("/console/companies/new", data=FORM)
    page = sales.get(answer.headers["Location"]).text
    company = read(session, select(Company))[0]
    assert "Missing until its first order" in page
    assert f'href="/console/price-agreements/new?company={company.id}"' in page
    assert "No administrator has accepted" in page
    assert "The address is incomplete" not in page
    listed = sales.get("/console/companies?state=unready").text
    assert "Not ready to order" in listed
    assert "Quillfeather Systems" in listed
    assert "Quillfeather Systems" not in sales.get("/console/companies?state=closed").text
    assert sales.get("/console/companies?state=no").status_code == 422


def test_the_list_of_companies_reads_as_often_for_many_as_for_one(
    app: Flask, sales: FlaskClient, session: Session
) -> None:
    make_company(session, "First")
    with counted_statements(app) as one:
        sales.get("/console/companies")
    for number in range(5):
        make_company(session, f"More {number}")
    with counted_statements(app) as many:
        sales.get("/console/companies")
    assert len(many) == len(one)


def test_a_company_is_closed_after_a_look_at_what_is_open(app: Flask, sales: FlaskClient) -> None:
    scene = make_scene(app)
    with stored(app) as session:
        order = add_order(session, scene.company, [(scene.products[0], 1, 0)], warehouse=scene.warehouse)
        number = order.number
    path = f"/console/companies/{scene.company.id}"
    page = sales.get(f"{path}/close").text
    assert number in page
    assert "Open orders go on" in page
    assert sales.post(f"{path}/close").status_code == 303
    assert "This company is closed." in sales.get(path).text
    assert "is closed." in sales.get(f"/console/orders/{number}").text
    assert sales.get(f"{path}/close").status_code == 302
    invitation = {"name": "Ilse Worm", "email": "ilse@kettle.example", "role": "buyer"}
    refused = sales.post(f"{path}/people", data=invitation)
    assert refused.status_code == 409
    assert "Open it again first." in refused.text
    assert sales.post(f"{path}/open").status_code == 303
    assert "This company is closed." not in sales.get(path).text


def test_a_double_is_found_looked_at_and_merged(app: Flask, sales: FlaskClient, session: Session) -> None:
    scene = make_scene(app)
    with stored(app) as writing:
        double = make_company(writing, "Kettle and Byte Ltd", number="17850")
        number = add_order(writing, double, [(scene.products[0], 1, 0)], warehouse=scene.warehouse).number
    path = f"/console/companies/{double.id}"
    page = sales.get(f"{path}/merge").text
    assert "same or similar name" in page
    assert f'href="/console/companies/{double.id}/merge?into={scene.company.number}"' in page
    assert "There is no company of the number" in sales.get(f"{path}/merge?into=nope").text
    preview = sales.get(f"{path}/merge?into={scene.company.number}").text
    assert "Main branch (17850)" in preview
    assert "This cannot be undone." in preview
    assert read(session, select(Company.merged_into_id).where(Company.id == double.id)) == [None]
    assert sales.post(f"{path}/merge", data={"stays": "x"}).status_code == 422
    assert sales.post(f"{path}/merge", data={"stays": double.id}).status_code == 409
    answer = sales.post(f"{path}/merge", data={"stays": scene.company.id})
    assert answer.headers["Location"] == f"/console/companies/{scene.company.id}"
    assert sales.get(path).headers["Location"] == f"/console/companies/{scene.company.id}"
    assert "was merged into this company" in sales.get(f"/console/companies/{scene.company.id}").text
    assert scene.company.name.replace("&", "&amp;") in sales.get(f"/console/orders/{number}").text
    listed = sales.get("/console/companies?q=17850").text
    assert "Merged" in listed
    assert sales.get(f"{path}/merge").status_code == 302


def test_companies_of_two_currencies_are_not_merged(sales: FlaskClient, session: Session) -> None:
    stays, double = make_company(session, "One"), make_company(session, "Two", currency="EUR")
    page = sales.get(f"/console/companies/{double.id}/merge?into={stays.number}").text
    assert "They cannot be merged." in page
    assert "Merge into" not in page
    answer = sales.post(f"/console/companies/{double.id}/merge", data={"stays": stays.id})
    assert answer.status_code == 409
    assert "different currencies" in answer.text
