"""A request is one line of JSON with ids and numbers; nothing a visitor sends stands in it or makes one."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core import logs
from app.core.database import configure_engine
from app.core.statements import watch
from app.core.tenancy import all_companies
from app.core.web.extensions import db
from tests.factories.accounts import PASSWORD, make_company, make_person, sign_in


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the process writes."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonLines())
    loggers = [logging.getLogger(name) for name in ("sellthru", "sellthru.requests", "sellthru.sql")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    loggers[0].addHandler(handler)
    yield stream
    loggers[0].removeHandler(handler)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


def lines(stream: io.StringIO, event: str | None = None) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in stream.getvalue().splitlines()]
    return [line for line in found if event in (None, line["event"])]


def test_a_request_is_one_line_with_ids_and_numbers(
    app: Flask, session: Session, written: io.StringIO
) -> None:
    company = make_company(session)
    person = make_person(session, company)
    client = app.test_client()
    sign_in(client, person.email)

    client.get("/home?q=secret-word", headers={"X-Request-Id": "abcd-1234-efgh"})

    line = lines(written, "request")[-1]
    assert (line["request_id"], line["method"], line["endpoint"]) == (
        "abcd-1234-efgh",
        "GET",
        "portal.home.index",
    )
    assert (line["status"], line["user_id"], line["company_id"]) == (200, person.id, company.id)
    assert line["statements"] > 0
    assert line["duration_ms"] >= line["sql_ms"] > 0
    for word in (person.email, person.name, company.name, PASSWORD, "secret-word"):
        assert word not in written.getvalue()


def test_nobody_writes_a_line_of_their_own(app: Flask, written: io.StringIO) -> None:
    forged = {"X-Request-Id": 'x"}\n{"event":"forged"}', "User-Agent": "\x1b[31m"}
    try:
        app.test_client().open("/sign-in", method="FORGED", headers=forged)
    except ValueError:
        app.test_client().open("/sign-in", method="FORGED")
    logging.getLogger("sellthru").warning("a name of %s", "two\nlines\u2028 and \x1b[31m")
    found = lines(written)
    assert [line["event"] for line in found] == ["request", "a name of two\nlines\u2028 and \x1b[31m"]
    assert found[0]["method"] == "other"
    assert "\x1b" not in written.getvalue()
    assert "\u2028" not in written.getvalue()


def test_what_is_written_of_an_error_names_no_person_and_no_value(app: Flask, written: io.StringIO) -> None:
    with app.app_context(), all_companies(db.session(), reason="test"):
        try:
            db.session.execute(text("SELECT :address FROM nowhere"), {"address": "mara@kettle.example"})
        except Exception:
            logging.getLogger("sellthru").exception("not sent to mara@kettle.example")
    line = lines(written)[0]
    assert line["event"] == "not sent to (address)"
    assert "nowhere" in line["traceback"]
    assert "kettle" not in written.getvalue()


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("postgresql://u:pa55@db.example/x away", "postgresql://***@db.example/x away"),
        ("GET /reset/abc.def-123 failed", "GET /reset/… failed"),
        ("duplicate key\nDETAIL: Key (email)=(Mara) exists.", "duplicate key\nDETAIL: left out"),
        ("INSERT … [parameters: {'name': 'Mara'}]", "INSERT … [parameters left out]"),
        ("write to a.b+c@mail.kettle.example now", "write to (address) now"),
    ],
)
def test_addresses_links_and_values_are_left_out(said: str, kept: str) -> None:
    assert logs.redact(said) == kept


def test_a_slow_statement_is_named_without_its_values(
    engine: Any, session: Session, written: io.StringIO
) -> None:
    configure_engine(engine)
    watch(engine, slow_ms=1)
    with engine.connect() as connection:
        connection.execute(
            text(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
                " SELECT count(*), :word FROM n"
            ),
            {"word": "a-value"},
        )
        connection.rollback()
    slow = lines(written, "slow_query")
    assert len(slow) == 1
    assert slow[0]["statement"].startswith("WITH RECURSIVE n(i)")
    assert slow[0]["duration_ms"] >= 1
    assert "a-value" not in written.getvalue()


def test_for_people_it_is_a_line_as_well() -> None:
    record = logging.LogRecord("sellthru", logging.INFO, "", 0, "two\nlines", None, None)
    record.fields = {"status": 200}
    line = logs.TextLines().format(record)
    assert "\n" not in line
    assert line.endswith("status=200")
