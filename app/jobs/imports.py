"""The worker's side of imports: take a queued run or one that a dead worker left, read columns, undo."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from flask import current_app
from sqlalchemy.orm import Session

from app.adapters.import_columns import find_columns
from app.adapters.storage import LocalStore
from app.core.database import run
from app.core.errors import DomainError
from app.core.imports import runs
from app.core.imports import undo as undoing
from app.core.imports.engine import Hooks
from app.core.imports.models import ImportRun
from app.core.imports.runs import AnotherRunActive, RunNotOpen
from app.core.imports.tables import UnreadableFile
from app.core.imports.verdicts import Counts
from app.core.outbox import JobView, LeaseLost
from app.core.permissions import Actor
from app.core.tenancy import all_companies
from app.core.texts import _
from app.domain.ordering.import_kinds import KINDS
from app.jobs.import_work import NamedFile, PlannedFile, plan_files, take_all
from app.jobs.registry import Context, Interrupted, handles

log = logging.getLogger("sellthru.jobs")

#: Another import of the kind is looked for again after so long.
WAIT = timedelta(seconds=5)


@handles(runs.JOB_KIND, lease_s=60, own_transactions=True)
def run_import(session: Session, job: JobView, context: Context) -> None:
    """Do a queued run to its end; one that was cancelled or has ended is left alone."""
    run_id = int(job.payload["run_id"])
    actor = Actor.system("import")
    try:
        begun = run(session, runs.begin_run, actor, run_id=run_id, now=context.now())
    except AnotherRunActive:
        now = context.now()
        run(session, runs.requeue_run, actor, run_id=run_id, run_at=now + WAIT, now=now)
        return
    except RunNotOpen:
        return
    try:
        _do(session, actor, begun, context)
    except (Interrupted, LeaseLost):
        run(session, runs.put_back, actor, run_id=run_id)
        raise
    except UnreadableFile as error:
        _end(session, actor, run_id, context, "failed", error.message)
    except RunNotOpen:
        # Cancelled: what was stored stays, and so do the reasons of what was not.
        _end(session, actor, run_id, context, "cancelled", None)
    except Exception:
        if job.attempts >= runs.JOB_ATTEMPTS:
            message = _("This is our fault and was logged. The rows counted so far are stored.")
            _end(session, actor, run_id, context, "failed", message)
        else:
            run(session, runs.put_back, actor, run_id=run_id)
        raise
    else:
        _end(session, actor, run_id, context, "done", None)


@handles(runs.READ_JOB_KIND, lease_s=60, own_transactions=True)
def read_columns(session: Session, job: JobView, context: Context) -> None:
    """Find the columns of uploaded files, which may take long to open; a run that was discarded is left."""
    run_id = int(job.payload["run_id"])
    actor = Actor.system("import")
    found = runs.get_run(session, run_id)
    if found.state != runs.READING:
        return
    try:
        columns = find_columns(
            session,
            KINDS[found.kind],
            found.options["files"],
            mapping_name=found.options.get("mapping"),
            store=_uploads(),
        )
    except UnreadableFile as error:
        _end(session, actor, run_id, context, "failed", error.message)
    else:
        run(session, runs.settle_upload, actor, run_id=run_id, found=columns)


@handles(undoing.JOB_KIND, lease_s=120, own_transactions=True)
def undo_import(session: Session, job: JobView, context: Context) -> None:
    """Undo a run in one transaction; where that is refused it stays as it was, with the reason."""
    run_id = int(job.payload["run_id"])
    actor = Actor.system("import")
    found = runs.get_run(session, run_id)
    if found.state != "undoing":
        return
    try:
        run(session, undoing.undo_run, actor, run_id=run_id, kind=KINDS[found.kind], now=context.now())
    except DomainError as error:
        reason = _("Not undone: %(reason)s", reason=error.message)
        run(session, undoing.give_up_undo, actor, run_id=run_id, reason=reason, now=context.now())
    except Exception:
        if job.attempts >= runs.JOB_ATTEMPTS:
            reason = _("Not undone. This is our fault and was logged.")
            run(session, undoing.give_up_undo, actor, run_id=run_id, reason=reason, now=context.now())
        raise


def _uploads() -> LocalStore:
    return LocalStore(Path(current_app.config["DATA_DIR"]) / "uploads")


def _end(
    session: Session, actor: Actor, run_id: int, context: Context, state: str, error: str | None
) -> None:
    run(session, runs.end_run, actor, run_id=run_id, state=state, error=error, now=context.now())


def _do(session: Session, actor: Actor, begun: ImportRun, context: Context) -> None:
    store = _uploads()
    planned = _planned(begun, store)
    if begun.rejects_key:
        key, report = begun.rejects_key, store.path_of(begun.rejects_key)
    else:
        key, report = store.new_path(extension=".csv")
        report.touch()
    total = sum(plan.survey.row_count for _source, plan in planned)
    described = run(
        session,
        runs.describe_run,
        actor,
        run_id=begun.id,
        rows_total=total,
        rejects_key=key,
        passed_over=sum(plan.passed_over for _source, plan in planned),
    )
    hooks = Hooks(clock=context.now, progress=_progress(context), check=_check(context))
    with all_companies(session, reason="import"):
        take_all(session, actor, described, planned, hooks=hooks, report=report)


def _planned(begun: ImportRun, store: LocalStore) -> list[PlannedFile]:
    files = [NamedFile(store.path_of(file["key"]), file["name"]) for file in begun.options["files"]]
    options = {name: value for name, value in begun.options.items() if name not in ("files", "columns")}
    targets = begun.options.get("targets") or {}
    kept = [header for header, target in targets.items() if target == "extra"]
    options |= {"kept": kept}
    return plan_files(KINDS[begun.kind], files, saved=targets, options=options, store=store)


def _check(context: Context) -> Callable[[], None]:
    def check() -> None:
        if context.cancelled():
            raise Interrupted

    return check


def _progress(context: Context) -> Callable[[Counts, int], None]:
    """The job's own progress, once a second; the run counts with every batch anyway."""
    last = [0.0]

    def report(counts: Counts, total: int) -> None:
        if time.monotonic() - last[0] >= 1:
            last[0] = time.monotonic()
            context.progress(counts.rows, total)

    return report
