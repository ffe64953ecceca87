"""All changes of one import, as pages and as a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Response, render_template, request

from app.adapters.change_reports import HEADER, lines_of
from app.adapters.spreadsheets import csv_chunks
from app.console.imports.previews import shown
from app.console.imports.routes import blueprint, kind_of, require
from app.core.imports import changes, runs
from app.core.imports.models import ImportRun
from app.core.permissions import Permission
from app.core.uploads import content_disposition
from app.core.web.door import allow
from app.core.web.downloads import send_pieces
from app.core.web.extensions import db


def _run(run_id: int) -> ImportRun:
    found = runs.get_run(db.session(), run_id)
    require(kind_of(found))
    return found


@blueprint.get("/<int:run_id>/changes")
@allow(Permission.IMPORT_RUN)
def list_changes(run_id: int) -> str:
    """What the import changed or would change, before and after."""
    import_run = _run(run_id)
    page = changes.list_changes(db.session(), run_id, cursor=request.args.get("cursor"))
    return render_template(
        "console/imports/changes.html",
        run=import_run,
        page=page,
        changes=shown(page.items, kind_of(import_run)),
        kept=changes.PREVIEW_KEPT,
    )


@blueprint.get("/<int:run_id>/changes.csv")
@allow(Permission.IMPORT_RUN)
def changes_file(run_id: int) -> Response:
    """The changes that are kept, a line for every value."""
    import_run = _run(run_id)
    response = send_pieces("csv", "changes", csv_chunks(HEADER, _lines(import_run.id)))
    response.headers["Content-Disposition"] = content_disposition(f"changes-{run_id}.csv")
    return response


def _lines(run_id: int) -> Iterator[tuple[str, ...]]:
    cursor: Any = None
    while True:
        page = changes.list_changes(db.session(), run_id, cursor=cursor)
        for row in page.items:
            yield from lines_of(row)
        cursor = page.next_cursor
        if cursor is None:
            return
