"""Merging a doubled company into the one that stays: choose, look at what would happen, do it."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for

from app.console.companies.room import blueprint
from app.console.fields import whole_key
from app.console.lists import given_text
from app.core import clock
from app.core.errors import Conflict, NotFound
from app.core.permissions import Permission
from app.core.texts import N_, _
from app.core.web.door import allow, do
from app.core.web.extensions import db
from app.domain.accounts import queries
from app.domain.accounts.doubles import Likeness
from app.domain.ordering import actions
from app.domain.ordering import merge_reads as reads
from app.domain.ordering.merging import OBSTACLES

#: What people call the rows that move; rows that belong to these are not named.
KINDS = {
    "branch": N_("Branches"),
    "membership": N_("People"),
    "end_customer": N_("End customers"),
    "cart": N_("Carts"),
    "sales_order": N_("Orders"),
    "price_request": N_("Price requests"),
    "price_agreement": N_("Price agreements"),
    "customer_part_number": N_("Own part numbers"),
    "visibility_listing": N_("Listed products"),
    "tax_rate": N_("Tax rates"),
    "mail_message": N_("Mails"),
    "asset": N_("Devices"),
}
REASONS = {
    Likeness.TAX_ID: N_("same tax number"),
    Likeness.NAME: N_("same or similar name"),
    Likeness.DOMAIN: N_("people with the same mail domain"),
}


def _page(
    company_id: int, *, stays_id: int | None = None, error: str | None = None, status: int = 200
) -> Any:
    session = db.session()
    doubled = queries.get_company(session, company_id)
    if doubled.merged_into_id is not None:
        return redirect(url_for("console.companies.show", company_id=doubled.merged_into_id), 302)
    number = given_text("into", maximum=40)
    if stays_id is None and number:
        stays = reads.find_by_number(session, number)
        stays_id = stays.id if stays else None
        if stays is None:
            error = _("There is no company of the number %(number)s.", number=number)
    plan = reads.plan_merge(session, stays_id=stays_id, doubled_id=company_id) if stays_id else None
    body = render_template(
        "console/companies/merge.html",
        doubled=doubled,
        number=number or "",
        plan=plan,
        kinds={name: _(words) for name, words in KINDS.items()},
        obstacle=_(OBSTACLES[plan.obstacle]) if plan and plan.obstacle else None,
        likely=reads.likely_doubles(session, doubled) if plan is None else [],
        reasons={reason: _(words) for reason, words in REASONS.items()},
        error=error,
    )
    return body, status


@blueprint.get("/<int:company_id>/merge")
@allow(Permission.COMPANY_MANAGE)
def merge(company_id: int) -> Any:
    """Choose the company that stays; with `?into=` its number, see what would happen."""
    return _page(company_id)


@blueprint.post("/<int:company_id>/merge")
@allow(Permission.COMPANY_MANAGE)
def do_merge(company_id: int) -> Any:
    """Give everything to the company that stays."""
    stays_id = whole_key(request.form.get("stays"))
    if stays_id is None:
        return _page(company_id, error=_("Choose the company that stays."), status=422)
    try:
        stays = do(actions.merge_companies, stays_id=stays_id, doubled_id=company_id, now=clock.now())
    except NotFound:
        return _page(company_id, error=_("Choose the company that stays."), status=422)
    except Conflict as error:
        return _page(company_id, stays_id=stays_id, error=error.message, status=error.status)
    flash(_("Merged: everything is with %(name)s now.", name=stays.name), "success")
    return redirect(url_for("console.companies.show", company_id=stays.id), 303)
