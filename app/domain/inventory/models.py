"""Warehouses, the ledger of stock movements with its checked balance, receipts to come, allocations."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base


class Warehouse(Base):
    """A place that holds stock; lower positions are allocated first."""

    __tablename__ = "warehouse"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(20), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    position: Mapped[int] = mapped_column(default=0)
    is_active: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(default=1)


class StockLevel(Base):
    """Balance of one product in one warehouse. Available = on hand - allocated; both are guarded."""

    __tablename__ = "stock_level"
    __table_args__ = (
        CheckConstraint("allocated >= 0 AND allocated <= on_hand", name="balance"),
        Index("ix_stock_level_warehouse", "warehouse_id", "product_id"),
    )

    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"), primary_key=True, autoincrement=False)
    warehouse_id: Mapped[int] = mapped_column(
        ForeignKey("warehouse.id"), primary_key=True, autoincrement=False
    )
    on_hand: Mapped[int] = mapped_column(default=0)
    allocated: Mapped[int] = mapped_column(default=0)


class StockMovement(Base):
    """One entry of the ledger; the sum of a level's deltas is its on-hand balance."""

    __tablename__ = "stock_movement"
    __table_args__ = (
        Index("ix_stock_movement_product", "product_id", "warehouse_id", "id"),
        Index("uq_stock_movement_entry_key", "entry_key", unique=True),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"))
    warehouse_id: Mapped[int] = mapped_column(ForeignKey("warehouse.id"))
    #: Units in (+) or out (-).
    delta: Mapped[int]
    #: count | receipt | shipment | return | correction
    kind: Mapped[str] = mapped_column(String(12))
    #: What caused it: a receipt's reference, a shipment's number.
    reference: Mapped[str] = mapped_column(String(80), default="")
    at: Mapped[datetime]
    actor_name: Mapped[str] = mapped_column(String(200))
    #: Key of the form it was entered with: the same form sent twice is one entry.
    entry_key: Mapped[str | None] = mapped_column(String(40))


class ExpectedReceipt(Base):
    """Units that are to arrive on a day; what is left of them backs promised dates."""

    __tablename__ = "expected_receipt"
    __table_args__ = (
        CheckConstraint("quantity >= 1 AND received >= 0 AND received <= quantity", name="quantities"),
        Index("ix_expected_receipt_product", "product_id", "due_on"),
        Index("uq_expected_receipt_entry_key", "entry_key", unique=True),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"))
    warehouse_id: Mapped[int] = mapped_column(ForeignKey("warehouse.id"))
    quantity: Mapped[int]
    received: Mapped[int] = mapped_column(default=0)
    due_on: Mapped[date]
    reference: Mapped[str] = mapped_column(String(80), default="")
    #: Closed receipts (arrived or called off) promise nothing.
    is_open: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    #: Key of the form it was entered with: the same form sent twice is one receipt.
    entry_key: Mapped[str | None] = mapped_column(String(40))


class Allocation(Base):
    """Units of a warehouse set aside for an order line."""

    __tablename__ = "allocation"
    __table_args__ = (
        CheckConstraint("quantity >= 1", name="quantity"),
        Index("uq_allocation_line_warehouse", "order_line_id", "warehouse_id", unique=True),
        Index("ix_allocation_product", "product_id", "warehouse_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    # Points up the import order, so by table name and without a relationship.
    order_line_id: Mapped[int] = mapped_column(ForeignKey("order_line.id"))
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"))
    warehouse_id: Mapped[int] = mapped_column(ForeignKey("warehouse.id"))
    quantity: Mapped[int]
