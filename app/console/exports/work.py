"""Background work, imports, mails, and the audit trail."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from app.console.audit.routes import COLUMNS as AUDIT_COLUMNS
from app.console.audit.routes import filters_of, given_values
from app.console.jobs.routes import STATES as JOB_STATES
from app.console.lists import given_choice, given_text
from app.console.mail.routes import STATES as MAIL_STATES
from app.core import audit_desk, outbox_desk
from app.core.imports import runs
from app.core.pages import read_whole
from app.core.permissions import Permission
from app.core.web.downloads import ListExport
from app.core.web.extensions import db
from app.domain.accounts.mail_log import list_mails

Rows = Iterable[tuple[Any, ...]]


def _jobs() -> Rows:
    session, state, kind = db.session(), given_choice("state", JOB_STATES), given_text("kind")
    found = read_whole(lambda cursor: outbox_desk.list_jobs(session, state=state, kind=kind, cursor=cursor))
    return (
        (
            *(row.id, row.kind, row.state, row.attempts, row.max_attempts, row.created_at, row.run_at),
            *(row.finished_at, row.progress_done, row.progress_total, row.last_error),
        )
        for row in found
    )


def _imports() -> Rows:
    session = db.session()
    found = read_whole(lambda cursor: runs.list_runs(session, cursor=cursor))
    return (
        (
            *(row.id, row.kind, row.filename, row.state, row.is_dry_run, row.rows_total, row.created),
            *(row.updated, row.unchanged, row.rejected, row.error, row.started_by, row.created_at),
            row.finished_at,
        )
        for row in found
    )


def _mails() -> Rows:
    session, recipient = db.session(), given_text("recipient", maximum=254)
    state = given_choice("state", MAIL_STATES)
    found = read_whole(lambda cursor: list_mails(session, recipient=recipient, state=state, cursor=cursor))
    return (
        (row.id, row.created_at, row.template, row.recipient, row.subject, row.state, row.answer)
        for row in found
    )


def _audit() -> Rows:
    session, filters = db.session(), filters_of(given_values())
    return (tuple(map(_json, row)) for row in audit_desk.iter_entries(session, filters))


def _json(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False, sort_keys=True) if isinstance(value, dict) else value


EXPORTS = (
    ListExport(
        "jobs",
        "/jobs",
        Permission.JOB_READ,
        (
            *("id", "kind", "state", "attempts", "max_attempts", "created_at", "run_at", "finished_at"),
            *("done", "of", "error"),
        ),
        _jobs,
    ),
    ListExport(
        "imports",
        "/imports",
        Permission.IMPORT_RUN,
        (
            *("id", "kind", "file", "state", "is_dry_run", "rows", "created", "updated", "unchanged"),
            *("rejected", "error", "started_by", "created_at", "finished_at"),
        ),
        _imports,
    ),
    ListExport(
        "mails",
        "/mail",
        Permission.MAIL_READ,
        ("id", "created_at", "template", "recipient", "subject", "state", "answer"),
        _mails,
    ),
    ListExport("audit", "/audit", Permission.AUDIT_READ, tuple(AUDIT_COLUMNS), _audit),
)
