"""For load balancers and `make run`: whether the process is alive, and whether it can do its work."""

from __future__ import annotations

from flask import Blueprint, current_app, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.adapters.machine_checks import is_ahead, is_at_head, missing_workers
from app.core import clock
from app.core.tenancy import all_companies
from app.core.web.door import public
from app.core.web.extensions import db, limiter

blueprint = Blueprint("health", __name__)


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
    fits = is_at_head(session) or is_ahead(session)
    return "ok" if fits else "the database is not at this version: flask db upgrade"


def _worker(session: Session) -> str:
    missing = missing_workers(session, jobs=current_app.config["JOBS"], now=clock.now())
    return f"no sign of life: {', '.join(missing)}" if missing else "ok"
