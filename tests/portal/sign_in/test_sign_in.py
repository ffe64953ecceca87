"""Signing in and out through the web, and which cookies open what afterwards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.core.audit import AuditEntry
from app.core.database import writing
from app.core.permissions import Role
from app.core.tenancy import all_companies
from app.domain.accounts.models import Company, Membership, SignInSession, User
from app.domain.accounts.sessions import hash_token
from app.portal.sign_in.routes import local_path
from tests.factories.accounts import PASSWORD, make_company, make_member, make_person, read, sign_in

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


@pytest.fixture
def store(session: Session) -> Session:
    """A session beside the application's; requests must not share its application context."""
    return session


@pytest.fixture
def mara(store: Session) -> User:
    return make_person(store, make_company(store), Role.RESELLER_ADMIN, email="mara@kettle.example")


def change(store: Session, statement: object) -> None:
    with writing(store), all_companies(store, reason="test"):
        store.execute(statement)  # type: ignore[call-overload]  # any update
        store.commit()


def is_signed_in(client: FlaskClient) -> bool:
    answer = client.get("/account")
    assert answer.status_code in (200, 302)
    return answer.status_code == 200


def token_in(client: FlaskClient) -> str:
    with client.session_transaction() as cookie:
        return str(cookie["_user_id"])


def test_the_right_password_opens_the_account_page(app: Flask, mara: User) -> None:
    client = app.test_client()
    answer = sign_in(client, "Mara@Kettle.example")
    assert answer.status_code == 303
    page = client.get("/account")
    assert page.status_code == 200
    assert "Mara Vint" in page.text
    assert page.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("mara@kettle.example", "gravel otter lanterN"),
        ("mara@kettle.example", PASSWORD + " "),
        ("nobody@kettle.example", PASSWORD),
        ("mara@kettle.example", "x" * 1000),
        ("' OR 1=1 --", PASSWORD),
        ("{{7*7}}", PASSWORD),
    ],
)
def test_every_wrong_pair_gets_the_same_refusal(
    app: Flask, mara: User, store: Session, email: str, password: str
) -> None:
    client = app.test_client()
    answer = sign_in(client, email, password)
    assert answer.status_code == 401
    assert "The address or the password is wrong." in answer.text
    assert not is_signed_in(client)
    assert read(store, select(SignInSession)) == []
    entries = read(store, select(AuditEntry).where(AuditEntry.action == "session.refused"))
    assert len(entries) == 1


@pytest.mark.parametrize("email", ["", "mara@kettle.example\x00", "a" * 255])
def test_unreadable_addresses_are_refused_beside_the_field(
    app: Flask, mara: User, store: Session, email: str
) -> None:
    answer = sign_in(app.test_client(), email)
    assert answer.status_code == 401
    assert 'aria-invalid="true"' in answer.text
    assert read(store, select(SignInSession)) == []


def test_the_stored_token_is_a_hash_of_at_least_256_random_bits(
    app: Flask, mara: User, store: Session
) -> None:
    client = app.test_client()
    sign_in(client, "mara@kettle.example")
    token = token_in(client)
    assert len(token) == 43
    rows = read(store, select(SignInSession))
    assert [row.token_hash for row in rows] == [hash_token(token)]
    assert token not in str([vars(row) for row in rows])


def test_signing_in_drops_what_the_cookie_held_before(app: Flask, mara: User) -> None:
    client = app.test_client()
    with client.session_transaction() as cookie:
        cookie["planted"] = "by an attacker"
        cookie["_user_id"] = "A" * 43
    sign_in(client, "mara@kettle.example")
    with client.session_transaction() as cookie:
        assert "planted" not in cookie
        assert cookie["_user_id"] != "A" * 43


def test_signing_in_again_gives_another_token(app: Flask, mara: User) -> None:
    client = app.test_client()
    sign_in(client, "mara@kettle.example")
    first = token_in(client)
    sign_in(client, "mara@kettle.example")
    assert token_in(client) != first


def test_an_old_cookie_opens_nothing_after_signing_out(app: Flask, mara: User, store: Session) -> None:
    client = app.test_client()
    sign_in(client, "mara@kettle.example")
    old = client.get_cookie("sellthru")
    assert old is not None
    assert client.post("/sign-out").status_code == 303
    client.set_cookie("sellthru", old.value)
    assert not is_signed_in(client)
    actions = [entry.action for entry in read(store, select(AuditEntry).order_by(AuditEntry.id))]
    assert actions == ["session.begun", "session.ended"]


def test_no_remember_me_cookie_is_given_out_or_read(app: Flask, mara: User) -> None:
    client = app.test_client()
    answer = client.post(
        "/sign-in", data={"email": "mara@kettle.example", "password": PASSWORD, "remember": "1"}
    )
    assert all("remember" not in cookie for cookie in answer.headers.getlist("Set-Cookie"))
    stranger = app.test_client()
    stranger.set_cookie("remember_token", f"{mara.id}|{'0' * 128}")
    assert not is_signed_in(stranger)


@pytest.mark.parametrize(
    "statement",
    [
        update(User).values(is_disabled=True),
        update(Membership).values(is_active=False),
        update(Company).values(is_active=False),
    ],
    ids=["disabled user", "deactivated membership", "closed company"],
)
def test_a_session_ends_at_once(app: Flask, mara: User, store: Session, statement: object) -> None:
    client = app.test_client()
    sign_in(client, "mara@kettle.example")
    assert is_signed_in(client)
    change(store, statement)
    assert not is_signed_in(client)
    assert sign_in(app.test_client(), "mara@kettle.example").status_code == 401


@pytest.mark.parametrize(
    ("role", "idle"),
    [
        (Role.BUYER, timedelta(hours=8)),
        (Role.VENDOR_SALES, timedelta(hours=8)),
        (Role.VENDOR_ADMIN, timedelta(minutes=30)),
    ],
)
def test_a_session_ends_when_it_is_not_used(app: Flask, store: Session, role: Role, idle: timedelta) -> None:
    company = None if role.value.startswith("vendor") else make_company(store)
    make_person(store, company, role, email="p@people.example")
    client = app.test_client()
    with time_machine.travel(START, tick=False) as clock:
        sign_in(client, "p@people.example")
        clock.move_to(START + idle - timedelta(seconds=1))
        assert is_signed_in(client)
        clock.shift(min(idle, timedelta(hours=3)) - timedelta(seconds=1))
        assert is_signed_in(client)
        clock.shift(idle)
        assert not is_signed_in(client)


@pytest.mark.parametrize(
    ("role", "step", "total"),
    [
        (Role.BUYER, timedelta(hours=7), timedelta(days=7)),
        (Role.VENDOR_ADMIN, timedelta(minutes=29), timedelta(hours=12)),
    ],
)
def test_a_session_ends_for_good_however_much_it_is_used(
    app: Flask, store: Session, role: Role, step: timedelta, total: timedelta
) -> None:
    company = None if role is Role.VENDOR_ADMIN else make_company(store)
    make_person(store, company, role, email="p@people.example")
    client = app.test_client()
    with time_machine.travel(START, tick=False) as clock:
        sign_in(client, "p@people.example")
        while clock_now() + step < START + total:
            clock.shift(step)
            assert is_signed_in(client)
        clock.move_to(START + total)
        assert not is_signed_in(client)


def clock_now() -> datetime:
    return datetime.now(UTC)


def test_last_seen_is_written_at_most_once_a_minute(app: Flask, mara: User, store: Session) -> None:
    client = app.test_client()
    with time_machine.travel(START, tick=False) as clock:
        sign_in(client, "mara@kettle.example")
        clock.shift(timedelta(seconds=59))
        is_signed_in(client)
        assert [row.last_seen_at for row in read(store, select(SignInSession))] == [START]
        clock.shift(timedelta(seconds=1))
        is_signed_in(client)
        assert [row.last_seen_at for row in read(store, select(SignInSession))] == [
            START + timedelta(seconds=60)
        ]


HOSTILE = [
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https:evil.example",
    "https://evil.example/account",
    "http:///evil.example",
    "javascript:alert(1)",
    "/%09/evil.example",
    "/%5cevil.example",
    "/%2f/evil.example",
    "/\t/evil.example",
    "/account\r\nSet-Cookie: x=1",
    "account",
    "/account#//evil.example",
    "/@evil.example",
    "/sign-out",
    "/static/css/shell.css",
    "//",
    "",
]


@pytest.mark.parametrize("target", HOSTILE)
def test_a_hostile_next_is_not_followed(app: Flask, mara: User, target: str) -> None:
    client = app.test_client()
    answer = client.post(
        "/sign-in", data={"email": "mara@kettle.example", "password": PASSWORD, "next": target}
    )
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/"
    page = app.test_client().get("/sign-in", query_string={"next": target})
    assert "evil" not in page.text


def test_a_page_of_ours_is_followed(app: Flask, mara: User) -> None:
    client = app.test_client()
    answer = client.get("/account?tab=1")
    assert answer.headers["Location"] == "/sign-in?next=/account?tab%3D1"
    answer = client.post(
        "/sign-in", data={"email": "mara@kettle.example", "password": PASSWORD, "next": "/account?tab=1"}
    )
    assert answer.headers["Location"] == "/account?tab=1"


def test_local_path_keeps_what_it_accepts_as_it_is(app: Flask) -> None:
    with app.test_request_context():
        assert local_path("/account?q=a%20b") == "/account?q=a%20b"
        assert local_path("/") is None or local_path("/") == "/"


def test_each_side_is_sent_to_its_own_start_page(app: Flask, store: Session, mara: User) -> None:
    make_person(store, None, Role.VENDOR_ADMIN, email="ida@larkspur.example")
    reseller, staff = app.test_client(), app.test_client()
    sign_in(reseller, "mara@kettle.example")
    sign_in(staff, "ida@larkspur.example")
    assert not reseller.get("/").headers["Location"].startswith("/console")
    assert staff.get("/").headers["Location"].startswith("/console")
    assert reseller.get("/console/jobs").status_code == 404
    assert staff.get(reseller.get("/").headers["Location"]).status_code in (200, 404)


def test_a_person_of_two_companies_switches(app: Flask, store: Session, mara: User) -> None:
    other = make_company(store, "Quillfeather Systems")
    second = make_member(store, mara, other, Role.BUYER)
    client = app.test_client()
    sign_in(client, "mara@kettle.example")
    page = client.get("/account").text
    assert "Kettle &amp; Byte · Administrator" in page
    assert "Quillfeather Systems · Buyer" in page
    assert client.post("/account/switch", data={"membership": str(second.id)}).status_code == 303
    entry = read(store, select(AuditEntry).where(AuditEntry.action == "session.switched"))[0]
    assert entry.company_id == other.id
    client.post("/sign-out")
    sign_in(client, "mara@kettle.example")
    rows = read(store, select(SignInSession).order_by(SignInSession.id))
    assert [row.membership_id for row in rows][-1] == second.id


@pytest.mark.parametrize("chosen", ["stranger", "0", "-1", "99999999999999999999", "١٢", "", "1e3"])
def test_nobody_switches_to_a_membership_that_is_not_the_own(
    app: Flask, store: Session, mara: User, chosen: str
) -> None:
    stranger = make_person(store, make_company(store, "Other"), Role.BUYER)
    with all_companies(store, reason="test"):
        foreign = store.execute(select(Membership.id).where(Membership.user_id == stranger.id)).scalar_one()
    client = app.test_client()
    sign_in(client, "mara@kettle.example")
    value = str(foreign) if chosen == "stranger" else chosen
    assert client.post("/account/switch", data={"membership": value}).status_code == 404
    rows = read(store, select(SignInSession))
    assert rows[0].membership_id != foreign
