"""A company's people as the vendor keeps them."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, url_for

from app.console.companies.forms import InviteForm
from app.console.companies.room import blueprint, company_page
from app.core import clock
from app.core.errors import Conflict, InvalidInput, NotFound
from app.core.permissions import Permission
from app.core.texts import _
from app.core.web.door import allow, do
from app.core.web.extensions import db
from app.core.web.fields import put_error
from app.domain.accounts import actions, queries
from app.domain.accounts.rules import PersonData


@blueprint.post("/<int:company_id>/people")
@allow(Permission.COMPANY_MANAGE)
def invite(company_id: int) -> Any:
    """Invite somebody to the company."""
    form = InviteForm()
    if not form.validate_on_submit():
        return company_page(company_id, invite_form=form)
    try:
        do(
            actions.invite_user,
            company_id=company_id,
            person=PersonData(name=form.name.data, email=form.email.data),
            role=form.role.data,
            now=clock.now(),
        )
    except (Conflict, InvalidInput) as error:
        if error.field is None:
            return company_page(company_id, error=error)
        put_error(form, error)
        return company_page(company_id, invite_form=form)
    flash(_("The invitation to %(email)s is on its way.", email=form.email.data), "success")
    return redirect(url_for("console.companies.show", company_id=company_id), 303)


def _act(action: Any, company_id: int, membership_id: int, done: str, **values: Any) -> Any:
    """Run an action on a member of this company and return to it, with the reason where it is refused."""
    member = queries.get_member(db.session(), membership_id, now=clock.now())
    if member.company_id != company_id:
        raise NotFound()
    try:
        do(action, membership_id=membership_id, **values, now=clock.now())
    except (Conflict, InvalidInput) as error:
        return company_page(company_id, error=error)
    flash(done, "success")
    return redirect(url_for("console.companies.show", company_id=company_id), 303)


@blueprint.post("/<int:company_id>/people/<int:membership_id>/role")
@allow(Permission.COMPANY_MANAGE)
def change_role(company_id: int, membership_id: int) -> Any:
    """Give somebody another role."""
    role = request.form.get("role", "")
    return _act(actions.change_role, company_id, membership_id, _("The role is changed."), role=role)


@blueprint.post("/<int:company_id>/people/<int:membership_id>/resend")
@allow(Permission.COMPANY_MANAGE)
def resend(company_id: int, membership_id: int) -> Any:
    """Send an invitation again."""
    done = _("A new invitation is on its way.")
    return _act(actions.resend_invitation, company_id, membership_id, done)


@blueprint.post("/<int:company_id>/people/<int:membership_id>/deactivate")
@allow(Permission.COMPANY_MANAGE)
def deactivate(company_id: int, membership_id: int) -> Any:
    """Let somebody go, at once."""
    done = _("This person cannot sign in for the company any more.")
    return _act(actions.set_member_active, company_id, membership_id, done, is_active=False)


@blueprint.post("/<int:company_id>/people/<int:membership_id>/reactivate")
@allow(Permission.COMPANY_MANAGE)
def reactivate(company_id: int, membership_id: int) -> Any:
    """Let somebody in again."""
    done = _("This person can sign in for the company again.")
    return _act(actions.set_member_active, company_id, membership_id, done, is_active=True)
