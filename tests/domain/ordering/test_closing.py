"""A company closed: its people are out and told, what is open goes on, and nothing is placed after it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.core.audit import AuditEntry
from app.core.database import run, writing
from app.core.errors import Conflict
from app.core.outbox import Job
from app.core.permissions import Actor, Role
from app.core.tenancy import all_companies
from app.domain.accounts import actions as accounts
from app.domain.accounts.models import Company, SignInSession
from app.domain.accounts.rules import PersonData
from app.domain.accounts.sessions import hash_token
from app.domain.inventory.queries import find_unbalanced
from app.domain.ordering import actions
from app.domain.ordering.closing import open_work_of
from app.domain.ordering.models import Cart, Order
from app.domain.ordering.placing import Checkout
from tests.domain.ordering.parallel import at_once, errors_of
from tests.factories.accounts import make_person, read
from tests.factories.ordering import NOW, Shop, done, make_cart, place, settle

ROUNDS = 5


def closed(session: Session, shop: Shop, action: Any = actions.close_company) -> None:
    done(session, action, shop.seller, company_id=shop.company.id, now=NOW)


def sign_in_of(session: Session, shop: Shop, *, view_as: bool = False) -> int:
    actor = shop.seller if view_as else shop.buyer
    with writing(session), all_companies(session, reason="test data"):
        row = SignInSession(
            token_hash=hash_token("t" * 9 + str(view_as)),
            user_id=actor.user_id,
            membership_id=actor.membership_id,
            view_as_company_id=shop.company.id if view_as else None,
            created_at=NOW,
            last_seen_at=NOW,
        )
        session.add(row)
        session.commit()
        session.expunge_all()
        return row.id


def test_closing_ends_sessions_and_visits_and_tells_the_people(shop: Shop) -> None:
    session = shop.session
    own, visit = sign_in_of(session, shop), sign_in_of(session, shop, view_as=True)
    make_person(session, shop.company, Role.BUYER, email="not-yet@kettle.example", password=None)
    product = shop.product(stock=9)
    place(session, shop.buyer, shop.company, {product: 1})
    make_cart(session, shop.company, {product: 2})
    make_cart(session, shop.company)
    closed(session, shop)
    rows = {row.id: row for row in read(session, select(SignInSession))}
    assert rows[own].ended_at == NOW
    assert (rows[visit].ended_at, rows[visit].view_as_company_id) == (None, None)
    jobs = read(session, select(Job).where(Job.kind == "mail.render"))
    told = [job.payload for job in jobs if job.payload["template"] == "company_closed"]
    assert len(told) == 1
    assert (told[0]["context"]["orders"], told[0]["context"]["carts"]) == (1, 1)
    closed(session, shop)
    entries = read(session, select(AuditEntry.action).where(AuditEntry.subject_type == "company"))
    assert entries == ["company.closed"]


def test_what_is_open_is_counted_and_named(shop: Shop) -> None:
    session, product = shop.session, shop.product(stock=9)
    order = place(session, shop.buyer, shop.company, {product: 1})
    make_cart(session, shop.company, {product: 2}, name="For later")
    with all_companies(session, reason="test"):
        work = open_work_of(session, shop.company.id)
        other = open_work_of(session, shop.other.id)
    assert (work.carts, work.orders, work.requests) == (1, 1, 0)
    assert [row.number for row in work.named_orders] == [order.number]
    assert [(row.name, row.lines) for row in work.named_carts] == [("For later", 1)]
    assert not other.is_any


def test_nobody_is_invited_to_a_closed_company_until_it_is_open_again(shop: Shop) -> None:
    session = shop.session
    closed(session, shop)
    invitation = {
        "company_id": shop.company.id,
        "person": PersonData("Ilse Worm", "ilse@kettle.example"),
        "role": "buyer",
        "now": NOW,
    }
    with pytest.raises(Conflict, match="closed"):
        done(session, accounts.invite_user, shop.seller, **invitation)
    closed(session, shop, actions.reopen_company)
    done(session, accounts.invite_user, shop.seller, **invitation)


def placing(actor: Actor, cart: Cart) -> Any:
    def task(session: Session) -> Any:
        order = run(
            session,
            actions.place_order,
            actor,
            cart_id=cart.id,
            shown_total=Decimal("10.00"),
            checkout=Checkout(branch_id=cart.branch_id),
            now=NOW,
        )
        return order.number

    return task


def closing(shop: Shop) -> Any:
    def task(session: Session) -> Any:
        run(session, actions.close_company, shop.seller, company_id=shop.company.id, now=NOW)
        return "closed"

    return task


def test_a_closed_company_places_nothing_and_its_cart_stays(shop: Shop) -> None:
    session, product = shop.session, shop.product(stock=9)
    cart = make_cart(session, shop.company, {product: 1})
    closed(session, shop)
    with pytest.raises(Conflict, match="closed"):
        place(session, shop.buyer, shop.company, cart, shown_total="10.00")
    assert read(session, select(Order)) == []
    assert read(session, select(Cart.placed_at)) == [None]


def test_closing_while_placing_leaves_one_of_the_two_outcomes(engine: Engine, shop: Shop) -> None:
    session, product = shop.session, shop.product(stock=100)
    for _round in range(ROUNDS):
        carts = [make_cart(session, shop.company, {product: 1}) for _n in range(3)]
        before = len(read(session, select(Order)))
        results = at_once(engine, [*(placing(shop.buyer, cart) for cart in carts), closing(shop)])
        assert set(errors_of(results)) <= {"Conflict"}, results
        placed = [one for one in results[:3] if isinstance(one, str)]
        assert len(read(session, select(Order))) == before + len(placed)
        told = read(session, select(Job).where(Job.kind == "mail.render").order_by(Job.id.desc()))
        last = next(job.payload for job in told if job.payload["template"] == "company_closed")
        # Who was told, was told of every order that was placed.
        assert last["context"]["orders"] == before + len(placed)
        ids = [cart.id for cart in carts]
        open_carts = read(session, select(Cart.id).where(Cart.id.in_(ids), Cart.placed_at.is_(None)))
        assert len(open_carts) == 3 - len(placed)
        closed(session, shop, actions.reopen_company)
    assert read(session, select(Company.is_active).where(Company.id == shop.company.id)) == [True]
    settle(session)
    with all_companies(session, reason="test"):
        assert find_unbalanced(session) == []
