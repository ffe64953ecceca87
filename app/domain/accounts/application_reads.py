"""Reads of the requests to become a reseller."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.core.pages import Page, SortKey, paginate
from app.core.states import StateChange
from app.core.texts import _
from app.domain.accounts.doubles import Double, find_doubles, own_domain
from app.domain.accounts.models import ResellerRequest, User
from app.domain.accounts.states import REQUEST_MACHINE

MOST_OTHERS = 5


def list_requests(
    session: Session,
    *,
    state: str | None,
    text: str | None = None,
    newest_first: bool = False,
    cursor: str | None = None,
) -> Page[Any]:
    """Requests in a state, the oldest first; `text` is a part of company, contact or address."""
    statement: Any = select(
        ResellerRequest.id,
        ResellerRequest.state,
        ResellerRequest.company_name,
        ResellerRequest.city,
        ResellerRequest.country,
        ResellerRequest.contact_name,
        ResellerRequest.email,
        ResellerRequest.created_at,
        ResellerRequest.answer,
    )
    if state is not None:
        statement = statement.where(ResellerRequest.state == state)
    if text:
        statement = statement.where(
            or_(
                ResellerRequest.company_name.icontains(text, autoescape=True),
                ResellerRequest.contact_name.icontains(text, autoescape=True),
                ResellerRequest.email.contains(text.lower(), autoescape=True),
            )
        )
    return paginate(
        session,
        statement,
        sort=[
            SortKey(ResellerRequest.created_at, descending=newest_first),
            SortKey(ResellerRequest.id, descending=newest_first),
        ],
        read_keys=lambda row: (row.created_at, row.id),
        cursor=cursor,
    )


def get_request(session: Session, request_id: int) -> ResellerRequest:
    """:raises NotFound: there is no such request."""
    request = session.get(ResellerRequest, request_id)
    if request is None:
        raise NotFound(_("There is no such request."))
    return request


def history_of(session: Session, request_id: int) -> Sequence[StateChange]:
    """What happened to a request, the oldest first."""
    return session.scalars(
        select(StateChange)
        .where(StateChange.machine == REQUEST_MACHINE.name, StateChange.subject_id == request_id)
        .order_by(StateChange.id)
    ).all()


def doubles_of(session: Session, request: ResellerRequest) -> list[Double]:
    """Companies that may be the one that asks."""
    domain = own_domain(request.email)
    return find_doubles(
        session,
        name=request.company_name,
        tax_id=request.tax_id,
        domains=[domain] if domain else [],
        but=request.made_company_id,
    )


def person_of(session: Session, request: ResellerRequest) -> User | None:
    """Who is known by the contact's address already."""
    return session.scalars(select(User).where(User.email == request.email)).one_or_none()


def other_requests_of(session: Session, request: ResellerRequest) -> Sequence[Any]:
    """Other requests of the same address, the latest first."""
    return session.execute(
        select(
            ResellerRequest.id,
            ResellerRequest.company_name,
            ResellerRequest.state,
            ResellerRequest.created_at,
        )
        .where(ResellerRequest.email == request.email, ResellerRequest.id != request.id)
        .order_by(ResellerRequest.id.desc())
        .limit(MOST_OTHERS)
    ).all()
