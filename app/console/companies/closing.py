"""Closing a company, after a look at what is open of it, and opening it again."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, url_for

from app.console.companies.room import blueprint, company_page
from app.core import clock
from app.core.errors import Conflict
from app.core.permissions import Permission
from app.core.texts import _
from app.core.web.door import allow, do
from app.core.web.extensions import db
from app.domain.accounts import queries
from app.domain.ordering import actions
from app.domain.ordering.closing import open_work_of


@blueprint.get("/<int:company_id>/close")
@allow(Permission.COMPANY_MANAGE)
def confirm_close(company_id: int) -> Any:
    """What is open of the company, before it is closed."""
    session = db.session()
    company = queries.get_company(session, company_id)
    if not company.is_active:
        return redirect(url_for("console.companies.show", company_id=company_id), 302)
    people = queries.list_members(session, company_id=company_id, now=clock.now())
    return render_template(
        "console/companies/close.html",
        company=company,
        work=open_work_of(session, company_id),
        people=sum(1 for person in people if person.is_active and not person.is_disabled),
    )


@blueprint.post("/<int:company_id>/close")
@allow(Permission.COMPANY_MANAGE)
def close(company_id: int) -> Any:
    """Close a company; its people are signed out at once and told by mail."""
    do(actions.close_company, company_id=company_id, now=clock.now())
    flash(_("The company is closed."), "success")
    return redirect(url_for("console.companies.show", company_id=company_id), 303)


@blueprint.post("/<int:company_id>/open")
@allow(Permission.COMPANY_MANAGE)
def reopen(company_id: int) -> Any:
    """Open a closed company again."""
    try:
        do(actions.reopen_company, company_id=company_id, now=clock.now())
    except Conflict as error:
        return company_page(company_id, error=error)
    flash(_("The company is open again."), "success")
    return redirect(url_for("console.companies.show", company_id=company_id), 303)
