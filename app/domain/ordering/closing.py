"""A company closed or opened again, with what is open of it told to whom it concerns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.permissions import Actor, Permission, requires
from app.domain.accounts.closing import set_company_active
from app.domain.accounts.mails import Mail, queue_mails
from app.domain.accounts.models import Membership, User
from app.domain.accounts.queries import get_company, get_vendor
from app.domain.ordering.models import Cart, CartLine, Order, PriceRequest
from app.domain.ordering.states import CANCELLABLE

#: Carts and orders named on a page; the rest is counted.
MOST_NAMED = 10
_OPEN_STATES = tuple(state.value for state in CANCELLABLE)


@dataclass(frozen=True, slots=True)
class OpenWork:
    """What is under way for a company: numbers, and the latest by name."""

    carts: int
    orders: int
    requests: int
    #: id, name, lines.
    named_carts: Sequence[Any]
    #: number, state, total, currency, placed_at.
    named_orders: Sequence[Any]

    @property
    def is_any(self) -> bool:
        return bool(self.carts or self.orders or self.requests)


def _open_carts(company_id: int) -> Any:
    has_line = select(CartLine.id).where(CartLine.company_id == Cart.company_id, CartLine.cart_id == Cart.id)
    return (
        Cart.company_id == company_id,
        Cart.placed_at.is_(None),
        Cart.discarded_at.is_(None),
        has_line.exists(),
    )


def _open_orders(company_id: int) -> Any:
    return (Order.company_id == company_id, Order.state.in_(_OPEN_STATES))


def open_work_of(session: Session, company_id: int) -> OpenWork:
    """Carts with something in them, orders not done, and price requests that wait, in three statements."""
    requests = (PriceRequest.company_id == company_id, PriceRequest.state == "open")
    counts = session.execute(
        select(
            select(func.count(Cart.id)).where(*_open_carts(company_id)).scalar_subquery(),
            select(func.count(Order.id)).where(*_open_orders(company_id)).scalar_subquery(),
            select(func.count(PriceRequest.id)).where(*requests).scalar_subquery(),
        )
    ).one()
    lines = (
        select(func.count(CartLine.id))
        .where(CartLine.company_id == Cart.company_id, CartLine.cart_id == Cart.id)
        .scalar_subquery()
    )
    carts = (
        select(Cart.id, Cart.name, Cart.updated_at, lines.label("lines"))
        .where(*_open_carts(company_id))
        .order_by(Cart.id.desc())
        .limit(MOST_NAMED)
    )
    orders = (
        select(Order.id, Order.number, Order.state, Order.total, Order.currency, Order.placed_at)
        .where(*_open_orders(company_id))
        .order_by(Order.placed_at.desc(), Order.id.desc())
        .limit(MOST_NAMED)
    )
    return OpenWork(*counts, session.execute(carts).all(), session.execute(orders).all())


@requires(Permission.COMPANY_MANAGE)
def close_company(session: Session, actor: Actor, *, company_id: int, now: datetime) -> None:
    """Close a company: its people are signed out and told by mail; open orders go on unless cancelled.

    An order that is being placed is either finished before or refused.
    """
    if set_company_active(session, actor, company_id=company_id, is_active=False, now=now):
        _tell(session, company_id, "company_closed", now=now)


@requires(Permission.COMPANY_MANAGE)
def reopen_company(session: Session, actor: Actor, *, company_id: int, now: datetime) -> None:
    """Let a closed company's people sign in again, and tell them.

    :raises Conflict: it was merged into another one.
    """
    if set_company_active(session, actor, company_id=company_id, is_active=True, now=now):
        _tell(session, company_id, "company_reopened", now=now)


def _tell(session: Session, company_id: int, template: str, *, now: datetime) -> None:
    company, work = get_company(session, company_id), open_work_of(session, company_id)
    people = session.scalars(
        select(User.email)
        .join(Membership, Membership.user_id == User.id)
        .where(
            Membership.company_id == company_id,
            Membership.is_active,
            User.is_disabled.is_(False),
            User.password_hash.is_not(None),
        )
        .order_by(Membership.id)
    ).all()
    context = {
        "company": company.name,
        "vendor": get_vendor(session).name,
        "orders": work.orders,
        "carts": work.carts,
    }
    mails = [Mail(template, email, company_id, "/sign-in") for email in people]
    queue_mails(session, mails, context=context, now=now)


@dataclass(frozen=True, slots=True)
class PersonsWork:
    """How many open carts and orders a person has begun; they are the company's and stay with it."""

    carts: int
    orders: int


def open_work_of_person(session: Session, user_id: int) -> PersonsWork:
    """Of the companies the person belongs or belonged to, in one statement."""
    companies = select(Membership.company_id).where(
        Membership.user_id == user_id, Membership.company_id.is_not(None)
    )
    carts = select(func.count(Cart.id)).where(
        Cart.company_id.in_(companies),
        Cart.created_by_id == user_id,
        Cart.placed_at.is_(None),
        Cart.discarded_at.is_(None),
    )
    orders = select(func.count(Order.id)).where(
        Order.company_id.in_(companies), Order.placed_by_id == user_id, Order.state.in_(_OPEN_STATES)
    )
    row = session.execute(select(carts.scalar_subquery(), orders.scalar_subquery())).one()
    return PersonsWork(*row)
