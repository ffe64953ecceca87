"""Products, categories, typed attributes, media, cross-references, visibility, prices, tax."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, Float, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.database import Base
from app.core.tenancy import CompanyOrShared, CompanyOwned


def _compared(length: int) -> Any:
    """Text that is sorted and compared by code point on both databases, whatever PostgreSQL's locale."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


class Category(Base):
    """A node of the category tree; `path` lists the ids from the root, `/3/17/`."""

    __tablename__ = "category"

    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("category.id"), index=True)
    name: Mapped[str] = mapped_column(String(120))
    slug: Mapped[str] = mapped_column(String(120), unique=True)
    path: Mapped[str] = mapped_column(String(200), default="", index=True)
    position: Mapped[int] = mapped_column(default=0)


class Attribute(Base):
    """A typed property of a category's products; facets are drawn from those marked so."""

    __tablename__ = "attribute"
    __table_args__ = (UniqueConstraint("category_id", "code"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    category_id: Mapped[int] = mapped_column(ForeignKey("category.id"))
    code: Mapped[str] = mapped_column(String(60))
    name: Mapped[str] = mapped_column(String(120))
    #: text | number | boolean
    data_type: Mapped[str] = mapped_column(String(10), default="text")
    unit: Mapped[str | None] = mapped_column(String(20))
    is_facet: Mapped[bool] = mapped_column(default=True)
    position: Mapped[int] = mapped_column(default=0)


class Product(Base):
    """What is sold under one SKU. Stock lives in its own narrow table."""

    __tablename__ = "product"
    __table_args__ = (
        CheckConstraint("min_quantity >= 1 AND multiple >= 1", name="quantity_rules"),
        CheckConstraint("max_quantity IS NULL OR max_quantity >= min_quantity", name="max_quantity"),
        # With the life cycle at the end, counting a list's hits reads the index alone.
        Index("ix_product_category_name", "category_id", "name_key", "id", "life_cycle"),
        Index("ix_product_name", "name_key", "id", "life_cycle"),
        Index("ix_product_category_sku", "category_id", "sku_key"),
        Index("ix_product_created", "created_at", "id"),
        Index("ix_product_category_created", "category_id", "created_at", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    sku: Mapped[str] = mapped_column(String(60), unique=True)
    #: SKU upper-cased, for look-ups and order by SKU.
    sku_key: Mapped[str] = mapped_column(_compared(60), unique=True)
    #: Manufacturer part number.
    mpn: Mapped[str | None] = mapped_column(String(80))
    mpn_key: Mapped[str | None] = mapped_column(_compared(80), index=True)
    #: GTIN-8, -12, -13 or -14 with a right check digit.
    gtin: Mapped[str | None] = mapped_column(String(14), index=True)
    name: Mapped[str] = mapped_column(String(300))
    #: Lower-cased name cut to 120, for order by name.
    name_key: Mapped[str] = mapped_column(_compared(120))
    brand: Mapped[str | None] = mapped_column(String(120), index=True)
    category_id: Mapped[int] = mapped_column(ForeignKey("category.id"))
    #: hardware_serial | hardware | service | extended_warranty | bundle
    kind: Mapped[str] = mapped_column(String(20), default="hardware")
    #: announced | active | last_orders | ended
    life_cycle: Mapped[str] = mapped_column(String(12), default="active")
    #: Indexed, as every reference to a product: taking thousands of products back looks for each of them.
    successor_id: Mapped[int | None] = mapped_column(ForeignKey("product.id"), index=True)
    description: Mapped[str] = mapped_column(Text, default="")
    #: One line of data for lists, made from the attributes when they are saved: "2 TB - PCIe 4.0".
    summary: Mapped[str] = mapped_column(String(300), default="")
    unit: Mapped[str] = mapped_column(String(20), default="piece")
    min_quantity: Mapped[int] = mapped_column(default=1)
    multiple: Mapped[int] = mapped_column(default=1)
    max_quantity: Mapped[int | None]
    warranty_months: Mapped[int | None]
    is_backorderable: Mapped[bool] = mapped_column(default=True)
    tax_class: Mapped[str] = mapped_column(String(20), default="standard")
    #: Hash of category, name and attributes where the source had no SKU.
    identity: Mapped[str | None] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)

    category: Mapped[Category] = relationship()


class ProductAttribute(Base):
    """One typed value of a product."""

    __tablename__ = "product_attribute"
    __table_args__ = (
        Index("ix_product_attribute_text", "attribute_id", "text_value", "product_id"),
        Index("ix_product_attribute_number", "attribute_id", "number_value", "product_id"),
    )

    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"), primary_key=True, autoincrement=False)
    attribute_id: Mapped[int] = mapped_column(
        ForeignKey("attribute.id"), primary_key=True, autoincrement=False
    )
    #: The value as written; always set, also for numbers, and what facets show.
    text_value: Mapped[str] = mapped_column(String(200))
    #: Measured quantity for sorting and ranges; not money.
    number_value: Mapped[float | None] = mapped_column(Float)


class ProductMedia(Base):
    """An image or datasheet in the upload store."""

    __tablename__ = "product_media"

    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"), index=True)
    #: image | datasheet
    kind: Mapped[str] = mapped_column(String(10))
    storage_key: Mapped[str] = mapped_column(String(80), unique=True)
    filename: Mapped[str] = mapped_column(String(200))
    content_type: Mapped[str] = mapped_column(String(80))
    size_bytes: Mapped[int]
    #: SHA-256 of the file as it was sent, by which an import knows it again.
    content_hash: Mapped[str | None] = mapped_column(String(64))
    alt_text: Mapped[str] = mapped_column(String(300), default="")
    position: Mapped[int] = mapped_column(default=0)


class BundlePart(Base):
    """A part of a bundle, required or optional."""

    __tablename__ = "bundle_part"

    bundle_id: Mapped[int] = mapped_column(ForeignKey("product.id"), primary_key=True, autoincrement=False)
    part_id: Mapped[int] = mapped_column(
        ForeignKey("product.id"), primary_key=True, autoincrement=False, index=True
    )
    quantity: Mapped[int]
    is_required: Mapped[bool] = mapped_column(default=True)
    position: Mapped[int] = mapped_column(default=0)


class CrossReference(Base):
    """Another number everybody may use for a product: superseded, alternative, distributor's."""

    __tablename__ = "cross_reference"
    __table_args__ = (UniqueConstraint("code_key", "product_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"), index=True)
    code: Mapped[str] = mapped_column(String(80))
    code_key: Mapped[str] = mapped_column(_compared(80))
    #: superseded | alternative
    kind: Mapped[str] = mapped_column(String(12), default="alternative")


class CustomerPartNumber(CompanyOwned, Base):
    """A company's own number for a product."""

    __tablename__ = "customer_part_number"
    __table_args__ = (UniqueConstraint("company_id", "code_key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"), index=True)
    code: Mapped[str] = mapped_column(String(80))
    code_key: Mapped[str] = mapped_column(_compared(80))


class VisibilityListing(CompanyOwned, Base):
    """A product or category listed for a company's visibility mode, half open [starts_on, ends_on)."""

    __tablename__ = "visibility_listing"
    __table_args__ = (
        CheckConstraint("(product_id IS NULL) <> (category_id IS NULL)", name="one_subject"),
        CheckConstraint("starts_on IS NULL OR ends_on IS NULL OR starts_on < ends_on", name="dates"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int | None] = mapped_column(ForeignKey("product.id"), index=True)
    #: Lists the whole subtree.
    category_id: Mapped[int | None] = mapped_column(ForeignKey("category.id"))
    starts_on: Mapped[date | None]
    ends_on: Mapped[date | None]
    reason: Mapped[str] = mapped_column(String(200), default="")


class PriceAgreement(CompanyOrShared, Base):
    """A price list: everybody's, a tier's, a company's or a branch's; valid [starts_on, ends_on)."""

    __tablename__ = "price_agreement"
    __table_args__ = (
        CheckConstraint(
            "(level IN ('list', 'tier')) = (company_id IS NULL) AND (level = 'tier') = (tier IS NOT NULL)"
            " AND (level = 'branch') = (branch_id IS NOT NULL)",
            name="level",
        ),
        CheckConstraint("ends_on IS NULL OR starts_on < ends_on", name="dates"),
        Index("ix_price_agreement_level", "level", "currency", "tier"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    #: Number people quote: PL-2026-Q4.
    number: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    #: list | tier | company | branch
    level: Mapped[str] = mapped_column(String(8))
    tier: Mapped[str | None] = mapped_column(String(40))
    branch_id: Mapped[int | None] = mapped_column(ForeignKey("branch.id"))
    currency: Mapped[str] = mapped_column(String(3))
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]
    #: Discount on the whole order under this agreement (company or branch level), from `order_discount_from`.
    order_discount_bps: Mapped[int] = mapped_column(default=0)
    order_discount_from: Mapped[Decimal] = mapped_column(default=Decimal(0))
    is_active: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(default=1)


class PriceRow(Base):
    """One step of an agreement's quantity ladder for a product: from `min_quantity`, each."""

    __tablename__ = "price_row"
    __table_args__ = (
        UniqueConstraint("product_id", "agreement_id", "min_quantity"),
        CheckConstraint("min_quantity >= 1 AND unit_price >= 0", name="values"),
        Index("ix_price_row_agreement", "agreement_id", "product_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    agreement_id: Mapped[int] = mapped_column(ForeignKey("price_agreement.id"))
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"))
    min_quantity: Mapped[int] = mapped_column(default=1)
    #: Up to four decimals.
    unit_price: Mapped[Decimal]
    #: Import run that stored it; decides between `updated` and `conflicting_price`.
    import_run_id: Mapped[int | None]


class AgreementQuantityRule(Base):
    """Minimum, multiple and maximum of a product under an agreement; overrides the product's own."""

    __tablename__ = "agreement_quantity_rule"

    agreement_id: Mapped[int] = mapped_column(
        ForeignKey("price_agreement.id"), primary_key=True, autoincrement=False
    )
    product_id: Mapped[int] = mapped_column(
        ForeignKey("product.id"), primary_key=True, autoincrement=False, index=True
    )
    min_quantity: Mapped[int] = mapped_column(default=1)
    multiple: Mapped[int] = mapped_column(default=1)
    max_quantity: Mapped[int | None]


class TaxRate(CompanyOwned, Base):
    """The one rate of a company and tax class, in basis points."""

    __tablename__ = "tax_rate"
    __table_args__ = (UniqueConstraint("company_id", "tax_class"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    tax_class: Mapped[str] = mapped_column(String(20), default="standard")
    #: Code printed on documents: US-TX, DE-19.
    code: Mapped[str] = mapped_column(String(20))
    rate_bps: Mapped[int]
