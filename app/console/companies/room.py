"""The room of the companies, which its pages add their routes to, and the page of one company."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask import Blueprint, current_app, render_template, url_for

from app.console.companies.forms import InviteForm
from app.console.companies.readiness import rows_of
from app.console.days import today
from app.core import clock
from app.core.errors import DomainError
from app.core.permissions import Permission
from app.core.web.door import current_actor, door_of
from app.core.web.extensions import db
from app.domain.accounts import queries
from app.domain.accounts.rules import role_name, roles_for
from app.domain.catalogue.queries import list_agreements, list_tax_rates
from app.domain.catalogue.readiness import gaps_of, read_facts
from app.domain.ordering.closing import open_work_of
from app.domain.ordering.merge_reads import merged_into

blueprint = Blueprint("companies", __name__, url_prefix="/companies")

#: A rate of 100 per cent in basis points.
FULL_BPS = 10_000
#: Rooms of others that have something about one company, where they exist.
_ELSEWHERE = (
    ("console.agreements.index", "agreements"),
    ("console.catalogue.visibility", "visibility"),
    ("console.orders.index", "orders"),
)


def _links(company_id: int) -> dict[str, str]:
    """Addresses of those that are there and that the reader may enter."""
    found = {}
    for endpoint, name in _ELSEWHERE:
        door = door_of(endpoint)
        if door is not None and current_actor().may(door[1]):
            rules = next(current_app.url_map.iter_rules(endpoint))
            key = "company_id" if "company_id" in rules.arguments else "company"
            found[name] = url_for(endpoint, **{key: company_id})
    return found


def company_page(
    company_id: int, *, invite_form: InviteForm | None = None, error: DomainError | None = None
) -> Any:
    """Branches, people, end customers and tax of a company, with what the reader may change."""
    session, actor = db.session(), current_actor()
    company = queries.get_company(session, company_id)
    branches = queries.list_branches(session, company_id, also_closed=True)
    gaps = gaps_of(read_facts(session, company_id, on=today())) if company.is_active else ()
    page = render_template(
        "console/companies/show.html",
        company=company,
        branches=branches,
        merged=merged_into(session, company_id),
        work=None if company.is_active else open_work_of(session, company_id),
        gaps=rows_of(gaps, company_id=company_id, branches=branches),
        people=queries.list_members(session, company_id=company_id, now=clock.now()),
        customers=queries.list_end_customers(session, company_id),
        agreements=list_agreements(session, company_id=company_id).items,
        tax_rates=[
            (row.code, Decimal(row.rate_bps) / FULL_BPS, row.tax_class)
            for row in list_tax_rates(session, company_id)
        ],
        roles=[(role.value, role_name(role)) for role in roles_for(company_id)],
        invite_form=invite_form or InviteForm(formdata=None),
        links=_links(company_id),
        error=error,
        may_manage=actor.may(Permission.COMPANY_MANAGE),
        may_people=actor.may(Permission.STAFF_MANAGE),
        may_view_as=actor.may(Permission.VIEW_AS),
    )
    return page, error.status if error else 422 if invite_form is not None else 200
