"""The queue of requests to become a reseller; one request, and what is decided about it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.console.applications.forms import ApproveForm, AskForm, RefuseForm
from app.console.lists import KEY, given_choice, given_text
from app.core import clock
from app.core.errors import Conflict, DomainError, IllegalMove, InvalidInput
from app.core.permissions import Permission
from app.core.texts import N_, _
from app.core.web.door import allow, current_actor, do
from app.core.web.extensions import db
from app.core.web.fields import put_error
from app.domain.accounts import actions
from app.domain.accounts import application_reads as reads
from app.domain.accounts.doubles import Likeness
from app.domain.accounts.queries import get_company, get_vendor
from app.domain.accounts.states import REQUEST_MACHINE
from app.domain.catalogue.companies import TaxData, approve_application

blueprint = Blueprint("applications", __name__, url_prefix="/reseller-requests")

STATES = {
    "open": N_("To decide"),
    "asked": N_("Asked"),
    "approved": N_("Approved"),
    "refused": N_("Refused"),
    "unconfirmed": N_("Not confirmed"),
    "all": N_("All"),
}
REASONS = {
    Likeness.TAX_ID: N_("same tax number"),
    Likeness.NAME: N_("same or similar name"),
    Likeness.DOMAIN: N_("people with the same mail domain"),
}


@blueprint.get("")
@allow(Permission.COMPANY_MANAGE)
def index() -> str | tuple[str, int]:
    """Requests by state, those to decide first."""
    page, text, error, state = None, None, None, "open"
    try:
        state = given_choice("state", STATES, default="open") or "open"
        text = given_text("q")
        page = reads.list_requests(
            db.session(),
            state=None if state == "all" else state,
            text=text,
            newest_first=state != "open",
            cursor=request.args.get("cursor"),
        )
    except InvalidInput as refusal:
        error = refusal
    chips = [
        {
            "label": _(label),
            "href": url_for("console.applications.index", state=one if one != "open" else None, q=text),
            "current": one == state,
        }
        for one, label in STATES.items()
    ]
    body = render_template(
        "console/applications/index.html", page=page, text=text, state=state, chips=chips, error=error
    )
    return (body, error.status) if error else body


def _page(
    request_id: int,
    *,
    approve: ApproveForm | None = None,
    ask: AskForm | None = None,
    refuse: RefuseForm | None = None,
    refused: str | None = None,
    status: int = 200,
) -> tuple[str, int]:
    session = db.session()
    asked = reads.get_request(session, request_id)
    made = asked.made_company_id
    body = render_template(
        "console/applications/show.html",
        asked=asked,
        events=REQUEST_MACHINE.events_from(asked.state),
        history=reads.history_of(session, request_id),
        doubles=reads.doubles_of(session, asked),
        person=reads.person_of(session, asked),
        others=reads.other_requests_of(session, asked),
        made=get_company(session, made) if made else None,
        approve=approve
        or ApproveForm(formdata=None, data={"currency": get_vendor(session).currency, "terms_days": 30}),
        ask=ask or AskForm(formdata=None),
        refuse=refuse or RefuseForm(formdata=None),
        refused=refused,
        reasons={reason: _(words) for reason, words in REASONS.items()},
        may_people=current_actor().may(Permission.STAFF_MANAGE),
    )
    return body, status


@blueprint.get(f"/<{KEY}:request_id>")
@allow(Permission.COMPANY_MANAGE)
def show(request_id: int) -> tuple[str, int]:
    """One request with what is known of who asks."""
    return _page(request_id)


@blueprint.post(f"/<{KEY}:request_id>/approve")
@allow(Permission.COMPANY_MANAGE)
def approve(request_id: int) -> tuple[str, int] | Response:
    """Make the company and invite its contact."""
    form = ApproveForm()
    if not form.validate_on_submit():
        return _page(request_id, approve=form, status=422)
    try:
        company = do(
            approve_application,
            request_id=request_id,
            currency=form.currency.data,
            number=form.number.data,
            tier=form.tier.data,
            terms_days=form.terms_days.data,
            tax=TaxData(code=form.tax_code.data, rate_bps=form.rate_bps()),
            now=clock.now(),
        )
    except IllegalMove as error:
        return _page(request_id, refused=error.message, status=error.status)
    except (Conflict, InvalidInput) as error:
        names = {"code": "tax_code", "rate_bps": "tax_percent"}
        error.field = names.get(error.field or "", error.field)
        put_error(form, error)
        return _page(request_id, approve=form, status=error.status)
    flash(_("%(name)s is a reseller now; the invitation is on its way.", name=company.name), "success")
    return redirect(url_for("console.companies.show", company_id=company.id), 303)


def _decide(request_id: int, action: Any, form: Any, name: str, done: str) -> tuple[str, int] | Response:
    """Run what takes one text, and return to the queue."""
    shown = {"ask" if name == "question" else "refuse": form}
    if not form.validate_on_submit():
        return _page(request_id, **shown, status=422)
    try:
        do(action, request_id=request_id, **{name: form[name].data}, now=clock.now())
    except IllegalMove as error:
        return _page(request_id, **shown, refused=error.message, status=error.status)
    except DomainError as error:
        put_error(form, error)
        return _page(request_id, **shown, status=error.status)
    flash(done, "success")
    return redirect(url_for("console.applications.index"), 303)


@blueprint.post(f"/<{KEY}:request_id>/ask")
@allow(Permission.COMPANY_MANAGE)
def ask(request_id: int) -> tuple[str, int] | Response:
    """Ask the contact for more."""
    return _decide(
        request_id, actions.ask_applicant, AskForm(), "question", _("The question is on its way by mail.")
    )


@blueprint.post(f"/<{KEY}:request_id>/refuse")
@allow(Permission.COMPANY_MANAGE)
def refuse(request_id: int) -> tuple[str, int] | Response:
    """Refuse the request."""
    return _decide(
        request_id,
        actions.refuse_application,
        RefuseForm(),
        "reason",
        _("Refused; the contact is told by mail."),
    )
