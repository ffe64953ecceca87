"""A company's branches as the vendor keeps them, with their terms of payment."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, url_for

from app.console.companies.forms import BranchForm
from app.console.companies.room import blueprint, company_page
from app.core import clock
from app.core.errors import Conflict, InvalidInput, NotFound
from app.core.permissions import Permission
from app.core.texts import _
from app.core.web.door import allow, do
from app.core.web.extensions import db
from app.core.web.fields import put_error
from app.domain.accounts import actions, queries
from app.domain.accounts.rules import AddressData, BranchData


def _data(form: BranchForm) -> BranchData:
    return BranchData(
        name=form.name.data,
        address=AddressData(**form.address_values()),
        terms_days=form.terms_days.data,
    )


def _page(form: BranchForm, company_id: int, branch_id: int | None, status: int) -> Any:
    session = db.session()
    page = render_template(
        "console/companies/branch.html",
        form=form,
        company=queries.get_company(session, company_id),
        branch=queries.get_branch(session, branch_id) if branch_id else None,
    )
    return page, status


def _branch_of(company_id: int, branch_id: int) -> Any:
    row = queries.get_branch(db.session(), branch_id)
    if row.company_id != company_id:
        raise NotFound()
    return row


@blueprint.route("/<int:company_id>/branches/new", methods=["GET", "POST"])
@allow(Permission.COMPANY_MANAGE)
def new_branch(company_id: int) -> Any:
    """A further branch."""
    form = BranchForm()
    if not form.validate_on_submit():
        return _page(form, company_id, None, 422 if form.errors else 200)
    try:
        do(actions.create_branch, company_id=company_id, branch=_data(form), now=clock.now())
    except (Conflict, InvalidInput) as error:
        put_error(form, error)
        return _page(form, company_id, None, error.status)
    flash(_("The branch is added."), "success")
    return redirect(url_for("console.companies.show", company_id=company_id), 303)


@blueprint.route("/<int:company_id>/branches/<int:branch_id>", methods=["GET", "POST"])
@allow(Permission.COMPANY_MANAGE)
def branch(company_id: int, branch_id: int) -> Any:
    """Name, address, terms."""
    form = BranchForm(obj=_branch_of(company_id, branch_id))
    if not form.validate_on_submit():
        return _page(form, company_id, branch_id, 422 if form.errors else 200)
    try:
        do(
            actions.update_branch,
            branch_id=branch_id,
            version=form.version.data or 0,
            branch=_data(form),
            now=clock.now(),
        )
    except (Conflict, InvalidInput) as error:
        put_error(form, error)
        return _page(form, company_id, branch_id, error.status)
    flash(_("The branch is saved."), "success")
    return redirect(url_for("console.companies.show", company_id=company_id), 303)


def _set_active(company_id: int, branch_id: int, *, is_active: bool) -> Any:
    _branch_of(company_id, branch_id)
    try:
        do(actions.set_branch_active, branch_id=branch_id, is_active=is_active, now=clock.now())
    except Conflict as error:
        return company_page(company_id, error=error)
    flash(_("The branch is open again.") if is_active else _("The branch is closed."), "success")
    return redirect(url_for("console.companies.show", company_id=company_id), 303)


@blueprint.post("/<int:company_id>/branches/<int:branch_id>/close")
@allow(Permission.COMPANY_MANAGE)
def close_branch(company_id: int, branch_id: int) -> Any:
    """Close a branch: nothing new is ordered for it."""
    return _set_active(company_id, branch_id, is_active=False)


@blueprint.post("/<int:company_id>/branches/<int:branch_id>/open")
@allow(Permission.COMPANY_MANAGE)
def open_branch(company_id: int, branch_id: int) -> Any:
    """Open a closed branch again."""
    return _set_active(company_id, branch_id, is_active=True)
