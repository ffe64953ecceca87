"""Choosing a kind, its template, and sending its files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flask import Response, redirect, render_template, request, url_for
from werkzeug.datastructures import FileStorage

from app.adapters.import_columns import find_columns
from app.adapters.import_files import template_csv, template_xlsx
from app.adapters.spreadsheets import SHEET_EXTENSIONS
from app.adapters.storage import LocalStore
from app.console.imports.forms import MAPPING, upload_form
from app.console.imports.routes import blueprint, require, store
from app.core import clock
from app.core.errors import NotFound
from app.core.imports import mapping, runs
from app.core.imports.kinds import ImportKind
from app.core.imports.tables import UnreadableFile
from app.core.imports.templates import explanation
from app.core.permissions import Permission
from app.core.texts import _
from app.core.uploads import MAX_FILES, MEGABYTE, content_disposition, safe_filename, upload_limits
from app.core.web.door import allow, current_actor, do
from app.core.web.extensions import db
from app.domain.accounts.queries import get_vendor
from app.domain.ordering.import_kinds import KINDS

#: Text files up to here are looked at while the person waits; others, and workbooks, by a worker.
PEEKED_AT_ONCE = 5 * MEGABYTE
_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def _kind(name: str) -> ImportKind:
    kind = KINDS.get(name)
    if kind is None:
        raise NotFound(_("There is no kind of import by that name."))
    require(kind)
    return kind


@blueprint.get("/new")
@allow(Permission.IMPORT_RUN)
def choose() -> str:
    """What can be imported, each with its template."""
    actor = current_actor()
    kinds = [kind for kind in KINDS.values() if all(map(actor.may, kind.permissions))]
    return render_template("console/imports/choose.html", kinds=kinds)


@blueprint.get("/template/<name>.<extension>")
@allow(Permission.IMPORT_RUN)
def template(name: str, extension: str) -> Response:
    """A kind's template, with a line that shows an example and one that explains it."""
    kind = _kind(name)
    if extension not in _TYPES or kind.reads_archives:
        raise NotFound()
    body: str | bytes = template_csv(kind) if extension == "csv" else template_xlsx(kind)
    response = Response(body, content_type=_TYPES[extension])
    response.headers["Content-Disposition"] = content_disposition(f"{kind.name}-template.{extension}")
    return response


def body_limit() -> int:
    """How much the page takes at once, by what the kind reads."""
    kind = KINDS.get(str((request.view_args or {}).get("name", "")))
    limits = upload_limits()
    return limits.archive_bytes if kind is not None and kind.reads_archives else limits.table_bytes


@blueprint.route("/new/<name>", methods=["GET", "POST"])
@allow(Permission.IMPORT_RUN)
def new(name: str) -> Any:
    """Choose files; they are kept and their columns found."""
    kind = _kind(name)
    form: Any = upload_form(kind)
    if MAPPING in form:
        saved = mapping.saved_names(db.session(), kind.name)
        form.mapping.choices = [("", _("Found by their names")), *((one, one) for one in saved)]
    if request.method == "GET" and "currency" in form:
        form.currency.data = get_vendor(db.session()).currency
    status = 422 if form.is_submitted() else 200
    if form.validate_on_submit():
        try:
            run_id = _upload(kind, form)
        except UnreadableFile as error:
            form.files.errors = [error.message]
        else:
            return redirect(url_for("console.imports.show", run_id=run_id), 303)
    return (
        render_template(
            "console/imports/new.html",
            form=form,
            kind=kind,
            explained=[(field, explanation(field)) for field in kind.fields],
            most=body_limit() // MEGABYTE,
            files=MAX_FILES,
            entries=upload_limits().archive_entries,
        ),
        status,
    )


def _upload(kind: ImportKind, form: Any) -> int:
    kept = _keep_all(store(), form.files.data)
    options: dict[str, Any] = {"files": kept, **{one.code: form[one.code].data for one in kind.options}}
    name = form.mapping.data or None if MAPPING in form else None
    if _takes_long(kind, kept):
        if name:
            mapping.get_saved(db.session(), kind.name, name)
            options["mapping"] = name
        opened = do(runs.open_upload, kind=kind.name, filename=_title(kept), options=options, now=clock.now())
        return opened.id
    try:
        found = find_columns(db.session(), kind, kept, mapping_name=name, store=store())
    except UnreadableFile:
        for one in kept:
            store().delete(one["key"])
        raise
    opened = do(
        runs.open_run,
        kind=kind.name,
        filename=_title(kept),
        options={**options, **found},
        is_dry_run=False,
        state="uploaded",
        now=clock.now(),
    )
    return opened.id


def _takes_long(kind: ImportKind, kept: Sequence[dict[str, Any]]) -> bool:
    """Whether a worker looks into the files: archives and workbooks are made to be slow by some."""
    if kind.reads_archives or sum(one["bytes"] for one in kept) > PEEKED_AT_ONCE:
        return True
    return any(Path(one["name"]).suffix.lower() in SHEET_EXTENSIONS for one in kept)


def _keep_all(uploads: LocalStore, files: Sequence[FileStorage]) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = []
    for file in files:
        name = safe_filename(file.filename or "")
        key = uploads.save(file.stream, extension=Path(name).suffix.lower())
        kept.append({"name": name, "key": key, "bytes": uploads.path_of(key).stat().st_size})
    return kept


def _title(kept: Sequence[dict[str, Any]]) -> str:
    if len(kept) == 1:
        return str(kept[0]["name"])
    return _("%(first)s and %(others)s more", first=kept[0]["name"], others=len(kept) - 1)
