"""Celery as carrier: it brings ids of jobs to many machines; the job table stays the truth.

Needs requirements-scale.txt. Start workers with `celery -A app.jobs.celery_app worker` and one or more
`flask jobs dispatch`. A message may be lost or come twice: due jobs are published again, and an id is only
worked on by the worker that claims its row.
"""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from typing import Any

from flask import Flask

from app.core import carriers, clock, outbox
from app.core.web.extensions import db
from app.jobs import registry
from app.jobs.execution import Sessions, execute, in_transaction, sessions_of
from app.jobs.worker import BEATS_KEPT, worker_name

try:
    from celery import Celery, signals
except ImportError as error:
    raise SystemExit(
        "JOBS=celery needs Celery, which is not installed. Run: pip install --require-hashes"
        " -r requirements-scale.txt, or set JOBS=embedded."
    ) from error

log = logging.getLogger("sellthru.jobs")

TASK = "sellthru.job"
BEAT_S = 5.0
#: Jobs of a kind that waits for somebody else's server, at a time and on all machines together.
MOST_OUTSIDE = 2
#: Celery's own warm shutdown waits for its tasks, so nothing asks a handler to stop.
_never = threading.Event()


def make_celery(app: Flask, *, queue: str | None = None, lease: timedelta | None = None) -> Celery:
    """A Celery application with the one task there is.

    `queue` (CELERY_QUEUE) keeps instances on one broker apart; `lease` replaces the handlers' own.
    """
    queue = queue or app.config["CELERY_QUEUE"]
    broker_url = app.config["CELERY_BROKER_URL"]
    celery = Celery("sellthru", broker=broker_url, set_as_current=False)
    celery.conf.update(
        task_default_queue=queue,
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_serializer="json",
        accept_content=["json"],
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        # A broker that is away is no reason to hold the dispatcher: the table keeps the jobs.
        task_publish_retry=False,
        broker_connection_timeout=4,
    )
    if broker_url.startswith(("redis", "rediss")):
        celery.conf.broker_transport_options = {"global_keyprefix": f"{queue}."}
    else:
        celery.conf.broker_transport_options = {"confirm_publish": True}
    sessions = sessions_of(app)

    @celery.task(name=TASK)
    def do_job(job_id: int) -> str:
        return claim_and_execute(sessions, job_id, lease=lease)

    _connect_signals(app, sessions)
    return celery


def claim_and_execute(sessions: Sessions, job_id: int, *, lease: timedelta | None = None) -> str:
    """Do the job the carrier brought, or nothing where it is not this worker's to do."""
    registry.load()
    job = in_transaction(
        sessions,
        outbox.claim_job,
        job_id,
        worker=worker_name("celery"),
        now=clock.now(),
        leases={} if lease else registry.leases(),
        default_lease=lease or outbox.DEFAULT_LEASE,
    )
    return execute(sessions, job, stopping=_never, lease=lease) if job else "not_due"


def publish(celery: Celery, sessions: Sessions, *, again_after: timedelta, window: int) -> int:
    """Give ids of due jobs to the carrier; returns how many it took."""
    registry.load()
    ids: list[int] = in_transaction(
        sessions,
        carriers.take_unpublished,
        now=clock.now(),
        again_after=again_after,
        window=window,
        most=dict.fromkeys(registry.kinds_waiting_outside(), MOST_OUTSIDE),
    )
    for place, job_id in enumerate(ids):
        try:
            celery.send_task(TASK, args=[job_id])
        except Exception:
            log.exception("the carrier took %s of %s jobs; the rest is published again", place, len(ids))
            in_transaction(sessions, carriers.withdraw_published, ids[place:])
            return place
    return len(ids)


def _connect_signals(app: Flask, sessions: Sessions) -> None:
    ended = threading.Event()
    name = worker_name("celery")

    def beat() -> None:
        while True:
            try:
                in_transaction(sessions, outbox.beat, name, now=clock.now())
            except Exception:
                log.exception("the worker could not give a sign of life")
            if ended.wait(BEAT_S):
                return

    def ready(**_: Any) -> None:
        threading.Thread(target=beat, name="jobs-beat", daemon=True).start()

    def shut_down(**_: Any) -> None:
        ended.set()
        in_transaction(sessions, outbox.forget_beats, before=clock.now() - BEATS_KEPT, worker=name)

    def forked(**_: Any) -> None:
        # The parent's connections are not ours to use.
        with app.app_context():
            for engine in db.engines.values():
                engine.dispose(close=False)

    signals.worker_ready.connect(ready, weak=False)
    signals.worker_shutdown.connect(shut_down, weak=False)
    signals.worker_process_init.connect(forked, weak=False)


def __getattr__(name: str) -> Any:
    """`celery -A app.jobs.celery_app` finds `celery` here; others import without making an application."""
    if name in ("celery", "app"):
        from wsgi import app

        globals()["celery"] = globals()["app"] = make_celery(app)
        return globals()["celery"]
    raise AttributeError(name)
