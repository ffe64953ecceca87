"""All data of the company as one archive."""

from __future__ import annotations

from pathlib import Path

from flask import Response, current_app, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response as Redirect

from app.adapters.storage import LocalStore
from app.core import clock
from app.core.permissions import Permission
from app.core.texts import _
from app.core.web.door import allow, do
from app.core.web.downloads import limit_exports, send_upload
from app.core.web.extensions import db
from app.domain.accounts import company_exports
from app.portal.company.room import blueprint, own_company_id


@blueprint.get("/data")
@allow(Permission.MEMBER_MANAGE)
def data() -> str:
    """Archives the company asked for."""
    exports = company_exports.list_exports(db.session(), own_company_id(), by_vendor=False)
    return render_template("portal/company/data.html", exports=exports)


@blueprint.post("/data")
@allow(Permission.MEMBER_MANAGE)
@limit_exports
def ask_for_data() -> Redirect:
    """Ask for an archive; asked for twice before it is made, it is made once."""
    do(company_exports.ask_for_own_export, now=clock.now())
    flash(_("The archive is being made. A mail says when it is ready."), "success")
    return redirect(url_for("portal.company.data"), 303)


@blueprint.get("/data/<int:export_id>.zip")
@allow(Permission.MEMBER_MANAGE)
def download_data(export_id: int) -> Response:
    """An archive that is ready."""
    now, company_id = clock.now(), own_company_id()
    export = company_exports.get_ready_export(db.session(), company_id, export_id, by_vendor=False, now=now)
    store = LocalStore(Path(current_app.config["DATA_DIR"]) / "uploads")
    name = f"data-{export.created_at:%Y-%m-%d}.zip"
    return send_upload(store.path_of(export.storage_key or ""), filename=name, content_type="application/zip")
