"""kill -9 in the middle of the work loses nothing, on both databases and with both of Celery's brokers.

Small in every run; with SOAK=1 the full figures: 2,000 events and 20 kills.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from app.core.audit import AuditEntry
from app.core.database import writing
from app.core.outbox import Job, enqueue
from app.core.tenancy import TenantSession, all_companies
from tests.jobs.brokers import forget_on_rabbitmq, forget_on_redis
from tools.children import follow_parent

SOAK = os.environ.get("SOAK") == "1"
EVENTS, KILLS = (2000, 20) if SOAK else (60, 3)
PATIENCE_S = 300 if SOAK else 60
ROOT = Path(__file__).resolve().parents[2]


class Workers:
    """Worker processes of one test; those killed are replaced."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, role: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.jobs.worker_process", role],
            cwd=ROOT,
            env=self._environment,
            start_new_session=True,
            preexec_fn=lambda: follow_parent(signal.SIGKILL),
        )
        self._processes.append(process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """SIGKILL to the process with all its children: no handler runs, nothing is given back."""
        assert process.poll() is None, "the worker ended by itself"
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@pytest.fixture
def sent(tmp_path: Path) -> Path:
    return tmp_path / "sent.txt"


@pytest.fixture
def environment(database_url: str, tmp_path: Path, sent: Path) -> dict[str, str]:
    sent.touch()
    return {
        **os.environ,
        "DATABASE_URL": database_url,
        "DATA_DIR": str(tmp_path / "data"),
        "KILL_SENT": str(sent),
        "KILL_QUEUE": f"test-{uuid.uuid4().hex}",
        "KILL_WORK_S": "0.05" if not SOAK else "0.02",
    }


def enqueue_events(session: Session) -> dict[str, set[str]]:
    """Half of the events for the database, half for outside; their message ids by kind."""
    now = datetime.now(UTC)
    with writing(session), all_companies(session, reason="test data"):
        jobs = [
            enqueue(session, "test.effect" if number % 2 else "test.send", {"n": number}, now=now)
            for number in range(EVENTS)
        ]
        session.commit()
        return {
            kind: {job.message_id for job in jobs if job.kind == kind}
            for kind in ("test.effect", "test.send")
        }


def count(engine: Engine, *states: str) -> int:
    with TenantSession(bind=engine) as session:
        statement = select(func.count()).select_from(Job)
        return session.scalar(statement.where(Job.state.in_(states), Job.kind.startswith("test."))) or 0


def wait_for(reached: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < end, f"not reached: {what}"
        time.sleep(0.02)


def kill_and_replace(engine: Engine, workers: Workers, role: str) -> int:
    """Kill a worker each time another share of the events is done; returns how many jobs were under way."""
    running = [workers.start(role), workers.start(role)]
    found = 0
    for number in range(1, KILLS + 1):
        target = EVENTS * number // (KILLS + 2)
        wait_for(lambda target=target: count(engine, "done") >= target, f"{target} events")
        workers.kill(running.pop(0))
        found += count(engine, "running")
        running.append(workers.start(role))
    wait_for(lambda: count(engine, "done") == EVENTS, "all events")
    return found


def assert_nothing_lost_and_nothing_twice(session: Session, sent: Path, ids: dict[str, set[str]]) -> None:
    session.rollback()
    with all_companies(session, reason="test"):
        effects = list(
            session.scalars(select(AuditEntry.request_id).where(AuditEntry.action == "test.effect"))
        )
        states = Counter(session.scalars(select(Job.state).where(Job.kind.startswith("test."))))
    deliveries = sent.read_text().split()
    assert states == {"done": EVENTS}
    assert (len(effects), set(effects)) == (EVENTS // 2, ids["test.effect"])
    # Outside the database a kill between the sending and the mark sends again, under the same id.
    assert set(deliveries) == ids["test.send"]


def test_killed_workers_lose_nothing(
    engine: Engine, session: Session, environment: dict[str, str], sent: Path
) -> None:
    ids = enqueue_events(session)
    workers = Workers(environment)
    try:
        under_way = kill_and_replace(engine, workers, "embedded")
    finally:
        workers.stop()

    assert under_way > 0, "no kill found a job under way"
    assert_nothing_lost_and_nothing_twice(session, sent, ids)


def test_the_control_that_marks_before_it_works_loses_events(
    engine: Engine, session: Session, environment: dict[str, str], sent: Path
) -> None:
    ids = enqueue_events(session)
    workers = Workers(environment | {"KILL_CARELESS": "1"})
    try:
        kill_and_replace(engine, workers, "embedded")
    finally:
        workers.stop()

    assert set(sent.read_text().split()) < ids["test.send"]


@pytest.fixture(params=["redis", "rabbitmq"])
def broker_url(request: pytest.FixtureRequest, environment: dict[str, str]) -> Iterator[str]:
    """The broker's address; everything of the test's queue is deleted afterwards."""
    pytest.importorskip("celery", reason="requirements-scale.txt is not installed")
    name = "TEST_REDIS_URL" if request.param == "redis" else "TEST_AMQP_URL"
    url = os.environ.get(name)
    if not url:
        pytest.skip(f"{name} is not set; `make test` sets it where {request.param} answers")
    queue = environment["KILL_QUEUE"]
    yield url
    forget = forget_on_redis if request.param == "redis" else forget_on_rabbitmq
    forget(url, queue)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_killed_celery_workers_lose_nothing(
    engine: Engine, session: Session, environment: dict[str, str], sent: Path, broker_url: str
) -> None:
    environment |= {"CELERY_BROKER_URL": broker_url, "JOBS": "celery"}
    ids = enqueue_events(session)
    workers = Workers(environment)
    try:
        dispatcher = workers.start("dispatch")
        under_way = kill_and_replace(engine, workers, "celery")
        workers.kill(dispatcher)
    finally:
        workers.stop()

    assert under_way > 0, "no kill found a job under way"
    assert_nothing_lost_and_nothing_twice(session, sent, ids)
