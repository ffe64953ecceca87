"""Companies, people, what companies see and call things, and price requests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.console.applications.routes import STATES as APPLICATION_STATES
from app.console.companies.routes import STATES as COMPANY_STATES
from app.console.days import today
from app.console.lists import KEY, given_choice, given_text
from app.console.requests.routes import STATES as REQUEST_STATES
from app.core import clock
from app.core.pages import read_whole
from app.core.permissions import Permission
from app.core.web.downloads import ListExport
from app.core.web.extensions import db
from app.domain.accounts import queries
from app.domain.accounts.application_reads import list_requests
from app.domain.accounts.models import Company
from app.domain.catalogue.queries import list_customer_numbers, list_visibility
from app.domain.catalogue.readiness import is_ready
from app.domain.ordering.desk import RequestFilters, list_price_requests

Rows = Iterable[tuple[Any, ...]]
_ADDRESS = ("street", "postcode", "city", "region", "country")


def _companies() -> Rows:
    session, text, ready = db.session(), given_text("q"), is_ready(today())
    state = given_choice("state", COMPANY_STATES)
    found = read_whole(
        lambda cursor: queries.list_companies(
            session,
            text=text,
            cursor=cursor,
            is_active={"unready": True, "closed": False}.get(state or ""),
            also=[ready.label("is_ready")],
            condition={"unready": ~ready, "closed": Company.merged_into_id.is_(None)}.get(state or ""),
        )
    )
    return (
        (row.number, row.name, row.currency, row.tier, row.is_active, row.is_active and bool(row.is_ready))
        for row in found
    )


def _person(row: Any) -> tuple[Any, ...]:
    may_enter = row.is_active and not row.is_disabled and row.has_password
    return (row.name, row.email, row.role, may_enter, row.has_open_invitation, row.last_signed_in_at)


def _staff() -> Rows:
    return (_person(row) for row in queries.list_members(db.session(), company_id=None, now=clock.now()))


def _everybody() -> Rows:
    session, text, now = db.session(), given_text("q"), clock.now()
    found = read_whole(lambda cursor: queries.list_people(session, now=now, text=text, cursor=cursor))
    return ((row.company_name, *_person(row)) for row in found)


def _company_people(company_id: int) -> Rows:
    company = queries.get_company(db.session(), company_id)
    found = queries.list_members(db.session(), company_id=company.id, now=clock.now())
    return (_person(row) for row in found)


def _company_branches(company_id: int) -> Rows:
    company = queries.get_company(db.session(), company_id)
    found = queries.list_branches(db.session(), company.id, also_closed=True)
    return (
        (row.name, *(getattr(row, part) for part in _ADDRESS), row.terms_days, row.is_active) for row in found
    )


def _company_customers(company_id: int) -> Rows:
    company = queries.get_company(db.session(), company_id)
    found = queries.list_end_customers(db.session(), company.id)
    return ((row.name, *(getattr(row, part) for part in _ADDRESS)) for row in found)


def _numbers(company_id: int) -> Rows:
    company = queries.get_company(db.session(), company_id)
    return ((row.code, row.sku, row.name) for row in list_customer_numbers(db.session(), company.id))


def _visibility(company_id: int) -> Rows:
    company = queries.get_company(db.session(), company_id)
    return (
        (row.sku, row.product_name, row.category_name, row.starts_on, row.ends_on, row.reason)
        for row in list_visibility(db.session(), company.id)
    )


def _applications() -> Rows:
    session, text = db.session(), given_text("q")
    state = given_choice("state", APPLICATION_STATES, default="open") or "open"
    found = read_whole(
        lambda cursor: list_requests(
            session,
            state=None if state == "all" else state,
            text=text,
            newest_first=state != "open",
            cursor=cursor,
        )
    )
    return (
        (
            *(row.state, row.company_name, row.city, row.country, row.contact_name, row.email),
            *(row.created_at, row.answer),
        )
        for row in found
    )


def _requests() -> Rows:
    state = given_choice("state", REQUEST_STATES, default="open") or "open"
    session, filters = db.session(), RequestFilters(None if state == "all" else state, given_text("q"))
    found = read_whole(
        lambda cursor: list_price_requests(session, filters, newest_first=state != "open", cursor=cursor)
    )
    return (
        (
            *(row.number, row.state, row.company_number, row.company_name, row.branch_name, row.sku),
            *(row.name, row.quantity, row.note, row.asked_by_name, row.created_at, row.answered_at),
            *(row.answered_by_name, row.unit_price, row.currency, row.valid_until, row.answer),
        )
        for row in found
    )


_PERSON = ("name", "email", "role", "may_sign_in", "is_invited", "last_signed_in_at")
_COMPANY = f"/companies/<{KEY}:company_id>"
EXPORTS = (
    ListExport(
        "companies",
        "/companies",
        Permission.COMPANY_READ,
        ("number", "name", "currency", "tier", "is_active", "is_ready"),
        _companies,
    ),
    ListExport(
        "applications",
        "/reseller-requests",
        Permission.COMPANY_MANAGE,
        ("state", "company", "city", "country", "contact", "email", "asked_at", "answer"),
        _applications,
    ),
    ListExport("staff", "/people", Permission.STAFF_MANAGE, _PERSON, _staff),
    ListExport("everybody", "/people/everybody", Permission.STAFF_MANAGE, ("company", *_PERSON), _everybody),
    ListExport("company_people", f"{_COMPANY}/people", Permission.COMPANY_READ, _PERSON, _company_people),
    ListExport(
        "company_branches",
        f"{_COMPANY}/branches",
        Permission.COMPANY_READ,
        ("name", *_ADDRESS, "terms_days", "is_active"),
        _company_branches,
    ),
    ListExport(
        "company_customers",
        f"{_COMPANY}/end-customers",
        Permission.COMPANY_READ,
        ("name", *_ADDRESS),
        _company_customers,
    ),
    ListExport(
        "customer_numbers",
        f"/products/companies/<{KEY}:company_id>/numbers",
        Permission.CATALOGUE_MANAGE,
        ("number", "sku", "name"),
        _numbers,
    ),
    ListExport(
        "visibility",
        f"/products/companies/<{KEY}:company_id>/visibility",
        Permission.CATALOGUE_MANAGE,
        ("sku", "name", "category", "starts_on", "ends_before", "reason"),
        _visibility,
    ),
    ListExport(
        "price_requests",
        "/price-requests",
        Permission.PRICE_REQUEST_ANSWER,
        (
            *("number", "state", "company_number", "company", "branch", "sku", "name", "quantity", "note"),
            *("asked_by", "asked_at", "answered_at", "answered_by", "unit_price", "currency"),
            *("valid_until", "answer"),
        ),
        _requests,
    ),
)
