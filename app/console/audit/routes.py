"""List, one row, and the check of the chain."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from app.core import audit_desk, clock, outbox_desk
from app.core.audit_desk import AuditFilters
from app.core.errors import InvalidInput
from app.core.outbox import JobState
from app.core.permissions import Permission
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


def given_values() -> dict[str, str]:
    """The filters of the address. :raises InvalidInput: characters nobody can see."""
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


def filters_of(given: dict[str, str]) -> AuditFilters:
    """The filters as values. :raises InvalidInput: one of them cannot be used."""
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
        given = given_values()
        page = audit_desk.list_entries(session, filters_of(given), cursor=request.args.get("cursor"))
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


@blueprint.post("/check")
@allow(Permission.AUDIT_READ)
def check() -> Redirect:
    latest = outbox_desk.latest_job(db.session(), "audit.check")
    if latest is None or latest.state not in (JobState.QUEUED.value, JobState.RUNNING.value):
        do(outbox_desk.request_audit_check, now=clock.now())
    flash(_("The whole trail is being checked. Reload this page in a moment."), "success")
    return redirect(url_for("console.audit.index"), 303)
