"""Lines of carts and orders are found by company and parent together."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TABLES = (("cart_line", "cart"), ("order_line", "order"))


def upgrade() -> None:
    for table, parent in _TABLES:
        op.create_index(f"ix_{table}_company_{parent}", table, ["company_id", f"{parent}_id"])
        op.drop_index(f"ix_{table}_company_id", table_name=table)


def downgrade() -> None:
    for table, parent in _TABLES:
        op.create_index(f"ix_{table}_company_id", table, ["company_id"])
        op.drop_index(f"ix_{table}_company_{parent}", table_name=table)
