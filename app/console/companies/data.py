"""All data of a company as one archive, for the vendor's staff."""

from __future__ import annotations

from pathlib import Path

from flask import Response, current_app, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response as Redirect

from app.adapters.storage import LocalStore
from app.console.companies.room import blueprint
from app.core import clock
from app.core.permissions import Permission
from app.core.texts import _
from app.core.web.door import allow, do
from app.core.web.downloads import limit_exports, send_upload
from app.core.web.extensions import db
from app.domain.accounts import company_exports, queries


@blueprint.get("/<int:company_id>/data")
@allow(Permission.COMPANY_MANAGE)
def data(company_id: int) -> str:
    """Archives the staff asked for."""
    session = db.session()
    company = queries.get_company(session, company_id)
    exports = company_exports.list_exports(session, company_id, by_vendor=True)
    return render_template("console/companies/data.html", company=company, exports=exports)


@blueprint.post("/<int:company_id>/data")
@allow(Permission.COMPANY_MANAGE)
@limit_exports
def ask_for_data(company_id: int) -> Redirect:
    """Ask for an archive; asked for twice before it is made, it is made once."""
    do(company_exports.ask_for_export, company_id=company_id, now=clock.now())
    flash(_("The archive is being made. A mail says when it is ready."), "success")
    return redirect(url_for("console.companies.data", company_id=company_id), 303)


@blueprint.get("/<int:company_id>/data/<int:export_id>.zip")
@allow(Permission.COMPANY_MANAGE)
def download_data(company_id: int, export_id: int) -> Response:
    """An archive that is ready."""
    export = company_exports.get_ready_export(
        db.session(), company_id, export_id, by_vendor=True, now=clock.now()
    )
    number = queries.get_company(db.session(), company_id).number
    store = LocalStore(Path(current_app.config["DATA_DIR"]) / "uploads")
    name = f"company-{number}-{export.created_at:%Y-%m-%d}.zip"
    return send_upload(store.path_of(export.storage_key or ""), filename=name, content_type="application/zip")
