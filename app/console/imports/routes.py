"""Sending files, settling columns, dry run, run, cancel, history, rejected rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Blueprint, Response, current_app, flash, redirect, render_template, request, url_for
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response as Redirect

from app.adapters.reject_reports import first_rejects
from app.adapters.spreadsheets import open_table
from app.adapters.storage import LocalStore
from app.console.imports import columns
from app.console.imports.forms import UploadForm
from app.core import clock
from app.core.errors import DomainError, InvalidInput, NotFound
from app.core.imports import mapping, runs
from app.core.imports.kinds import ImportKind
from app.core.imports.mapping import EXTRA, IGNORE
from app.core.imports.models import ImportRun
from app.core.imports.tables import UnreadableFile
from app.core.permissions import Permission
from app.core.texts import N_, _
from app.core.uploads import safe_filename
from app.core.web.door import allow, current_actor, do
from app.core.web.downloads import send_upload
from app.core.web.extensions import db
from app.core.web.fields import find_control_character
from app.domain.accounts.queries import get_vendor
from app.domain.catalogue.imports import ProductsKind

blueprint = Blueprint("imports", __name__, url_prefix="/imports")

KINDS: dict[str, ImportKind] = {"products": ProductsKind()}
KIND_NAMES = {"products": N_("Products and list prices")}
SHOWN_REJECTS = 20
ENDED = ("done", "failed", "cancelled")


def _store() -> LocalStore:
    return LocalStore(Path(current_app.config["DATA_DIR"]) / "uploads")


def _run(run_id: int) -> ImportRun:
    return runs.get_run(db.session(), run_id)


def _require(kind: ImportKind) -> None:
    """:raises PermissionDenied: before anything is kept or copied."""
    for permission in kind.permissions:
        current_actor().require(permission)


@blueprint.get("")
@allow(Permission.IMPORT_RUN)
def index() -> str:
    """Runs, the newest first."""
    page = runs.list_runs(db.session(), cursor=request.args.get("cursor"))
    actor = current_actor()
    may_send = all(map(actor.may, KINDS["products"].permissions))
    return render_template("console/imports/index.html", page=page, kinds=KIND_NAMES, may_send=may_send)


@blueprint.route("/new", methods=["GET", "POST"])
@allow(Permission.IMPORT_RUN)
def new() -> Any:
    """Choose files; they are kept and their columns found."""
    kind = KINDS["products"]
    _require(kind)
    form = UploadForm()
    saved = mapping.saved_names(db.session(), kind.name)
    form.mapping.choices = [("", _("Found by their names")), *((name, name) for name in saved)]
    if request.method == "GET":
        form.currency.data = get_vendor(db.session()).currency
    status = 422 if form.is_submitted() else 200
    if form.validate_on_submit():
        try:
            run_id = _upload(kind, form)
        except UnreadableFile as error:
            form.files.errors = [error.message]
        else:
            return redirect(url_for("console.imports.show", run_id=run_id), 303)
    return render_template("console/imports/new.html", form=form, kind=KIND_NAMES[kind.name]), status


def _upload(kind: ImportKind, form: UploadForm) -> int:
    store = _store()
    kept: list[dict[str, Any]] = []
    try:
        kept.extend(_keep(store, file) for file in form.files.data)
        sources = [open_table(store.path_of(one["key"]), name=one["name"]) for one in kept]
        found = columns.peek(kind, sources)
    except UnreadableFile:
        for one in kept:
            store.delete(one["key"])
        raise
    name = form.mapping.data
    saved = mapping.get_saved(db.session(), kind.name, name) if name else None
    targets = columns.propose(kind, found, saved)
    options = {"currency": form.currency.data, "files": kept, "columns": found, "targets": targets}
    opened = do(
        runs.open_run,
        kind=kind.name,
        filename=_title(kept),
        options=options,
        is_dry_run=False,
        state="uploaded",
        now=clock.now(),
    )
    return opened.id


def _keep(store: LocalStore, file: FileStorage) -> dict[str, Any]:
    name = safe_filename(file.filename or "")
    key = store.save(file.stream, extension=Path(name).suffix.lower())
    return {"name": name, "key": key, "bytes": store.path_of(key).stat().st_size}


def _title(kept: list[dict[str, Any]]) -> str:
    if len(kept) == 1:
        return str(kept[0]["name"])
    return _("%(first)s and %(others)s more", first=kept[0]["name"], others=len(kept) - 1)


@blueprint.get("/<int:run_id>")
@allow(Permission.IMPORT_RUN)
def show(run_id: int) -> str:
    """Columns to settle, progress, or the outcome."""
    return _page(_run(run_id))


def _page(import_run: ImportRun, *, error: DomainError | None = None, targets: Any = None) -> str:
    if import_run.state == "uploaded":
        kind = KINDS[import_run.kind]
        choices = [(field.code, _(field.label)) for field in kind.fields]
        choices += [(EXTRA, _("Attribute under its own name")), (IGNORE, _("Leave out"))]
        found = import_run.options["columns"]
        chosen = targets or columns.propose(kind, found, import_run.options.get("targets"))
        return render_template(
            "console/imports/columns.html",
            run=import_run,
            columns=found,
            chosen=[chosen[mapping.normalise(column["header"])] for column in found],
            choices=choices,
            required=[_(field.label) for field in kind.fields if field.is_required],
            error=error,
            mapping_name=request.form.get("mapping_name", ""),
        )
    return render_template(
        "console/imports/show.html",
        run=import_run,
        has_ended=import_run.state in ENDED,
        rejects=_rejects(import_run),
        kind=KIND_NAMES[import_run.kind],
        has_files=bool(import_run.options.get("files")),
    )


def _rejects(import_run: ImportRun) -> list[dict[str, str]]:
    if import_run.state not in ENDED or not import_run.rejects_key or not import_run.rejected:
        return []
    try:
        return first_rejects(_store().path_of(import_run.rejects_key), most=SHOWN_REJECTS)
    except NotFound:
        return []


@blueprint.post("/<int:run_id>/start")
@allow(Permission.IMPORT_RUN)
def start(run_id: int) -> Any:
    """Settle the columns and let a worker judge the rows (`action` dry) or store them."""
    import_run = _run(run_id)
    kind = KINDS[import_run.kind]
    _require(kind)
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
    kind, targets = KINDS[tried.kind], dict(tried.options.get("targets") or {})
    _require(kind)
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
    _require(KINDS[import_run.kind])
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
    if import_run.state in ENDED:
        response.headers["HX-Refresh"] = "true"
    return response


@blueprint.get("/<int:run_id>/rejected.csv")
@allow(Permission.IMPORT_RUN)
def rejected(run_id: int) -> Response:
    """The rejected rows with their reasons."""
    import_run = _run(run_id)
    if not import_run.rejects_key:
        raise NotFound(_("No row of this import was rejected, or its report is kept elsewhere."))
    path = _store().path_of(import_run.rejects_key)
    return send_upload(path, filename=f"rejected-{run_id}.csv", content_type="text/csv; charset=utf-8")
