"""/healthz says the process answers; /readyz says what is missing before it can work."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from app import create_app
from app.core import clock, outbox
from app.core.web.extensions import db
from app.jobs.execution import in_transaction, sessions_of

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


def stamp(session: Session, revision: str | None = None) -> None:
    """Say that the database is at the revision given, or at the newest."""
    bind: Any = session.get_bind()
    heads = [revision] if revision else ScriptDirectory(str(MIGRATIONS)).get_heads()
    engine = create_engine(bind.url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32))"))
        connection.execute(text("DELETE FROM alembic_version"))
        for head in heads:
            connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": head})
    engine.dispose()


def beat(app: Flask, worker: str, age_s: int) -> None:
    in_transaction(sessions_of(app), outbox.beat, worker, now=clock.now() - timedelta(seconds=age_s))


def readiness(app: Flask) -> tuple[int, Any]:
    answer = app.test_client().get("/readyz")
    return answer.status_code, answer.json


def test_alive_is_said_without_a_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    nowhere = "postgresql+psycopg://nobody@127.0.0.1:1/nothing"
    app = create_app({"SQLALCHEMY_DATABASE_URI": nowhere, "TESTING": True})

    answer = app.test_client().get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "alive"})
    answer = app.test_client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json == {"status": "not ready", "checks": {"database": "cannot be reached"}}
    assert "nobody" not in answer.text
    with app.app_context():
        db.engine.dispose()


def test_ready_needs_migrations_and_a_worker(app: Flask, session: Session) -> None:
    stamp(session)
    beat(app, "embedded:host:1", age_s=5)

    assert readiness(app) == (
        200,
        {"status": "ready", "checks": {"database": "ok", "migrations": "ok", "worker": "ok"}},
    )


@pytest.mark.parametrize("age_s", [None, 40])
def test_a_worker_that_is_silent_for_half_a_minute_is_missing(
    app: Flask, session: Session, age_s: int | None
) -> None:
    stamp(session)
    if age_s is not None:
        beat(app, "embedded:host:1", age_s=age_s)

    status, body = readiness(app)
    assert (status, body["checks"]["worker"]) == (503, "no sign of life: embedded")


def test_an_older_database_is_not_ready(app: Flask, session: Session) -> None:
    stamp(session, "0000")
    beat(app, "embedded:host:1", age_s=1)

    status, body = readiness(app)
    assert status == 503
    assert body["checks"]["migrations"] == "the database is not at this version: flask db upgrade"


def test_a_version_that_is_about_to_be_replaced_goes_on_beside_the_new_schema(
    app: Flask, session: Session
) -> None:
    stamp(session, "9999")
    beat(app, "embedded:host:1", age_s=1)

    assert readiness(app)[0] == 200


def test_celery_needs_its_dispatcher_and_a_worker(app: Flask, session: Session) -> None:
    app.config["JOBS"] = "celery"
    stamp(session)
    beat(app, "embedded:host:1", age_s=1)

    assert readiness(app)[1]["checks"]["worker"] == "no sign of life: dispatch, celery"
    beat(app, "dispatch:host:2", age_s=1)
    assert readiness(app)[1]["checks"]["worker"] == "no sign of life: celery"
    beat(app, "celery:host:3", age_s=1)
    assert readiness(app)[0] == 200
