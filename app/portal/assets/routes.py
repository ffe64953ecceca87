"""The company's installed base, and one unit's page with its lifeline."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request, url_for

from app.core.errors import InvalidInput
from app.core.permissions import Permission, Role
from app.core.texts import _
from app.core.web.door import allow, current_actor
from app.core.web.extensions import db
from app.core.web.formats import vendor_zone
from app.domain.accounts.queries import list_end_customers
from app.domain.assets import filters, lifeline
from app.domain.assets.queries import get_unit, list_units
from app.domain.ordering.asset_origin import find_origin
from app.portal import buying

blueprint = Blueprint("assets", __name__, url_prefix="/assets")

COLUMNS = (
    *("serial", "sku", "name", "brand", "end_customer", "state"),
    *("ship_date", "cover_until", "source"),
)


@blueprint.get("")
@allow(Permission.ASSET_READ)
def index() -> Any:
    """The units that stand with the company; the filters are in the address."""
    session, actor = db.session(), current_actor()
    found, page, error = filters.given(request.args), None, None
    found.pop("company", None)
    try:
        wanted = filters.filters_of(found, on=buying.today())
        page = list_units(session, actor, wanted, cursor=request.args.get("cursor") or None)
    except InvalidInput as refusal:
        error = refusal
    body = render_template(
        "portal/assets/index.html",
        page=page,
        error=error,
        given=found,
        today=buying.today(),
        customers=list_end_customers(session, buying.company_id(), also_closed=True)
        if actor.role is not Role.END_CUSTOMER_DESK
        else [],
        ends=filters.ENDS,
        states=filters.STATES,
        total=_total(page),
        previous_href=_href(found, page.previous_cursor if page else None),
        next_href=_href(found, page.next_cursor if page else None),
    )
    return (body, error.status) if error else body


def _total(page: Any) -> Any:
    if page is None or page.total is None:
        return None
    return page.total if page.total_is_exact else _("1,000+")


def _href(found: dict[str, str], cursor: str | None) -> str | None:
    return url_for("portal.assets.index", **found, cursor=cursor) if cursor else None


@blueprint.get("/<int(max=9223372036854775807):asset_id>")
@allow(Permission.ASSET_READ)
def show(asset_id: int) -> str:
    """One unit: its cover in words, its lifeline, where it comes from and where it is."""
    session, actor, today = db.session(), current_actor(), buying.today()
    unit = get_unit(session, actor, asset_id)
    origin = None
    if unit.is_own_purchase and actor.may(Permission.ORDER_READ):
        origin = find_origin(
            session, order_line_id=unit.row.order_line_id, shipment_line_id=unit.row.shipment_line_id
        )
    return render_template(
        "portal/assets/show.html",
        unit=unit,
        answer=lifeline.answer_for(unit.covers, unit.row.state, today),
        life=lifeline.draw(unit, today=today, day_of=lambda moment: moment.astimezone(vendor_zone()).date()),
        origin=origin,
        today=today,
        event_names=lifeline.EVENTS,
        cover_names=lifeline.COVERS,
        is_desk=actor.role is Role.END_CUSTOMER_DESK,
        may_shop=actor.may(Permission.CATALOGUE_READ),
    )
