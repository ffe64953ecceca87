"""One order as the vendor's staff see it: lines, where their prices come from, who holds units, history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.core.states import StateChange
from app.core.texts import _
from app.domain.accounts.models import Branch, Company, EndCustomer
from app.domain.catalogue.models import Category, PriceAgreement, Product
from app.domain.catalogue.numbers import is_storable
from app.domain.ordering.desk import allocations_by_line, list_holds
from app.domain.ordering.desk_orders import Units
from app.domain.ordering.models import Order, OrderDiscount, OrderHold, OrderLine


@dataclass(frozen=True, slots=True)
class DeskLine:
    """A line with the agreement and step that gave its price, and the warehouses that hold its units."""

    id: int
    position: int
    product_id: int
    sku: str
    name: str
    category_slug: str
    units: Units
    unit_price: Decimal
    #: agreement | imported
    price_source: str
    price_reason: str
    agreement_number: str | None
    agreement_name: str | None
    agreement_level: str | None
    price_step: int | None
    net: Decimal
    discount_share: Decimal
    tax_code: str
    tax_rate_bps: int
    tax: Decimal
    promised_on: date | None
    #: Warehouse code and units.
    allocations: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class DeskOrder:
    """An order with everything its page shows."""

    order: Order
    company: Company
    branch: Branch
    end_customer: EndCustomer | None
    lines: tuple[DeskLine, ...]
    discounts: Sequence[OrderDiscount]
    holds: Sequence[OrderHold]
    history: Sequence[StateChange]

    @property
    def units(self) -> Units:
        """Units of all lines."""
        return Units(
            ordered=sum(line.units.ordered for line in self.lines),
            allocated=sum(line.units.allocated for line in self.lines),
            backordered=sum(line.units.backordered for line in self.lines),
            cancelled=sum(line.units.cancelled for line in self.lines),
            shipped=sum(line.units.shipped for line in self.lines),
        )


def get_order(session: Session, number: str) -> DeskOrder:
    """The order of a number in six statements, whatever the number of lines.

    :raises NotFound: there is no such order.
    """
    if not is_storable(number):
        raise NotFound(_("There is no order by that number."))
    row = session.execute(
        select(Order, Company, Branch, EndCustomer)
        .join(Company, Company.id == Order.company_id)
        .join(Branch, Branch.id == Order.branch_id)
        .outerjoin(EndCustomer, EndCustomer.id == Order.end_customer_id)
        .where(Order.number == number)
    ).one_or_none()
    if row is None:
        raise NotFound(_("There is no order by that number."))
    order: Order = row[0]
    discounts = select(OrderDiscount).where(OrderDiscount.order_id == order.id).order_by(OrderDiscount.id)
    history = (
        select(StateChange)
        .where(StateChange.machine == "order", StateChange.subject_id == order.id)
        .order_by(StateChange.id)
    )
    return DeskOrder(
        order=order,
        company=row[1],
        branch=row[2],
        end_customer=row[3],
        lines=tuple(_lines(session, order.id)),
        discounts=session.scalars(discounts).all(),
        holds=list_holds(session, order_id=order.id),
        history=session.scalars(history).all(),
    )


def _lines(session: Session, order_id: int) -> list[DeskLine]:
    held = allocations_by_line(session, order_id=order_id)
    statement: Any = (
        select(
            OrderLine,
            Category.slug,
            PriceAgreement.number,
            PriceAgreement.name,
            PriceAgreement.level,
        )
        .join(Product, Product.id == OrderLine.product_id)
        .join(Category, Category.id == Product.category_id)
        .outerjoin(PriceAgreement, PriceAgreement.id == OrderLine.agreement_id)
        .where(OrderLine.order_id == order_id)
        .order_by(OrderLine.position)
    )
    return [
        DeskLine(
            id=line.id,
            position=line.position,
            product_id=line.product_id,
            sku=line.sku,
            name=line.name,
            category_slug=slug,
            units=Units(line.ordered, line.allocated, line.backordered, line.cancelled, line.shipped),
            unit_price=line.unit_price,
            price_source=line.price_source,
            price_reason=line.price_reason,
            agreement_number=agreement_number,
            agreement_name=agreement_name,
            agreement_level=level,
            price_step=line.price_step,
            net=line.net,
            discount_share=line.discount_share,
            tax_code=line.tax_code,
            tax_rate_bps=line.tax_rate_bps,
            tax=line.tax,
            promised_on=line.promised_on,
            allocations=tuple(held.get(line.id, ())),
        )
        for line, slug, agreement_number, agreement_name, level in session.execute(statement)
    ]
