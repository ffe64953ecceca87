"""The company's branches."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, url_for

from app.core import clock
from app.core.errors import Conflict, InvalidInput
from app.core.permissions import Permission
from app.core.texts import _
from app.core.web.door import allow, current_actor, do
from app.core.web.extensions import db
from app.core.web.fields import put_error
from app.domain.accounts import actions, queries
from app.domain.accounts.rules import AddressData, BranchData
from app.portal.company.forms import BranchForm
from app.portal.company.room import blueprint, own_company_id


def _data(form: BranchForm) -> BranchData:
    return BranchData(name=form.name.data, address=AddressData(**form.address_values()))


@blueprint.get("/branches")
@allow(Permission.ORDER_READ)
def branches() -> str:
    """The company's branches, closed ones too."""
    return render_template(
        "portal/company/branches.html",
        branches=queries.list_branches(db.session(), own_company_id(), also_closed=True),
        may_manage=current_actor().may(Permission.MEMBER_MANAGE),
    )


def _form_page(form: BranchForm, branch: Any = None, status: int = 200) -> Any:
    return render_template("portal/company/branch.html", form=form, branch=branch), status


@blueprint.route("/branches/new", methods=["GET", "POST"])
@allow(Permission.MEMBER_MANAGE)
def new_branch() -> Any:
    """Open a further branch."""
    form = BranchForm()
    if not form.validate_on_submit():
        return _form_page(form, status=422 if form.errors else 200)
    try:
        do(actions.create_branch, company_id=own_company_id(), branch=_data(form), now=clock.now())
    except (Conflict, InvalidInput) as error:
        put_error(form, error)
        return _form_page(form, status=error.status)
    flash(_("The branch is added."), "success")
    return redirect(url_for("portal.company.branches"), 303)


@blueprint.route("/branches/<int:branch_id>", methods=["GET", "POST"])
@allow(Permission.MEMBER_MANAGE)
def branch(branch_id: int) -> Any:
    """Change a branch's name and address."""
    row = queries.get_branch(db.session(), branch_id)
    form = BranchForm(obj=row)
    if not form.validate_on_submit():
        return _form_page(form, row, 422 if form.errors else 200)
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
        return _form_page(form, queries.get_branch(db.session(), branch_id), error.status)
    flash(_("The branch is saved."), "success")
    return redirect(url_for("portal.company.branches"), 303)


def _set_active(branch_id: int, *, is_active: bool) -> Any:
    do(actions.set_branch_active, branch_id=branch_id, is_active=is_active, now=clock.now())
    flash(_("The branch is open again.") if is_active else _("The branch is closed."), "success")
    return redirect(url_for("portal.company.branches"), 303)


@blueprint.post("/branches/<int:branch_id>/close")
@allow(Permission.MEMBER_MANAGE)
def close_branch(branch_id: int) -> Any:
    """Close a branch: nothing new is ordered for it."""
    return _set_active(branch_id, is_active=False)


@blueprint.post("/branches/<int:branch_id>/open")
@allow(Permission.MEMBER_MANAGE)
def open_branch(branch_id: int) -> Any:
    """Open a closed branch again."""
    return _set_active(branch_id, is_active=True)
