"""Shipments, units by serial number, warranty terms and covers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "warranty_term",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("unit", sa.String(length=6), nullable=False),
        sa.Column("basis", sa.String(length=12), nullable=False),
        sa.Column("grace_days", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("lapse_grace_days", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column(
            "lapse_max_backdate_days", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.Column("floor_days", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("is_transferable", sa.Boolean(), nullable=False),
        sa.Column("exclusions", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warranty_term")),
        sa.UniqueConstraint("code", name=op.f("uq_warranty_term_code")),
    )
    op.create_table(
        "warranty_coverage",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("term_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("what", sa.String(length=10), nullable=False),
        sa.Column("service_level", sa.String(length=20), nullable=False),
        sa.Column("percent", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("unit", sa.String(length=6), nullable=True),
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["term_id"], ["warranty_term.id"], name=op.f("fk_warranty_coverage_term_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warranty_coverage")),
    )
    with op.batch_alter_table("warranty_coverage", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_warranty_coverage_term_id"), ["term_id"], unique=False)

    op.create_table(
        "serial_rule",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("product_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("category_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("mask", sa.String(length=64), nullable=True),
        sa.Column("check_digit", sa.String(length=6), nullable=True),
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.CheckConstraint(
            "(product_id IS NULL) <> (category_id IS NULL)", name=op.f("ck_serial_rule_one_subject")
        ),
        sa.ForeignKeyConstraint(["category_id"], ["category.id"], name=op.f("fk_serial_rule_category_id")),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_serial_rule_product_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_serial_rule")),
        sa.UniqueConstraint("category_id", name=op.f("uq_serial_rule_category_id")),
        sa.UniqueConstraint("product_id", name=op.f("uq_serial_rule_product_id")),
    )
    op.create_table(
        "term_assignment",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("term_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("product_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("category_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("country", sa.String(length=2), nullable=True),
        sa.Column("grace_days", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint(
            "product_id IS NULL OR category_id IS NULL", name=op.f("ck_term_assignment_one_subject")
        ),
        sa.ForeignKeyConstraint(
            ["category_id"], ["category.id"], name=op.f("fk_term_assignment_category_id")
        ),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_term_assignment_product_id")),
        sa.ForeignKeyConstraint(["term_id"], ["warranty_term.id"], name=op.f("fk_term_assignment_term_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_term_assignment")),
    )
    with op.batch_alter_table("term_assignment", schema=None) as batch_op:
        batch_op.create_index("ix_term_assignment_category", ["category_id", "country"], unique=False)
        batch_op.create_index("ix_term_assignment_product", ["product_id", "country"], unique=False)
        batch_op.create_index(batch_op.f("ix_term_assignment_term_id"), ["term_id"], unique=False)

    op.create_table(
        "shipment",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.String(length=30), nullable=False),
        sa.Column("order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("warehouse_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("carrier", sa.String(length=60), nullable=False),
        sa.Column("tracking", sa.String(length=120), nullable=False),
        sa.Column("shipped_on", sa.Date(), nullable=False),
        sa.Column("shipped_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("shipped_by", sa.String(length=200), nullable=False),
        sa.Column("note", sa.String(length=300), nullable=False),
        sa.Column("reverses_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("entry_key", sa.String(length=40), nullable=True),
        sa.Column("company_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id", "order_id"],
            ["sales_order.company_id", "sales_order.id"],
            name=op.f("fk_shipment_company_id_order_id"),
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_shipment_company_id")),
        sa.ForeignKeyConstraint(["reverses_id"], ["shipment.id"], name=op.f("fk_shipment_reverses_id")),
        sa.ForeignKeyConstraint(["warehouse_id"], ["warehouse.id"], name=op.f("fk_shipment_warehouse_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shipment")),
        sa.UniqueConstraint("company_id", "id", name=op.f("uq_shipment_company_id_id")),
        sa.UniqueConstraint("entry_key", name=op.f("uq_shipment_entry_key")),
        sa.UniqueConstraint("number", name=op.f("uq_shipment_number")),
        sa.UniqueConstraint("reverses_id", name=op.f("uq_shipment_reverses_id")),
    )
    with op.batch_alter_table("shipment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_shipment_company_id"), ["company_id"], unique=False)
        batch_op.create_index("ix_shipment_order_id", ["order_id"], unique=False)
        batch_op.create_index("ix_shipment_shipped", ["shipped_at", "id"], unique=False)

    op.create_table(
        "shipment_line",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("shipment_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("order_line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("quantity", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("company_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.CheckConstraint("quantity >= 1", name=op.f("ck_shipment_line_quantity")),
        sa.ForeignKeyConstraint(
            ["company_id", "shipment_id"],
            ["shipment.company_id", "shipment.id"],
            name=op.f("fk_shipment_line_company_id_shipment_id"),
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_shipment_line_company_id")),
        sa.ForeignKeyConstraint(
            ["order_line_id"], ["order_line.id"], name=op.f("fk_shipment_line_order_line_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shipment_line")),
        sa.UniqueConstraint(
            "shipment_id", "order_line_id", name=op.f("uq_shipment_line_shipment_id_order_line_id")
        ),
    )
    with op.batch_alter_table("shipment_line", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_shipment_line_company_id"), ["company_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_shipment_line_order_line_id"), ["order_line_id"], unique=False)

    op.create_table(
        "asset",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("product_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("brand_key", sa.String(length=120), nullable=False),
        sa.Column("serial", sa.String(length=64), nullable=False),
        sa.Column("serial_raw", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("source", sa.String(length=12), nullable=False),
        sa.Column("end_customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("sold_to_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("order_line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("shipment_line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("price_paid", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("invoice_number", sa.String(length=80), nullable=True),
        sa.Column("ship_date", sa.Date(), nullable=True),
        sa.Column("invoice_date", sa.Date(), nullable=True),
        sa.Column("delivery_date", sa.Date(), nullable=True),
        sa.Column("registration_date", sa.Date(), nullable=True),
        sa.Column("activation_date", sa.Date(), nullable=True),
        sa.Column("country", sa.String(length=2), nullable=True),
        sa.Column("parent_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("replaces_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("term_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("cover_until", sa.Date(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("company_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_asset_company_id")),
        sa.ForeignKeyConstraint(
            ["end_customer_id"], ["end_customer.id"], name=op.f("fk_asset_end_customer_id")
        ),
        sa.ForeignKeyConstraint(["order_line_id"], ["order_line.id"], name=op.f("fk_asset_order_line_id")),
        sa.ForeignKeyConstraint(["parent_id"], ["asset.id"], name=op.f("fk_asset_parent_id")),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_asset_product_id")),
        sa.ForeignKeyConstraint(["replaces_id"], ["asset.id"], name=op.f("fk_asset_replaces_id")),
        sa.ForeignKeyConstraint(
            ["shipment_line_id"], ["shipment_line.id"], name=op.f("fk_asset_shipment_line_id")
        ),
        sa.ForeignKeyConstraint(["sold_to_id"], ["company.id"], name=op.f("fk_asset_sold_to_id")),
        sa.ForeignKeyConstraint(["term_id"], ["warranty_term.id"], name=op.f("fk_asset_term_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asset")),
        sa.UniqueConstraint("brand_key", "serial", name=op.f("uq_asset_brand_key_serial")),
        sa.UniqueConstraint("replaces_id", name=op.f("uq_asset_replaces_id")),
    )
    with op.batch_alter_table("asset", schema=None) as batch_op:
        batch_op.create_index("ix_asset_company_cover", ["company_id", "cover_until", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_asset_company_id"), ["company_id"], unique=False)
        batch_op.create_index("ix_asset_company_id_id", ["company_id", "id"], unique=False)
        batch_op.create_index("ix_asset_company_product", ["company_id", "product_id", "id"], unique=False)
        batch_op.create_index("ix_asset_cover", ["cover_until", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_asset_end_customer_id"), ["end_customer_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_asset_order_line_id"), ["order_line_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_asset_parent_id"), ["parent_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_asset_product_id"), ["product_id"], unique=False)
        batch_op.create_index("ix_asset_serial", ["serial"], unique=False)
        batch_op.create_index(batch_op.f("ix_asset_shipment_line_id"), ["shipment_line_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_asset_sold_to_id"), ["sold_to_id"], unique=False)

    op.create_table(
        "asset_cover",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("asset_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("term_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("term_name", sa.String(length=120), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("claimable_from", sa.Date(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.CheckConstraint("starts_on < ends_on", name=op.f("ck_asset_cover_dates")),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_asset_cover_asset_id")),
        sa.ForeignKeyConstraint(["term_id"], ["warranty_term.id"], name=op.f("fk_asset_cover_term_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asset_cover")),
        sa.UniqueConstraint("asset_id", "position", name=op.f("uq_asset_cover_asset_id_position")),
    )
    op.create_table(
        "asset_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("asset_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reference", sa.String(length=80), nullable=False),
        sa.Column("data", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("actor_name", sa.String(length=200), nullable=False),
        sa.Column("company_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_asset_event_asset_id")),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_asset_event_company_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asset_event")),
    )
    with op.batch_alter_table("asset_event", schema=None) as batch_op:
        batch_op.create_index("ix_asset_event_asset", ["asset_id", "at", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_asset_event_company_id"), ["company_id"], unique=False)

    op.create_table(
        "cover_purchase",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("asset_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("term_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("order_line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("bought_on", sa.Date(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("company_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_cover_purchase_asset_id")),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_cover_purchase_company_id")),
        sa.ForeignKeyConstraint(
            ["order_line_id"], ["order_line.id"], name=op.f("fk_cover_purchase_order_line_id")
        ),
        sa.ForeignKeyConstraint(["term_id"], ["warranty_term.id"], name=op.f("fk_cover_purchase_term_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cover_purchase")),
    )
    with op.batch_alter_table("cover_purchase", schema=None) as batch_op:
        batch_op.create_index("ix_cover_purchase_asset", ["asset_id", "bought_on"], unique=False)
        batch_op.create_index(batch_op.f("ix_cover_purchase_company_id"), ["company_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_cover_purchase_order_line_id"), ["order_line_id"], unique=False)

    op.create_table(
        "shipment_unit",
        sa.Column(
            "shipment_line_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column(
            "asset_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("serial", sa.String(length=64), nullable=False),
        sa.Column("company_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_shipment_unit_asset_id")),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_shipment_unit_company_id")),
        sa.ForeignKeyConstraint(
            ["shipment_line_id"], ["shipment_line.id"], name=op.f("fk_shipment_unit_shipment_line_id")
        ),
        sa.PrimaryKeyConstraint("shipment_line_id", "asset_id", name=op.f("pk_shipment_unit")),
    )
    with op.batch_alter_table("shipment_unit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_shipment_unit_asset_id"), ["asset_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_shipment_unit_company_id"), ["company_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("shipment_unit", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_shipment_unit_company_id"))
        batch_op.drop_index(batch_op.f("ix_shipment_unit_asset_id"))

    op.drop_table("shipment_unit")
    with op.batch_alter_table("cover_purchase", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_cover_purchase_order_line_id"))
        batch_op.drop_index(batch_op.f("ix_cover_purchase_company_id"))
        batch_op.drop_index("ix_cover_purchase_asset")

    op.drop_table("cover_purchase")
    with op.batch_alter_table("asset_event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_asset_event_company_id"))
        batch_op.drop_index("ix_asset_event_asset")

    op.drop_table("asset_event")
    op.drop_table("asset_cover")
    with op.batch_alter_table("asset", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_asset_sold_to_id"))
        batch_op.drop_index(batch_op.f("ix_asset_shipment_line_id"))
        batch_op.drop_index("ix_asset_serial")
        batch_op.drop_index(batch_op.f("ix_asset_product_id"))
        batch_op.drop_index(batch_op.f("ix_asset_parent_id"))
        batch_op.drop_index(batch_op.f("ix_asset_order_line_id"))
        batch_op.drop_index(batch_op.f("ix_asset_end_customer_id"))
        batch_op.drop_index("ix_asset_cover")
        batch_op.drop_index("ix_asset_company_product")
        batch_op.drop_index("ix_asset_company_id_id")
        batch_op.drop_index(batch_op.f("ix_asset_company_id"))
        batch_op.drop_index("ix_asset_company_cover")

    op.drop_table("asset")
    with op.batch_alter_table("shipment_line", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_shipment_line_order_line_id"))
        batch_op.drop_index(batch_op.f("ix_shipment_line_company_id"))

    op.drop_table("shipment_line")
    with op.batch_alter_table("shipment", schema=None) as batch_op:
        batch_op.drop_index("ix_shipment_shipped")
        batch_op.drop_index("ix_shipment_order_id")
        batch_op.drop_index(batch_op.f("ix_shipment_company_id"))

    op.drop_table("shipment")
    with op.batch_alter_table("term_assignment", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_term_assignment_term_id"))
        batch_op.drop_index("ix_term_assignment_product")
        batch_op.drop_index("ix_term_assignment_category")

    op.drop_table("term_assignment")
    op.drop_table("serial_rule")
    with op.batch_alter_table("warranty_coverage", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_warranty_coverage_term_id"))

    op.drop_table("warranty_coverage")
    op.drop_table("warranty_term")
