"""Settling columns, dry run, run, cancel, undo, history, rejected rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Blueprint, Response, current_app, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from app.adapters.import_columns import propose
from app.adapters.reject_reports import first_rejects
from app.adapters.storage import LocalStore
from app.console.imports import columns
from app.console.imports.previews import first_changes, list_counts
from app.core import clock
from app.core.errors import DomainError, InvalidInput, NotFound
from app.core.imports import mapping, runs
from app.core.imports.kinds import ImportKind
from app.core.imports.mapping import EXTRA, IGNORE
from app.core.imports.models import ImportRun
from app.core.imports.tables import UnreadableFile
from app.core.imports.undo import UNDOABLE, ask_to_undo, may_be_undone
from app.core.permissions import Permission
from app.core.texts import _
from app.core.web.door import allow, current_actor, do
from app.core.web.downloads import send_upload
from app.core.web.extensions import db
from app.core.web.fields import find_control_character
from app.domain.ordering.import_kinds import KINDS

blueprint = Blueprint("imports", __name__, url_prefix="/imports")

SHOWN_REJECTS = 20
ENDED = (*UNDOABLE, "undone")


def store() -> LocalStore:
    """Where uploads are kept."""
    return LocalStore(Path(current_app.config["DATA_DIR"]) / "uploads")


def kind_of(import_run: ImportRun) -> ImportKind:
    """:raises NotFound: a kind of another version."""
    kind = KINDS.get(import_run.kind)
    if kind is None:
        raise NotFound()
    return kind


def require(kind: ImportKind) -> None:
    """:raises PermissionDenied: before anything is kept or copied."""
    for permission in kind.permissions:
        current_actor().require(permission)


def _run(run_id: int) -> ImportRun:
    return runs.get_run(db.session(), run_id)


@blueprint.get("")
@allow(Permission.IMPORT_RUN)
def index() -> str:
    """Runs, the newest first."""
    page = runs.list_runs(db.session(), cursor=request.args.get("cursor"))
    titles = {name: kind.title for name, kind in KINDS.items()}
    return render_template("console/imports/index.html", page=page, titles=titles)


@blueprint.get("/<int:run_id>")
@allow(Permission.IMPORT_RUN)
def show(run_id: int) -> str:
    """Columns to settle, progress, or the outcome."""
    return _page(_run(run_id))


def _page(import_run: ImportRun, *, error: DomainError | None = None, targets: Any = None) -> str:
    kind = kind_of(import_run)
    if import_run.state == "uploaded":
        return _columns_page(import_run, kind, error, targets)
    session = db.session()
    may_look = all(map(current_actor().may, kind.permissions))
    return render_template(
        "console/imports/show.html",
        run=import_run,
        has_ended=import_run.state in ENDED,
        rejects=_rejects(import_run) if may_look else [],
        kind=kind,
        has_files=bool(import_run.options.get("files")),
        may_undo=may_look and may_be_undone(session, import_run),
        changes=first_changes(session, import_run, kind) if may_look else [],
        counts=list_counts(session, import_run),
    )


def _columns_page(import_run: ImportRun, kind: ImportKind, error: DomainError | None, targets: Any) -> str:
    choices = [(field.code, _(field.label)) for field in kind.fields]
    if kind.accepts_extras:
        choices.append((EXTRA, _("Attribute under its own name")))
    choices.append((IGNORE, _("Leave out")))
    found = import_run.options["columns"]
    chosen = targets or propose(kind, found, import_run.options.get("targets"))
    return render_template(
        "console/imports/columns.html",
        run=import_run,
        kind=kind,
        columns=found,
        chosen=[chosen[mapping.normalise(column["header"])] for column in found],
        choices=choices,
        required=[_(field.label) for field in kind.fields if field.is_required],
        error=error,
        mapping_name=request.form.get("mapping_name", ""),
    )


def _rejects(import_run: ImportRun) -> list[dict[str, str]]:
    if import_run.state not in ENDED or not import_run.rejects_key or not import_run.rejected:
        return []
    try:
        rows = first_rejects(store().path_of(import_run.rejects_key), most=SHOWN_REJECTS)
    except NotFound:
        return []
    for row in rows:
        own = (value for name, value in row.items() if name not in mapping.REPORT_COLUMNS and value)
        row["subject"] = row.get("name") or row.get("sku") or next(own, "")
    return rows


@blueprint.post("/<int:run_id>/start")
@allow(Permission.IMPORT_RUN)
def start(run_id: int) -> Any:
    """Settle the columns and let a worker judge the rows (`action` dry) or store them."""
    import_run = _run(run_id)
    kind = kind_of(import_run)
    require(kind)
    targets: dict[str, str] | None = None
    try:
        found = import_run.options.get("columns") or []
        targets = columns.read_targets(kind, found, request.form)
        names = [file["name"] for file in import_run.options["files"]]
        columns.check_files(kind, found, targets, names)
        do(
            runs.queue_run,
            run_id=run_id,
            kind=kind,
            targets=targets,
            is_dry_run=request.form.get("action") == "dry",
            mapping_name=_mapping_name(),
            now=clock.now(),
        )
    except (UnreadableFile, InvalidInput) as error:
        return _page(_run(run_id), error=error, targets=targets), error.status
    return redirect(url_for("console.imports.show", run_id=run_id), 303)


def _mapping_name() -> str | None:
    name = request.form.get("mapping_name", "").strip()
    if len(name) > 120 or find_control_character(name):
        raise InvalidInput(_("Give the mapping a name of 1 to 120 characters."), field="mapping_name")
    return name or None


@blueprint.post("/<int:run_id>/import")
@allow(Permission.IMPORT_RUN)
def start_tried(run_id: int) -> Redirect:
    """Store the rows of a dry run, with its columns."""
    tried = _run(run_id)
    kind, targets = kind_of(tried), dict(tried.options.get("targets") or {})
    require(kind)
    if not tried.options.get("files"):
        raise NotFound()
    copied = do(runs.copy_run, run_id=run_id, now=clock.now()).id
    do(runs.queue_run, run_id=copied, kind=kind, targets=targets, is_dry_run=False, now=clock.now())
    return redirect(url_for("console.imports.show", run_id=copied), 303)


@blueprint.post("/<int:run_id>/columns")
@allow(Permission.IMPORT_RUN)
def change_columns(run_id: int) -> Redirect:
    """The same files once more, with columns to be settled anew."""
    import_run = _run(run_id)
    require(kind_of(import_run))
    if not import_run.options.get("files"):
        raise NotFound()
    copied = do(runs.copy_run, run_id=run_id, now=clock.now()).id
    return redirect(url_for("console.imports.show", run_id=copied), 303)


@blueprint.post("/<int:run_id>/cancel")
@allow(Permission.IMPORT_RUN)
def cancel(run_id: int) -> Redirect:
    """Stop after the present batch."""
    do(runs.cancel_run, run_id=run_id, now=clock.now())
    flash(_("The import is cancelled. Rows stored before stay."), "success")
    return redirect(url_for("console.imports.show", run_id=run_id), 303)


@blueprint.get("/<int:run_id>/progress")
@allow(Permission.IMPORT_RUN)
def progress(run_id: int) -> Any:
    """The progress alone, asked for every second; once the run has ended the whole page is asked for."""
    import_run = _run(run_id)
    response = Response(render_template("console/imports/progress.html", run=import_run))
    if import_run.state in (*ENDED, "uploaded"):
        response.headers["HX-Refresh"] = "true"
    return response


@blueprint.post("/<int:run_id>/undo")
@allow(Permission.IMPORT_RUN)
def undo(run_id: int) -> Redirect:
    """Let a worker take back all that the import stored, or nothing."""
    kind = kind_of(_run(run_id))
    do(ask_to_undo, run_id=run_id, kind=kind, now=clock.now())
    return redirect(url_for("console.imports.show", run_id=run_id), 303)


@blueprint.get("/<int:run_id>/rejected.csv")
@allow(Permission.IMPORT_RUN)
def rejected(run_id: int) -> Response:
    """The rejected rows with their reasons."""
    import_run = _run(run_id)
    if not import_run.rejects_key:
        raise NotFound(_("No row of this import was rejected, or its report is kept elsewhere."))
    path = store().path_of(import_run.rejects_key)
    return send_upload(path, filename=f"rejected-{run_id}.csv", content_type="text/csv; charset=utf-8")
