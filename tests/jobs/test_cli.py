"""`flask jobs`: starts, works, stops on SIGTERM, replays, and says what is missing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import create_engine, func, select, text
from sqlalchemy.orm import Session

from app.core import outbox
from app.core.outbox import Job, WorkerBeat
from app.core.web.extensions import db
from app.jobs.execution import in_transaction, sessions_of
from app.jobs.worker import Pace, Worker
from tests.factories.accounts import read
from tests.jobs.brokers import forget_on_redis
from tools.children import follow_parent

ROOT = Path(__file__).resolve().parents[2]


def start(tmp_path: Path, url: str, *arguments: str, **more: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "DATABASE_URL": url, "DATA_DIR": str(tmp_path / "data"), **more}
    return subprocess.Popen(
        [sys.executable, "-m", "flask", "jobs", *arguments],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: follow_parent(signal.SIGKILL),
    )


def wait_for(session: Session, statement: object, expected: object) -> None:
    end = time.monotonic() + 30
    while (found := read(session, statement)) != expected:
        assert time.monotonic() < end, found
        time.sleep(0.05)


def add(app: Flask, kind: str = "jobs.prune", **values: object) -> None:
    in_transaction(sessions_of(app), outbox.enqueue, kind, {}, now=datetime.now(UTC), **values)


def states_of(message_id: str) -> object:
    return select(Job.state).where(Job.message_id == message_id)


def test_the_worker_does_what_waits_and_leaves_on_sigterm(
    app: Flask, session: Session, database_url: str, tmp_path: Path
) -> None:
    add(app, message_id="m-1")
    process = start(tmp_path, database_url, "work")
    try:
        wait_for(session, states_of("m-1"), ["done"])
        wait_for(session, select(func.count()).select_from(WorkerBeat), [1])
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    finally:
        process.kill()
        process.communicate()

    assert read(session, select(WorkerBeat.worker)) == []
    assert read(session, select(func.count()).select_from(Job).where(Job.state == "running")) == [0]


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_with_celery_one_command_publishes_and_works(
    app: Flask, session: Session, database_url: str, tmp_path: Path
) -> None:
    pytest.importorskip("celery", reason="requirements-scale.txt is not installed")
    broker = os.environ.get("TEST_REDIS_URL")
    if not broker:
        pytest.skip("TEST_REDIS_URL is not set; `make test` sets it where Redis answers")
    add(app, message_id="m-1")
    queue = f"test-{uuid.uuid4().hex}"
    process = start(
        tmp_path, database_url, "work", JOBS="celery", CELERY_BROKER_URL=broker, CELERY_QUEUE=queue
    )
    try:
        wait_for(session, states_of("m-1"), ["done"])
        wait_for(session, select(func.count()).select_from(WorkerBeat), [2])
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()
        forget_on_redis(broker, queue)
    wait_for(session, select(func.count()).select_from(WorkerBeat), [0])


def test_without_celery_the_command_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "celery.py").write_text("raise ImportError('not here')")
    process = start(
        tmp_path,
        f"sqlite:///{tmp_path / 'x.db'}",
        "dispatch",
        JOBS="celery",
        PYTHONPATH=str(tmp_path),
    )
    _, errors = process.communicate(timeout=30)

    assert process.returncode == 1
    assert (
        errors.strip()
        .splitlines()[-1]
        .startswith("JOBS=celery needs Celery, which is not installed. Run: pip")
    )


def test_dead_jobs_are_replayed_by_number_or_all(app: Flask, session: Session) -> None:
    for number in range(3):
        add(app, message_id=f"m-{number}")

    def bury(session: Session) -> None:
        for job in session.scalars(select(Job)):
            job.state = "dead"

    in_transaction(sessions_of(app), bury)
    runner = app.test_cli_runner()

    assert runner.invoke(args=["jobs", "replay", "1"]).output == "1 jobs queued again.\n"
    assert read(session, select(Job.state).order_by(Job.id)) == ["queued", "dead", "dead"]
    assert runner.invoke(args=["jobs", "replay", "--all"]).output == "2 jobs queued again.\n"
    for wrong in ([], ["1", "--all"], ["x"], ["0"]):
        assert runner.invoke(args=["jobs", "replay", *wrong]).exit_code == 2


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_the_worker_goes_on_after_the_database_was_away(app: Flask, session: Session) -> None:
    worker = Worker(sessions_of(app), pace=Pace(beat_s=0.2, longest_poll_s=0.2))
    worker.start()
    try:
        add(app, message_id="m-1")
        wait_for(session, states_of("m-1"), ["done"])
        with app.app_context():
            url = db.engine.url
        session.close()
        admin = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
            assert connection.execute(text(cut), {"name": url.database}).rowcount > 0
        admin.dispose()
        session.get_bind().dispose()  # the test's own connections were cut as well
        time.sleep(0.3)
        add(app, message_id="m-2")
        wait_for(session, states_of("m-2"), ["done"])
    finally:
        worker.drain()
