"""Warehouses, stock, carts and orders for tests; stock and orders go through the real actions."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database import run, writing
from app.core.permissions import Actor, Role
from app.core.tenancy import all_companies, company_scope
from app.domain.accounts.models import Branch, Company
from app.domain.catalogue.models import Product
from app.domain.inventory.models import ExpectedReceipt, Warehouse
from app.domain.ordering import actions
from app.domain.ordering.models import Cart, CartLine, Order, OrderHold, OrderLine
from app.domain.ordering.placing import Checkout
from app.domain.ordering.queries import CartView, get_cart_view
from tests.factories.accounts import actor_for, make_company, make_person, make_vendor
from tests.factories.catalogue import make_agreement, make_product

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
#: The business day of NOW.
TODAY = date(2026, 11, 24)

_numbers = itertools.count(1)


def done(session: Session, action: Any, actor: Actor, **values: Any) -> Any:
    """Run an action; what it returns is detached, so that it stays as it was returned."""
    try:
        return run(session, action, actor, **values)
    finally:
        session.expunge_all()
        session.rollback()


def settle(session: Session) -> None:
    """End the reading; rows read so far are detached and stay as they were."""
    session.expunge_all()
    session.rollback()


def make_warehouse(
    session: Session, code: str | None = None, *, position: int = 0, is_active: bool = True
) -> Warehouse:
    """A place that holds stock."""
    code = code or f"WH-{next(_numbers)}"
    with writing(session), all_companies(session, reason="test data"):
        warehouse = Warehouse(code=code, name=code, position=position, is_active=is_active)
        session.add(warehouse)
        session.commit()
        session.expunge_all()
        return warehouse


def first_warehouse(session: Session) -> Warehouse:
    """The warehouse asked first, made where there is none."""
    with all_companies(session, reason="test data"):
        found = session.scalars(select(Warehouse).order_by(Warehouse.position, Warehouse.id).limit(1)).first()
    settle(session)
    return found or make_warehouse(session, "MAIN")


def stock_in(
    session: Session,
    product: Product,
    counted: int,
    *,
    warehouse: Warehouse | None = None,
    now: datetime = NOW,
) -> int:
    """Count the product in the warehouse (the first one); returns the difference to the book."""
    place = warehouse or first_warehouse(session)
    return done(
        session,
        actions.count_stock,
        Actor.system("counting"),
        product_id=product.id,
        warehouse_id=place.id,
        counted=counted,
        now=now,
    )


def make_receipt(
    session: Session,
    product: Product,
    quantity: int,
    due_on: date,
    *,
    warehouse: Warehouse | None = None,
    now: datetime = NOW,
) -> ExpectedReceipt:
    """Units of the product that are to arrive."""
    place = warehouse or first_warehouse(session)
    return done(
        session,
        actions.expect_receipt,
        Actor.system("purchasing"),
        product_id=product.id,
        warehouse_id=place.id,
        quantity=quantity,
        due_on=due_on,
        now=now,
    )


def make_cart(
    session: Session,
    company: Company,
    lines: Mapping[Product, int] | None = None,
    *,
    branch: Branch | None = None,
    name: str = "Cart",
    now: datetime = NOW,
) -> Cart:
    """An open cart with these lines as they are, also such as cannot be ordered."""
    with writing(session), all_companies(session, reason="test data"):
        cart = Cart(
            company_id=company.id,
            branch_id=branch.id if branch else company.branches[0].id,
            name=name,
            draft={},
            created_at=now,
            updated_at=now,
        )
        session.add(cart)
        session.flush()
        session.add_all(
            CartLine(
                company_id=company.id,
                cart_id=cart.id,
                product_id=product.id,
                quantity=quantity,
                position=position,
            )
            for position, (product, quantity) in enumerate((lines or {}).items(), start=1)
        )
        session.commit()
        session.expunge_all()
        return cart


def view_cart(
    session: Session, company: Company, cart: Cart | int, *, on: date = TODAY, branch: Branch | None = None
) -> CartView:
    """The cart as the company's page shows it."""
    cart_id = cart if isinstance(cart, int) else cart.id
    settle(session)
    with company_scope(session, company.id):
        view = get_cart_view(
            session, company_id=company.id, cart_id=cart_id, on=on, branch_id=branch.id if branch else None
        )
    settle(session)
    return view


def place(
    session: Session,
    actor: Actor,
    company: Company,
    lines: Mapping[Product, int] | Cart,
    *,
    now: datetime = NOW,
    shown_total: Decimal | str | None = None,
    branch: Branch | None = None,
    **checkout: Any,
) -> Order:
    """Place a cart (or a new one with these lines) at the total that its page shows."""
    cart = lines if isinstance(lines, Cart) else make_cart(session, company, lines, branch=branch, now=now)
    branch_id = branch.id if branch else cart.branch_id
    if shown_total is None:
        shown_total = view_cart(session, company, cart, on=now.date(), branch=branch).totals.total
    return done(
        session,
        actions.place_order,
        actor,
        cart_id=cart.id,
        shown_total=Decimal(shown_total),
        checkout=Checkout(branch_id=branch_id, **checkout),
        now=now,
    )


def hold(session: Session, order: Order, reason: str = "credit") -> OrderHold:
    """An open hold on the order."""
    with writing(session), all_companies(session, reason="test data"):
        row = OrderHold(
            company_id=order.company_id,
            order_id=order.id,
            kind="credit",
            reason=reason,
            opened_at=NOW,
            opened_by="Paul Heron",
        )
        session.add(row)
        session.commit()
        session.expunge_all()
        return row


def lines_of(session: Session, order: Order | int) -> list[OrderLine]:
    """The order's lines as they are stored now."""
    order_id = order if isinstance(order, int) else order.id
    settle(session)
    with all_companies(session, reason="test"):
        found = session.scalars(
            select(OrderLine).where(OrderLine.order_id == order_id).order_by(OrderLine.position)
        ).all()
    settle(session)
    return list(found)


def units_of(session: Session, order: Order | int) -> list[tuple[int, int, int, int]]:
    """(ordered, allocated, backordered, cancelled) of each line."""
    return [
        (line.ordered, line.allocated, line.backordered, line.cancelled) for line in lines_of(session, order)
    ]


def state_of(session: Session, order: Order | int) -> str:
    """The order's state as it is stored now."""
    order_id = order if isinstance(order, int) else order.id
    settle(session)
    with all_companies(session, reason="test"):
        state = session.scalars(select(Order.state).where(Order.id == order_id)).one()
    settle(session)
    return state


@dataclass
class Shop:
    """A reseller with a buyer, the vendor's warehouse clerk and seller, one warehouse, prices in USD."""

    session: Session
    company: Company
    buyer: Actor
    other: Company
    other_buyer: Actor
    seller: Actor
    clerk: Actor
    warehouse: Warehouse

    @property
    def branch(self) -> Branch:
        return self.company.branches[0]

    def product(
        self,
        price: str | None = "10.00",
        *,
        stock: int = 0,
        steps: Sequence[tuple[int, str]] = (),
        **values: Any,
    ) -> Product:
        """A product at a list price (None: on request) with units on hand."""
        product = make_product(self.session, **values)
        if price is not None:
            make_agreement(self.session, prices={product: list(steps) or [(1, price)]})
        if stock:
            stock_in(self.session, product, stock, warehouse=self.warehouse)
        return product

    def place(self, lines: Mapping[Product, int] | Cart, **values: Any) -> Order:
        """An order of the first company's buyer."""
        return place(self.session, self.buyer, self.company, lines, **values)

    def place_other(self, lines: Mapping[Product, int], **values: Any) -> Order:
        """An order of the second company's buyer."""
        return place(self.session, self.other_buyer, self.other, lines, **values)

    def cart(self, lines: Mapping[Product, int] | None = None, **values: Any) -> Cart:
        """An open cart of the first company."""
        return make_cart(self.session, self.company, lines, **values)

    def run(self, action: Any, actor: Actor | None = None, **values: Any) -> Any:
        """Run an action as the buyer, or as somebody else, at NOW."""
        return done(self.session, action, actor or self.buyer, **{"now": NOW, **values})


def make_shop(session: Session, **vendor: Any) -> Shop:
    """Two companies with a buyer each, the vendor's people and a warehouse."""
    make_vendor(session, **vendor)
    company, other = make_company(session), make_company(session, "Quillfeather Systems")
    people = [
        (make_person(session, party, role, name=name), party)
        for party, role, name in (
            (company, Role.BUYER, "Mara Vint"),
            (other, Role.BUYER, "Cora Lund"),
            (None, Role.VENDOR_SALES, "Ida Sorrel"),
            (None, Role.VENDOR_WAREHOUSE, "Tom Reed"),
        )
    ]
    buyer, other_buyer, seller, clerk = (actor_for(session, person, party) for person, party in people)
    warehouse = make_warehouse(session, "MAIN")
    settle(session)
    return Shop(session, company, buyer, other, other_buyer, seller, clerk, warehouse)
