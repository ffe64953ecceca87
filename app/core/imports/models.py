"""Saved mappings of columns, the runs of imports, and what they changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base

#: JSON whose absence the database sees as such.
JSON_OR_NULL = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


class ImportMapping(Base):
    """A saved mapping of a file's columns to fields."""

    __tablename__ = "import_mapping"
    __table_args__ = (UniqueConstraint("kind", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    #: Name of the import kind, such as products.
    kind: Mapped[str] = mapped_column(String(30))
    name: Mapped[str] = mapped_column(String(120))
    #: Header (as `normalise` writes it) to a field's code, `extra` or `ignore`.
    columns: Mapped[dict[str, Any]]


class ImportRun(Base):
    """One run of an import: its files, options, progress and verdict counts."""

    __tablename__ = "import_run"
    __table_args__ = (
        # Two runs of one kind would judge rows by what the other is about to store.
        Index(
            "uq_import_run_running",
            "kind",
            unique=True,
            sqlite_where=text("state = 'running' AND NOT is_dry_run"),
            postgresql_where=text("state = 'running' AND NOT is_dry_run"),
        ),
        Index("ix_import_run_kind_id", "kind", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(30))
    #: The file's name, or the folder's, or the first of several.
    filename: Mapped[str] = mapped_column(String(200))
    #: What the kind asks for, and `files`: name and upload store key of each (empty for the command line).
    options: Mapped[dict[str, Any]]
    #: reading | uploaded | queued | running | done | failed | cancelled | undoing | undone
    state: Mapped[str] = mapped_column(String(10), default="queued")
    is_dry_run: Mapped[bool] = mapped_column(default=False)
    rows_total: Mapped[int | None]
    rows_done: Mapped[int] = mapped_column(default=0)
    created: Mapped[int] = mapped_column(default=0)
    updated: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    rejected: Mapped[int] = mapped_column(default=0)
    #: Upload store key of the rejected rows with reasons.
    rejects_key: Mapped[str | None] = mapped_column(String(80))
    error: Mapped[str | None] = mapped_column(String(500))
    started_by: Mapped[str] = mapped_column(String(200))
    #: Process that works on it, `host:pid`, and until when it is taken to be alive.
    process: Mapped[str | None] = mapped_column(String(80))
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    #: How many rows of tables it changed, or would change.
    change_count: Mapped[int] = mapped_column(default=0, server_default="0")
    undone_by: Mapped[str | None] = mapped_column(String(200))
    undone_at: Mapped[datetime | None]


class ImportChange(Base):
    """A row of a table as it was before a run and as the run left it; `before` empty is a new row."""

    __tablename__ = "import_change"

    run_id: Mapped[int] = mapped_column(ForeignKey("import_run.id"), primary_key=True, autoincrement=False)
    #: Place in the order in which the run made its changes, from 0.
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    subject: Mapped[str] = mapped_column(String(300))
    table_name: Mapped[str] = mapped_column(String(40))
    row_id: Mapped[int | None]
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON_OR_NULL)
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON_OR_NULL)
