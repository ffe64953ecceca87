"""`flask doctor`: a line for everything, exit 1 while something is wrong, and never a traceback."""

from __future__ import annotations

import os
import socket
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from app.adapters import machine_checks
from app.adapters.mailer import MailServer, Security
from app.core import audit, clock, outbox
from app.core.database import writing
from app.core.outbox import WorkerBeat
from app.core.permissions import Actor, Role
from app.core.tenancy import all_companies
from tests.factories.accounts import make_company, make_person, make_vendor
from tests.system.servers import flask

ADDRESS = {
    "street": "1 Mill Lane",
    "city": "Leeds",
    "country": "GB",
    "tax_id": "GB1",
    "alert_email": "orders@fennel.example",
}


@pytest.fixture(autouse=True)
def at_head(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's schema comes from the models, not from migrations."""
    monkeypatch.setattr(machine_checks, "is_at_head", lambda session: True)
    monkeypatch.setattr(machine_checks, "mail_server_fault", lambda server: None)


def ask(app: Flask) -> tuple[int, list[str]]:
    result = app.test_cli_runner().invoke(args=["doctor"])
    lines = result.output.splitlines()
    assert {line.split(" ")[0] for line in lines} <= {"ok", "note", "problem"}, result.output
    return result.exit_code, lines


def wrong(lines: list[str]) -> list[str]:
    return [line.removeprefix("problem  ") for line in lines if line.startswith("problem")]


def store(session: Session, write: Any) -> None:
    with writing(session), all_companies(session, reason="test"):
        write()
        session.commit()


def healthy(app: Flask, session: Session) -> None:
    """An instance with nothing wrong in it."""
    app.config.update(
        BASE_URL="https://portal.fennel.example",
        MAIL_URL="smtp://127.0.0.1:2525?tls=none",
        MAIL_SENDER="orders@fennel.example",
    )
    make_vendor(session, name="Fennel", **ADDRESS)
    make_person(session, None, email="ada@fennel.example", role=Role.VENDOR_ADMIN)
    store(session, lambda: outbox.beat(session, "embedded:test", now=clock.now()))


def test_with_nothing_wrong_it_exits_0_and_names_what_is_still_to_do(app: Flask, session: Session) -> None:
    healthy(app, session)
    status, lines = ask(app)
    assert (status, wrong(lines)) == (0, []), lines
    notes = [line for line in lines if line.startswith("note")]
    for word in ("logo", "administrator", "product", "price", "reseller", "stock"):
        assert any(word in line for line in notes), word


def test_what_is_done_is_not_asked_for_again(app: Flask, session: Session) -> None:
    healthy(app, session)
    company = make_company(session)
    make_person(session, company)
    _status, lines = ask(app)
    assert "ok       There are resellers." in lines
    assert "ok       People of a reseller are invited." in lines


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"MAIL_URL": None}, "No mail server is set"),
        ({"MAIL_URL": "http://x"}, "The mail server cannot be used: MAIL_URL begins with smtp://"),
        ({"BASE_URL": "http://127.0.0.1:8000"}, "which leads nowhere from outside"),
        ({"BASE_URL": "http://portal.fennel.example"}, "where passwords travel in the open"),
        ({"SECRET_KEY": None}, "There is no secret yet."),
        ({"JOBS": "celery"}, "No sign of life of the worker: dispatch, celery."),
        ({"DATA_DIR": "/nowhere/at/all"}, "Nothing can be written to /nowhere/at/all"),
    ],
)
def test_each_thing_that_is_wrong_is_said(
    app: Flask, session: Session, settings: dict[str, Any], said: str
) -> None:
    healthy(app, session)
    app.config.update(settings)
    status, lines = ask(app)
    assert status == 1
    assert any(said in line for line in wrong(lines)), lines


def test_a_worker_that_is_silent_and_a_clock_that_went_back_are_said(app: Flask, session: Session) -> None:
    healthy(app, session)
    late, early = clock.now() - timedelta(minutes=1), clock.now() + timedelta(hours=1)
    store(session, lambda: outbox.beat(session, "embedded:test", now=late))
    actor = Actor.system("test")
    store(session, lambda: audit.record(session, actor, "x.y", subject_type="x", subject_id=None, now=early))
    status, lines = ask(app)
    assert status == 1
    assert [line.split(":")[0] for line in wrong(lines)] == [
        "No sign of life of the worker",
        "The clock went back",
    ]


def test_a_secret_that_others_can_read_is_said_with_its_cure(app: Flask, session: Session) -> None:
    healthy(app, session)
    path = Path(app.config["DATA_DIR"]) / "secret_key"
    path.write_text("x" * 64)
    path.chmod(0o644)
    _status, lines = ask(app)
    assert wrong(lines) == [f"Others on this machine can read the secret. Run: chmod 600 {path}"]


def test_a_database_that_lost_a_table_is_a_line_and_no_traceback(app: Flask, session: Session) -> None:
    healthy(app, session)
    session.rollback()
    writable = create_engine(app.config["SQLALCHEMY_DATABASE_URI"])
    with writable.begin() as connection:
        connection.execute(text("DROP TABLE worker_beat"))
    try:
        status, lines = ask(app)
    finally:
        WorkerBeat.metadata.create_all(writable)
        writable.dispose()
    assert status == 1
    assert any("The check of worker failed" in line for line in wrong(lines))
    assert "ok       No background job has failed." in lines


def test_before_any_set_up_and_without_a_database_it_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    for url, said in (
        (f"sqlite:///{tmp_path / 'none.db'}", "This instance is not set up yet. Run: flask setup"),
        ("postgresql://nobody@127.0.0.1:1/none", "The database cannot be reached"),
    ):
        done = flask(url, tmp_path, "doctor", SECRET_KEY="", SELLTHRU_ENV="production")
        assert done.returncode == 1
        assert said in done.stdout
        assert "There is no secret yet." in done.stdout
        assert done.stderr == ""
    assert os.listdir(tmp_path) == []


def test_a_mail_server_that_says_nothing_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        server = MailServer("127.0.0.1", silent.getsockname()[1], Security.NONE)
        assert machine_checks.mail_server_fault(server, within_s=0.3)
    with socket.socket() as greeting:
        greeting.bind(("127.0.0.1", 0))
        greeting.listen()

        def greet() -> None:
            talk, _address = greeting.accept()
            with talk:
                talk.sendall(b"220 mail.fennel.example\r\n")
                while talk.recv(100):
                    talk.sendall(b"250 ok\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        server = MailServer("127.0.0.1", greeting.getsockname()[1], Security.NONE)
        assert machine_checks.mail_server_fault(server, within_s=5) is None
        thread.join()
