"""Imports of small files for tests: what became of the rows, what was changed, and taking a run back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.adapters.spreadsheets import open_table
from app.core.database import run
from app.core.imports import changes, runs
from app.core.imports.engine import Hooks, ImportJob, Pace, RejectedRow, plan_file
from app.core.imports.kinds import Change, ImportKind
from app.core.permissions import Actor, Permission, requires
from app.core.tenancy import all_companies
from tests.factories.accounts import make_vendor

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ACTOR = Actor.system("importing")


class Importing:
    """Runs files through one kind of import, two rows to a batch."""

    def __init__(self, session: Session, folder: Path, kind: ImportKind) -> None:
        make_vendor(session)
        self.session, self.folder, self.kind = session, folder, kind
        self.rejected: list[tuple[int, str]] = []
        self.messages: list[str] = []
        self.run_id = 0

    def __call__(
        self, text: str, *, is_dry_run: bool = False, size: int = 2, **options: Any
    ) -> tuple[int, int, int, int]:
        """Import the text; gives created, updated, unchanged, rejected."""
        path = self.folder / "rows.csv"
        path.write_text(text, encoding="utf-8")
        source = open_table(path)
        plan = plan_file(self.kind, source, options=options)
        self.run_id = run(
            self.session,
            runs.open_run,
            ACTOR,
            kind=self.kind.name,
            filename=path.name,
            options={},
            is_dry_run=is_dry_run,
            now=NOW,
        ).id
        begun = run(self.session, runs.begin_run, ACTOR, run_id=self.run_id, now=NOW)
        self.rejected, self.messages = [], []
        hooks = Hooks(clock=lambda: NOW, rejects=self._keep)
        pace = Pace(size=size, shortest_s=0, longest_s=1e9, gap_s=0)
        counts = ImportJob(self.session, ACTOR, self.kind, begun, hooks=hooks, pace=pace).work(
            [(source, plan)]
        )
        run(self.session, runs.end_run, ACTOR, run_id=self.run_id, state="done", now=NOW)
        self.session.expunge_all()
        self.session.rollback()
        return counts.created, counts.updated, counts.unchanged, counts.rejected

    def _keep(self, kept: int, rows: Sequence[RejectedRow]) -> None:
        self.rejected += [(row.row.number, row.verdict.code) for row in rows]
        self.messages += [row.verdict.message for row in rows]

    def undo(self) -> None:
        """Take the latest run back, all or nothing."""
        run(self.session, _undo, ACTOR, kind=self.kind, run_id=self.run_id)
        self.session.expunge_all()
        self.session.rollback()

    def changes(self) -> list[tuple[str, str, Any, Any]]:
        """What the latest run changed: subject, table, before, after."""
        with all_companies(self.session, reason="test"):
            found = [one for batch in changes.newest_first(self.session, self.run_id) for one in batch]
        self.session.rollback()
        return [(one.subject, one.table, one.before, one.after) for one in reversed(found)]

    def rows(self, *columns: Any) -> list[tuple[Any, ...]]:
        """What is stored now, in the order of the columns."""
        self.session.rollback()
        with all_companies(self.session, reason="test"):
            found = [tuple(row) for row in self.session.execute(select(*columns).order_by(*columns))]
        self.session.rollback()
        return found


@requires(Permission.IMPORT_RUN)
def _undo(session: Session, actor: Actor, *, kind: ImportKind, run_id: int) -> None:
    taken: list[Sequence[Change]] = list(changes.newest_first(session, run_id))
    for batch in taken:
        kind.undo(session, actor, batch, run_id=run_id, now=NOW)
