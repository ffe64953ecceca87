"""The list's orders as files for the vendor's ERP, and the mark that it has them."""

from __future__ import annotations

from flask import Blueprint, Response, flash, redirect, request, url_for
from flask_babel import ngettext
from werkzeug.wrappers import Response as Redirect

from app.adapters.order_files import KINDS, text_chunks, write_orders
from app.console.orders.routes import given_args, given_filters, list_page
from app.core import clock
from app.core.errors import InvalidInput
from app.core.permissions import Permission
from app.core.texts import _
from app.core.web.door import allow, do
from app.core.web.downloads import limit_exports, send_pieces, send_written
from app.core.web.extensions import db
from app.domain.ordering.changes import last_change
from app.domain.ordering.desk_orders import filtered_ids, mark_list_exported, record_export
from app.domain.ordering.erp import cursor_of, read_cursor, read_orders

Answer = str | tuple[str, int] | Redirect
#: The header of a file's answer with the cursor to go on from.
CURSOR_HEADER = "Sellthru-Cursor"


def register(blueprint: Blueprint) -> None:
    """The files and the mark."""
    for kind in KINDS:
        blueprint.add_url_rule(f"/export.{kind}", "export", export, methods=["POST"], defaults={"kind": kind})
    blueprint.add_url_rule("/mark-exported", "mark_exported", mark_exported, methods=["POST"])


@allow(Permission.ORDER_READ)
@limit_exports
def export(kind: str) -> Response:
    """All orders that the filters show, by number, as `flask orders export` writes them."""
    filters, _sort = given_filters()
    do(record_export, filters=given_args(), now=clock.now())
    session = db.session()
    cursor = cursor_of(last_change(session))
    orders = read_orders(session, filtered_ids(session, filters))
    if kind == "xlsx":
        response = send_written(kind, "orders", lambda file: write_orders(kind, file, orders))
    else:
        response = send_pieces(kind, "orders", text_chunks(kind, orders))
    response.headers[CURSOR_HEADER] = cursor
    return response


@allow(Permission.ORDER_MANAGE)
def mark_exported() -> Answer:
    """Mark what the filters show as exported, as it was when the list was shown; twice marks once."""
    try:
        filters, _sort = given_filters()
        change = read_cursor(db.session(), request.form.get("seen", ""))
        count = do(mark_list_exported, filters=filters, change=change, now=clock.now())
    except InvalidInput as refusal:
        return list_page(refusal)
    if count:
        flash(
            ngettext("%(num)s order is marked as exported.", "%(num)s orders are marked as exported.", count),
            "success",
        )
    else:
        flash(_("They were marked already."), "success")
    return redirect(url_for("console.orders.index", **given_args()), 303)
