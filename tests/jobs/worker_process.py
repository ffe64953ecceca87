"""A worker of its own process for the kill tests: the real one, with short leases and two kinds of test job.

`python -m tests.jobs.worker_process embedded|dispatch|celery`, settings in the environment.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import sys
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from app import create_app
from app.core import audit, outbox
from app.core.outbox import JobView
from app.core.permissions import Actor
from app.jobs import registry
from app.jobs.cli import dispatch_until
from app.jobs.execution import Sessions, in_transaction, sessions_of
from app.jobs.registry import Context, handles
from app.jobs.worker import Pace, Worker

LEASE = timedelta(seconds=float(os.environ.get("KILL_LEASE_S", "1.5")))
#: A job takes about this long, so that a kill finds some under way.
WORK_S = float(os.environ.get("KILL_WORK_S", "0.02"))
#: The control: mark the job done first and do it then, as a queue does that forgets a message it has given.
CARELESS = os.environ.get("KILL_CARELESS") == "1"
#: How long the control then works.
CARELESS_S = 0.5
SESSIONS: list[Sessions] = []


@handles("test.effect")
def effect(session: Session, job: JobView, now: datetime) -> None:
    """An effect in the database; the message id stands in the request's place."""
    actor = Actor(name="test", permissions=frozenset(), request_id=job.message_id)
    audit.record(session, actor, "test.effect", subject_type="job", subject_id=job.id, now=now)
    session.flush()
    time.sleep(random.uniform(0, WORK_S))


@handles("test.send", own_transactions=True)
def send(session: Session, job: JobView, context: Context) -> None:
    """An effect outside the database: a line in a file, like a mail that left the house."""
    if CARELESS:
        in_transaction(SESSIONS[0], outbox.finish, job, now=context.now())
        time.sleep(CARELESS_S)  # the killer watches the marks, so it comes within this time
    out = os.open(os.environ["KILL_SENT"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(out, f"{job.message_id}\n".encode())
    finally:
        os.close(out)
    time.sleep(random.uniform(0, WORK_S))


def embedded() -> None:
    SESSIONS.append(sessions_of(create_app()))
    pace = Pace(beat_s=0.5, drain_s=5, lease=LEASE, longest_poll_s=0.2)
    worker = Worker(SESSIONS[0], threads=2, pace=pace)
    worker.start()
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    stopping.wait()
    worker.drain()


def dispatch() -> None:
    from app.jobs.celery_app import make_celery

    app = create_app()
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    celery = make_celery(app, queue=os.environ["KILL_QUEUE"])
    dispatch_until(stopping, app, celery, again_after=timedelta(seconds=3), window=50, house_s=0.5)


def celery() -> None:
    from app.jobs.celery_app import make_celery

    carrier = make_celery(create_app(), queue=os.environ["KILL_QUEUE"], lease=LEASE)
    carrier.conf.worker_enable_remote_control = False
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=ERROR"]
    carrier.worker_main(["worker", "--concurrency=2", *quiet])


if __name__ == "__main__":
    logging.basicConfig(filename=Path(os.environ["KILL_SENT"]).with_suffix(".log"), level=logging.INFO)
    registry.load()
    {"embedded": embedded, "dispatch": dispatch, "celery": celery}[sys.argv[1]]()
