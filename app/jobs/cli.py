"""`flask jobs work`, `flask jobs dispatch`, `flask jobs replay`."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import click
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext
from sqlalchemy.exc import DBAPIError

from app.core import clock, logs, outbox, outbox_desk
from app.core.database import run
from app.core.permissions import Actor
from app.core.web.extensions import db
from app.jobs.execution import Sessions, in_transaction, sessions_of
from app.jobs.instance import insist_on_secret
from app.jobs.worker import BEATS_KEPT, Pace, Worker, keep_house, worker_name

jobs = AppGroup("jobs", help="Background work.")

POLL_S = 0.5


def register(app: Flask) -> None:
    """Add the commands."""
    app.cli.add_command(jobs)


def _application() -> Flask:
    found: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # behind Flask's proxy
    return found


def _stop_on_signals() -> threading.Event:
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    return stopping


def _log_to_standard_error() -> None:
    logs.install()


@jobs.command("work")
@click.option("--threads", type=click.IntRange(1, 32), default=2, show_default=True, help="Jobs at a time.")
@click.option("--drain", "drain_s", type=click.FloatRange(0, 3600), default=7.0, show_default=True)
def work(threads: int, drain_s: float) -> None:
    """Claim and do jobs until SIGTERM, then finish those begun (for --drain seconds) or give them back.

    With JOBS=celery, publish the jobs and start one Celery worker beside; `flask jobs dispatch` only
    publishes.
    """
    insist_on_secret()
    if current_app.config["JOBS"] == "celery":
        with _celery_worker(threads) as child:
            dispatch_forever(child=child)
        return
    _log_to_standard_error()
    stopping = _stop_on_signals()
    worker = Worker(sessions_of(_application()), threads=threads, pace=Pace(drain_s=drain_s))
    worker.start()
    stopping.wait()
    worker.drain()


@contextmanager
def _celery_worker(concurrency: int) -> Iterator[subprocess.Popen[bytes]]:
    """A Celery worker as a child; it finishes its jobs when it is told to stop."""
    arguments = ("-A", "app.jobs.celery_app", "worker", f"--concurrency={concurrency}", "--loglevel=WARNING")
    child = subprocess.Popen([sys.executable, "-m", "celery", *arguments], start_new_session=True)  # noqa: S603
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(timeout=7)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)  # the leases bring its jobs back
            child.wait()


@jobs.command("dispatch")
@click.option("--again-after", "again_after_s", type=click.FloatRange(1, 86_400), default=300.0)
@click.option("--window", type=click.IntRange(1, 100_000), default=500, show_default=True)
def dispatch(again_after_s: float, window: int) -> None:
    """Publish ids of due jobs to Celery's broker, until SIGTERM.

    At most --window ids are with the broker at a time; one that nobody has claimed after --again-after
    seconds (300) is published again.
    """
    insist_on_secret()
    dispatch_forever(again_after=timedelta(seconds=again_after_s), window=window)


def dispatch_forever(
    *,
    again_after: timedelta = timedelta(seconds=300),
    window: int = 500,
    child: subprocess.Popen[bytes] | None = None,
) -> None:
    """Publish ids of due jobs, bring back jobs of lost workers and keep the schedule, until SIGTERM.

    Ends with an error when `child`, the worker beside, ends.
    """
    from app.jobs.celery_app import make_celery

    _log_to_standard_error()
    stopping = _stop_on_signals()
    app = _application()
    if child is not None:
        threading.Thread(target=lambda: (child.wait(), stopping.set()), daemon=True).start()
    dispatch_until(stopping, app, make_celery(app), again_after=again_after, window=window)
    if child is not None and child.poll():
        raise SystemExit(f"The Celery worker has ended with exit status {child.returncode}.")


def dispatch_until(
    stopping: threading.Event,
    app: Flask,
    celery: object,
    *,
    again_after: timedelta,
    window: int,
    house_s: float = 5.0,
) -> None:
    """The dispatcher's loop; looks for lost workers every `house_s` seconds."""
    from app.jobs.celery_app import publish

    sessions = sessions_of(app)
    name = worker_name("dispatch")
    log = logging.getLogger("sellthru.jobs")
    log.info("dispatcher %s starts", name)
    next_house = 0.0
    while not stopping.is_set():
        published = 0
        try:
            moment = clock.now().timestamp()
            if moment >= next_house:
                keep_house(sessions, name)
                next_house = moment + house_s
            published = publish(celery, sessions, again_after=again_after, window=window)
        except DBAPIError as error:
            log.error("the dispatcher cannot reach its jobs: %s", error.orig)
        if not published:
            stopping.wait(POLL_S)
    _forget(sessions, name)
    log.info("dispatcher %s has stopped", name)


def _forget(sessions: Sessions, name: str) -> None:
    in_transaction(sessions, outbox.forget_beats, before=clock.now() - BEATS_KEPT, worker=name)


@jobs.command("replay")
@click.argument("job_ids", type=click.IntRange(1, 2**62), nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every dead job.")
@with_appcontext
def replay(job_ids: tuple[int, ...], everything: bool) -> None:
    """Queue dead jobs again: those with the ids given, or --all."""
    if bool(job_ids) == everything:
        raise click.UsageError("Name the ids of dead jobs, or say --all.")
    count = run(
        db.session(),
        outbox_desk.replay_dead_jobs,
        Actor.system("flask jobs replay"),
        job_ids=None if everything else list(job_ids),
        now=clock.now(),
    )
    click.echo(f"{count} jobs queued again.")
