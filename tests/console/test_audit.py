"""The audit trail is listed, filtered, exported with a trace, and checked on demand."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import audit
from app.core.audit import AuditEntry
from app.core.outbox import Job
from app.core.permissions import Actor, Role
from app.jobs.execution import in_transaction, sessions_of
from app.jobs.worker import Worker
from tests.console.test_jobs import client_for
from tests.factories.accounts import read

DAY = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def admin(app: Flask, session: Session) -> FlaskClient:
    client = client_for(app, session, Role.VENDOR_ADMIN)
    rows = [
        ("=SUM(A1)", "order.placed", "order", 7, 0),
        ("Mara Vint", "order.cancelled", "order", 8, 1),
        ("Jon Lark", "user.disabled", "user", 7, 2),
    ]

    def record(session: Session) -> None:
        for name, action, subject, number, days in rows:
            audit.record(
                session,
                Actor(name=name, permissions=frozenset()),
                action,
                subject_type=subject,
                subject_id=number,
                now=DAY + timedelta(days=days),
                before={"state": "<b>open</b>"},
                after={"state": "closed", "total": "12.50"},
            )

    in_transaction(sessions_of(app), record)
    return client


def shown(admin: FlaskClient, query: str) -> list[str]:
    page = admin.get(f"/console/audit?{query}").text
    return [
        action for action in ("order.placed", "order.cancelled", "user.disabled") if f">{action}<" in page
    ]


@pytest.mark.parametrize(
    ("query", "actions"),
    [
        ("actor=mara", ["order.cancelled"]),
        ("action=order", ["order.placed", "order.cancelled"]),
        ("action=order.placed", ["order.placed"]),
        ("action=ord", []),
        ("subject=order+7", ["order.placed"]),
        ("subject=user", ["user.disabled"]),
        ("from=2026-03-11&to=2026-03-11", ["order.cancelled"]),
        ("from=2026-03-12&to=2026-03-31", ["user.disabled"]),
        ("actor=%25", []),
    ],
)
def test_the_list_is_filtered(admin: FlaskClient, query: str, actions: list[str]) -> None:
    assert shown(admin, query) == actions


@pytest.mark.parametrize(
    "query",
    [
        "from=yesterday", "to=2026-13-01", "to=9999-12-31", "subject=order+x", "subject=order+1e9",
        f"subject=order+{2**63}", "actor=%00", "cursor=x",
    ],
)  # fmt: skip
def test_filters_that_cannot_be_read_say_what_to_write(admin: FlaskClient, query: str) -> None:
    answer = admin.get(f"/console/audit?{query}")

    assert answer.status_code == 422
    assert "The filters cannot be used." in answer.text


def test_one_row_shows_before_and_after(session: Session, admin: FlaskClient) -> None:
    (entry,) = read(session, select(AuditEntry).where(AuditEntry.action == "order.placed"))

    page = admin.get(f"/console/audit/{entry.id}").text
    assert "&lt;b&gt;open&lt;/b&gt;" in page
    assert "12.50" in page
    assert "Not sealed yet" in page
    assert admin.get("/console/audit/99999").status_code == 404


def test_the_export_holds_the_filtered_rows_as_text_and_is_written_down(
    session: Session, admin: FlaskClient
) -> None:
    answer = admin.post("/console/audit/export.csv?action=order")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["actor"], row["action"], row["subject_id"]) for row in rows] == [
        ("'=SUM(A1)", "order.placed", "7"),
        ("Mara Vint", "order.cancelled", "8"),
    ]
    assert rows[0]["after"] == '{"state": "closed", "total": "12.50"}'
    (entry,) = read(session, select(AuditEntry).where(AuditEntry.action == "list.exported"))
    assert (entry.actor_name, entry.after) == ("Ida Sorrel", {"action": "order"})
    assert admin.post("/console/audit/export.csv?from=x").status_code == 422


def test_the_trail_is_checked_on_demand_and_the_page_says_how_it_went(
    app: Flask, session: Session, admin: FlaskClient
) -> None:
    assert "The trail has not been checked yet" in admin.get("/console/audit").text

    assert admin.post("/console/audit/check").status_code == 303
    assert admin.post("/console/audit/check").status_code == 303
    assert len(read(session, select(Job).where(Job.kind == "audit.check"))) == 1
    assert "A check of the whole trail is waiting or running." in admin.get("/console/audit").text
    while Worker(sessions_of(app)).run_one():
        pass
    assert "The trail is whole." in admin.get("/console/audit").text
