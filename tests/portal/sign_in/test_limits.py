"""Guessing is slowed down: per account, per address and per mailbox."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import create_app
from app.core.outbox import Job
from app.core.permissions import Role
from app.core.web.extensions import db, limiter
from app.domain.accounts.models import SignInSession
from tests.factories.accounts import PASSWORD, make_company, make_person, make_vendor, read, sign_in

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


@pytest.fixture
def limited(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """The application with its limits on, counting from nothing."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    application = create_app(
        {
            "SQLALCHEMY_DATABASE_URI": database_url,
            "TESTING": True,
            "WTF_CSRF_ENABLED": False,
            "RATELIMIT_ENABLED": True,
        }
    )
    with application.app_context():
        limiter.reset()
    yield application
    with application.app_context():
        limiter.reset()
        for bound in db.engines.values():
            bound.dispose()


def guess(app: Flask, email: str, address: str, password: str = "wrong guess here") -> int:
    client = app.test_client()
    data = {"email": email, "password": password}
    return client.post("/sign-in", data=data, environ_base={"REMOTE_ADDR": address}).status_code


@pytest.fixture
def mara(session: Session) -> str:
    make_person(session, make_company(session), Role.BUYER, email="mara@kettle.example")
    return "mara@kettle.example"


def test_an_account_takes_five_guesses_a_minute_from_whatever_address(limited: Flask, mara: str) -> None:
    with time_machine.travel(START, tick=False) as clock:
        seen = [guess(limited, mara, f"10.0.0.{number}") for number in range(7)]
        assert seen == [401] * 5 + [429] * 2
        spelt = limited.test_client().post(
            "/sign-in", data={"email": " MARA@kettle.example", "password": "x"}
        )
        assert spelt.status_code == 429
        assert int(spelt.headers["Retry-After"]) >= 1
        assert guess(limited, "other@kettle.example", "10.0.0.9") == 401
        clock.shift(timedelta(seconds=61))
        assert guess(limited, mara, "10.0.0.1") == 401


def test_an_account_takes_twenty_guesses_an_hour_and_is_not_locked_for_good(
    limited: Flask, mara: str, session: Session
) -> None:
    with time_machine.travel(START, tick=False) as clock:
        refused = 0
        for _minute in range(10):
            refused += sum(guess(limited, mara, "10.0.0.1") == 401 for _try in range(6))
            clock.shift(timedelta(seconds=61))
        assert refused == 20
        assert guess(limited, mara, "10.0.0.2", PASSWORD) == 429
        clock.shift(timedelta(hours=1, seconds=1))
        assert guess(limited, mara, "10.0.0.2", PASSWORD) == 303
    assert read(session, select(func.count(SignInSession.id))) == [1]


def test_an_address_takes_twenty_guesses_a_minute_whatever_the_account(limited: Flask, mara: str) -> None:
    with time_machine.travel(START, tick=False):
        seen = [guess(limited, f"{number}@kettle.example", "10.0.0.1") for number in range(22)]
        assert seen == [401] * 20 + [429] * 2
        assert guess(limited, "x@kettle.example", "10.0.0.2") == 401


def test_right_passwords_are_not_counted(limited: Flask, mara: str) -> None:
    with time_machine.travel(START, tick=False):
        assert {guess(limited, mara, "10.0.0.1", PASSWORD) for _ in range(25)} == {303}


def test_an_address_is_mailed_five_resets_an_hour(limited: Flask, mara: str, session: Session) -> None:
    with time_machine.travel(START, tick=False) as clock:
        client = limited.test_client()
        seen = [client.post("/forgot", data={"email": mara}).status_code for _ in range(7)]
        assert seen == [303] * 5 + [429] * 2
        assert len(read(session, select(Job))) == 5
        assert client.post("/forgot", data={"email": "other@kettle.example"}).status_code == 303
        clock.shift(timedelta(hours=1, seconds=1))
        assert client.post("/forgot", data={"email": mara}).status_code == 303
    assert sign_in(limited.test_client(), mara).status_code == 303


def test_a_contact_asks_to_become_a_reseller_four_times_an_hour(limited: Flask, session: Session) -> None:
    make_vendor(session)
    form = {
        "company_name": "Quill", "street": "3 Quay", "city": "Lidham", "country": "DE",
        "contact_name": "Ilse Worm", "email": "ilse@quill.example",
    }  # fmt: skip
    client = limited.test_client()
    codes = [client.post("/become-a-reseller", data=form).status_code for _n in range(5)]
    assert codes == [303] * 4 + [429]
    assert client.post("/become-a-reseller", data={**form, "email": "o@o.example"}).status_code == 303
