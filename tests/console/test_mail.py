"""The mail log shows what was rendered; its links are shown in the demo only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.core.database import writing
from app.core.permissions import Role
from app.core.tenancy import all_companies
from app.domain.accounts.links import Purpose, make_link
from app.domain.accounts.models import MailMessage
from tests.console.test_jobs import client_for
from tests.factories.accounts import make_user

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


@pytest.fixture
def admin(app: Flask, session: Session) -> FlaskClient:
    return client_for(app, session, Role.VENDOR_ADMIN)


def keep(session: Session, recipient: str, number: int = 1, *, link_id: int | None = None) -> None:
    with writing(session), all_companies(session, reason="test data"):
        session.add(
            MailMessage(
                message_id=f"m-{number}",
                template="invitation",
                recipient=recipient,
                subject=f"Subject <{number}>",
                text_body="Hello\n[[link]]",
                html_body="<p onclick=x>Hello</p>",
                link_id=link_id,
                created_at=NOW + timedelta(minutes=number),
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
