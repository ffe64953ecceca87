"""What imports changed, so that a run can be undone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

#: References to products that taking many of them back has to look through.
REFERENCES = {"product": "successor_id", "bundle_part": "part_id", "agreement_quantity_rule": "product_id"}


def upgrade() -> None:
    for table, column in REFERENCES.items():
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column])
    with op.batch_alter_table("import_run") as run:
        run.add_column(sa.Column("change_count", INTEGER, nullable=False, server_default="0"))
        run.add_column(sa.Column("undone_by", sa.String(200)))
        run.add_column(sa.Column("undone_at", sa.DateTime(timezone=True)))
    with op.batch_alter_table("product_media") as media:
        media.add_column(sa.Column("content_hash", sa.String(64)))
    op.create_table(
        "import_change",
        sa.Column("run_id", INTEGER, nullable=False),
        sa.Column("seq", INTEGER, nullable=False),
        sa.Column("subject", sa.String(300), nullable=False),
        sa.Column("table_name", sa.String(40), nullable=False),
        sa.Column("row_id", INTEGER),
        sa.Column("before", JSON),
        sa.Column("after", JSON),
        sa.ForeignKeyConstraint(["run_id"], ["import_run.id"], name=op.f("fk_import_change_run_id")),
        sa.PrimaryKeyConstraint("run_id", "seq", name=op.f("pk_import_change")),
    )


def downgrade() -> None:
    op.drop_table("import_change")
    with op.batch_alter_table("product_media") as media:
        media.drop_column("content_hash")
    with op.batch_alter_table("import_run") as run:
        for name in ("undone_at", "undone_by", "change_count"):
            run.drop_column(name)
    for table, column in REFERENCES.items():
        op.drop_index(op.f(f"ix_{table}_{column}"), table_name=table)
