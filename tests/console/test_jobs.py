"""Vendor admins see background work and start failed jobs again; nobody else does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import outbox
from app.core.audit import AuditEntry
from app.core.outbox import Job
from app.core.permissions import Role
from app.jobs.execution import in_transaction, sessions_of
from tests.factories.accounts import make_company, make_person, make_vendor, read, sign_in

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


def client_for(app: Flask, session: Session, role: Role) -> FlaskClient:
    make_vendor(session)
    company = None if role.value.startswith("vendor") else make_company(session)
    make_person(session, company, role, email="ida@people.example", name="Ida Sorrel")
    client = app.test_client()
    sign_in(client, "ida@people.example")
    return client


@pytest.fixture
def admin(app: Flask, session: Session) -> FlaskClient:
    return client_for(app, session, Role.VENDOR_ADMIN)


def add(app: Flask, kind: str, *, state: str = "queued", **values: Any) -> None:
    def insert(session: Session) -> None:
        job = outbox.enqueue(session, kind, values.pop("payload", {}), now=NOW)
        job.state = state
        for name, value in values.items():
            setattr(job, name, value)

    in_transaction(sessions_of(app), insert)


def test_the_list_shows_states_errors_and_filters(app: Flask, admin: FlaskClient) -> None:
    add(app, "mail.render")
    add(app, "imports.run", state="dead", last_error="Traceback\nValueError: <b>no such file</b>", attempts=8)

    page = admin.get("/console/jobs").text
    assert "mail.render" in page
    assert "ValueError: &lt;b&gt;no such file&lt;/b&gt;" in page
    assert "No worker is running." in page
    dead = admin.get("/console/jobs?state=dead").text
    assert "/console/jobs/2" in dead
    assert "/console/jobs/1" not in dead
    assert "/console/jobs/1" in admin.get("/console/jobs?kind=mail.render").text


def test_an_empty_list_says_what_will_be_here(admin: FlaskClient) -> None:
    assert "No jobs here" in admin.get("/console/jobs").text


def test_pages_lead_on_and_back(app: Flask, admin: FlaskClient) -> None:
    for _ in range(30):
        add(app, "mail.render")

    for address in ("/console/jobs", "/console/jobs?state=queued"):
        page = admin.get(address).text
        assert page.count('href="/console/jobs/') >= 24
        assert "1 to 24" in page
        following = page.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0].replace("&amp;", "&")
        assert "25 to 30" in admin.get(following).text


@pytest.mark.parametrize(
    "query", ["state=lost", "kind=%00", "cursor=x", "cursor=%00", "state=dead&cursor=WzAsMSxbMV1d"]
)
def test_addresses_nobody_gave_out_are_refused_with_a_message(admin: FlaskClient, query: str) -> None:
    answer = admin.get(f"/console/jobs?{query}")

    assert answer.status_code == 422
    assert "Our fault" not in answer.text


def test_one_job_shows_what_it_was_asked_and_its_last_error(app: Flask, admin: FlaskClient) -> None:
    add(app, "mail.render", state="dead", payload={"recipient": "<i>a</i>"}, last_error="<script>x</script>")

    page = admin.get("/console/jobs/1").text
    assert "&lt;i&gt;a&lt;/i&gt;" in page
    assert "<script>x" not in page
    assert "Start again" in page
    for missing in ("/console/jobs/2", f"/console/jobs/{2**63}", "/console/jobs/x"):
        assert admin.get(missing).status_code == 404


def test_a_failed_job_is_started_again_and_that_is_audited(
    app: Flask, session: Session, admin: FlaskClient
) -> None:
    add(app, "mail.render", state="dead", attempts=8)

    answer = admin.post("/console/jobs/1/replay")
    assert (answer.status_code, answer.location) == (303, "/console/jobs/1")
    assert [(job.state, job.attempts) for job in read(session, select(Job))] == [("queued", 0)]
    entries = read(session, select(AuditEntry).where(AuditEntry.action == "job.replayed"))
    assert [(entry.actor_name, entry.subject_id) for entry in entries] == [("Ida Sorrel", 1)]
    assert admin.post("/console/jobs/1/replay").status_code == 409
    assert admin.post("/console/jobs/9/replay").status_code == 404


def test_all_failed_jobs_are_started_again(app: Flask, session: Session, admin: FlaskClient) -> None:
    for _ in range(3):
        add(app, "mail.render", state="dead")
    add(app, "mail.render", state="done")

    assert admin.post("/console/jobs/replay").status_code == 303
    assert sorted(read(session, select(Job.state))) == ["done", "queued", "queued", "queued"]


@pytest.mark.parametrize("role", [Role.VENDOR_SALES, Role.VENDOR_SUPPORT, Role.RESELLER_ADMIN])
@pytest.mark.parametrize("address", ["/console/jobs", "/console/mail", "/console/audit"])
def test_others_do_not_see_the_house(app: Flask, session: Session, role: Role, address: str) -> None:
    client = client_for(app, session, role)

    assert client.get(address).status_code in (403, 404)
    assert client.post("/console/jobs/replay").status_code in (403, 404)
