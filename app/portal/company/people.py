"""The company's own people."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for

from app.core import clock
from app.core.errors import Conflict, DomainError, InvalidInput
from app.core.permissions import Permission
from app.core.texts import _
from app.core.web.browsers import browser_name
from app.core.web.door import allow, current_actor, do
from app.core.web.extensions import db
from app.core.web.fields import put_error
from app.domain.accounts import actions, queries
from app.domain.accounts.person_reads import list_sessions_of
from app.domain.accounts.rules import PersonData, role_name, roles_for
from app.portal.company.forms import InviteForm
from app.portal.company.room import blueprint, own_company_id


def _form(**kwargs: Any) -> InviteForm:
    company_id = own_company_id()
    customers = queries.list_end_customers(db.session(), company_id)
    return InviteForm(company_id=company_id, customers=customers, **kwargs)


def _page(form: InviteForm | None = None, error: DomainError | None = None) -> Any:
    company_id = own_company_id()
    page = render_template(
        "portal/company/people.html",
        people=queries.list_members(db.session(), company_id=company_id, now=clock.now()),
        roles=[(role.value, role_name(role)) for role in roles_for(company_id)],
        form=form or _form(formdata=None),
        may_manage=current_actor().may(Permission.MEMBER_MANAGE),
        error=error,
    )
    return page, error.status if error else 422 if form is not None else 200


@blueprint.get("/people")
@allow(Permission.MEMBER_READ)
def people() -> Any:
    """Everybody who may sign in for the company."""
    return _page()


@blueprint.post("/people")
@allow(Permission.MEMBER_MANAGE)
def invite() -> Any:
    """Invite somebody."""
    form = _form()
    if not form.validate_on_submit():
        return _page(form)
    try:
        do(
            actions.invite_user,
            company_id=own_company_id(),
            person=PersonData(name=form.name.data, email=form.email.data),
            role=form.role.data,
            end_customer_id=form.end_customer_id(),
            now=clock.now(),
        )
    except (Conflict, InvalidInput) as error:
        if error.field == "end_customer_id":
            error.field = "end_customer"
        put_error(form, error)
        return _page(form)
    flash(_("The invitation to %(email)s is on its way.", email=form.email.data), "success")
    return redirect(url_for("portal.company.people"), 303)


def _act(action: Any, done: str, **values: Any) -> Any:
    """Run an action on a member and return to the list, with the reason where it is refused."""
    try:
        do(action, **values, now=clock.now())
    except (Conflict, InvalidInput) as error:
        return _page(error=error)
    flash(done, "success")
    return redirect(url_for("portal.company.people"), 303)


def _member_page(membership_id: int, error: DomainError | None = None) -> Any:
    session, now = db.session(), clock.now()
    member = queries.get_member(session, membership_id, now=now)
    company_id = own_company_id()
    page = render_template(
        "portal/company/person.html",
        person=member,
        sessions=list_sessions_of(session, membership_id=membership_id, now=now),
        roles=[(role.value, role_name(role)) for role in roles_for(company_id)],
        may_manage=current_actor().may(Permission.MEMBER_MANAGE),
        browser_name=browser_name,
        error=error,
    )
    return page, error.status if error else 200


@blueprint.get("/people/<int:membership_id>")
@allow(Permission.MEMBER_READ)
def person(membership_id: int) -> Any:
    """One of the company's people: role, state, sessions for this company."""
    return _member_page(membership_id)


@blueprint.post("/people/<int:membership_id>/sessions/<int:session_id>/end")
@allow(Permission.MEMBER_MANAGE)
def end_session(membership_id: int, session_id: int) -> Any:
    """Sign somebody out of one browser."""
    do(actions.end_session_of, membership_id=membership_id, session_id=session_id, now=clock.now())
    flash(_("That session is ended."), "success")
    return redirect(url_for("portal.company.person", membership_id=membership_id), 303)


@blueprint.post("/people/<int:membership_id>/sessions/end")
@allow(Permission.MEMBER_MANAGE)
def end_sessions(membership_id: int) -> Any:
    """Sign somebody out of the company's portal everywhere."""
    do(actions.end_sessions_in, membership_id=membership_id, now=clock.now())
    flash(_("The person is signed out everywhere."), "success")
    return redirect(url_for("portal.company.person", membership_id=membership_id), 303)


@blueprint.post("/people/<int:membership_id>/role")
@allow(Permission.MEMBER_MANAGE)
def change_role(membership_id: int) -> Any:
    """Give somebody another role."""
    role = request.form.get("role", "")
    return _act(actions.change_role, _("The role is changed."), membership_id=membership_id, role=role)


@blueprint.post("/people/<int:membership_id>/resend")
@allow(Permission.MEMBER_MANAGE)
def resend(membership_id: int) -> Any:
    """Send an invitation again."""
    return _act(actions.resend_invitation, _("A new invitation is on its way."), membership_id=membership_id)


@blueprint.post("/people/<int:membership_id>/deactivate")
@allow(Permission.MEMBER_MANAGE)
def deactivate(membership_id: int) -> Any:
    """Let somebody go, at once."""
    return _act(
        actions.set_member_active,
        _("This person cannot sign in for your company any more."),
        membership_id=membership_id,
        is_active=False,
    )


@blueprint.post("/people/<int:membership_id>/reactivate")
@allow(Permission.MEMBER_MANAGE)
def reactivate(membership_id: int) -> Any:
    """Let somebody in again."""
    return _act(
        actions.set_member_active,
        _("This person can sign in for your company again."),
        membership_id=membership_id,
        is_active=True,
    )
