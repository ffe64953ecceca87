"""What runs changed: kept with each batch, shown before and after, and read back to undo a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from app.core.imports.kinds import Change
from app.core.imports.models import ImportChange, ImportRun
from app.core.pages import Page, SortKey, paginate

#: Changes of a dry run that are kept; more than that nobody looks through.
PREVIEW_KEPT = 1000
SUBJECT_LENGTH = 300
_CHUNK = 500


def keep(session: Session, run_id: int, first: int, changes: Sequence[Change]) -> None:
    """Store a batch's changes, `first` being the place of the first, in the batch's transaction."""
    if not changes:
        return
    rows = [
        {
            "run_id": run_id,
            "seq": seq,
            "subject": change.subject[:SUBJECT_LENGTH],
            "table_name": change.table,
            "row_id": change.row_id,
            "before": change.before,
            "after": change.after,
        }
        for seq, change in enumerate(changes, start=first)
    ]
    session.connection().execute(insert(ImportChange.__table__), rows)  # type: ignore[arg-type]


def list_changes(session: Session, run_id: int, *, cursor: str | None = None) -> Page[Any]:
    """A run's changes in the order in which they were made."""
    return paginate(
        session,
        select(
            ImportChange.seq,
            ImportChange.subject,
            ImportChange.table_name,
            ImportChange.before,
            ImportChange.after,
        ).where(ImportChange.run_id == run_id),
        sort=[SortKey(ImportChange.seq)],
        read_keys=lambda row: (row.seq,),
        cursor=cursor,
    )


def count_changes(session: Session, run_id: int) -> dict[str, tuple[int, int, int]]:
    """How many rows of each table were made, changed and removed, as far as they are kept."""
    is_new, is_gone = ImportChange.before.is_(None), ImportChange.after.is_(None)
    rows = session.execute(
        select(ImportChange.table_name, is_new, is_gone, func.count())
        .where(ImportChange.run_id == run_id)
        .group_by(ImportChange.table_name, is_new, is_gone)
        .order_by(ImportChange.table_name)
    )
    found: dict[str, list[int]] = {}
    for table, was_made, was_removed, number in rows:
        place = 0 if was_made else 2 if was_removed else 1
        found.setdefault(table, [0, 0, 0])[place] += number
    return {table: (numbers[0], numbers[1], numbers[2]) for table, numbers in found.items()}


def newest_first(session: Session, run_id: int) -> Iterator[list[Change]]:
    """A run's changes from the last to the first, some hundred at a time."""
    before: int | None = None
    while True:
        statement = select(*ImportChange.__table__.columns).where(ImportChange.run_id == run_id)
        if before is not None:
            statement = statement.where(ImportChange.seq < before)
        rows = session.execute(statement.order_by(ImportChange.seq.desc()).limit(_CHUNK)).all()
        if not rows:
            return
        before = rows[-1].seq
        yield [Change(row.subject, row.table_name, row.before, row.after, row.row_id) for row in rows]


def oldest_run(session: Session, *, before: datetime) -> int | None:
    """A run that ended before the moment and whose changes are still kept."""
    old = select(ImportRun.id).where(ImportRun.finished_at < before)
    return session.scalar(
        select(ImportChange.run_id).where(ImportChange.run_id.in_(old)).order_by(ImportChange.run_id).limit(1)
    )


def prune(session: Session, run_id: int, *, limit: int) -> int:
    """Delete the first changes of a run, at most `limit`; returns how many."""
    last = session.scalar(
        select(ImportChange.seq)
        .where(ImportChange.run_id == run_id)
        .order_by(ImportChange.seq)
        .offset(limit - 1)
        .limit(1)
    )
    gone = delete(ImportChange).where(ImportChange.run_id == run_id)
    if last is not None:
        gone = gone.where(ImportChange.seq <= last)
    deleted: Any = session.execute(gone.execution_options(synchronize_session=False))
    return int(deleted.rowcount)
