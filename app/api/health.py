"""For load balancers and `make run`: whether the process is alive, and whether it can do its work."""

from __future__ import annotations

import functools
from datetime import timedelta
from pathlib import Path
from typing import Any

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Blueprint, current_app, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.core import clock
from app.core.outbox import latest_beat
from app.core.tenancy import all_companies
from app.core.web.door import public
from app.core.web.extensions import db, limiter

blueprint = Blueprint("health", __name__)

#: Workers give a sign of life every five seconds.
BEAT_AGE = timedelta(seconds=30)
_MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
#: Which workers a way of carrying jobs needs, by the beginning of their names.
_WORKERS = {"embedded": ("embedded:",), "celery": ("dispatch:", "celery:")}


@blueprint.get("/healthz")
@public("load balancers ask without signing in; says only that the process answers")
@limiter.exempt
def healthz() -> ResponseReturnValue:
    return jsonify(status="alive")


@blueprint.get("/readyz")
@public("load balancers and `make run` ask without signing in; names no data")
@limiter.exempt
def readyz() -> ResponseReturnValue:
    checks = _checks(db.session())
    is_ready = all(answer == "ok" for answer in checks.values())
    status = 200 if is_ready else 503
    return jsonify(status="ready" if is_ready else "not ready", checks=checks), status


def _checks(session: Session) -> dict[str, str]:
    try:
        with all_companies(session, reason="readiness"):
            session.execute(text("SELECT 1"))
            migrations = _migrations(session)
            worker = _worker(session) if migrations == "ok" else "not asked: migrate first"
            return {"database": "ok", "migrations": migrations, "worker": worker}
    except SQLAlchemyError:
        current_app.logger.exception("the database cannot be reached")
        session.rollback()
        return {"database": "cannot be reached"}


def _migrations(session: Session) -> str:
    present = set(MigrationContext.configure(session.connection()).get_current_heads())
    return "ok" if present == _heads() else "the database is not at this version: flask db upgrade"


@functools.cache
def _heads() -> frozenset[str]:
    return frozenset(ScriptDirectory(str(_MIGRATIONS)).get_heads())


def _worker(session: Session) -> str:
    now = clock.now()
    missing: list[Any] = []
    for prefix in _WORKERS.get(current_app.config["JOBS"], _WORKERS["embedded"]):
        seen = latest_beat(session, prefix)
        if seen is None or now - seen > BEAT_AGE:
            missing.append(prefix.rstrip(":"))
    return f"no sign of life: {', '.join(missing)}" if missing else "ok"
