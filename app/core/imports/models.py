"""Saved mappings of columns, and the runs of imports."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base


class ImportMapping(Base):
    """A saved mapping of a file's columns to fields."""

    __tablename__ = "import_mapping"
    __table_args__ = (UniqueConstraint("kind", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    #: Name of the import kind: products.
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
    #: uploaded | queued | running | done | failed | cancelled
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
