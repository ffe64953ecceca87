"""Requests to become a reseller, and companies merged into another."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TEXTS = {"company_name": 200, "street": 200, "postcode": 20, "city": 120, "region": 120, "country": 2}


def upgrade() -> None:
    with op.batch_alter_table("company") as company:
        company.add_column(sa.Column("merged_into_id", _KEY))
        company.create_foreign_key("fk_company_merged_into_id", "company", ["merged_into_id"], ["id"])
        company.create_index("ix_company_merged_into_id", ["merged_into_id"])
    op.create_table(
        "reseller_request",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        *(sa.Column(name, sa.String(length), nullable=False) for name, length in _TEXTS.items()),
        sa.Column("tax_id", sa.String(40)),
        sa.Column("contact_name", sa.String(200), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("phone", sa.String(40), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True)),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
        sa.Column("decided_by_name", sa.String(200)),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("made_company_id", _KEY),
        sa.ForeignKeyConstraint(
            ["made_company_id"], ["company.id"], name="fk_reseller_request_made_company_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_reseller_request"),
    )
    op.create_index("ix_reseller_request_state", "reseller_request", ["state", "created_at", "id"])
    op.create_index("ix_reseller_request_email", "reseller_request", ["email"])
    with op.batch_alter_table("single_use_link") as link:
        link.alter_column("user_id", existing_type=_KEY, nullable=True)
        link.add_column(sa.Column("request_id", _KEY))
        link.create_foreign_key("fk_single_use_link_request_id", "reseller_request", ["request_id"], ["id"])
        link.create_index("ix_single_use_link_request_purpose", ["request_id", "purpose"])


def downgrade() -> None:
    # Mails and links of requests have no place in the schema before.
    op.execute(
        "UPDATE mail_message SET link_id = NULL WHERE link_id IN"
        " (SELECT id FROM single_use_link WHERE user_id IS NULL)"
    )
    op.execute("DELETE FROM single_use_link WHERE user_id IS NULL")
    with op.batch_alter_table("single_use_link") as link:
        link.drop_index("ix_single_use_link_request_purpose")
        link.drop_constraint("fk_single_use_link_request_id", type_="foreignkey")
        link.drop_column("request_id")
        link.alter_column("user_id", existing_type=_KEY, nullable=False)
    op.drop_table("reseller_request")
    with op.batch_alter_table("company") as company:
        company.drop_index("ix_company_merged_into_id")
        company.drop_constraint("fk_company_merged_into_id", type_="foreignkey")
        company.drop_column("merged_into_id")
