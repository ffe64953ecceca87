"""Carts, orders with their lines, discounts and holds, price requests, replayed invoices."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.database import Base
from app.core.tenancy import CompanyOwned


class Cart(CompanyOwned, Base):
    """A company's named cart; several may be open, all its buyers share them."""

    __tablename__ = "cart"
    __table_args__ = (
        UniqueConstraint("company_id", "id"),
        Index("ix_cart_company_open", "company_id", "placed_at", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    branch_id: Mapped[int] = mapped_column(ForeignKey("branch.id"))
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    #: Checkout's entries so far: PO number, ship-to and the like, kept across sign-outs.
    draft: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    #: Set when it became an order; a cart is placed once.
    placed_at: Mapped[datetime | None]
    #: Emptied and put away by its buyers.
    discarded_at: Mapped[datetime | None]

    lines: Mapped[list[CartLine]] = relationship(
        back_populates="cart", order_by="CartLine.position", cascade="all, delete-orphan"
    )


class CartLine(CompanyOwned, Base):
    """A product and quantity in a cart."""

    __tablename__ = "cart_line"
    __table_args__ = (
        ForeignKeyConstraint(["company_id", "cart_id"], ["cart.company_id", "cart.id"]),
        UniqueConstraint("cart_id", "product_id"),
        CheckConstraint("quantity >= 1", name="quantity"),
        # Both columns: SQLite, without statistics, would read every line of the company for one cart.
        Index("ix_cart_line_company_cart", "company_id", "cart_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    company_id: Mapped[int] = mapped_column(ForeignKey("company.id"))
    cart_id: Mapped[int]
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"), index=True)
    quantity: Mapped[int]
    position: Mapped[int] = mapped_column(default=0)

    cart: Mapped[Cart] = relationship(back_populates="lines")


class Order(CompanyOwned, Base):
    """A placed order. Prices, addresses and tax are frozen when it is placed."""

    __tablename__ = "sales_order"
    __table_args__ = (
        UniqueConstraint("company_id", "id"),
        UniqueConstraint("cart_id"),
        UniqueConstraint("source", "external_reference"),
        Index("ix_sales_order_company_placed", "company_id", "placed_at", "id"),
        Index("ix_sales_order_state_placed", "state", "placed_at", "id"),
        Index("ix_sales_order_placed", "placed_at", "id"),
        Index("ix_sales_order_po_number", "company_id", "po_number"),
        Index("ix_sales_order_change", "change_number"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(30), unique=True)
    branch_id: Mapped[int] = mapped_column(ForeignKey("branch.id"))
    end_customer_id: Mapped[int | None] = mapped_column(ForeignKey("end_customer.id"))
    cart_id: Mapped[int | None] = mapped_column(ForeignKey("cart.id"))
    #: See ordering.states.ORDER_MACHINE.
    state: Mapped[str] = mapped_column(String(20))
    #: portal | replay
    source: Mapped[str] = mapped_column(String(10), default="portal")
    #: Number in the source's system: the replayed invoice.
    external_reference: Mapped[str | None] = mapped_column(String(80))
    currency: Mapped[str] = mapped_column(String(3))
    po_number: Mapped[str | None] = mapped_column(String(80))
    reference: Mapped[str | None] = mapped_column(String(120))
    notes: Mapped[str] = mapped_column(Text, default="")
    requested_on: Mapped[date | None]
    #: name, street, postcode, city, region, country as they were.
    ship_to: Mapped[dict[str, Any]]
    terms_days: Mapped[int] = mapped_column(default=30)
    #: Sum of line nets, of discounts, of line taxes, and net - discount + tax.
    net: Mapped[Decimal]
    discount: Mapped[Decimal] = mapped_column(default=Decimal(0))
    tax: Mapped[Decimal]
    total: Mapped[Decimal]
    #: per_line: each line's tax is rounded, the order's is their sum.
    tax_rounding: Mapped[str] = mapped_column(String(12), default="per_line")
    line_count: Mapped[int]
    placed_at: Mapped[datetime]
    placed_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    placed_by_name: Mapped[str] = mapped_column(String(200))
    #: Since when it queues for stock, where it had to give units back; None = since it was placed.
    queued_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)
    #: Of its latest change, see ordering.changes; 0 where an older version of the program stored it.
    change_number: Mapped[int] = mapped_column(default=0, server_default="0")

    lines: Mapped[list[OrderLine]] = relationship(back_populates="order", order_by="OrderLine.position")


class OrderLine(CompanyOwned, Base):
    """A line of an order: ordered = cancelled + shipped + still open (allocated + backordered)."""

    __tablename__ = "order_line"
    __table_args__ = (
        ForeignKeyConstraint(["company_id", "order_id"], ["sales_order.company_id", "sales_order.id"]),
        UniqueConstraint("order_id", "position"),
        CheckConstraint(
            "ordered >= 1 AND allocated >= 0 AND backordered >= 0 AND cancelled >= 0 AND shipped >= 0"
            " AND picked >= 0 AND picked <= allocated AND returned >= 0 AND returned <= shipped"
            " AND ordered = allocated + backordered + cancelled + shipped",
            name="quantities",
        ),
        Index("ix_order_line_backordered", "product_id", "backordered"),
        Index("ix_order_line_company_product", "company_id", "product_id"),
        # Both columns: SQLite, without statistics, would read every line of the company for one order.
        Index("ix_order_line_company_order", "company_id", "order_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    company_id: Mapped[int] = mapped_column(ForeignKey("company.id"))
    order_id: Mapped[int]
    position: Mapped[int]
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"))
    sku: Mapped[str] = mapped_column(String(60))
    name: Mapped[str] = mapped_column(String(300))
    ordered: Mapped[int]
    allocated: Mapped[int] = mapped_column(default=0)
    backordered: Mapped[int] = mapped_column(default=0)
    picked: Mapped[int] = mapped_column(default=0)
    shipped: Mapped[int] = mapped_column(default=0)
    cancelled: Mapped[int] = mapped_column(default=0)
    returned: Mapped[int] = mapped_column(default=0)
    unit_price: Mapped[Decimal]
    #: agreement | imported
    price_source: Mapped[str] = mapped_column(String(10), default="agreement")
    price_reason: Mapped[str] = mapped_column(String(200), default="")
    agreement_id: Mapped[int | None] = mapped_column(ForeignKey("price_agreement.id"))
    #: First quantity of the ladder's step that gave the price.
    price_step: Mapped[int | None]
    #: round(ordered x unit price), half up.
    net: Mapped[Decimal]
    #: This line's share of the order's discounts.
    discount_share: Mapped[Decimal] = mapped_column(default=Decimal(0))
    tax_code: Mapped[str] = mapped_column(String(20), default="")
    tax_rate_bps: Mapped[int] = mapped_column(default=0)
    tax: Mapped[Decimal] = mapped_column(default=Decimal(0))
    #: Day the backordered rest is promised for, as known when placed or last allocated.
    promised_on: Mapped[date | None]

    order: Mapped[Order] = relationship(back_populates="lines")


class OrderDiscount(CompanyOwned, Base):
    """A discount on the whole order; the lines hold its shares."""

    __tablename__ = "order_discount"
    __table_args__ = (
        ForeignKeyConstraint(["company_id", "order_id"], ["sales_order.company_id", "sales_order.id"]),
        Index("ix_order_discount_order_id", "order_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int]
    agreement_id: Mapped[int | None] = mapped_column(ForeignKey("price_agreement.id"))
    label: Mapped[str] = mapped_column(String(120))
    rate_bps: Mapped[int] = mapped_column(default=0)
    amount: Mapped[Decimal]


class OrderHold(CompanyOwned, Base):
    """Why an order may not be released: approval, credit, vendor review, compliance."""

    __tablename__ = "order_hold"
    __table_args__ = (
        ForeignKeyConstraint(["company_id", "order_id"], ["sales_order.company_id", "sales_order.id"]),
        Index("ix_order_hold_order_id", "order_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int]
    kind: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str] = mapped_column(String(300))
    opened_at: Mapped[datetime]
    opened_by: Mapped[str] = mapped_column(String(200))
    cleared_at: Mapped[datetime | None]
    cleared_by: Mapped[str | None] = mapped_column(String(200))


class Shipment(CompanyOwned, Base):
    """Units of an order that left a warehouse; undone by a reversal, never changed."""

    __tablename__ = "shipment"
    __table_args__ = (
        ForeignKeyConstraint(["company_id", "order_id"], ["sales_order.company_id", "sales_order.id"]),
        UniqueConstraint("company_id", "id"),
        Index("ix_shipment_order_id", "order_id"),
        Index("ix_shipment_shipped", "shipped_at", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(30), unique=True)
    order_id: Mapped[int]
    warehouse_id: Mapped[int] = mapped_column(ForeignKey("warehouse.id"))
    carrier: Mapped[str] = mapped_column(String(60), default="")
    tracking: Mapped[str] = mapped_column(String(120), default="")
    #: Business date; warranty is counted from it.
    shipped_on: Mapped[date]
    shipped_at: Mapped[datetime]
    shipped_by: Mapped[str] = mapped_column(String(200))
    note: Mapped[str] = mapped_column(String(300), default="")
    #: The shipment this row takes back, whole; its units are in stock again.
    reverses_id: Mapped[int | None] = mapped_column(ForeignKey("shipment.id"), unique=True)
    #: Key of the form it was entered with: the same form sent twice is one shipment.
    entry_key: Mapped[str | None] = mapped_column(String(40), unique=True)


class ShipmentLine(CompanyOwned, Base):
    """Units of an order line in a shipment; the units with serials are its assets."""

    __tablename__ = "shipment_line"
    __table_args__ = (
        ForeignKeyConstraint(["company_id", "shipment_id"], ["shipment.company_id", "shipment.id"]),
        UniqueConstraint("shipment_id", "order_line_id"),
        CheckConstraint("quantity >= 1", name="quantity"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    shipment_id: Mapped[int]
    order_line_id: Mapped[int] = mapped_column(ForeignKey("order_line.id"), index=True)
    quantity: Mapped[int]


class ShipmentUnit(CompanyOwned, Base):
    """A serial in a shipment, kept when the unit has moved on."""

    __tablename__ = "shipment_unit"

    shipment_line_id: Mapped[int] = mapped_column(
        ForeignKey("shipment_line.id"), primary_key=True, autoincrement=False
    )
    asset_id: Mapped[int] = mapped_column(
        ForeignKey("asset.id"), primary_key=True, autoincrement=False, index=True
    )
    #: Canonical, as it was shipped.
    serial: Mapped[str] = mapped_column(String(64))


class PriceRequest(CompanyOwned, Base):
    """A buyer's question for the price of a product that has none; vendor sales answers by mail."""

    __tablename__ = "price_request"
    __table_args__ = (Index("ix_price_request_state", "state", "created_at", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(30), unique=True)
    branch_id: Mapped[int] = mapped_column(ForeignKey("branch.id"))
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"), index=True)
    quantity: Mapped[int]
    note: Mapped[str] = mapped_column(String(500), default="")
    #: open | answered | declined | withdrawn
    state: Mapped[str] = mapped_column(String(10), default="open")
    asked_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    asked_by_name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    answered_by_name: Mapped[str | None] = mapped_column(String(200))
    #: The unit price offered, in the company's currency.
    unit_price: Mapped[Decimal | None]
    valid_until: Mapped[date | None]
    answer: Mapped[str] = mapped_column(String(500), default="")
    version: Mapped[int] = mapped_column(default=1)


class ExportedOrder(CompanyOwned, Base):
    """The mark that the vendor's ERP has an order, as it was up to a change."""

    __tablename__ = "exported_order"

    order_id: Mapped[int] = mapped_column(ForeignKey("sales_order.id"), primary_key=True, autoincrement=False)
    change_number: Mapped[int]
    at: Mapped[datetime]
    by_name: Mapped[str] = mapped_column(String(200))


class ReplayedInvoice(Base):
    """An invoice number a replay has finished with, also when it made no order."""

    __tablename__ = "replayed_invoice"

    number: Mapped[str] = mapped_column(String(40), primary_key=True)
    order_id: Mapped[int | None]
    replayed_at: Mapped[datetime]
