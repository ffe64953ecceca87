"""Entering order history: one invoice is one order in one transaction, through the same placing as a cart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from babel import Locale
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.core.clock import business_date
from app.core.permissions import Actor, Permission, requires
from app.domain.accounts.models import Branch, Company
from app.domain.accounts.queries import get_vendor
from app.domain.catalogue import search
from app.domain.catalogue.models import Category, Product
from app.domain.catalogue.numbers import code_key, name_key
from app.domain.ordering.backorders import lock_order
from app.domain.ordering.cancelling import take_out
from app.domain.ordering.judging import LinePrice
from app.domain.ordering.models import Order, OrderLine, ReplayedInvoice
from app.domain.ordering.placing import Header, NewLine, insert_order
from app.domain.ordering.reading import read_supply
from app.domain.ordering.replay import CURRENCY, HistoryLine, Kind
from app.domain.ordering.rules import order_totals
from app.domain.ordering.states import CANCELLABLE

CATEGORY_SLUG = "order-history"
#: Names in old files that are no country's name in English.
_COUNTRIES = {
    "eire": "IE",
    "rsa": "ZA",
    "usa": "US",
    "united kingdom": "GB",
    "channel islands": "JE",
    "czech republic": "CZ",
    "hong kong": "HK",
    "european community": "",
    "unspecified": "",
}


@dataclass
class Known:
    """Products and companies already there, so that a run looks each up once."""

    #: Code -> (product id, stocked).
    products: dict[str, int] = field(default_factory=dict)
    #: Customer number -> (company id, branch id).
    companies: dict[str, tuple[int, int]] = field(default_factory=dict)
    category_id: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What one invoice came to: whether an order was made, and the kind of every line."""

    ordered: bool
    kinds: tuple[Kind, ...]


def finished_invoices(session: Session) -> set[str]:
    """Invoice numbers that earlier runs finished."""
    return set(session.scalars(select(ReplayedInvoice.number)))


@requires(Permission.ORDER_REPLAY)
def prepare(session: Session, actor: Actor, *, now: datetime) -> Known:
    """Read what is known, and open the category of products that only history knows."""
    category = session.scalars(select(Category).where(Category.slug == CATEGORY_SLUG)).first()
    if category is None:
        category = Category(name="Order history", slug=CATEGORY_SLUG, position=999)
        session.add(category)
        session.flush()
        category.path = f"/{category.id}/"
    products = session.execute(select(Product.sku_key, Product.id))
    companies = session.execute(
        select(Company.number, Company.id, Branch.id)
        .join(Branch, Branch.company_id == Company.id)
        .where(Company.currency == CURRENCY)
        .order_by(Branch.id.desc())
    )
    return Known(
        products={row.sku_key: row.id for row in products},
        companies={number: (company_id, branch_id) for number, company_id, branch_id in companies},
        category_id=category.id,
    )


@requires(Permission.ORDER_REPLAY)
def replay_invoice(
    session: Session,
    actor: Actor,
    *,
    invoice: str,
    lines: Sequence[HistoryLine],
    known: Known,
    now: datetime,
) -> Outcome:
    """Enter the goods of one invoice: an order, or for a `C` number the cancellation of earlier ones.

    `lines` are its lines of goods for a customer; the number is remembered also where there are none.
    `known` grows by what is made here; forget it when the transaction is rolled back.
    """
    session.add(ReplayedInvoice(number=invoice, order_id=None, replayed_at=now))
    if not lines:
        return Outcome(False, ())
    if invoice.startswith("C"):
        return Outcome(False, tuple(_cancel(session, actor, line, known, now) for line in lines))
    order = _order(session, actor, invoice, lines, known, now)
    session.flush()
    remembered = session.get(ReplayedInvoice, invoice)
    if remembered is not None:
        remembered.order_id = order.id
    return Outcome(True, (Kind.ORDERED,) * len(lines))


def _order(
    session: Session, actor: Actor, invoice: str, lines: Sequence[HistoryLine], known: Known, now: datetime
) -> Order:
    vendor = get_vendor(session)
    placed_at = min(line.at for line in lines)
    company_id, branch_id = _company(session, lines[0], known, now)
    product_ids = _products(session, lines, known, now)
    supply = read_supply(session, set(product_ids.values()))
    totals = order_totals([(line.quantity, line.unit_price, 0) for line in lines], currency=CURRENCY)
    return insert_order(
        session,
        actor,
        header=Header(
            company_id=company_id,
            branch_id=branch_id,
            currency=CURRENCY,
            ship_to={"name": f"Customer {lines[0].customer}", "country": _country(lines[0].country)},
            terms_days=30,
            number_prefix=vendor.order_prefix,
            day=business_date(placed_at, vendor.timezone),
            source="replay",
            external_reference=invoice,
            releases_automatically=vendor.releases_automatically,
        ),
        lines=[
            NewLine(
                product_id=product_ids[line.code],
                sku=line.code,
                name=line.name or line.code,
                quantity=line.quantity,
                price=LinePrice(
                    unit_price=line.unit_price,
                    agreement_id=None,
                    step=None,
                    source="imported",
                    reason=f"invoice {invoice}",
                ),
            )
            for line in lines
        ],
        totals=totals,
        supply=supply,
        now=placed_at,
        recorded_at=now,
    )


def _company(session: Session, line: HistoryLine, known: Known, now: datetime) -> tuple[int, int]:
    found = known.companies.get(line.customer)
    if found is not None:
        return found
    name = f"Customer {line.customer}"
    company = Company(
        name=name,
        name_key=name.lower(),
        number=line.customer,
        currency=CURRENCY,
        is_historical=True,
        created_at=now,
    )
    session.add(company)
    session.flush()
    branch = Branch(company_id=company.id, name=name, country=_country(line.country))
    session.add(branch)
    session.flush()
    known.companies[line.customer] = (company.id, branch.id)
    return company.id, branch.id


def _country(name: str) -> str:
    """ISO code of a country by its English name; empty where it is none."""
    lower = name.lower()
    if lower in _COUNTRIES:
        return _COUNTRIES[lower]
    return _codes().get(lower, "")


_code_by_name: dict[str, str] = {}


def _codes() -> dict[str, str]:
    if not _code_by_name:
        names = Locale("en").territories
        _code_by_name.update({name.lower(): code for code, name in names.items() if code.isalpha()})
    return _code_by_name


def _products(session: Session, lines: Sequence[HistoryLine], known: Known, now: datetime) -> dict[str, int]:
    missing: dict[str, str] = {}
    for line in lines:
        if line.code not in known.products and (line.code not in missing or not missing[line.code]):
            missing[line.code] = line.name
    if missing:
        rows = [_product_row(code, name, known, now) for code, name in missing.items()]
        inserted = session.execute(insert(Product).returning(Product.sku_key, Product.id), rows)
        made = {row.sku_key: row.id for row in inserted}
        search.index_products(session, list(made.values()))
        known.products.update(made)
    return {line.code: known.products[line.code] for line in lines}


def _product_row(code: str, name: str, known: Known, now: datetime) -> dict[str, Any]:
    return {
        "sku": code,
        "sku_key": code_key(code),
        "name": name or code,
        "name_key": name_key(name or code),
        "category_id": known.category_id,
        "kind": "hardware",
        "life_cycle": "active",
        "is_backorderable": True,
        "created_at": now,
        "updated_at": now,
    }


def _cancel(session: Session, actor: Actor, line: HistoryLine, known: Known, now: datetime) -> Kind:
    """Take the whole quantity from earlier open lines of the same customer, code and price, or nothing."""
    company, product_id = known.companies.get(line.customer), known.products.get(line.code)
    if company is None or product_id is None:
        return Kind.CANCEL_WITHOUT_ORDER
    takes = _open_lines(session, company[0], product_id, line.unit_price, -line.quantity)
    if takes is None:
        return Kind.CANCEL_WITHOUT_ORDER
    for order_id, units in takes.items():
        order = lock_order(session, order_id)
        lines = session.scalars(
            select(OrderLine).where(OrderLine.order_id == order_id).order_by(OrderLine.position)
        ).all()
        take_out(session, actor, order, lines, units, reason=f"cancelled by {line.invoice}", now=line.at)
        session.flush()
    return Kind.CANCELLED


def _open_lines(
    session: Session, company_id: int, product_id: int, unit_price: Decimal, wanted: int
) -> dict[int, dict[int, int]] | None:
    """Units by order and line, oldest first; None where fewer than `wanted` are open."""
    rows = session.execute(
        select(
            OrderLine.order_id, OrderLine.id, OrderLine.allocated + OrderLine.backordered - OrderLine.picked
        )
        .join(Order, Order.id == OrderLine.order_id)
        .where(
            OrderLine.company_id == company_id,
            OrderLine.product_id == product_id,
            OrderLine.unit_price == unit_price,
            OrderLine.allocated + OrderLine.backordered > OrderLine.picked,
            Order.source == "replay",
            Order.state.in_(CANCELLABLE),
        )
        .order_by(Order.placed_at, Order.id, OrderLine.position)
    )
    takes: dict[int, dict[int, int]] = {}
    for order_id, line_id, units in rows:
        taken = min(units, wanted)
        takes.setdefault(order_id, {})[line_id] = taken
        wanted -= taken
        if not wanted:
            return takes
    return None
