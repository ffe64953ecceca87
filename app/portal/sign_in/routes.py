"""Sign in, sign out, forgotten password, invitation. Refusals never say whether an address is known."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from flask import Blueprint, current_app, flash, g, redirect, render_template, request, url_for
from flask_limiter.util import get_remote_address
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RoutingException
from werkzeug.wrappers import Response

from app.core import clock
from app.core.database import run
from app.core.errors import InvalidInput
from app.core.permissions import Actor, Permission
from app.core.texts import _
from app.core.web import shell, visitor
from app.core.web.door import allow, do, public
from app.core.web.extensions import db, limiter
from app.core.web.fields import put_error
from app.domain.accounts import actions
from app.domain.accounts.credentials import password_context
from app.domain.accounts.errors import LinkUnusable
from app.domain.accounts.links import Purpose, get_link
from app.domain.accounts.passwords import Proof, new_password, prove_password
from app.portal.sign_in.forms import ForgotForm, NewPasswordForm, SignInForm
from app.portal.sign_in.session import link_secrets

blueprint = Blueprint("sign_in", __name__)

#: One slash, then nothing that a browser could read as a host, and no control characters.
_LOCAL_PATH = re.compile(
    r"/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@%][A-Za-z0-9\-._~!$&'()*+,;=:@%/]*)?(?:\?[^\s\\#]*)?"
)


def local_path(target: str | None) -> str | None:
    """`target` where it is a page of ours, written as one plain path; else None."""
    if not target or len(target) > 2000 or not target.isascii() or not _LOCAL_PATH.fullmatch(target):
        return None
    path = unquote(target.partition("?")[0])
    if path.startswith("//") or "\\" in path or any(ord(character) < 32 for character in path):
        return None
    try:
        endpoint, _values = current_app.url_map.bind("").match(path, method="GET")
    except (HTTPException, RoutingException):
        return None
    return None if endpoint == "static" or endpoint.startswith("sign_in.") else target


def _account_key() -> str:
    return "account:" + (request.form.get("email", "").strip().lower()[:254] or get_remote_address())


def _was_refused(response: Response) -> bool:
    return response.status_code != 303


def _stranger(name: str) -> Actor:
    """Who acts before anybody is signed in: it may only do what the public pages do."""
    return Actor(name=name, permissions=frozenset({Permission.ACCOUNT_USE}), request_id=g.get("request_id"))


@blueprint.get("/")
@public("Sends everybody to the own start page")
def start() -> Response:
    """The start page of whoever asks."""
    if g.actor is None:
        return redirect(url_for("sign_in.sign_in"), 302)
    return redirect(shell.home_of(g.actor), 302)


@blueprint.route("/sign-in", methods=["GET", "POST"])
@public("People sign in here")
@limiter.limit("5 per minute;20 per hour", key_func=_account_key, methods=["POST"], deduct_when=_was_refused)
@limiter.limit("20 per minute", key_func=get_remote_address, methods=["POST"], deduct_when=_was_refused)
def sign_in() -> Any:
    """Address and password; one refusal for every reason."""
    target = local_path(request.values.get("next"))
    if g.actor is not None and request.method == "GET":
        return redirect(shell.home_of(g.actor), 302)
    form = SignInForm()
    if form.validate_on_submit():
        proof = prove_password(db.session(), email=form.email.data, password=form.password.data)
        if proof is not None and _enter(proof):
            return redirect(target or url_for("sign_in.start"), 303)
        _note_refusal(form.email.data, proof)
        form.form_errors.append(
            _("The address or the password is wrong. Check both, or ask for a new password.")
        )
    status = 401 if form.is_submitted() else 200
    return render_template("portal/sign_in/sign_in.html", form=form, target=target), status


def _enter(proof: Proof) -> bool:
    address, agent = visitor.address_and_agent()
    token = run(
        db.session(),
        actions.begin_session,
        _stranger("sign-in"),
        proof=proof,
        address=address,
        user_agent=agent,
        now=clock.now(),
    )
    if token is not None:
        visitor.enter(token)
    return token is not None


def _note_refusal(email: str, proof: Proof | None) -> None:
    run(
        db.session(),
        actions.note_refused_sign_in,
        _stranger("sign-in"),
        email=email,
        knew_password=proof is not None,
        now=clock.now(),
    )


@blueprint.post("/sign-out")
@allow(Permission.ACCOUNT_USE, view_as_may_post=True)
def sign_out() -> Response:
    """End the session on the server, so that a kept cookie opens nothing."""
    do(actions.end_session, session_id=visitor.current_visitor().session_id, now=clock.now())
    visitor.leave()
    flash(_("You are signed out."), "success")
    return redirect(url_for("sign_in.sign_in"), 303)


@blueprint.route("/forgot", methods=["GET", "POST"])
@public("People who forgot the password ask for a link here")
@limiter.limit("5 per hour", key_func=_account_key, methods=["POST"])
@limiter.limit("20 per minute", key_func=get_remote_address, methods=["POST"])
def forgot() -> Any:
    """Ask for a reset link; the answer is the same whether or not the address is known."""
    form = ForgotForm()
    if form.validate_on_submit():
        try:
            run(
                db.session(),
                actions.request_reset,
                _stranger("reset"),
                email=form.email.data,
                now=clock.now(),
            )
        except InvalidInput as error:
            put_error(form, error)
        else:
            return redirect(url_for("sign_in.forgot_sent"), 303)
    return render_template("portal/sign_in/forgot.html", form=form), 422 if form.errors else 200


@blueprint.get("/forgot/sent")
@public("Says that a mail is on its way, if there is an account")
def forgot_sent() -> str:
    """What happens next."""
    return render_template("portal/sign_in/forgot_sent.html")


@blueprint.route("/reset/<token>", methods=["GET", "POST"])
@public("The holder of a reset link chooses a password here")
@limiter.limit("20 per minute", key_func=get_remote_address, methods=["POST"])
def reset(token: str) -> Any:
    """A new password by a reset link."""
    return _by_link(token, Purpose.RESET)


@blueprint.route("/invitation/<token>", methods=["GET", "POST"])
@public("An invited person chooses the first password here")
@limiter.limit("20 per minute", key_func=get_remote_address, methods=["POST"])
def accept(token: str) -> Any:
    """The first password by an invitation."""
    return _by_link(token, Purpose.INVITATION)


def _by_link(token: str, purpose: Purpose) -> Any:
    form, session = NewPasswordForm(), db.session()
    action = actions.accept_invitation if purpose is Purpose.INVITATION else actions.reset_password
    now = clock.now()
    try:
        link = get_link(session, token, purpose=purpose, secrets_=link_secrets(), now=now)
        if form.validate_on_submit():
            new = new_password(form.password.data, context=password_context(session, link.user_id))
            proof = run(
                session, action, _stranger("link"), token=token, secrets=link_secrets(), new=new, now=now
            )
            return _entered_by_link(proof)
    except InvalidInput as error:
        put_error(form, error)
    except LinkUnusable as error:
        page = render_template("portal/sign_in/link_unusable.html", message=error.message, purpose=purpose)
        return page, error.status
    page = render_template("portal/sign_in/new_password.html", form=form, purpose=purpose)
    return page, 422 if form.errors else 200


def _entered_by_link(proof: Proof) -> Response:
    if not _enter(proof):
        flash(_("Your password is set, but you may not sign in at present. Ask your administrator."), "error")
        return redirect(url_for("sign_in.sign_in"), 303)
    flash(_("Your password is set."), "success")
    return redirect(url_for("sign_in.start"), 303)
