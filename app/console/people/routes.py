"""Staff: list, invitation, roles; everybody: search, disabling."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from app.console.lists import given_text, total_text
from app.console.people.forms import InviteForm
from app.core import clock
from app.core.errors import Conflict, DomainError, InvalidInput, NotFound
from app.core.permissions import Permission
from app.core.texts import _
from app.core.web.door import allow, do
from app.core.web.extensions import db
from app.core.web.fields import put_error
from app.domain.accounts import actions, queries
from app.domain.accounts.rules import PersonData, role_name, roles_for

blueprint = Blueprint("people", __name__, url_prefix="/people")


def _page(form: InviteForm | None = None, error: DomainError | None = None) -> Any:
    page = render_template(
        "console/people/index.html",
        people=queries.list_members(db.session(), company_id=None, now=clock.now()),
        roles=[(role.value, role_name(role)) for role in roles_for(None)],
        form=form or InviteForm(formdata=None),
        error=error,
    )
    return page, error.status if error else 422 if form is not None else 200


@blueprint.get("")
@allow(Permission.STAFF_MANAGE)
def index() -> Any:
    """The vendor's staff."""
    return _page()


@blueprint.post("")
@allow(Permission.STAFF_MANAGE)
def invite() -> Any:
    """Invite somebody to the staff."""
    form = InviteForm()
    if not form.validate_on_submit():
        return _page(form)
    try:
        do(
            actions.invite_user,
            company_id=None,
            person=PersonData(name=form.name.data, email=form.email.data),
            role=form.role.data,
            now=clock.now(),
        )
    except (Conflict, InvalidInput) as error:
        put_error(form, error)
        return _page(form)
    flash(_("The invitation to %(email)s is on its way.", email=form.email.data), "success")
    return redirect(url_for("console.people.index"), 303)


def _act(action: Any, membership_id: int, done: str, **values: Any) -> Any:
    """Run an action on a member of the staff and return to the list, with the reason where it is refused."""
    if queries.get_member(db.session(), membership_id, now=clock.now()).company_id is not None:
        raise NotFound()
    try:
        do(action, membership_id=membership_id, **values, now=clock.now())
    except (Conflict, InvalidInput) as error:
        return _page(error=error)
    flash(done, "success")
    return redirect(url_for("console.people.index"), 303)


@blueprint.post("/<int:membership_id>/role")
@allow(Permission.STAFF_MANAGE)
def change_role(membership_id: int) -> Any:
    """Give somebody another role."""
    role = request.form.get("role", "")
    return _act(actions.change_role, membership_id, _("The role is changed."), role=role)


@blueprint.post("/<int:membership_id>/resend")
@allow(Permission.STAFF_MANAGE)
def resend(membership_id: int) -> Any:
    """Send an invitation again."""
    return _act(actions.resend_invitation, membership_id, _("A new invitation is on its way."))


@blueprint.post("/<int:membership_id>/deactivate")
@allow(Permission.STAFF_MANAGE)
def deactivate(membership_id: int) -> Any:
    """Let somebody go, at once."""
    done = _("This person does not belong to the staff any more.")
    return _act(actions.set_member_active, membership_id, done, is_active=False)


@blueprint.post("/<int:membership_id>/reactivate")
@allow(Permission.STAFF_MANAGE)
def reactivate(membership_id: int) -> Any:
    """Let somebody in again."""
    done = _("This person belongs to the staff again.")
    return _act(actions.set_member_active, membership_id, done, is_active=True)


def _everybody(text: str | None, cursor: str | None = None, error: DomainError | None = None) -> Any:
    found = queries.list_people(db.session(), now=clock.now(), text=text, cursor=cursor)
    page = render_template(
        "console/people/everybody.html", page=found, text=text or "", total=total_text(found), error=error
    )
    return page, error.status if error else 200


@blueprint.get("/everybody")
@allow(Permission.STAFF_MANAGE)
def everybody() -> Any:
    """Everybody who may sign in, of all companies."""
    return _everybody(given_text("q"), given_text("cursor", maximum=1000))


def _set_disabled(user_id: int, *, is_disabled: bool) -> Any:
    email = queries.get_user(db.session(), user_id).email
    try:
        do(actions.set_user_disabled, user_id=user_id, is_disabled=is_disabled, now=clock.now())
    except Conflict as error:
        return _everybody(email, error=error)
    done = _("%(email)s is kept out.", email=email) if is_disabled else _("%(email)s may in.", email=email)
    flash(done, "success")
    if request.form.get("back") == "person":
        return redirect(url_for("console.people.person", user_id=user_id), 303)
    return redirect(url_for("console.people.everybody", q=email), 303)


@blueprint.post("/everybody/<int:user_id>/disable")
@allow(Permission.STAFF_MANAGE)
def disable(user_id: int) -> Any:
    """Keep a person out of everything, at once."""
    return _set_disabled(user_id, is_disabled=True)


@blueprint.post("/everybody/<int:user_id>/enable")
@allow(Permission.STAFF_MANAGE)
def enable(user_id: int) -> Any:
    """Let a person in again."""
    return _set_disabled(user_id, is_disabled=False)
