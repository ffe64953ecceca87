"""A reseller's shop for portal tests: people signed in, priced products with stock, and a second company."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.core.permissions import Role
from app.core.web.extensions import db
from app.domain.accounts.models import Company
from app.domain.catalogue.models import Category, PriceAgreement, Product
from app.domain.ordering.models import Cart, Order
from tests.factories.accounts import make_company, make_person, read, sign_in
from tests.factories.catalogue import make_agreement, make_category, make_product, make_tax_rate
from tests.factories.ordering import make_receipt, stock_in

HTMX = {"HX-Request": "true"}
#: A Wednesday far enough away.
DUE = date(2099, 12, 2)


@dataclass
class Shop:
    """Kettle & Byte buys from Larkspur: SSD-1 at 9.50 (from 50: 9.00), sold in tens, 100 in stock; CPU-1 at
    200.00, 3 in stock and 20 to come; GPU-1 has no price. 10 % tax, no discount."""

    app: Flask
    session: Session
    company: Company
    other: Company
    category: Category
    agreement: PriceAgreement
    ssd: Product
    cpu: Product
    gpu: Product
    buyer: FlaskClient

    def client(self, role: Role, company: Company | None = None) -> FlaskClient:
        """Somebody else's browser."""
        person = make_person(self.session, company or self.company, role)
        client = self.app.test_client()
        assert sign_in(client, person.email).status_code == 303
        return client

    def carts(self) -> list[Cart]:
        return read(self.session, select(Cart).order_by(Cart.id))

    def orders(self) -> list[Order]:
        return read(self.session, select(Order).order_by(Order.id))

    def place(self, *lines: tuple[str, int], client: FlaskClient | None = None, **entries: str) -> str:
        """Order through the pages; the order's number."""
        client = client or self.buyer
        cart_id = new_cart(client)
        for sku, quantity in lines:
            answer = client.post(f"/carts/{cart_id}/lines", data={"code": sku, "quantity": str(quantity)})
            assert answer.status_code == 303, text_of(answer)
        answer = client.post(f"/carts/{cart_id}/checkout", data=filled(client, cart_id, **entries))
        assert answer.status_code == 303, text_of(answer)
        # Shows the message of success once, so that later pages do not hold the number by that.
        client.get(answer.location)
        return answer.location.rpartition("/")[2]


def open_shop(app: Flask, session: Session) -> Shop:
    """The shop with its buyer signed in."""
    company, other = make_company(session), make_company(session, "Other & Sons")
    make_tax_rate(session, company, rate_bps=1000)
    category = make_category(session)
    ssd = make_product(session, "SSD-1", "Quill N2 2 TB", category=category, mpn="QN-2T", multiple=10)
    cpu = make_product(session, "CPU-1", "Gannet 9 CPU", category=category, brand="Gannet")
    gpu = make_product(session, "GPU-1", "Heron 4 GPU", category=category)
    agreement = make_agreement(
        session, company=company, prices={ssd: [(1, "9.50"), (50, "9.00")], cpu: [(1, "200")]}
    )
    stock_in(session, ssd, 100)
    stock_in(session, cpu, 3)
    make_receipt(session, cpu, 20, DUE)
    person = make_person(session, company, Role.BUYER, email="mara@kettle.example")
    client = app.test_client()
    assert sign_in(client, person.email).status_code == 303
    return Shop(app, session, company, other, category, agreement, ssd, cpu, gpu, client)


def text_of(answer: TestResponse) -> str:
    """The page's words: tags taken out, entities written, white space collapsed."""
    plain = re.sub(r"<(script|style|template)\b.*?</\1>", " ", answer.get_data(as_text=True), flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", plain)).split())


def new_cart(client: FlaskClient, name: str = "Render room") -> int:
    """A new cart by its form; its id."""
    answer = client.post("/carts", data={"name": name})
    assert answer.status_code == 303
    return int(answer.location.rpartition("/")[2])


def hidden(page: str, name: str) -> str:
    """A hidden field's value."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, f"the page has no {name}"
    return html.unescape(found[1])


def filled(client: FlaskClient, cart_id: int, **entries: str) -> dict[str, Any]:
    """The checkout's form as the page gives it, with entries of one's own."""
    answer = client.get(f"/carts/{cart_id}/checkout")
    assert answer.status_code == 200, text_of(answer)
    page = answer.get_data(as_text=True)
    branch = re.search(r'name="branch_id"[^>]*value="(\d+)"', page)
    assert branch
    return {
        "act": "place",
        "ship_to": "branch",
        "branch_id": branch[1],
        "shown_total": hidden(page, "shown_total"),
        "shown_lines": hidden(page, "shown_lines"),
        **entries,
    }


@contextmanager
def statements(app: Flask) -> Iterator[list[str]]:
    """What is sent to the database while the block runs, without BEGIN."""
    seen: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith("BEGIN"):
            seen.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)
