"""Settings are checked, versioned and explained; a stale save changes nothing; no password is ever shown."""

from __future__ import annotations

import io
import logging
import re
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.audit import AuditEntry
from app.core.permissions import Role
from app.core.sequences import NumberRange
from app.domain.accounts.models import Vendor
from tests.console.test_jobs import client_for
from tests.factories.accounts import read
from tests.smtp_server import PASSWORD, USER, Behaviour, closed_port, smtp_server

YEAR = f"{datetime.now(UTC):%y}"
COMPANY = {
    "version": "1", "name": "Larkspur", "legal_name": "Larkspur Supplies Ltd", "street": "4 Quay",
    "postcode": "L1", "city": "Leith", "region": "", "country": "GB", "tax_id": "GB 123",
    "timezone": "Europe/London", "language": "en", "alert_email": "orders@larkspur.example",
}  # fmt: skip
MAIL = {
    "version": "1", "host": "mail.larkspur.example", "security": "starttls", "port": "", "user": USER,
    "password": PASSWORD, "sender": "portal@larkspur.example", "reply_to": "",
}  # fmt: skip
NUMBERS = {
    "version": "1", "order_prefix": "LK", "order_next": "", "request_prefix": "PR", "request_next": "",
    "company_prefix": "C", "company_next": "",
}  # fmt: skip


@pytest.fixture
def admin(app: Flask, session: Session) -> FlaskClient:
    return client_for(app, session, Role.VENDOR_ADMIN)


def vendor(session: Session) -> Vendor:
    found: Vendor = read(session, select(Vendor))[0]
    return found


def changes(session: Session) -> list[tuple[Any, Any]]:
    entries = read(session, select(AuditEntry).where(AuditEntry.action == "settings.changed"))
    return [(entry.before, entry.after) for entry in entries]


def test_company_data_is_saved_with_who_before_and_after(session: Session, admin: FlaskClient) -> None:
    answer = admin.post("/console/settings/company", data=COMPANY)

    assert (answer.status_code, answer.location) == (303, "/console/settings")
    row = vendor(session)
    assert (row.legal_name, row.country, row.version) == ("Larkspur Supplies Ltd", "GB", 2)
    ((before, after),) = changes(session)
    assert (before["section"], before["version"], after["version"]) == ("company", 1, 2)
    assert (before["city"], after["city"]) == ("", "Leith")
    assert "name" not in after
    page = admin.get("/console/settings").text
    assert "Ida Sorrel" in page
    assert "Version 2" in page


def test_a_save_that_changes_nothing_is_no_version(session: Session, admin: FlaskClient) -> None:
    admin.post("/console/settings/company", data=COMPANY)
    assert admin.post("/console/settings/company", data={**COMPANY, "version": "2"}).status_code == 303

    assert vendor(session).version == 2
    assert len(changes(session)) == 1


def test_a_stale_save_changes_nothing_keeps_what_was_typed_and_shows_both(
    session: Session, admin: FlaskClient
) -> None:
    admin.post("/console/settings/company", data=COMPANY)
    stale = admin.post("/console/settings/company", data={**COMPANY, "city": "Perth"})

    assert stale.status_code == 409
    assert "Somebody else saved the settings" in stale.text
    assert 'value="Perth"' in stale.text
    assert "Leith" in stale.text
    assert vendor(session).city == "Leith"
    version = re.search(r'name="version"[^>]*value="(\d+)"', stale.text)
    assert version is not None
    again = {**COMPANY, "city": "Perth", "version": version[1]}
    assert admin.post("/console/settings/company", data=again).status_code == 303
    assert vendor(session).city == "Perth"


def test_a_save_that_does_not_say_which_version_it_saw_changes_nothing(
    session: Session, admin: FlaskClient
) -> None:
    for version in ({}, {"version": ""}, {"version": "x"}, {"version": "9" * 30}):
        values = {name: value for name, value in COMPANY.items() if name != "version"}
        assert admin.post("/console/settings/company", data={**values, **version}).status_code == 409
    assert vendor(session).version == 1


@pytest.mark.parametrize(
    ("section", "wrong", "message"),
    [
        ("company", {**COMPANY, "name": ""}, "Fill this in."),
        ("company", {**COMPANY, "city": ""}, "Fill this in."),
        ("company", {**COMPANY, "timezone": "Mars/Base"}, "Choose one from the list."),
        ("company", {**COMPANY, "alert_email": "a@x.example\nb@x.example"}, "e-mail|cannot be seen"),
        ("branding", {"version": "1", "accent": "#ffee00"}, "too pale"),
        ("branding", {"version": "1", "accent": "red"}, "six hex digits"),
        ("numbers", {**NUMBERS, "order_prefix": "S O"}, "1 to 10 letters"),
        ("numbers", {**NUMBERS, "order_prefix": "PR"}, "Give each its own"),
        ("orders", {"version": "1", "release": "never"}, "Not a valid choice|Choose"),
        ("orders", {"version": "1", "release": "hand", "allocation_days": "0"}, "from 1 to 365"),
        ("address", {"version": "1", "base_url": "http://portal.larkspur.example"}, "begins with https"),
        ("address", {"version": "1", "base_url": "https://x.example/path"}, "Enter an address"),
        ("mail", {**MAIL, "host": "mail larkspur"}, "host name"),
        ("mail", {**MAIL, "sender": ""}, "Mails need a sender"),
        ("mail", {**MAIL, "security": "none"}, "encrypted way"),
        ("mail", {**MAIL, "port": "70000"}, "whole number from 1 to 65535"),
        ("limits", {"version": "1", "table_mb": "0", "archive_mb": "1", "attachment_mb": "1"}, "1 to 2000"),
    ],
)  # fmt: skip
def test_wrong_values_are_refused_beside_the_field(
    session: Session, admin: FlaskClient, section: str, wrong: dict[str, str], message: str
) -> None:
    answer = admin.post(f"/console/settings/{section}", data=wrong)

    assert answer.status_code == 422
    assert re.search(message, answer.text)
    assert vendor(session).version == 1
    assert changes(session) == []


def test_numbers_skip_ahead_and_never_back(session: Session, admin: FlaskClient) -> None:
    assert f"SO-{YEAR}-00001" in admin.get("/console/settings").text
    answer = admin.post(
        "/console/settings/numbers", data={**NUMBERS, "order_next": "500", "company_next": "2000"}
    )
    assert answer.status_code == 303
    ranges = {row.name: row.next_value for row in read(session, select(NumberRange))}
    assert ranges == {f"order-{YEAR}": 500, "company": 1000}
    page = admin.get("/console/settings").text
    assert f"LK-{YEAR}-00500" in page
    assert "C2000" in page

    back = admin.post("/console/settings/numbers", data={**NUMBERS, "version": "2", "order_next": "499"})
    assert back.status_code == 422
    assert "Numbers only go up: enter 500" in back.text
    assert vendor(session).version == 2


def test_release_and_limits_and_address_are_saved(app: Flask, session: Session, admin: FlaskClient) -> None:
    orders = {"version": "1", "release": "hand", "allocation_days": "5"}
    admin.post("/console/settings/orders", data=orders)
    limits = {"version": "2", "table_mb": "7", "archive_mb": "8", "attachment_mb": "9"}
    admin.post("/console/settings/limits", data=limits)
    address = {"version": "3", "base_url": "https://portal.larkspur.example/"}
    admin.post("/console/settings/address", data=address)

    row = vendor(session)
    assert (row.releases_automatically, row.table_limit_mb, row.version) == (False, 7, 4)
    assert row.allocation_days == 5
    assert "5 days" in admin.get("/console/settings").text
    assert row.base_url == "https://portal.larkspur.example"
    assert "https://portal.larkspur.example" in admin.get("/console/settings").text
    app.config["BASE_URL_IS_GIVEN"] = True
    assert "BASE_URL is set on the server" in admin.get("/console/settings/address").text
    with app.app_context():
        from app.core.uploads import upload_limits

        assert upload_limits().table_bytes == 7 * 1024 * 1024


def _picture(kind: str = "PNG") -> io.BytesIO:
    buffer = io.BytesIO()
    Image.new("RGB", (80, 30), "#1a7f37").save(buffer, kind)
    buffer.seek(0)
    return buffer


def test_a_logo_is_written_anew_replaced_and_taken_away(
    app: Flask, session: Session, admin: FlaskClient
) -> None:
    def send(content: io.BytesIO, name: str, version: int) -> Any:
        return admin.post(
            "/console/settings/branding",
            data={"version": str(version), "accent": "#1a7f37", "logo": (content, name)},
        )

    assert send(_picture(), "logo.png", 1).status_code == 303
    first = vendor(session).logo_key
    assert first is not None
    assert send(_picture("JPEG"), "logo.jpg", 2).status_code == 303
    second = vendor(session).logo_key
    uploads = Path(app.config["DATA_DIR"]) / "uploads"
    assert [path.name for path in uploads.rglob("*.*") if path.is_file()] == [second]
    for content, name in ((io.BytesIO(b"<svg/>"), "logo.svg"), (io.BytesIO(b"GIF89a"), "logo.png")):
        assert send(content, name, 3).status_code == 422
    assert send(_picture(), "late.png", 2).status_code == 409
    assert [path.name for path in uploads.rglob("*.*") if path.is_file()] == [second]

    gone = admin.post("/console/settings/branding", data={"version": "3", "accent": "", "remove_logo": "y"})
    assert gone.status_code == 303
    assert vendor(session).logo_key is None
    assert [path for path in uploads.rglob("*.*") if path.is_file()] == []


def test_a_stored_password_is_in_a_private_file_and_nowhere_else(
    app: Flask, session: Session, admin: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert admin.post("/console/settings/mail", data=MAIL).status_code == 303

    kept = Path(app.config["DATA_DIR"]) / "mail_password"
    assert kept.read_text() == PASSWORD
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    row = vendor(session)
    assert (row.mail_host, row.mail_port, row.mail_user) == ("mail.larkspur.example", 587, USER)
    pages = [
        admin.get(path).text
        for path in ("/console/settings", "/console/settings/mail", "/console/audit", "/console/audit/1")
    ]
    wrong = admin.post("/console/settings/mail", data={**MAIL, "sender": "", "version": "2"}).text
    stored = [repr(vars(one)) for model in (Vendor, AuditEntry) for one in read(session, select(model))]
    for text in (*pages, wrong, *stored, caplog.text):
        assert PASSWORD not in text
    assert "typed anew" in pages[0]


def test_a_password_stays_with_the_server_it_was_typed_for(
    app: Flask, session: Session, admin: FlaskClient
) -> None:
    admin.post("/console/settings/mail", data=MAIL)
    kept = Path(app.config["DATA_DIR"]) / "mail_password"
    elsewhere = {**MAIL, "version": "2", "password": "", "host": "mail.elsewhere.example"}

    answer = admin.post("/console/settings/mail", data=elsewhere)
    assert answer.status_code == 422
    assert "Type the password" in answer.text
    same = {**MAIL, "version": "2", "password": "", "reply_to": "sales@larkspur.example"}
    assert admin.post("/console/settings/mail", data=same).status_code == 303
    assert kept.read_text() == PASSWORD
    none = {**MAIL, "version": "3", "host": "", "user": "", "password": ""}
    assert admin.post("/console/settings/mail", data=none).status_code == 303
    assert not kept.exists()
    assert vendor(session).mail_host is None


def test_a_test_mail_shows_the_servers_answer(app: Flask, session: Session, admin: FlaskClient) -> None:
    app.config["MAIL_SENDER"] = "portal@larkspur.example"
    assert "As soon as a mail server is saved" in admin.get("/console/settings/mail").text
    with smtp_server() as place:
        app.config["MAIL_URL"] = place.url()
        page = admin.post("/console/settings/mail/test", follow_redirects=True).text
        assert "The server took the test for ida@people.example: 250 2.0.0 queued as 7A" in page
        assert place.taken[0].recipient == "ida@people.example"
        place.behaviour = Behaviour(answers={"RCPT": "550 5.1.1 no <b>such</b> user"})
        page = admin.post("/console/settings/mail/test", follow_redirects=True).text
        assert "550 5.1.1 no &lt;b&gt;such&lt;/b&gt; user" in page
    app.config["MAIL_URL"] = f"smtp://127.0.0.1:{closed_port()}?tls=none"
    page = admin.post("/console/settings/mail/test", follow_redirects=True).text
    assert "No mail server answers at this host and port." in page
    app.config["MAIL_URL"] = "smtp://u:geheim@mail.x.example?tls=none"
    page = admin.post("/console/settings/mail/test", follow_redirects=True).text
    assert "Signing in needs an encrypted way" in page
    assert "geheim" not in page


def test_a_test_mail_does_not_wait_for_a_server_that_hangs(
    app: Flask, admin: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.console.settings.mail.TEST_S", 1.0)
    with smtp_server(Behaviour(hang={"EHLO"})) as place:
        app.config.update(MAIL_URL=place.url(), MAIL_SENDER="portal@larkspur.example")
        page = admin.post("/console/settings/mail/test", follow_redirects=True).text
    assert "The server gave no answer in time." in page


@pytest.mark.parametrize("role", [Role.VENDOR_SALES, Role.RESELLER_ADMIN])
def test_others_see_no_settings(app: Flask, session: Session, role: Role) -> None:
    client = client_for(app, session, role)

    assert client.get("/console/settings").status_code in (403, 404)
    assert client.post("/console/settings/limits", data={}).status_code in (403, 404)


def test_large_bodies_are_read_only_where_large_files_are_taken_and_by_whoever_may_send_them(
    app: Flask, session: Session, admin: FlaskClient
) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 2000
    body = {"files": (io.BytesIO(b"sku;name\n" + b"x" * 4000), "a.csv"), "currency": "USD", "mapping": ""}

    assert admin.post("/console/settings/limits", data={"table_mb": "1" * 3000}).status_code == 413
    assert admin.post("/console/imports/new/products", data=body).status_code != 413
    body["files"] = (io.BytesIO(b"sku;name\n" + b"x" * 4000), "a.csv")
    assert app.test_client().post("/console/imports/new/products", data=body).status_code in (302, 413)
