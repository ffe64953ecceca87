"""Own name, password and sessions; changing the company worked for; ending a visit as a reseller."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_limiter.util import get_remote_address
from werkzeug.wrappers import Response

from app.core import clock
from app.core.errors import DomainError, NotFound
from app.core.permissions import Permission
from app.core.texts import _
from app.core.web import visitor
from app.core.web.browsers import browser_name
from app.core.web.door import allow, current_actor, do
from app.core.web.extensions import db, limiter
from app.core.web.fields import put_error
from app.domain.accounts import actions, queries
from app.domain.accounts.credentials import password_context
from app.domain.accounts.passwords import new_password, prove_password
from app.portal.account.forms import NameForm, PasswordForm

blueprint = Blueprint("account", __name__, url_prefix="/account")


def _page(name_form: NameForm | None = None, password_form: PasswordForm | None = None) -> Any:
    person = visitor.current_visitor()
    page = render_template(
        "account/index.html",
        person=person,
        name_form=name_form or NameForm(formdata=None, name=person.name),
        password_form=password_form or PasswordForm(formdata=None),
        browser_name=browser_name,
        sessions=queries.list_open_sessions(db.session(), current_actor().user_id or 0),
    )
    has_errors = any(form is not None and form.errors for form in (name_form, password_form))
    return page, 422 if has_errors else 200


@blueprint.get("")
@allow(Permission.ACCOUNT_USE)
def index() -> Any:
    """The own account."""
    return _page()


@blueprint.post("/name")
@allow(Permission.ACCOUNT_USE)
def rename() -> Any:
    """Change the own name."""
    form = NameForm()
    if form.validate_on_submit():
        do(actions.change_own_name, name=form.name.data, now=clock.now())
        flash(_("Your name is changed."), "success")
        return redirect(url_for("account.index"), 303)
    return _page(name_form=form)


def _refused(response: Response) -> bool:
    return response.status_code != 303


@blueprint.post("/password")
@allow(Permission.ACCOUNT_USE)
@limiter.limit("10 per hour", key_func=lambda: f"password:{current_actor().user_id}", deduct_when=_refused)
@limiter.limit("20 per minute", key_func=get_remote_address, deduct_when=_refused)
def change_password() -> Any:
    """Change the own password; other sessions end."""
    form, session, person = PasswordForm(), db.session(), visitor.current_visitor()
    if not form.validate_on_submit():
        return _page(password_form=form)
    proof = prove_password(session, email=person.email, password=form.current.data)
    if proof is None:
        form.current.errors = [*form.current.errors, _("This is not your present password.")]
        return _page(password_form=form)
    try:
        context = password_context(session, proof.user_id)
        new = new_password(form.password.data, context=context)
        do(actions.change_password, proof=proof, new=new, session_id=person.session_id, now=clock.now())
    except DomainError as error:
        put_error(form, error)
        return _page(password_form=form)
    flash(_("Your password is changed; you are signed out everywhere else."), "success")
    return redirect(url_for("account.index"), 303)


@blueprint.post("/sessions/<int:session_id>/end")
@allow(Permission.ACCOUNT_USE)
def end_session(session_id: int) -> Response:
    """Sign out another of the own browsers."""
    do(actions.end_session, session_id=session_id, now=clock.now())
    flash(_("That session is ended."), "success")
    return redirect(url_for("account.index"), 303)


@blueprint.post("/switch")
@allow(Permission.ACCOUNT_USE)
def switch() -> Response:
    """Work for another company."""
    chosen = request.form.get("membership", "")
    if not (chosen.isascii() and chosen.isdigit() and len(chosen) <= 18):
        raise NotFound()
    do(
        actions.switch_membership,
        session_id=visitor.current_visitor().session_id,
        membership_id=int(chosen),
        now=clock.now(),
    )
    return redirect(url_for("sign_in.start"), 303)


@blueprint.post("/end-view-as")
@allow(Permission.ACCOUNT_USE, view_as_may_post=True)
def end_view_as() -> Response:
    """Back to one's own eyes."""
    person = visitor.current_visitor()
    company_id = person.actor.company_id if person.viewing_as else None
    token = do(actions.end_view_as, session_id=person.session_id, now=clock.now())
    visitor.enter(token)
    if company_id is None:
        return redirect(url_for("sign_in.start"), 303)
    return redirect(url_for("console.companies.show", company_id=company_id), 303)
