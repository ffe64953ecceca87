"""An exact number goes straight to its page; anything else shows what fits, kind by kind."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from flask import Blueprint, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app.console.addresses import company_address, product_address
from app.console.days import today
from app.console.lists import given_text
from app.core.errors import InvalidInput
from app.core.permissions import Actor, Permission
from app.core.web.door import allow, current_actor
from app.core.web.extensions import db
from app.domain.accounts.queries import list_companies
from app.domain.assets.queries import FoundUnit, find_by_serial, find_scanned, suggest_serials
from app.domain.catalogue.listing import suggest
from app.domain.catalogue.lookup import look_up_codes
from app.domain.catalogue.numbers import code_key
from app.domain.ordering import desk

blueprint = Blueprint("search", __name__, url_prefix="/search")

#: Hits of one kind; the rest is behind the kind's own list.
MOST = 8


@blueprint.get("")
@allow(Permission.CATALOGUE_READ)
def index() -> str | Response | tuple[str, int]:
    session, actor = db.session(), current_actor()
    day = today()
    try:
        text = given_text("q", maximum=200)
    except InvalidInput as error:
        scanned = find_scanned(session, actor, request.args["q"][:200])
        if scanned is not None:
            return redirect(url_for("console.assets.show", asset_id=scanned.id))
        return render_template("console/search/index.html", text="", error=error), error.status
    if text is None:
        return render_template("console/search/index.html", text="", error=None)
    units = find_by_serial(session, actor, text) if actor.may(Permission.ASSET_READ) else []
    exact = _exact_addresses(session, actor, text, day, units)
    if len(exact) == 1:
        return redirect(exact[0])
    return render_template(
        "console/search/index.html",
        text=text,
        error=None,
        units=units,
        look_alikes=suggest_serials(session, actor, text)
        if actor.may(Permission.ASSET_READ) and not units
        else [],
        orders=desk.find_orders(session, text, limit=MOST) if actor.may(Permission.ORDER_READ) else [],
        products=suggest(session, None, text, on=day, limit=MOST),
        companies=list_companies(session, text=text).items[:MOST]
        if actor.may(Permission.COMPANY_READ)
        else [],
        product_address=product_address,
        company_address=company_address,
    )


def _exact_addresses(
    session: Session, actor: Actor, text: str, day: date, units: Sequence[FoundUnit]
) -> list[str]:
    found = [url_for("console.assets.show", asset_id=unit.id) for unit in units]
    number = code_key(text)
    if actor.may(Permission.ORDER_READ) and desk.find_order_id(session, number) is not None:
        found.append(url_for("console.orders.show", number=number))
    if actor.may(Permission.PRICE_REQUEST_ANSWER):
        request_id = desk.find_request_id(session, text)
        if request_id is not None:
            found.append(url_for("console.requests.show", request_id=request_id))
    found += [
        product_address(match.product_id, match.sku)
        for match in look_up_codes(session, None, [text], on=day)[text]
    ]
    if actor.may(Permission.COMPANY_READ):
        wanted = text.lower()
        rows = list_companies(session, text=text).items
        addresses = [company_address(row.id) for row in rows if wanted in (row.number.lower(), row.name_key)]
        found += [address for address in addresses if address is not None]
    return found
