"""The demo's stock, receipts, orders, carts and price requests, made by the demo's people as they would."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.clock import business_date
from app.core.database import run
from app.core.permissions import ROLE_PERMISSIONS, Actor, Role
from app.core.tenancy import all_companies, company_scope
from app.domain.accounts.models import Branch, Company, EndCustomer, Membership, User
from app.domain.accounts.queries import get_vendor
from app.domain.catalogue.models import Product
from app.domain.inventory.models import ExpectedReceipt, StockMovement, Warehouse
from app.domain.inventory.warehouses import add_warehouse
from app.domain.ordering import actions
from app.domain.ordering.models import Cart, Order, OrderLine, PriceRequest
from app.domain.ordering.queries import get_cart_view
from app.jobs.demo_people import KETTLE, MARROW, QUILL

MARA, CORA, DIRK = "mara@kettle-byte.example", "cora@quillfeather.example", "dirk@marrow-lane.example"
IDA, TOM = "ida@larkspur.example", "tom@larkspur.example"

WAREHOUSES = (("MAIN", "Main warehouse", 1), ("WEST", "West depot", 2))
#: Units in the two warehouses where a story needs them; other goods get what `_usual_units` says.
UNITS = {
    "SSD-N2-2T": (340, 60),
    "SSD-N3P-4T": (0, 0),
    "SSD-N2-500G": (30, 0),
    "HDD-VT-16T": (0, 0),
    "SW-LN-24P": (4, 2),
    "MON-VL-27": (4, 0),
    "MON-VL-40W": (3, 0),
    "SET-DESK-24": (12, 0),
}
STOCKED = ("hardware", "hardware_serial", "bundle")
#: SKU, units, days from today, reference.
RECEIPTS = (
    ("SW-LN-24P", 40, 6, "DN-20817"),
    ("SSD-N3P-4T", 100, 9, "DN-20822"),
    ("MON-VL-27", 60, 12, "DN-20830"),
    ("HDD-VT-16T", 80, 20, "DN-20844"),
    ("MEM-D5-48G", 40, -2, "DN-20791"),
)


@dataclass(frozen=True, slots=True)
class DemoOrder:
    """An order by its PO number; `cancelled` names the SKU and units, or no SKU for all of it."""

    po_number: str
    company: str
    by: str
    days_ago: float
    lines: tuple[tuple[str, int], ...]
    branch: str | None = None
    end_customer: str | None = None
    notes: str = ""
    cancelled: tuple[str | None, int, str] | None = None


ORDERS = (
    DemoOrder("KB-0311", KETTLE, MARA, 24, (("SSD-N2-2T", 50), ("MEM-D5-32G", 20))),
    DemoOrder("KB-0318", KETTLE, MARA, 20, (("SW-LN-24P", 10),), notes="Ship what you have, please."),
    DemoOrder("KB-0327", KETTLE, MARA, 13, (("AP-GL-7", 6), ("SW-LN-8P", 2)), branch="Lidham"),
    DemoOrder("KB-0334", KETTLE, MARA, 12, (("HDD-VT-16T", 20),)),
    DemoOrder("KB-0340", KETTLE, MARA, 9, (("MON-VL-27", 6),), end_customer="Upper Thimble Town Hall"),
    DemoOrder("KB-0345", KETTLE, MARA, 6, (("PSU-HL-650", 8),), cancelled=(None, 0, "Ordered twice.")),
    DemoOrder(
        "KB-0352",
        KETTLE,
        MARA,
        3,
        (("SSD-N2-1T", 60), ("EXT-PB-2T-SD", 10)),
        cancelled=("SSD-N2-1T", 20, "The school needs fewer."),
    ),
    DemoOrder("KB-0359", KETTLE, MARA, 1, (("SET-DESK-24", 2), ("SVC-IMG", 2))),
    DemoOrder("KB-0360", KETTLE, MARA, 0.1, (("SSD-N3P-4T", 10), ("MEM-D5-32G", 4), ("MON-VL-24", 2))),
    DemoOrder("Q-88120", QUILL, CORA, 15, (("SSD-S1-1T9", 20),), end_customer="Juniper Street Clinic"),
    DemoOrder("Q-88141", QUILL, CORA, 4, (("SW-LN-24", 5), ("SW-LN-24P", 2))),
    DemoOrder("ML-17", MARROW, DIRK, 8, (("MEM-D4-16G", 4), ("PSU-HL-550", 2))),
    DemoOrder("ML-18", MARROW, DIRK, 2, (("DOK-HB-1", 3),)),
)
CART = "Town hall refresh"
CART_LINES = (("SSD-N2-2T", 20), ("MON-VL-27", 2), ("DOK-HB-1", 4))
#: Company, person, SKU, quantity, note, price answered.
REQUESTS = (
    (KETTLE, MARA, "MEM-SV-128G", 8, "For one server of the clinic", "512.00"),
    (KETTLE, MARA, "SSD-U8-7T6", 20, "By the end of the quarter, please", None),
)


def load(session: Session, now: datetime) -> None:
    """Make what is not there yet, so that a load that was stopped is finished by the next one."""
    with all_companies(session, reason="demo orders"):
        if session.scalar(select(Product.id).where(Product.sku == ORDERS[0].lines[0][0])) is None:
            return
    stock = _Stock(session, now)
    stock.open_warehouses()
    stock.count_in()
    stock.expect_receipts()
    for demo in sorted(ORDERS, key=lambda order: -order.days_ago):
        _order(session, demo, now)
    _open_cart(session, now)
    for company, email, sku, quantity, note, price in REQUESTS:
        _request(session, company, email, sku, quantity, note, price, now)


def actor_of(session: Session, email: str, company: str | None) -> Actor:
    """The person as signing in for the company (None: the vendor) makes them."""
    with all_companies(session, reason="demo orders"):
        row = session.execute(
            select(User.id, User.name, Membership.id, Membership.role, Membership.company_id)
            .join(Membership, Membership.user_id == User.id)
            .outerjoin(Company, Company.id == Membership.company_id)
            .where(User.email == email, Company.number == company if company else Company.id.is_(None))
        ).one()
    user_id, name, membership_id, role, company_id = row
    return Actor(
        name=name,
        permissions=ROLE_PERMISSIONS[Role(role)],
        user_id=user_id,
        membership_id=membership_id,
        role=Role(role),
        company_id=company_id,
    )


class _Stock:
    """What the warehouse's people do before anybody orders."""

    def __init__(self, session: Session, now: datetime) -> None:
        self._session = session
        self._actor = actor_of(session, TOM, None)
        self._now = now

    def open_warehouses(self) -> None:
        known = set(self._session.scalars(select(Warehouse.code)))
        for code, name, position in WAREHOUSES:
            if code not in known:
                run(
                    self._session,
                    add_warehouse,
                    self._actor,
                    code=code,
                    name=name,
                    position=position,
                    now=self._now - timedelta(days=40),
                )

    def _places(self) -> dict[str, int]:
        rows = self._session.execute(select(Warehouse.code, Warehouse.id))
        return {row.code: row.id for row in rows}

    def count_in(self) -> None:
        counted = set(self._session.execute(select(StockMovement.product_id, StockMovement.warehouse_id)))
        places = [self._places()[code] for code, _name, _position in WAREHOUSES]
        products = self._session.execute(
            select(Product.id, Product.sku).where(Product.kind.in_(STOCKED)).order_by(Product.id)
        ).all()
        for row in products:
            for place, units in zip(places, UNITS.get(row.sku) or _usual_units(row.id), strict=True):
                if units and (row.id, place) not in counted:
                    run(
                        self._session,
                        actions.count_stock,
                        self._actor,
                        product_id=row.id,
                        warehouse_id=place,
                        counted=units,
                        reference="First count",
                        now=self._now - timedelta(days=30),
                    )

    def expect_receipts(self) -> None:
        known = set(self._session.scalars(select(ExpectedReceipt.reference)))
        today = business_date(self._now, get_vendor(self._session).timezone)
        for sku, units, days, reference in RECEIPTS:
            if reference not in known:
                run(
                    self._session,
                    actions.expect_receipt,
                    self._actor,
                    product_id=self._session.scalars(select(Product.id).where(Product.sku == sku)).one(),
                    warehouse_id=self._places()["MAIN"],
                    quantity=units,
                    due_on=today + timedelta(days=days),
                    reference=reference,
                    now=self._now - timedelta(days=25),
                )


def _usual_units(product_id: int) -> tuple[int, int]:
    """Some tens in the main warehouse, fewer in the west, the same ones on every load."""
    return 20 + product_id * 37 % 160, (product_id * 13 % 40 if product_id % 3 else 0)


def _order(session: Session, demo: DemoOrder, now: datetime) -> None:
    actor = actor_of(session, demo.by, demo.company)
    placed_at = now - timedelta(days=demo.days_ago)
    order_id = _find_order(session, actor, demo.po_number)
    if order_id is None:
        cart_id = _fill_cart(session, actor, demo.po_number, demo.lines, placed_at, branch=demo.branch)
        order_id = _place(session, actor, demo, cart_id, placed_at)
    if demo.cancelled is not None:
        _cancel(session, actor, order_id, demo.cancelled, placed_at + timedelta(hours=2))


def _find_order(session: Session, actor: Actor, po_number: str) -> int | None:
    with company_scope(session, actor.company_id or 0):
        return session.scalar(select(Order.id).where(Order.po_number == po_number))


def _fill_cart(
    session: Session,
    actor: Actor,
    name: str,
    lines: tuple[tuple[str, int], ...],
    at: datetime,
    *,
    branch: str | None = None,
) -> int:
    """A cart of that name with the lines; one that an earlier load left is finished."""
    with company_scope(session, actor.company_id or 0):
        cart_id = session.scalar(
            select(Cart.id).where(Cart.name == name, Cart.placed_at.is_(None), Cart.discarded_at.is_(None))
        )
        branch_id = session.scalar(select(Branch.id).where(Branch.name == branch)) if branch else None
    if cart_id is None:
        cart_id = run(session, actions.create_cart, actor, name=name, branch_id=branch_id, now=at).id
    with company_scope(session, actor.company_id or 0):
        view = get_cart_view(
            session,
            company_id=actor.company_id or 0,
            cart_id=cart_id,
            on=business_date(at, get_vendor(session).timezone),
        )
        there = {line.sku for line in view.lines}
    for sku, quantity in lines:
        if sku not in there:
            run(session, actions.add_to_cart, actor, cart_id=cart_id, code=sku, quantity=quantity, now=at)
    return cart_id


def _place(session: Session, actor: Actor, demo: DemoOrder, cart_id: int, at: datetime) -> int:
    with company_scope(session, actor.company_id or 0):
        view = get_cart_view(
            session,
            company_id=actor.company_id or 0,
            cart_id=cart_id,
            on=business_date(at, get_vendor(session).timezone),
        )
        end_customer_id = session.scalar(select(EndCustomer.id).where(EndCustomer.name == demo.end_customer))
    order = run(
        session,
        actions.place_order,
        actor,
        cart_id=cart_id,
        shown_total=view.totals.total,
        checkout=actions.Checkout(
            branch_id=view.branch_id,
            po_number=demo.po_number,
            end_customer_id=end_customer_id,
            to_end_customer=end_customer_id is not None,
            notes=demo.notes,
        ),
        now=at,
    )
    return order.id


def _cancel(
    session: Session, actor: Actor, order_id: int, cancelled: tuple[str | None, int, str], at: datetime
) -> None:
    sku, units, reason = cancelled
    with company_scope(session, actor.company_id or 0):
        gone = session.scalar(select(func.sum(OrderLine.cancelled)).where(OrderLine.order_id == order_id))
        line_id = session.scalar(
            select(OrderLine.id).where(OrderLine.order_id == order_id, OrderLine.sku == sku)
        )
    if gone:
        return
    if line_id is None:
        run(session, actions.cancel_order, actor, order_id=order_id, reason=reason, now=at)
    else:
        run(
            session,
            actions.cancel_line,
            actor,
            order_id=order_id,
            line_id=line_id,
            quantity=units,
            reason=reason,
            now=at,
        )


def _open_cart(session: Session, now: datetime) -> None:
    actor = actor_of(session, MARA, KETTLE)
    with company_scope(session, actor.company_id or 0):
        if session.scalar(select(Cart.id).where(Cart.name == CART)) is not None:
            return
    _fill_cart(session, actor, CART, CART_LINES, now)


def _request(
    session: Session,
    company: str,
    email: str,
    sku: str,
    quantity: int,
    note: str,
    price: str | None,
    now: datetime,
) -> None:
    actor = actor_of(session, email, company)
    with company_scope(session, actor.company_id or 0):
        known = session.scalar(
            select(PriceRequest.id)
            .join(Product, Product.id == PriceRequest.product_id)
            .where(Product.sku == sku)
        )
    if known is not None:
        return
    asked_at = now - timedelta(days=5 if price else 1)
    request = run(session, actions.ask_price, actor, code=sku, quantity=quantity, note=note, now=asked_at)
    if price is not None:
        run(
            session,
            actions.answer_price_request,
            actor_of(session, IDA, None),
            request_id=request.id,
            unit_price=Decimal(price),
            valid_until=(asked_at + timedelta(days=21)).date(),
            answer="From stock, four weeks.",
            now=asked_at + timedelta(hours=3),
        )
