"""The public pages on which a firm asks to become a reseller."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.outbox import Job
from app.core.permissions import Role
from app.domain.accounts.links import Purpose, token_of
from app.domain.accounts.models import Company, ResellerRequest, SingleUseLink
from tests.console.stage import client_of
from tests.factories.accounts import make_company, make_person, make_vendor, read

FORM = {
    "company_name": "Quillfeather Systems",
    "street": "3 Quay",
    "postcode": "10115",
    "city": "Lidham",
    "region": "",
    "country": "DE",
    "tax_id": "DE123",
    "contact_name": "Ilse Worm",
    "email": "ilse@quill.example",
    "phone": "",
    "message": "",
    "website": "",
}


@pytest.fixture
def stranger(app: Flask, session: Session) -> FlaskClient:
    make_vendor(session)
    return app.test_client()


def address(app: Flask, session: Session, purpose: Purpose) -> str:
    links = select(SingleUseLink).where(SingleUseLink.purpose == purpose.value)
    link = read(session, links.order_by(SingleUseLink.id.desc()))[0]
    word = {"confirmation": "confirm", "answer": "answer"}[purpose.value]
    return f"/become-a-reseller/{word}/{token_of(link, str(app.config['SECRET_KEY']).encode())}"


def test_the_sign_in_page_leads_there(stranger: FlaskClient) -> None:
    assert 'href="/become-a-reseller"' in stranger.get("/sign-in").text
    assert stranger.get("/become-a-reseller").status_code == 200


def test_from_the_form_to_a_reseller_who_is_invited(
    app: Flask, stranger: FlaskClient, session: Session
) -> None:
    answer = stranger.post("/become-a-reseller", data=FORM)
    assert answer.headers["Location"] == "/become-a-reseller/sent"
    link = address(app, session, Purpose.CONFIRMATION)
    assert "ilse@quill.example" in stranger.get(link).text
    assert read(session, select(ResellerRequest.state)) == ["unconfirmed"], "looking confirms nothing"
    assert stranger.post(link).headers["Location"] == "/become-a-reseller/done/confirmation"
    assert stranger.post(link).status_code == 410
    sales = client_of(app, Role.VENDOR_SALES)
    assert "Decide on Quillfeather Systems" in sales.get("/console").text
    request_id = read(session, select(ResellerRequest.id))[0]
    assert "Quillfeather Systems" in sales.get("/console/reseller-requests").text
    path = f"/console/reseller-requests/{request_id}"
    assert sales.post(f"{path}/ask", data={"question": ""}).status_code == 422
    assert sales.post(f"{path}/ask", data={"question": "Which schools?"}).status_code == 303
    link = address(app, session, Purpose.ANSWER)
    assert "Which schools?" in stranger.get(link).text
    assert stranger.post(link, data={"answer": " "}).status_code == 422
    assert stranger.post(link, data={"answer": "All of them"}).status_code == 303
    assert "All of them" in sales.get(path).text
    terms = {"currency": "EUR", "terms_days": "14", "tax_code": "DE-19", "tax_percent": "19"}
    refused = sales.post(f"{path}/approve", data={**terms, "tax_percent": "x"})
    assert refused.status_code == 422
    assert 'value="DE-19"' in refused.text
    answer = sales.post(f"{path}/approve", data=terms)
    company = read(session, select(Company))[0]
    assert answer.headers["Location"] == f"/console/companies/{company.id}"
    assert "Approved by" in sales.get(path).text
    assert "Quillfeather Systems" not in sales.get("/console/reseller-requests").text


def test_the_answer_is_the_same_for_a_known_firm_and_person(stranger: FlaskClient, session: Session) -> None:
    company = make_company(session, "Quillfeather Systems", tax_id="DE123")
    make_person(session, company, Role.RESELLER_ADMIN, email="ilse@quill.example")
    known = stranger.post("/become-a-reseller", data=FORM)
    unknown = stranger.post("/become-a-reseller", data={**FORM, "email": "other@other.example"})
    assert (known.status_code, known.headers["Location"]) == (
        unknown.status_code,
        unknown.headers["Location"],
    )
    assert known.data.replace(b"csrf", b"") == unknown.data.replace(b"csrf", b"")
    templates = [job.payload["template"] for job in read(session, select(Job))]
    assert templates == ["reseller_request_confirm"] * 2


def test_the_vetting_page_names_the_doubles(app: Flask, stranger: FlaskClient, session: Session) -> None:
    company = make_company(session, "Quillfeather Systems Ltd", tax_id="DE-123")
    make_person(session, company, Role.BUYER, email="ilse@quill.example", name="Ilse W")
    stranger.post("/become-a-reseller", data=FORM)
    stranger.post(address(app, session, Purpose.CONFIRMATION))
    request_id = read(session, select(ResellerRequest.id))[0]
    page = client_of(app, Role.VENDOR_SALES).get(f"/console/reseller-requests/{request_id}").text
    for text in ("same tax number", "same or similar name", "people with the same mail domain", "Ilse W"):
        assert text in page


def test_thanks_are_said_for_what_was_done_only(stranger: FlaskClient) -> None:
    assert stranger.get("/become-a-reseller/done/answer").status_code == 200
    assert stranger.get("/become-a-reseller/done/else").status_code == 404


def test_a_program_that_fills_in_everything_makes_no_request(stranger: FlaskClient, session: Session) -> None:
    answer = stranger.post("/become-a-reseller", data={**FORM, "website": "https://spam.example"})
    assert answer.headers["Location"] == "/become-a-reseller/sent"
    assert read(session, select(ResellerRequest)) == []
    assert read(session, select(Job)) == []


def test_a_form_that_cannot_be_used_keeps_what_was_typed(stranger: FlaskClient, session: Session) -> None:
    answer = stranger.post("/become-a-reseller", data={**FORM, "email": "ilse", "city": ""})
    assert answer.status_code == 422
    assert 'value="Quillfeather Systems"' in answer.text
    assert read(session, select(ResellerRequest)) == []


def test_links_that_were_not_made_here_open_nothing(stranger: FlaskClient) -> None:
    for path in ("confirm/none.such", "answer/1.abc", "confirm/" + "9" * 30 + ".x"):
        for method in (stranger.get, stranger.post):
            answer = method(f"/become-a-reseller/{path}")
            assert answer.status_code == 410
            assert "This link does not work" in answer.text
