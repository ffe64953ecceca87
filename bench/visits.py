"""The measured work: a signed-in buyer's requests beside the floor's."""

from __future__ import annotations

import gc
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flask import Flask
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app import create_app
from app.core import clock
from app.core.database import run, writing
from app.core.pages import encode_cursor
from app.core.permissions import ROLE_PERMISSIONS, Actor, Role
from app.core.tenancy import TenantSession, all_companies, company_scope
from app.core.web.extensions import db
from app.domain.accounts import passwords
from app.domain.accounts.models import Membership, User
from app.domain.catalogue.models import Product
from app.domain.ordering.actions import place_order
from app.domain.ordering.models import Cart, CartLine
from app.domain.ordering.placing import Checkout
from app.domain.ordering.queries import get_cart_view
from bench.measure import calls, request
from bench.seed import Seeded

EMAIL = "bench@kettle.example"
PASSWORD = "a password for measuring"


@dataclass(frozen=True)
class Work:
    """One thing measured; `target` is the ratio to reach, 0 where there is none."""

    name: str
    floor: Callable[[int], Any]
    ours: Callable[[int], Any]
    target: float
    times: int = 0


def create_ours(url: str, data_dir: Path) -> tuple[Flask, Engine]:
    """The application on the seeded database, as in production."""
    os.environ["DATA_DIR"] = str(data_dir)
    app = create_app(
        {
            "SQLALCHEMY_DATABASE_URI": url,
            "SQLALCHEMY_ENGINE_OPTIONS": {"pool_pre_ping": True, "pool_size": 1, "max_overflow": 0},
        }
    )
    gc.collect()
    gc.freeze()  # as wsgi.py does
    with app.app_context():
        return app, db.engine


class Visitor:
    """A buyer of the seeded company, signed in once."""

    def __init__(self, app: Flask, engine: Engine, seeded: Seeded) -> None:
        self.app = app
        self.engine = engine
        self.branch_id = seeded.branch_id
        with TenantSession(bind=engine) as session, all_companies(session, reason="benchmark data"):
            user_id, membership_id = _make_buyer(session, seeded.company_id)
        self.actor = Actor(
            name="Bench Buyer",
            permissions=ROLE_PERMISSIONS[Role.BUYER],
            user_id=user_id,
            membership_id=membership_id,
            role=Role.BUYER,
            company_id=seeded.company_id,
        )
        self.cookie = _sign_in(app)

    def get(self, path: str) -> bytes:
        """One page."""
        return request(self.app, path, cookie=self.cookie)

    def fill_cart(self, quantities: dict[int, int], name: str = "Bench") -> int:
        """A cart with the products, made outside the measured time."""
        now, company_id = clock.now(), self.actor.company_id
        cart = Cart(
            company_id=company_id,
            name=name,
            branch_id=self.branch_id,
            created_by_id=self.actor.user_id,
            draft={},
            created_at=now,
            updated_at=now,
        )
        cart.lines = [
            CartLine(company_id=company_id, product_id=product_id, quantity=quantity, position=place)
            for place, (product_id, quantity) in enumerate(quantities.items())
        ]
        with (
            TenantSession(bind=self.engine) as session,
            all_companies(session, reason="benchmark data"),
            writing(session),
        ):
            session.add(cart)
            session.commit()
            return cart.id

    def quantities(self, product_ids: list[int]) -> dict[int, int]:
        """The lowest quantity of each that may be ordered."""
        with TenantSession(bind=self.engine) as session:
            rows = session.execute(
                select(Product.id, Product.multiple).where(Product.id.in_(product_ids)).order_by(Product.id)
            )
            return dict(rows.tuples().all())

    def total_of(self, cart_id: int) -> Decimal:
        """The total that the checkout's page shows for a cart."""
        company_id = self.actor.company_id or 0
        with TenantSession(bind=self.engine) as session, company_scope(session, company_id):
            return get_cart_view(
                session, company_id=company_id, cart_id=cart_id, on=clock.now().date()
            ).totals.total

    def place(self, cart_id: int, total: Decimal) -> None:
        """Place a cart as the checkout's route does."""
        with TenantSession(bind=self.engine) as session:
            run(
                session,
                place_order,
                self.actor,
                cart_id=cart_id,
                shown_total=total,
                checkout=Checkout(branch_id=self.branch_id, po_number="PO-4711"),
                now=clock.now(),
            )


def _sign_in(app: Flask) -> str:
    """The cookie of the bench's buyer."""
    client = app.test_client()
    page = client.get("/sign-in").get_data(as_text=True)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    client.post(
        "/sign-in",
        data={"email": EMAIL, "password": PASSWORD, "csrf_token": token[1] if token else ""},
    )
    client.get("/home")  # after which the cookie holds the token of forms, as a browser's does
    cookie = client.get_cookie(app.config["SESSION_COOKIE_NAME"], domain="localhost")
    if cookie is None:
        raise AssertionError("the bench's buyer could not sign in")
    return f"{cookie.key}={cookie.value}"


def _make_buyer(session: Session, company_id: int) -> tuple[int, int]:
    with writing(session):
        now = clock.now()
        user = User(
            email=EMAIL,
            name="Bench Buyer",
            password_hash=passwords.hashing.hash(PASSWORD),
            created_at=now,
        )
        session.add(user)
        session.flush()
        membership = Membership(user_id=user.id, company_id=company_id, role=Role.BUYER.value, created_at=now)
        session.add(membership)
        session.commit()
        return user.id, membership.id


def works(floor: Flask, visitor: Visitor, seeded: Seeded) -> Iterator[Work]:
    """Every measured work in order."""
    slug = next(iter(seeded.categories))
    category_id = seeded.categories[slug]
    first_page = f"/catalogue?category={slug}&sort=name"
    visitor.fill_cart(visitor.quantities(list(seeded.product_ids[1:9])), name="Open")
    yield Work(
        "catalogue page 1",
        lambda i: request(floor, f"/list?category={category_id}"),
        lambda i: visitor.get(first_page),
        5,
    )
    deep, name, key = _page_fifty(visitor, seeded, slug)
    yield Work(
        "catalogue page 50",
        lambda i: request(floor, f"/list?category={category_id}&name={name}&id={key}"),
        lambda i: visitor.get(deep),
        5,
    )
    yield Work(
        "search, two words",
        lambda i: request(floor, "/search?q=lattice+dimm"),
        lambda i: visitor.get("/catalogue?q=lattice+dimm"),
        5,
    )
    yield Work(
        "search with a typing mistake",
        lambda i: request(floor, "/search?q=lattice+dimm"),
        lambda i: visitor.get("/catalogue?q=latice+dimn"),
        0,
        times=10,
    )
    skus = seeded.skus
    yield Work(
        "product page",
        lambda i: request(floor, f"/p/{skus[i % len(skus)]}"),
        lambda i: visitor.get(f"/catalogue/product/{skus[i % len(skus)]}"),
        5,
    )
    for lines, times in ((50, 30), (1000, 5)):
        yield _order(floor, visitor, seeded, lines=lines, times=times)


def _page_fifty(visitor: Visitor, seeded: Seeded, slug: str) -> tuple[str, str, int]:
    """The address of page 50 by its cursor, and the floor's place in the index."""
    with TenantSession(bind=visitor.engine) as session:
        at = (
            select(Product.name_key, Product.id)
            .where(Product.category_id == seeded.categories[slug])
            .order_by(Product.name_key, Product.id)
        )
        rows = session.execute(at.limit(24 * 49)).all()
    name, key = rows[-1]
    cursor = encode_cursor([name, key], backwards=False, index=len(rows))
    return f"/catalogue?category={slug}&sort=name&cursor={cursor}", quote(name), key


def _order(floor: Flask, visitor: Visitor, seeded: Seeded, *, lines: int, times: int) -> Work:
    ids = [product_id for product_id in seeded.product_ids if product_id % 10][: lines * 3 : 3]
    quantities = visitor.quantities(ids)
    body = json.dumps([{"product_id": key, "quantity": units} for key, units in quantities.items()]).encode()
    carts = [visitor.fill_cart(quantities) for _ in range(calls(times))]
    total = visitor.total_of(carts[0])
    return Work(
        f"order of {lines:,} lines",
        lambda i: request(floor, "/order", method="POST", body=body, kind="application/json"),
        lambda i: visitor.place(carts[i], total),
        8 if lines == 50 else 0,
        times=times,
    )
