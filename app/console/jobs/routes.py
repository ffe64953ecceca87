"""Lists of jobs, one job, and the replay of failed ones."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.core import clock, outbox_desk
from app.core.errors import Conflict, InvalidInput
from app.core.outbox import JobState
from app.core.pages import COUNT_LIMIT
from app.core.permissions import Permission
from app.core.texts import N_, _
from app.core.web.door import allow, do
from app.core.web.extensions import db
from app.core.web.fields import find_control_character

blueprint = Blueprint("jobs", __name__, url_prefix="/jobs")

STATES = {
    JobState.QUEUED.value: N_("Waits"),
    JobState.RUNNING.value: N_("Running"),
    JobState.DEAD.value: N_("Failed"),
    JobState.DONE.value: N_("Done"),
}
COUNTED = (JobState.QUEUED.value, JobState.RUNNING.value, JobState.DEAD.value)


def _chosen_state() -> str | None:
    state = request.args.get("state") or None
    if state is not None and state not in STATES:
        raise InvalidInput(_("There is no such state of a job. Choose one from the list."))
    return state


def _chosen_kind() -> str | None:
    kind = request.args.get("kind") or None
    if kind is not None and find_control_character(kind):
        raise InvalidInput(_("There is no such kind of job. Choose one from the list."))
    return kind


def _limited(count: int) -> str:
    return _("1,000+") if count > COUNT_LIMIT else str(count)


def _chips(state: str | None, kind: str | None, counts: dict[str, int]) -> list[dict[str, Any]]:
    chips: list[dict[str, Any]] = [
        {"label": _("All"), "href": url_for("console.jobs.index", kind=kind), "current": state is None}
    ]
    for one, label in STATES.items():
        href = url_for("console.jobs.index", state=one, kind=kind)
        chip: dict[str, Any] = {"label": _(label), "href": href, "current": state == one}
        if one in counts:
            chip["count"] = _limited(counts[one])
        if one == JobState.DEAD.value and counts[one]:
            chip.update(icon="alert-triangle", family="bad")
        chips.append(chip)
    return chips


def _row(job: Any) -> dict[str, Any]:
    is_retry = job.state == JobState.QUEUED.value and job.attempts > 0
    lines = (job.last_error or "").strip().splitlines()
    return {
        **job._mapping,
        "badge": "retrying" if is_retry else job.state,
        "error": lines[-1][:160] if lines and job.state != JobState.DONE.value else None,
    }


@blueprint.get("")
@allow(Permission.JOB_READ)
def index() -> str:
    session = db.session()
    state, kind = _chosen_state(), _chosen_kind()
    page = outbox_desk.list_jobs(session, state=state, kind=kind, cursor=request.args.get("cursor"))
    counts = outbox_desk.count_jobs(session, COUNTED)
    return render_template(
        "console/jobs/index.html",
        page=page,
        rows=[_row(job) for job in page.items],
        state=state,
        kind=kind,
        chips=_chips(state, kind, counts),
        has_dead=counts[JobState.DEAD.value] > 0,
        kinds=outbox_desk.list_kinds(session),
        beats=outbox_desk.list_beats(session),
    )


@blueprint.get("/<int:job_id>")
@allow(Permission.JOB_READ)
def show(job_id: int) -> str:
    job = outbox_desk.get_job(db.session(), job_id)
    payload = json.dumps(job.payload, indent=2, sort_keys=True, ensure_ascii=False)
    return render_template("console/jobs/show.html", job=job, payload=payload)


@blueprint.post("/<int:job_id>/replay")
@allow(Permission.JOB_REPLAY)
def replay(job_id: int) -> Response:
    outbox_desk.get_job(db.session(), job_id)
    if not do(outbox_desk.replay_dead_jobs, job_ids=[job_id], now=clock.now()):
        raise Conflict(_("Only failed jobs can be started again, and this one has not failed."))
    flash(_("The job is queued again."), "success")
    return redirect(url_for("console.jobs.show", job_id=job_id), 303)


@blueprint.post("/replay")
@allow(Permission.JOB_REPLAY)
def replay_all() -> Response:
    count = do(outbox_desk.replay_dead_jobs, job_ids=None, now=clock.now())
    flash(_("%(count)s failed jobs are queued again.", count=count), "success")
    return redirect(url_for("console.jobs.index", state=JobState.QUEUED.value), 303)
