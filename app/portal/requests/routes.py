"""Asking for a price, the company's own requests, taking one back."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from app.core import clock
from app.core.errors import Conflict, IllegalMove, InvalidInput
from app.core.permissions import Permission
from app.core.texts import N_, _
from app.core.web.door import allow, do
from app.core.web.extensions import db
from app.core.web.fields import put_error
from app.domain.catalogue.listing import rows_for
from app.domain.catalogue.lookup import look_up_codes
from app.domain.ordering import actions
from app.domain.ordering.desk import RequestFilters, list_price_requests
from app.domain.ordering.states import RequestState
from app.portal import buying
from app.portal.requests.forms import AskForm

blueprint = Blueprint("requests", __name__, url_prefix="/price-requests")

STATES = {
    RequestState.OPEN: N_("Asked"),
    RequestState.ANSWERED: N_("Answered"),
    RequestState.DECLINED: N_("Declined"),
    RequestState.WITHDRAWN: N_("Withdrawn"),
}


@blueprint.get("")
@allow(Permission.PRICE_REQUEST_CREATE)
def index() -> str:
    """The company's requests, the newest first."""
    state = next((known for known in STATES if known == request.args.get("state")), None)
    page = list_price_requests(
        db.session(), RequestFilters(state=state), newest_first=True, cursor=request.args.get("cursor")
    )
    chips = [{"label": _("All"), "href": url_for("portal.requests.index"), "current": state is None}]
    chips += [
        {
            "label": _(name),
            "href": url_for("portal.requests.index", state=known.value),
            "current": known is state,
        }
        for known, name in STATES.items()
    ]
    return render_template(
        "portal/requests/index.html",
        page=page,
        state=state,
        states=chips,
        previous_href=_page_href(state, page.previous_cursor),
        next_href=_page_href(state, page.next_cursor),
    )


def _page_href(state: RequestState | None, cursor: str | None) -> str | None:
    if cursor is None:
        return None
    return url_for("portal.requests.index", **buying.addressed(state=state and state.value, cursor=cursor))


@blueprint.get("/new")
@allow(Permission.PRICE_REQUEST_CREATE)
def new() -> str:
    """The form, filled in for a product where the address names one."""
    sku = request.args.get("sku", "")[:80]
    return _form_page(AskForm(formdata=None, sku=sku, quantity=request.args.get("quantity", "")[:40]))


def _form_page(form: AskForm) -> str:
    session, buyer, on = db.session(), buying.current_buyer(), buying.today()
    code = form.sku.data or ""
    matches = look_up_codes(session, buyer, [code], on=on)[code] if code else []
    products = rows_for(session, buyer, [matches[0].product_id], on=on) if len(matches) == 1 else []
    return render_template("portal/requests/new.html", form=form, product=products[0] if products else None)


@blueprint.post("/new")
@allow(Permission.PRICE_REQUEST_CREATE)
def create() -> Any:
    """Send the request to vendor sales."""
    form = AskForm()
    if not form.validate_on_submit():
        return _form_page(form), 422
    try:
        asked = do(
            actions.ask_price,
            code=form.sku.data,
            quantity=form.quantity.data,
            note=form.note.data,
            branch_id=buying.current_buyer().branch_id,
            now=clock.now(),
        )
    except (InvalidInput, Conflict) as error:
        put_error(form, error)
        return _form_page(form), error.status
    flash(_("Request %(number)s is sent. The answer comes by mail.", number=asked.number), "success")
    return redirect(url_for("portal.requests.index"), 303)


@blueprint.post("/<int:request_id>/withdraw")
@allow(Permission.PRICE_REQUEST_CREATE)
def withdraw(request_id: int) -> Any:
    """Take an open request back."""
    try:
        taken = do(actions.withdraw_price_request, request_id=request_id, now=clock.now())
    except (Conflict, IllegalMove) as error:
        flash(error.message, "error")
    else:
        flash(_("Request %(number)s is withdrawn.", number=taken.number), "success")
    return redirect(url_for("portal.requests.index"), 303)
