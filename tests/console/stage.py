"""A vendor with two resellers, products, warehouses, stock and orders in every state, for console tests."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.core.database import writing
from app.core.permissions import Role
from app.core.tenancy import TenantSession, all_companies
from app.core.web.extensions import db
from app.domain.accounts.models import Company
from app.domain.catalogue.models import Product
from app.domain.inventory.models import (
    Allocation,
    ExpectedReceipt,
    StockLevel,
    StockMovement,
    Warehouse,
)
from app.domain.ordering.models import Order, OrderLine, PriceRequest
from tests.factories import accounts, catalogue
from tests.factories.accounts import NOW

_numbers = itertools.count(1)


@contextmanager
def stored(app: Flask) -> Iterator[Session]:
    """A session that may write, over all companies; commits at the end."""
    with app.app_context():
        engine = db.engine
    with (
        TenantSession(bind=engine) as session,
        writing(session),
        all_companies(session, reason="test data"),
    ):
        yield session
        session.commit()


def client_of(app: Flask, role: Role, company: Company | None = None) -> FlaskClient:
    """A browser in which somebody with the role is signed in."""
    with stored(app) as session:
        person = accounts.make_person(session, company, role)
    client = app.test_client()
    answer = accounts.sign_in(client, person.email)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    return client


def add_warehouse(session: Session, code: str = "MAIN", position: int = 1) -> Warehouse:
    warehouse = Warehouse(code=code, name=f"{code.title()} warehouse", position=position)
    session.add(warehouse)
    session.flush()
    return warehouse


def add_stock(session: Session, product: Product, warehouse: Warehouse, on_hand: int) -> None:
    """Units on hand, with the movement that made them."""
    session.add(StockLevel(product_id=product.id, warehouse_id=warehouse.id, on_hand=on_hand))
    if on_hand:
        session.add(
            StockMovement(
                product_id=product.id,
                warehouse_id=warehouse.id,
                delta=on_hand,
                kind="count",
                at=NOW,
                actor_name="Jonas Pell",
            )
        )


def add_receipt(
    session: Session, product: Product, warehouse: Warehouse, quantity: int, due_on: date, **values: Any
) -> ExpectedReceipt:
    receipt = ExpectedReceipt(
        product_id=product.id,
        warehouse_id=warehouse.id,
        quantity=quantity,
        due_on=due_on,
        created_at=NOW,
        **values,
    )
    session.add(receipt)
    session.flush()
    return receipt


def add_order(
    session: Session,
    company: Company,
    lines: list[tuple[Product, int, int]],
    *,
    state: str = "confirmed",
    warehouse: Warehouse | None = None,
    **values: Any,
) -> Order:
    """An order of (product, allocated, backordered) at 10.00 each; the warehouse holds what is allocated."""
    net = sum((Decimal(10) * (held + short) for _product, held, short in lines), Decimal(0))
    number = next(_numbers)
    order = Order(
        **{
            "company_id": company.id,
            "number": f"SO-26-{number:05d}",
            "branch_id": company.branches[0].id,
            "state": state,
            "currency": company.currency,
            "po_number": f"KB-{number}",
            "ship_to": {"name": company.name, "street": "1 Mill Lane", "city": "Portland", "country": "US"},
            "net": net,
            "tax": Decimal(0),
            "total": net,
            "line_count": len(lines),
            "placed_at": NOW - timedelta(days=1),
            "placed_by_name": "Mara Vint",
            **values,
        }
    )
    session.add(order)
    session.flush()
    for position, (product, held, short) in enumerate(lines, start=1):
        line = OrderLine(
            company_id=company.id,
            order_id=order.id,
            position=position,
            product_id=product.id,
            sku=product.sku,
            name=product.name,
            ordered=held + short,
            allocated=held,
            backordered=short,
            unit_price=Decimal(10),
            net=Decimal(10) * (held + short),
        )
        session.add(line)
        session.flush()
        if held and warehouse is not None:
            session.add(
                Allocation(
                    order_line_id=line.id, product_id=product.id, warehouse_id=warehouse.id, quantity=held
                )
            )
            level = session.get(StockLevel, (product.id, warehouse.id))
            assert level is not None
            level.allocated += held
    return order


def add_request(session: Session, company: Company, product: Product, **values: Any) -> PriceRequest:
    request = PriceRequest(
        **{
            "company_id": company.id,
            "number": f"PR-26-{next(_numbers):05d}",
            "branch_id": company.branches[0].id,
            "product_id": product.id,
            "quantity": 20,
            "note": "For a school",
            "asked_by_name": "Mara Vint",
            "created_at": NOW,
            **values,
        }
    )
    session.add(request)
    session.flush()
    return request


@dataclass
class Scene:
    """What a test needs by name."""

    company: Company
    warehouse: Warehouse
    products: list[Product] = field(default_factory=list)


def make_scene(app: Flask, products: int = 1, *, on_hand: int = 10) -> Scene:
    """A reseller, a warehouse and products PART-1 … with units on hand."""
    with stored(app) as session:
        company = accounts.make_company(session)
        made = [catalogue.make_product(session, f"PART-{n}", f"Quill N{n}") for n in range(1, products + 1)]
        warehouse = add_warehouse(session)
        for product in made:
            add_stock(session, product, warehouse, on_hand)
    return Scene(company, warehouse, made)


@contextmanager
def counted_statements(app: Flask) -> Iterator[list[str]]:
    """The SELECT statements sent to the database inside the block."""
    seen: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH")):
            seen.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)
