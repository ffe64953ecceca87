"""The vendor's settings: what documents, pages and mails say of it, and what became of its mails."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TEXTS = {"legal_name": 200, "street": 200, "postcode": 20, "city": 120, "region": 120, "country": 2}
_OPTIONAL = {
    "tax_id": 40,
    "accent": 7,
    "logo_key": 80,
    "base_url": 300,
    "mail_host": 253,
    "mail_user": 254,
    "mail_sender": 254,
    "mail_reply_to": 254,
}
_CODES = {"language": (5, "en"), "request_prefix": (10, "PR"), "company_prefix": (10, "C")}
_NUMBERS = {"version": 1, "table_limit_mb": 200, "archive_limit_mb": 1024, "attachment_limit_mb": 10}


def _number() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    with op.batch_alter_table("vendor") as vendor:
        for name, length in _TEXTS.items():
            vendor.add_column(sa.Column(name, sa.String(length), nullable=False, server_default=""))
        for name, length in _OPTIONAL.items():
            vendor.add_column(sa.Column(name, sa.String(length)))
        for name, (length, default) in _CODES.items():
            vendor.add_column(sa.Column(name, sa.String(length), nullable=False, server_default=default))
        for name, value in _NUMBERS.items():
            vendor.add_column(sa.Column(name, _number(), nullable=False, server_default=str(value)))
        vendor.add_column(sa.Column("mail_port", _number()))
        vendor.add_column(sa.Column("allocation_days", _number()))
        vendor.add_column(sa.Column("mail_security", sa.String(8), nullable=False, server_default="starttls"))
    op.add_column("sales_order", sa.Column("queued_at", sa.DateTime(timezone=True)))
    with op.batch_alter_table("user_account") as person:
        person.add_column(sa.Column("mail_refusal", sa.String(300)))
        person.add_column(sa.Column("mail_refused_at", sa.DateTime(timezone=True)))
    with op.batch_alter_table("mail_message") as mail:
        mail.add_column(sa.Column("attempts", _number(), nullable=False, server_default="0"))
        mail.add_column(sa.Column("handed_at", sa.DateTime(timezone=True)))
        mail.add_column(sa.Column("sent_at", sa.DateTime(timezone=True)))
        mail.add_column(sa.Column("answer", sa.String(500)))
        mail.create_index("ix_mail_message_state", ["state", "created_at", "id"])


def downgrade() -> None:
    with op.batch_alter_table("mail_message") as mail:
        mail.drop_index("ix_mail_message_state")
        for name in ("answer", "sent_at", "handed_at", "attempts"):
            mail.drop_column(name)
    with op.batch_alter_table("user_account") as person:
        person.drop_column("mail_refused_at")
        person.drop_column("mail_refusal")
    with op.batch_alter_table("sales_order") as order:
        order.drop_column("queued_at")
    with op.batch_alter_table("vendor") as vendor:
        for name in (
            "mail_security",
            "mail_port",
            "allocation_days",
            *_NUMBERS,
            *_CODES,
            *_OPTIONAL,
            *_TEXTS,
        ):
            vendor.drop_column(name)
