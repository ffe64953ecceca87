"""The queue of price requests, one request, its answer or refusal."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app.console.addresses import product_address
from app.console.days import today
from app.console.fields import whole_key
from app.console.lists import KEY, given_choice, given_text
from app.console.requests.forms import AnswerForm, DeclineForm
from app.core import clock
from app.core.errors import DomainError, IllegalMove, InvalidInput, StaleEdit
from app.core.permissions import Permission
from app.core.texts import N_, _
from app.core.web.door import allow, do
from app.core.web.extensions import db
from app.core.web.fields import put_error
from app.core.web.formats import price_text
from app.domain.catalogue.buyers import Buyer
from app.domain.catalogue.prices import prices_for_buyer
from app.domain.inventory.desk import get_stock
from app.domain.ordering import desk
from app.domain.ordering import price_requests as actions
from app.domain.ordering.desk import RequestFilters

blueprint = Blueprint("requests", __name__, url_prefix="/price-requests")

STATES = {
    "open": N_("To answer"),
    "answered": N_("Answered"),
    "declined": N_("Declined"),
    "withdrawn": N_("Withdrawn"),
    "all": N_("All"),
}
#: A price holds this many days unless another day is chosen.
VALID_DAYS = 14


@blueprint.get("")
@allow(Permission.PRICE_REQUEST_ANSWER)
def index() -> str | tuple[str, int]:
    page, args, error, state = None, {}, None, "open"
    try:
        state = given_choice("state", STATES, default="open") or "open"
        text = given_text("q")
        args = {name: value for name, value in (("state", request.args.get("state")), ("q", text)) if value}
        page = desk.list_price_requests(
            db.session(),
            RequestFilters(None if state == "all" else state, text),
            newest_first=state != "open",
            cursor=request.args.get("cursor"),
        )
    except InvalidInput as refusal:
        error = refusal
    kept = {name: value for name, value in args.items() if name != "state"}
    chips = [
        {
            "label": _(label),
            "href": url_for("console.requests.index", state=one if one != "open" else None, **kept),
            "current": one == state,
        }
        for one, label in STATES.items()
    ]
    body = render_template(
        "console/requests/index.html",
        page=page,
        args=args,
        error=error,
        chips=chips,
        is_queue=state == "open",
    )
    return (body, error.status) if error else body


def _list_price(session: Session, row: Any) -> str | None:
    ladders = prices_for_buyer(session, Buyer.staff(row.currency), [row.product_id], on=today())
    own = ladders.get(row.product_id)
    if not own:
        return None
    return f"{price_text(own[0].steps[0].unit_price, row.currency, locale='en')} {row.currency}"


def _page(
    request_id: int,
    *,
    form: AnswerForm | None = None,
    decline_form: DeclineForm | None = None,
    refused: str | None = None,
    status: int = 200,
) -> tuple[str, int]:
    session = db.session()
    row = desk.get_price_request(session, request_id)
    stock = get_stock(session, row.product_id)
    first = {"valid_until": today() + timedelta(days=VALID_DAYS), "version": row.version}
    body = render_template(
        "console/requests/show.html",
        row=row,
        form=form or AnswerForm(formdata=None, data=first),
        decline=decline_form or DeclineForm(formdata=None, data={"version": row.version}),
        refused=refused,
        list_price=_list_price(session, row),
        stock_text=_("%(n)s, %(m)s to come", n=stock.available, m=stock.expected),
        product_href=product_address(row.product_id, row.sku),
    )
    return body, status


@blueprint.get(f"/<{KEY}:request_id>")
@allow(Permission.PRICE_REQUEST_ANSWER)
def show(request_id: int) -> tuple[str, int]:
    return _page(request_id)


@blueprint.post(f"/<{KEY}:request_id>/answer")
@allow(Permission.PRICE_REQUEST_ANSWER)
def answer(request_id: int) -> tuple[str, int] | Response:
    form = AnswerForm()
    if not form.validate():
        return _page(request_id, form=form, status=422)
    if form.valid_until.data < today():
        form.valid_until.errors = [_("This day has passed. Choose today or a later one.")]
        return _page(request_id, form=form, status=422)
    try:
        do(
            actions.answer_price_request,
            request_id=request_id,
            unit_price=form.unit_price.data,
            valid_until=form.valid_until.data,
            answer=form.answer.data,
            version=whole_key(form.version.data) or 0,
            now=clock.now(),
        )
    except (IllegalMove, StaleEdit) as error:
        return _page(request_id, form=form, refused=error.message, status=error.status)
    except DomainError as error:
        put_error(form, error)
        return _page(request_id, form=form, status=error.status)
    flash(_("The price is on its way to the buyer by mail."), "success")
    return redirect(url_for("console.requests.index"), 303)


@blueprint.post(f"/<{KEY}:request_id>/decline")
@allow(Permission.PRICE_REQUEST_ANSWER)
def decline(request_id: int) -> tuple[str, int] | Response:
    form = DeclineForm()
    if not form.validate():
        return _page(request_id, decline_form=form, status=422)
    try:
        do(
            actions.decline_price_request,
            request_id=request_id,
            reason=form.reason.data,
            version=whole_key(form.version.data) or 0,
            now=clock.now(),
        )
    except (IllegalMove, StaleEdit) as error:
        return _page(request_id, decline_form=form, refused=error.message, status=error.status)
    except DomainError as error:
        put_error(form, error)
        return _page(request_id, decline_form=form, status=error.status)
    flash(_("Declined; the buyer is told by mail."), "success")
    return redirect(url_for("console.requests.index"), 303)
