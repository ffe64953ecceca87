"""The mail log shows what was rendered; its links are shown in the demo only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.core import clock
from app.core.audit import AuditEntry
from app.core.database import writing
from app.core.outbox import Job
from app.core.permissions import Role
from app.core.tenancy import all_companies
from app.domain.accounts.links import Purpose, make_link
from app.domain.accounts.models import MailMessage, User
from tests.console.test_jobs import client_for
from tests.factories.accounts import make_company, make_person, make_user, read, sign_in

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


@pytest.fixture
def admin(app: Flask, session: Session) -> FlaskClient:
    return client_for(app, session, Role.VENDOR_ADMIN)


def keep(
    session: Session, recipient: str, number: int = 1, *, link_id: int | None = None, **values: Any
) -> None:
    with writing(session), all_companies(session, reason="test data"):
        session.add(
            MailMessage(
                message_id=f"m-{number}",
                template="invitation",
                recipient=recipient,
                subject=f"Subject <{number}>",
                html_body="<p onclick=x>Hello</p>",
                link_id=link_id,
                **{
                    "text_body": "Hello\n[[link]]",
                    "created_at": NOW + timedelta(minutes=number),
                    **values,
                },
            )
        )
        session.commit()


def test_mails_are_listed_newest_first_and_found_by_a_part_of_the_address(
    session: Session, admin: FlaskClient
) -> None:
    assert "No mail yet" in admin.get("/console/mail").text
    keep(session, "mara@kettle.example", 1)
    keep(session, "jon_100%@thimble.example", 2)

    page = admin.get("/console/mail").text
    assert page.index("Subject &lt;2&gt;") < page.index("Subject &lt;1&gt;")
    for part, found in (("KETTLE", 1), ("_100%", 2)):
        page = admin.get("/console/mail", query_string={"recipient": part}).text
        assert f"Subject &lt;{found}&gt;" in page
        assert f"Subject &lt;{3 - found}&gt;" not in page
    assert "No mail to such an address" in admin.get("/console/mail?recipient=%25%25").text
    assert admin.get("/console/mail?recipient=%00").status_code == 422


def test_a_mail_is_shown_as_text_and_as_source(session: Session, admin: FlaskClient) -> None:
    keep(session, "mara@kettle.example")

    page = admin.get("/console/mail/1").text
    assert "&lt;p onclick=x&gt;Hello&lt;/p&gt;" in page
    assert "<p onclick" not in page
    assert admin.get("/console/mail/2").status_code == 404


@pytest.mark.parametrize("is_demo", [True, False])
def test_a_link_is_shown_in_the_demo_only(
    app: Flask, session: Session, admin: FlaskClient, is_demo: bool
) -> None:
    app.config["DEMO"] = is_demo
    user = make_user(session, "jon@kettle.example", password=None)
    with writing(session), all_companies(session, reason="test data"):
        link_id = make_link(session, purpose=Purpose.INVITATION, user_id=user.id, now=NOW).id
        session.commit()
    keep(session, "jon@kettle.example", link_id=link_id)

    page = admin.get("/console/mail/1").text
    assert (f"/invitation/{link_id}." in page) is is_demo


def test_mails_are_listed_by_their_state_with_the_servers_words(session: Session, admin: FlaskClient) -> None:
    keep(session, "mara@kettle.example", 1, state="refused", answer="550 5.1.1 no <b>such</b> user")
    keep(session, "jon@thimble.example", 2, state="sent", answer="250 ok")

    page = admin.get("/console/mail?state=refused").text
    assert "Subject &lt;1&gt;" in page
    assert "Subject &lt;2&gt;" not in page
    assert "550 5.1.1 no &lt;b&gt;such&lt;/b&gt; user" in page
    assert "No mail is in this state" in admin.get("/console/mail?state=lapsed").text
    assert admin.get("/console/mail?state=lost").status_code == 422
    assert "550 5.1.1 no &lt;b&gt;such" in admin.get("/console/mail/1").text


def test_administrators_are_told_that_mails_do_not_go_out(
    app: Flask, session: Session, admin: FlaskClient
) -> None:
    for address in ("/console", "/console/mail"):
        assert "Mails do not go out." in admin.get(address).text
    app.config.update(MAIL_URL="smtp://mail.x.example", MAIL_SENDER="portal@x.example")
    for address in ("/console", "/console/mail"):
        assert "Mails do not go out." not in admin.get(address).text


def test_a_kept_mail_is_sent_by_hand_once_there_is_a_server(
    app: Flask, session: Session, admin: FlaskClient
) -> None:
    keep(session, "mara@kettle.example", created_at=clock.now(), text_body="Hello")
    assert 'action="/console/mail/1/send"' not in admin.get("/console/mail/1").text
    assert admin.post("/console/mail/1/send").status_code == 409
    assert admin.post("/console/mail/send-kept").status_code == 409

    app.config.update(MAIL_URL="smtp://mail.x.example", MAIL_SENDER="portal@x.example")
    assert 'action="/console/mail/1/send"' in admin.get("/console/mail/1").text
    assert 'action="/console/mail/send-kept"' in admin.get("/console/mail").text
    assert admin.post("/console/mail/1/send").status_code == 303
    assert read(session, select(MailMessage.state)) == ["waiting"]
    assert [(job.kind, job.payload) for job in read(session, select(Job))] == [("mail.send", {"mail_id": 1})]
    entries = read(session, select(AuditEntry).where(AuditEntry.action == "mail.sent_by_hand"))
    assert [(entry.actor_name, entry.before) for entry in entries] == [("Ida Sorrel", {"state": "kept"})]

    again = admin.post("/console/mail/1/send", follow_redirects=True).text
    assert "It is not sent again." in again
    assert len(read(session, select(Job.id))) == 1
    assert admin.post("/console/mail/9/send").status_code == 404


def test_a_mail_with_a_dead_link_is_not_sent_by_hand(
    app: Flask, session: Session, admin: FlaskClient
) -> None:
    app.config.update(MAIL_URL="smtp://mail.x.example", MAIL_SENDER="portal@x.example")
    user = make_user(session, "jon@kettle.example", password=None)
    with writing(session), all_companies(session, reason="test data"):
        link_id = make_link(session, purpose=Purpose.RESET, user_id=user.id, now=NOW - timedelta(days=1)).id
        session.commit()
    keep(session, "jon@kettle.example", link_id=link_id, created_at=clock.now())

    page = admin.post("/console/mail/1/send", follow_redirects=True).text
    assert "has been used or is too old" in page
    assert read(session, select(MailMessage.state)) == ["kept"]
    assert 'action="/console/mail/send-kept"' not in admin.get("/console/mail").text


def test_a_mail_whose_link_was_deleted_is_not_sent_by_hand(
    app: Flask, session: Session, admin: FlaskClient
) -> None:
    app.config.update(MAIL_URL="smtp://mail.x.example", MAIL_SENDER="portal@x.example")
    keep(session, "jon@kettle.example", created_at=clock.now())

    assert "has been used or is too old" in admin.post("/console/mail/1/send", follow_redirects=True).text
    assert 'action="/console/mail/send-kept"' not in admin.get("/console/mail").text
    assert read(session, select(MailMessage.state)) == ["kept"]


def test_a_refused_address_is_shown_in_every_list_of_people(
    app: Flask, session: Session, admin: FlaskClient
) -> None:
    company = make_company(session)
    make_person(session, company, Role.RESELLER_ADMIN, email="mara@kettle.example")
    jon = make_person(session, company, Role.BUYER, email="jon@kettle.example", name="Jon Pell")
    with writing(session), all_companies(session, reason="test data"):
        refused = {"mail_refusal": "550 no <b>such</b> user", "mail_refused_at": NOW}
        session.execute(update(User).where(User.email == "jon@kettle.example").values(**refused))
        session.commit()
    reseller = app.test_client()
    sign_in(reseller, "mara@kettle.example")

    for page in (
        admin.get(f"/console/companies/{company.id}").text,
        admin.get("/console/people/everybody").text,
        reseller.get("/company/people").text,
    ):
        assert page.count("mail refused") == 1
        assert "550 no &lt;b&gt;such&lt;/b&gt; user" in page
    page = admin.get(f"/console/people/person/{jon.id}").text
    assert "Mail refused: 550 no &lt;b&gt;such&lt;/b&gt; user" in page
