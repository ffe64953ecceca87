"""Which orders the vendor's ERP has had, and archives of all that a company owns."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def _integer() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    change = sa.Column("change_number", _integer(), nullable=False, server_default="0")
    op.add_column("sales_order", change)
    # The orders that are there count as changed once, together.
    op.execute("UPDATE sales_order SET change_number = 1")
    op.execute("INSERT INTO number_range (name, next_value) VALUES ('changes of orders', 2)")
    op.create_index("ix_sales_order_change", "sales_order", ["change_number"])
    op.create_table(
        "exported_order",
        sa.Column("order_id", _integer(), autoincrement=False, nullable=False),
        sa.Column("change_number", _integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_name", sa.String(200), nullable=False),
        sa.Column("company_id", _integer(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name="fk_exported_order_company_id"),
        sa.ForeignKeyConstraint(["order_id"], ["sales_order.id"], name="fk_exported_order_order_id"),
        sa.PrimaryKeyConstraint("order_id", name="pk_exported_order"),
    )
    op.create_index("ix_exported_order_company_id", "exported_order", ["company_id"])
    _create_company_export()


def _create_company_export() -> None:
    op.create_table(
        "company_export",
        sa.Column("id", _integer(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("by_vendor", sa.Boolean(), nullable=False),
        sa.Column("asked_by_id", _integer(), nullable=True),
        sa.Column("asked_by_name", sa.String(200), nullable=False),
        sa.Column("storage_key", sa.String(80), nullable=True),
        sa.Column("size", _integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("company_id", _integer(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name="fk_company_export_company_id"),
        sa.ForeignKeyConstraint(["asked_by_id"], ["user_account.id"], name="fk_company_export_asked_by_id"),
        sa.PrimaryKeyConstraint("id", name="pk_company_export"),
    )
    op.create_index("ix_company_export_company_id", "company_export", ["company_id"])
    op.create_index("ix_company_export_expires_at", "company_export", ["expires_at"])
    is_open = sa.text("state IN ('queued', 'running')")
    op.create_index(
        "uq_company_export_open",
        "company_export",
        ["company_id", "by_vendor"],
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )


def downgrade() -> None:
    op.drop_table("company_export")
    op.drop_table("exported_order")
    op.drop_index("ix_sales_order_change", table_name="sales_order")
    op.execute("DELETE FROM number_range WHERE name = 'changes of orders'")
    op.drop_column("sales_order", "change_number")
