"""Ask to become a reseller, confirm the address, answer a question. No page says who is known here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask_limiter.util import get_remote_address

from app.core import clock
from app.core.database import run
from app.core.errors import IllegalMove, InvalidInput, NotFound
from app.core.permissions import Actor, Permission
from app.core.web.door import public
from app.core.web.extensions import db, limiter
from app.core.web.fields import put_error
from app.domain.accounts import actions
from app.domain.accounts.application_reads import get_request
from app.domain.accounts.applications import Application
from app.domain.accounts.errors import LinkUnusable
from app.domain.accounts.links import Purpose, get_link
from app.domain.accounts.models import ResellerRequest
from app.domain.accounts.rules import AddressData, PersonData
from app.portal.apply.forms import AnswerForm, ApplicationForm, ConfirmForm
from app.portal.sign_in.session import link_secrets

blueprint = Blueprint("apply", __name__, url_prefix="/become-a-reseller")


def _address_key() -> str:
    return "apply:" + (request.form.get("email", "").strip().lower()[:254] or get_remote_address())


def _stranger() -> Actor:
    """Who acts before anybody is known: it may only do what the public pages do."""
    permissions = frozenset({Permission.ACCOUNT_USE})
    return Actor(name="reseller request", permissions=permissions, request_id=g.get("request_id"))


@blueprint.route("", methods=["GET", "POST"])
@public("Firms that are not known yet ask to become a reseller here")
@limiter.limit("4 per hour", key_func=_address_key, methods=["POST"])
@limiter.limit("20 per hour", key_func=get_remote_address, methods=["POST"])
def form() -> Any:
    """Company, address and contact; the answer is the same whoever asks."""
    page = ApplicationForm()
    if page.validate_on_submit():
        if page.website.data:
            # A program filled in what people do not see; it is told what everybody is told.
            return redirect(url_for("apply.sent"), 303)
        try:
            run(db.session(), actions.apply, _stranger(), application=_application(page), now=clock.now())
        except InvalidInput as error:
            put_error(page, error)
        else:
            return redirect(url_for("apply.sent"), 303)
    return render_template("portal/apply/form.html", form=page), 422 if page.errors else 200


def _application(page: ApplicationForm) -> Application:
    return Application(
        company_name=page.company_name.data,
        address=AddressData(**page.address_values()),
        tax_id=page.tax_id.data,
        contact=PersonData(name=page.contact_name.data, email=page.email.data),
        phone=page.phone.data,
        message=page.message.data,
    )


@blueprint.get("/sent")
@public("Says that a mail is on its way")
def sent() -> str:
    """What happens next."""
    return render_template("portal/apply/told.html", step="sent")


@blueprint.route("/confirm/<token>", methods=["GET", "POST"])
@public("The contact shows that the address in the request is theirs")
@limiter.limit("20 per minute", key_func=get_remote_address, methods=["POST"])
def confirm(token: str) -> Any:
    """One button, so that a program which opens links in mails confirms nothing."""

    def act(page: ConfirmForm) -> None:
        run(
            db.session(),
            actions.confirm_application,
            _stranger(),
            token=token,
            secrets=link_secrets(),
            now=clock.now(),
        )

    return _by_link(token, Purpose.CONFIRMATION, ConfirmForm(), act)


@blueprint.route("/answer/<token>", methods=["GET", "POST"])
@public("The contact answers what was asked about the request")
@limiter.limit("20 per minute", key_func=get_remote_address, methods=["POST"])
def answer(token: str) -> Any:
    """The question, and room for the answer."""

    def act(page: AnswerForm) -> None:
        run(
            db.session(),
            actions.answer_application,
            _stranger(),
            token=token,
            secrets=link_secrets(),
            answer=page.answer.data,
            now=clock.now(),
        )

    return _by_link(token, Purpose.ANSWER, AnswerForm(), act)


def _by_link(token: str, purpose: Purpose, page: Any, act: Callable[[Any], None]) -> Any:
    try:
        asked = _request_of(token, purpose)
        if page.validate_on_submit():
            act(page)
            return redirect(url_for("apply.done", step=purpose.value), 303)
    except InvalidInput as error:
        put_error(page, error)
    except (LinkUnusable, IllegalMove):
        return render_template("portal/apply/link_unusable.html"), LinkUnusable.status
    body = render_template("portal/apply/by_link.html", form=page, asked=asked, purpose=purpose.value)
    return body, 422 if page.errors else 200


def _request_of(token: str, purpose: Purpose) -> ResellerRequest:
    link = get_link(db.session(), token, purpose=purpose, secrets_=link_secrets(), now=clock.now())
    if link.request_id is None:
        raise LinkUnusable()
    return get_request(db.session(), link.request_id)


@blueprint.get("/done/<step>")
@public("Says that the word has arrived")
def done(step: str) -> str:
    """Thanks, and what happens next."""
    if step not in (Purpose.CONFIRMATION.value, Purpose.ANSWER.value):
        raise NotFound()
    return render_template("portal/apply/told.html", step=step)
