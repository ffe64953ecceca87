"""Stock entries carry the key of their form, so that a form sent twice is one entry."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TABLES = ("stock_movement", "expected_receipt")


def upgrade() -> None:
    for table in _TABLES:
        op.add_column(table, sa.Column("entry_key", sa.String(40)))
        op.create_index(f"uq_{table}_entry_key", table, ["entry_key"], unique=True)


def downgrade() -> None:
    for table in _TABLES:
        op.drop_index(f"uq_{table}_entry_key", table_name=table)
        op.drop_column(table, "entry_key")
