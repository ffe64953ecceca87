"""Units in the field by serial number, their covers and what happened to them; terms and serial rules."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base
from app.core.tenancy import CompanyOrShared, CompanyOrVendor


class SerialRule(Base):
    """How serials of a product, or of a category with its subtree, are checked; the narrowest one counts."""

    __tablename__ = "serial_rule"
    __table_args__ = (CheckConstraint("(product_id IS NULL) <> (category_id IS NULL)", name="one_subject"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int | None] = mapped_column(ForeignKey("product.id"), unique=True)
    category_id: Mapped[int | None] = mapped_column(ForeignKey("category.id"), unique=True)
    #: See assets.masks.
    mask: Mapped[str | None] = mapped_column(String(64))
    #: luhn | mod10 | gs1
    check_digit: Mapped[str | None] = mapped_column(String(6))
    version: Mapped[int] = mapped_column(default=1)


class WarrantyTerm(Base):
    """A length of cover with its rules; bases come with a unit, extensions are bought for one."""

    __tablename__ = "warranty_term"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    #: base | extension
    kind: Mapped[str] = mapped_column(String(10), default="base")
    number: Mapped[int]
    #: days | weeks | months | years
    unit: Mapped[str] = mapped_column(String(6), default="months")
    #: ship | invoice | delivery | registration | activation | earliest
    basis: Mapped[str] = mapped_column(String(12), default="ship")
    grace_days: Mapped[int] = mapped_column(default=0)
    lapse_grace_days: Mapped[int | None]
    #: None = back to the day after the end.
    lapse_max_backdate_days: Mapped[int | None]
    #: Least days of cover of a replacement.
    floor_days: Mapped[int] = mapped_column(default=90)
    is_transferable: Mapped[bool] = mapped_column(default=True)
    exclusions: Mapped[str] = mapped_column(Text, default="")
    is_active: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(default=1)


class WarrantyCoverage(Base):
    """What a term covers: parts or labour, at which service level and percentage, perhaps ending earlier."""

    __tablename__ = "warranty_coverage"

    id: Mapped[int] = mapped_column(primary_key=True)
    term_id: Mapped[int] = mapped_column(ForeignKey("warranty_term.id"), index=True)
    #: parts | labour | travel
    what: Mapped[str] = mapped_column(String(10))
    #: carry_in | return_to_depot | next_business_day | advance_replacement | loaner
    service_level: Mapped[str] = mapped_column(String(20), default="return_to_depot")
    percent: Mapped[int] = mapped_column(default=100)
    #: Own end, counted from the term's start; None = with the term.
    number: Mapped[int | None]
    unit: Mapped[str | None] = mapped_column(String(6))
    position: Mapped[int] = mapped_column(default=0)


class TermAssignment(Base):
    """Which base term a product, a category with its subtree, or everything gets, perhaps in one country."""

    __tablename__ = "term_assignment"
    __table_args__ = (
        CheckConstraint("product_id IS NULL OR category_id IS NULL", name="one_subject"),
        Index("ix_term_assignment_product", "product_id", "country"),
        Index("ix_term_assignment_category", "category_id", "country"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    term_id: Mapped[int] = mapped_column(ForeignKey("warranty_term.id"), index=True)
    product_id: Mapped[int | None] = mapped_column(ForeignKey("product.id"))
    category_id: Mapped[int | None] = mapped_column(ForeignKey("category.id"))
    #: ISO 3166-1 alpha-2 of where the unit is shipped to; None = everywhere.
    country: Mapped[str | None] = mapped_column(String(2))
    #: Days of grace there instead of the term's own.
    grace_days: Mapped[int | None]


class Asset(CompanyOrVendor, Base):
    """A unit with a serial number. Its company is the reseller it stands with; none where that is unknown."""

    __tablename__ = "asset"
    __table_args__ = (
        UniqueConstraint("brand_key", "serial"),
        Index("ix_asset_serial", "serial"),
        Index("ix_asset_company_id_id", "company_id", "id"),
        Index("ix_asset_company_cover", "company_id", "cover_until", "id"),
        Index("ix_asset_company_product", "company_id", "product_id", "id"),
        Index("ix_asset_cover", "cover_until", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    #: None for a unit of unknown make, until somebody has seen it.
    product_id: Mapped[int | None] = mapped_column(ForeignKey("product.id"), index=True)
    #: Brand in lower case, empty where there is none: serials are unique within it.
    brand_key: Mapped[str] = mapped_column(String(120), default="")
    #: Canonical, see assets.serials.
    serial: Mapped[str] = mapped_column(String(64))
    #: As it was scanned or typed.
    serial_raw: Mapped[str] = mapped_column(String(200))
    #: See assets.states.AssetState.
    state: Mapped[str] = mapped_column(String(12), default="in_field")
    #: shipment | import | registration | claim | replacement
    source: Mapped[str] = mapped_column(String(12), default="shipment")
    end_customer_id: Mapped[int | None] = mapped_column(ForeignKey("end_customer.id"), index=True)
    #: The reseller it was shipped to, whoever has it now.
    sold_to_id: Mapped[int | None] = mapped_column(ForeignKey("company.id"), index=True)
    # Both point up the import order, so by table name and without a relationship.
    order_line_id: Mapped[int | None] = mapped_column(ForeignKey("order_line.id"), index=True)
    shipment_line_id: Mapped[int | None] = mapped_column(ForeignKey("shipment_line.id"), index=True)
    #: Net price paid for this unit after all discounts; units of a line sum to it exactly.
    price_paid: Mapped[Decimal | None]
    currency: Mapped[str | None] = mapped_column(String(3))
    invoice_number: Mapped[str | None] = mapped_column(String(80))
    ship_date: Mapped[date | None]
    invoice_date: Mapped[date | None]
    delivery_date: Mapped[date | None]
    registration_date: Mapped[date | None]
    activation_date: Mapped[date | None]
    #: Where it was shipped to, for terms by region.
    country: Mapped[str | None] = mapped_column(String(2))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("asset.id"), index=True)
    #: The unit it was sent in place of.
    replaces_id: Mapped[int | None] = mapped_column(ForeignKey("asset.id"), unique=True)
    term_id: Mapped[int | None] = mapped_column(ForeignKey("warranty_term.id"))
    #: Last day of all its cover, kept with the covers for lists.
    cover_until: Mapped[date | None]
    created_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)


class AssetCover(Base):
    """A stretch of a unit's cover, half open [starts_on, ends_on); nothing in it is anybody's secret."""

    __tablename__ = "asset_cover"
    __table_args__ = (
        UniqueConstraint("asset_id", "position"),
        CheckConstraint("starts_on < ends_on", name="dates"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    asset_id: Mapped[int] = mapped_column(ForeignKey("asset.id"))
    #: 0 is the base.
    position: Mapped[int]
    #: base | extension | replacement
    kind: Mapped[str] = mapped_column(String(12))
    term_id: Mapped[int | None] = mapped_column(ForeignKey("warranty_term.id"))
    #: Name of the term as it was.
    term_name: Mapped[str] = mapped_column(String(120))
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    claimable_from: Mapped[date]
    #: The rule that made the dates, in words.
    why: Mapped[str] = mapped_column(Text, default="")


class CoverPurchase(CompanyOrVendor, Base):
    """An extension bought for a unit; covers are computed from these."""

    __tablename__ = "cover_purchase"
    __table_args__ = (Index("ix_cover_purchase_asset", "asset_id", "bought_on"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    asset_id: Mapped[int] = mapped_column(ForeignKey("asset.id"))
    term_id: Mapped[int] = mapped_column(ForeignKey("warranty_term.id"))
    order_line_id: Mapped[int | None] = mapped_column(ForeignKey("order_line.id"), index=True)
    bought_on: Mapped[date]
    created_at: Mapped[datetime]


class AssetEvent(CompanyOrShared, Base):
    """What happened to a unit. With a company it is that company's alone; without, every holder reads it."""

    __tablename__ = "asset_event"
    __table_args__ = (Index("ix_asset_event_asset", "asset_id", "at", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    asset_id: Mapped[int] = mapped_column(ForeignKey("asset.id"))
    #: made | shipped | reversed | registered | transferred | extended | ticket | claim | received |
    #: repaired | replaced | credited | scrapped | imported
    kind: Mapped[str] = mapped_column(String(12))
    at: Mapped[datetime]
    #: What it was about, such as a shipment's or a claim's number; no prices and no names in shared ones.
    reference: Mapped[str] = mapped_column(String(80), default="")
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    actor_name: Mapped[str] = mapped_column(String(200), default="")
