"""The vendor's settings: what documents and pages say of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TEXTS = {"legal_name": 200, "street": 200, "postcode": 20, "city": 120, "region": 120, "country": 2}
_OPTIONAL = {"tax_id": 40, "accent": 7, "logo_key": 80}


def upgrade() -> None:
    with op.batch_alter_table("vendor") as vendor:
        for name, length in _TEXTS.items():
            vendor.add_column(sa.Column(name, sa.String(length), nullable=False, server_default=""))
        for name, length in _OPTIONAL.items():
            vendor.add_column(sa.Column(name, sa.String(length)))
        vendor.add_column(sa.Column("language", sa.String(5), nullable=False, server_default="en"))
        vendor.add_column(sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, server_default="1"))


def downgrade() -> None:
    with op.batch_alter_table("vendor") as vendor:
        for name in ("version", "language", *_OPTIONAL, *_TEXTS):
            vendor.drop_column(name)
