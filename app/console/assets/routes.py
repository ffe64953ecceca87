"""Every reseller's installed base, and one unit's page with its lifeline."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request, url_for

from app.console.addresses import company_address, product_address
from app.console.days import today
from app.console.lists import KEY, total_text
from app.core.errors import InvalidInput
from app.core.permissions import Permission
from app.core.web.door import allow, current_actor
from app.core.web.extensions import db
from app.core.web.formats import vendor_zone
from app.domain.accounts.queries import get_company, list_end_customers
from app.domain.assets import filters, lifeline
from app.domain.assets.queries import get_unit, list_units
from app.domain.ordering.asset_origin import find_origin

blueprint = Blueprint("assets", __name__, url_prefix="/assets")

COLUMNS = (
    *("serial", "sku", "name", "brand", "company", "company_name", "end_customer", "state"),
    *("ship_date", "cover_until", "source"),
)


@blueprint.get("")
@allow(Permission.ASSET_READ)
def index() -> Any:
    """The installed base; the filters are in the address."""
    session, actor = db.session(), current_actor()
    found, page, error, company, customers = filters.given(request.args), None, None, None, []
    try:
        wanted = filters.filters_of(found, on=today())
        if wanted.company_id is not None:
            company = get_company(session, wanted.company_id)
            customers = list_end_customers(session, company.id, also_closed=True)
        page = list_units(session, actor, wanted, cursor=request.args.get("cursor") or None)
    except InvalidInput as refusal:
        error = refusal
    body = render_template(
        "console/assets/index.html",
        page=page,
        error=error,
        given=found,
        today=today(),
        company=company,
        customers=customers,
        ends=filters.ENDS,
        states=filters.STATES,
        total=total_text(page) if page else None,
        previous_href=_href(found, page.previous_cursor if page else None),
        next_href=_href(found, page.next_cursor if page else None),
        company_address=company_address,
        may_manage=actor.may(Permission.ASSET_MANAGE),
        may_import=actor.may(Permission.ASSET_MANAGE) and actor.may(Permission.IMPORT_RUN),
    )
    return (body, error.status) if error else body


def _href(found: dict[str, str], cursor: str | None) -> str | None:
    return url_for("console.assets.index", **found, cursor=cursor) if cursor else None


@blueprint.get(f"/<{KEY}:asset_id>")
@allow(Permission.ASSET_READ)
def show(asset_id: int) -> str:
    """One unit: its cover in words, its lifeline, where it comes from and where it is."""
    session, actor, day = db.session(), current_actor(), today()
    unit = get_unit(session, actor, asset_id)
    row = unit.row
    origin = None
    if actor.may(Permission.ORDER_READ):
        origin = find_origin(session, order_line_id=row.order_line_id, shipment_line_id=row.shipment_line_id)
    return render_template(
        "console/assets/show.html",
        unit=unit,
        answer=lifeline.answer_for(unit.covers, row.state, day),
        life=lifeline.draw(unit, today=day, day_of=lambda moment: moment.astimezone(vendor_zone()).date()),
        origin=origin,
        today=day,
        event_names=lifeline.EVENTS,
        cover_names=lifeline.COVERS,
        product_href=product_address(row.product_id, row.sku) if row.product_id is not None else None,
        company_address=company_address,
    )
