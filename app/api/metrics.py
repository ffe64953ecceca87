"""What Prometheus asks for: counts of this process, and what the database knows of the whole instance."""

from __future__ import annotations

import hmac
import ipaddress
import platform
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, request
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.core import clock, metrics, statements
from app.core.errors import NotFound
from app.core.imports.models import ImportRun
from app.core.metrics import Family, counter, gauge
from app.core.outbox import Job, JobState, WorkerBeat
from app.core.revisions import newest_revision, product_version
from app.core.tenancy import all_companies
from app.core.web.door import public
from app.core.web.extensions import db
from app.domain.ordering.models import Order

blueprint = Blueprint("metrics", __name__)

#: What a proxy adds to a request that it hands on.
_FORWARDED = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Via")
_WAITING = (JobState.QUEUED.value, JobState.RUNNING.value, JobState.DEAD.value)
_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
#: Counting all orders takes a while on a large instance, so it is not done at every asking.
_COUNTED_FOR = timedelta(seconds=30)
_counted: dict[str, tuple[datetime, list[Any]]] = {}


@blueprint.get("/metrics")
@public("asked by machines: from this machine itself, or with METRICS_TOKEN; names no person and no company")
def show() -> Response:
    if not _may_ask():
        raise NotFound()
    families = [*_about(), *metrics.requests.families(), _slow(), *_database(db.session())]
    return Response(metrics.exposition(families), content_type=_CONTENT_TYPE)


def _may_ask() -> bool:
    token = current_app.config["METRICS_TOKEN"]
    if token:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode()):
            return True
    return _is_from_here()


def _is_from_here() -> bool:
    """Whether the request began on this machine, and was not handed on by a proxy on it.

    A proxy that we were told of adds its mark. Of one that we know nothing of, the host name tells.
    """
    if any(request.headers.get(name) for name in _FORWARDED) or not _is_loopback(request.remote_addr):
        return False
    return bool(current_app.config["PROXY_HOPS"]) or _is_loopback(urlsplit(f"//{request.host}").hostname)


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _about() -> list[Family]:
    labels = {
        "version": product_version(),
        "revision": newest_revision(),
        "python": platform.python_version(),
    }
    return [gauge("sellthru_build_info", "Which Sellthru this is.", (labels, 1))]


def _slow() -> Family:
    slow = statements.slow_in_process
    pid = str(metrics.own_pid())
    return counter(
        "sellthru_slow_queries_total", "Statements over SLOW_QUERY_MS.", ({"pid": pid}, slow.count)
    )


def _database(session: Session) -> list[Family]:
    try:
        with all_companies(session, reason="metrics"):
            found = [*_jobs(session), _workers(session), _orders(session), _imports(session)]
        up = 1
    except SQLAlchemyError:
        session.rollback()
        found, up = [], 0
    return [gauge("sellthru_database_up", "Whether the database answers.", ({}, up)), *found]


def _jobs(session: Session) -> list[Family]:
    rows = session.execute(select(Job.state, func.count()).where(Job.state.in_(_WAITING)).group_by(Job.state))
    counts = {**dict.fromkeys(_WAITING, 0), **dict(tuple(row) for row in rows)}
    now = clock.now()
    oldest = session.scalars(
        select(Job.run_at)
        .where(Job.state == JobState.QUEUED.value, Job.run_at <= now)
        .order_by(Job.run_at, Job.id)
        .limit(1)
    ).first()
    age = (now - oldest).total_seconds() if oldest else 0
    samples = [({"state": state}, counts[state]) for state in _WAITING]
    return [
        gauge("sellthru_jobs", "Jobs by state; dead ones wait for a person.", *samples),
        gauge("sellthru_job_oldest_due_seconds", "For how long the oldest due job has waited.", ({}, age)),
    ]


def _workers(session: Session) -> Family:
    now = clock.now()
    seen = session.execute(select(WorkerBeat.worker, WorkerBeat.seen_at).order_by(WorkerBeat.worker))
    samples = [({"worker": worker}, (now - at).total_seconds()) for worker, at in seen]
    return gauge("sellthru_worker_heartbeat_age_seconds", "Since a worker's last sign of life.", *samples)


def _orders(session: Session) -> Family:
    now = clock.now()
    at, rows = _counted.get(str(session.get_bind().engine.url), (None, []))
    if at is None or now - at > _COUNTED_FOR:
        rows = [
            tuple(row) for row in session.execute(select(Order.source, func.count()).group_by(Order.source))
        ]
        _counted[str(session.get_bind().engine.url)] = (now, rows)
    samples = [({"source": source}, number) for source, number in rows]
    return counter("sellthru_orders_placed_total", "Orders by where they came from.", *samples)


def _imports(session: Session) -> Family:
    rows = session.execute(
        select(ImportRun.kind, ImportRun.state, func.count()).group_by(ImportRun.kind, ImportRun.state)
    )
    samples = [({"kind": kind, "state": state}, number) for kind, state, number in rows]
    return gauge("sellthru_import_runs", "Imports that are kept, by kind and state.", *samples)
