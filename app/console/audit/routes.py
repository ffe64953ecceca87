"""List, one row, export as CSV, and the check of the chain."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, time, timedelta
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, stream_with_context, url_for
from werkzeug.wrappers import Response as Redirect

from app.core import audit_desk, clock, outbox_desk
from app.core.audit_desk import AuditFilters
from app.core.errors import InvalidInput
from app.core.outbox import JobState
from app.core.permissions import Permission
from app.core.tenancy import all_companies
from app.core.texts import _
from app.core.web.door import allow, do
from app.core.web.extensions import db
from app.core.web.fields import find_control_character
from app.core.web.formats import vendor_zone

blueprint = Blueprint("audit", __name__, url_prefix="/audit")

FIELDS = ("actor", "action", "subject", "from", "to")
COLUMNS = [
    *("id", "at", "actor", "actor_user_id", "real_user_id", "company_id"),
    *("action", "subject_type", "subject_id", "before", "after", "request_id"),
]
#: A spreadsheet would run a cell that begins with one of these.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def _given() -> dict[str, str]:
    values = {name: request.values.get(name, "").strip()[:200] for name in FIELDS}
    for name, value in values.items():
        if find_control_character(value):
            raise InvalidInput(
                _("This filter contains a character nobody can see. Type it again."), field=name
            )
    return {name: value for name, value in values.items() if value}


def _day(text: str | None, field: str, *, after: bool = False) -> datetime | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
        day = day + timedelta(days=1) if after else day
        return datetime.combine(day, time(), tzinfo=vendor_zone())
    except (ValueError, OverflowError) as error:
        raise InvalidInput(_("Write the day as 2026-11-24."), field=field) from error


def _filters(given: dict[str, str]) -> AuditFilters:
    subject_type, _space, number = given.get("subject", "").partition(" ")
    subject_id: int | None = None
    if number:
        if not (number.isascii() and number.isdigit() and int(number) < 2**63):
            raise InvalidInput(_("Write the subject as its kind and number: order 12."), field="subject")
        subject_id = int(number)
    return AuditFilters(
        actor=given.get("actor"),
        action=given.get("action"),
        subject_type=subject_type or None,
        subject_id=subject_id,
        start=_day(given.get("from"), "from"),
        end=_day(given.get("to"), "to", after=True),
    )


@blueprint.get("")
@allow(Permission.AUDIT_READ)
def index() -> str | tuple[str, int]:
    session = db.session()
    error, given, page = None, {}, None
    try:
        given = _given()
        page = audit_desk.list_entries(session, _filters(given), cursor=request.args.get("cursor"))
    except InvalidInput as refusal:
        error = refusal
    body = render_template(
        "console/audit/index.html",
        page=page,
        given=given,
        error=error,
        sealed=audit_desk.count_sealed(session),
        check=outbox_desk.latest_job(session, "audit.check"),
    )
    return (body, error.status) if error else body


@blueprint.get("/<int:entry_id>")
@allow(Permission.AUDIT_READ)
def show(entry_id: int) -> str:
    session = db.session()
    entry = audit_desk.get_entry(session, entry_id)
    return render_template(
        "console/audit/show.html",
        entry=entry,
        changes=_changes(entry.before, entry.after),
        seal=audit_desk.find_seal(session, entry_id),
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _changes(before: dict[str, Any] | None, after: dict[str, Any] | None) -> list[tuple[str, str, str]]:
    old, new = before or {}, after or {}
    names = [*old, *(name for name in new if name not in old)]
    return [
        (name, _text(old[name]) if name in old else "", _text(new[name]) if name in new else "")
        for name in names
    ]


@blueprint.post("/export")
@allow(Permission.AUDIT_READ)
def export() -> Response:
    given = _given()
    filters = _filters(given)
    do(audit_desk.record_export, filters=given, now=clock.now())
    name = f"audit-{clock.now():%Y-%m-%d}.csv"
    response = Response(stream_with_context(_csv(filters)), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _csv(filters: AuditFilters) -> Iterator[str]:
    # Runs after the view, in a session of its own, so it says its scope itself.
    session = db.session()
    with closing(session), all_companies(session, reason="export of the audit trail"):
        buffer = io.StringIO()
        writer = csv.writer(buffer)
        writer.writerow(COLUMNS)
        for count, row in enumerate(audit_desk.iter_entries(session, filters), start=1):
            writer.writerow([_cell(value) for value in row])
            if count % 200 == 0:
                yield buffer.getvalue()
                buffer.seek(0)
                buffer.truncate()
        yield buffer.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    text = str(value)
    return "'" + text if text.startswith(_FORMULA_STARTS) else text


@blueprint.post("/check")
@allow(Permission.AUDIT_READ)
def check() -> Redirect:
    latest = outbox_desk.latest_job(db.session(), "audit.check")
    if latest is None or latest.state not in (JobState.QUEUED.value, JobState.RUNNING.value):
        do(outbox_desk.request_audit_check, now=clock.now())
    flash(_("The whole trail is being checked. Reload this page in a moment."), "success")
    return redirect(url_for("console.audit.index"), 303)
