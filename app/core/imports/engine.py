"""Run an import: batch after batch, each in a short transaction of its own, with a verdict for every row."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.core.database import run
from app.core.imports import changes, mapping, runs
from app.core.imports.kinds import Change, FilePlan, ImportKind, Item, Judged
from app.core.imports.memory import RunMemory
from app.core.imports.models import ImportRun
from app.core.imports.tables import SourceRow, TableSource, UnreadableFile, survey, without_guard
from app.core.imports.templates import WithoutTemplateLines
from app.core.imports.verdicts import REJECTED, Counts, Verdict
from app.core.permissions import Actor, Permission, requires
from app.core.tenancy import all_companies
from app.core.texts import _


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A refused row as a report keeps it."""

    file: str
    header: Sequence[str]
    row: SourceRow
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the door wants to hear and say while rows are taken."""

    clock: Callable[[], datetime]
    #: Rejected rows, before their batch is committed, after the number of them kept before. A batch that
    #: is tried again comes with the same number again.
    rejects: Callable[[int, Sequence[RejectedRow]], None] = lambda kept, rows: None
    progress: Callable[[Counts, int], None] = lambda counts, total: None
    #: What a stored (or tried) batch changes, after the number of changes before it.
    changes: Callable[[int, Sequence[Change]], None] = lambda kept, changes: None
    #: Raises to stop between two batches.
    check: Callable[[], None] = lambda: None


@dataclass(slots=True)
class Pace:
    """How many rows a batch takes, so that it holds the write lock briefly, and the pause after it."""

    size: int = 400
    shortest_s: float = 0.06
    longest_s: float = 0.18
    #: Least time between two batches on SQLite: waiting writers look again every 25 to 100 ms.
    gap_s: float = 0.03

    def adapt(self, taken_s: float) -> None:
        """Fewer rows after a slow batch, more after a quick one, from 100 to 1,000."""
        if taken_s > self.longest_s:
            self.size = max(100, int(self.size * 0.7))
        elif taken_s < self.shortest_s:
            self.size = min(1000, int(self.size * 1.3))


def plan_file(
    kind: ImportKind,
    source: TableSource,
    *,
    saved: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
    others: Iterable[ImportKind] = (),
    content: Any = None,
) -> FilePlan:
    """Read a file once and settle what its columns mean.

    `others` are the kinds that its columns may belong to instead.

    :raises UnreadableFile: it cannot be read, or its columns are not this kind's.
    """
    header = source.header()
    targets = mapping.propose(
        kind.fields, header, saved=saved, ignored=kind.ignored, accepts_extras=kind.accepts_extras
    )
    if not saved:
        check_kind(source.name, kind, header, others)
    lines = WithoutTemplateLines(source, kind, targets)
    facts = survey(lines)
    plan = FilePlan(facts, targets, options or {}, content, lines.passed_over)
    kind.check(plan)
    mapping.check(source.name, kind.fields, targets)
    return plan


def check_kind(name: str, kind: ImportKind, header: Sequence[str], others: Iterable[ImportKind]) -> None:
    """:raises UnreadableFile: the columns are those of another kind rather than of this one."""
    own = mapping.known_columns(kind.fields, header, besides=kind.ignored)
    best = max(others, key=lambda other: mapping.known_columns(other.fields, header), default=kind)
    # Where any column is welcome, one of another kind's may well be an attribute.
    if mapping.known_columns(best.fields, header) > own + kind.accepts_extras or (
        best.name != kind.name
        and mapping.lacks_required(kind.fields, header)
        and not mapping.lacks_required(best.fields, header)
    ):
        raise UnreadableFile(
            _(
                "%(name)s does not look like %(kind)s: its columns are those of %(other)s. "
                "Import it as that, or name its columns as in the template.",
                name=name,
                kind=_(kind.title),
                other=_(best.title),
            )
        )


@requires(Permission.IMPORT_RUN)
def take_batch(
    session: Session,
    actor: Actor,
    *,
    kind: ImportKind,
    plan: FilePlan,
    items: Sequence[Item],
    recalled: Mapping[str, str],
    run_id: int,
    before: Counts,
    changes_before: int,
    now: datetime,
) -> Judged:
    """Judge and store one batch with what it changed, and count it, all or nothing."""
    judged = kind.judge(session, plan, items, recalled)
    kind.store(session, actor, plan, judged, run_id=run_id, now=now)
    changes.keep(session, run_id, changes_before, judged.changes)
    _count(session, run_id, before, changes_before, judged, now)
    return judged


def _count(
    session: Session, run_id: int, before: Counts, changes_before: int, judged: Judged, now: datetime
) -> None:
    runs.advance(
        session,
        run_id,
        before=before,
        after=before.plus(judged.verdicts),
        change_count=changes_before + len(judged.changes),
        now=now,
    )


class ImportJob:
    """One run over one or more files, from where its counts stand."""

    def __init__(
        self,
        session: Session,
        actor: Actor,
        kind: ImportKind,
        import_run: ImportRun,
        *,
        hooks: Hooks,
        pace: Pace | None = None,
    ) -> None:
        for permission in kind.permissions:
            actor.require(permission)
        self._session = session
        self._actor = actor
        self._kind = kind
        self._run_id = import_run.id
        self._is_dry_run = import_run.is_dry_run
        self._hooks = hooks
        has_one_writer = session.get_bind().dialect.name == "sqlite"
        self._pace = pace or (Pace() if has_one_writer else Pace(size=1000, shortest_s=0.3, longest_s=1.0))
        self._gap_s = self._pace.gap_s if has_one_writer and not self._is_dry_run else 0.0
        self._stored = Counts(
            import_run.created, import_run.updated, import_run.unchanged, import_run.rejected
        )
        self._skip = self._stored.rows
        self._changes = import_run.change_count
        self.counts = self._stored

    def work(self, files: Sequence[tuple[TableSource, FilePlan]]) -> Counts:
        """Take every row of the files; a dry run judges and writes nothing but its counts.

        :raises RunNotOpen: it was cancelled; batches before that are stored.
        """
        total = sum(plan.survey.row_count for _source, plan in files)
        with RunMemory() as memory:
            for source, plan in files:
                for batch in self._batches(source, plan, memory):
                    self._hooks.check()
                    self._take(plan, batch, memory)
                    self._hooks.progress(self.counts, total)
        return self.counts

    def _batches(self, source: TableSource, plan: FilePlan, memory: RunMemory) -> Iterator[list[Item]]:
        read = self._kind.open(plan)
        rows = WithoutTemplateLines(source, self._kind, plan.targets).rows()
        if mapping.REPORT_COLUMNS[0] in plan.survey.header:
            rows = map(without_guard, rows)
        while True:
            began = time.monotonic()
            size = min(self._pace.size, self._kind.most_rows)
            batch = list(itertools.islice(rows, min(size, self._skip or size)))
            if not batch:
                return
            items = [read(row) for row in batch]
            if self._skip:
                # Stored by the process before: only what it decided is needed again.
                self._skip -= len(items)
                memory.remember(self._kind.memories(items, memory.recall(item.key for item in items)))
                continue
            spare = self._gap_s - (time.monotonic() - began)
            if spare > 0:
                time.sleep(spare)
            yield items

    def _take(self, plan: FilePlan, items: list[Item], memory: RunMemory) -> None:
        recalled = memory.recall(item.key for item in items)
        with all_companies(self._session, reason=f"{self._actor.name}: import"):
            self._kind.prepare(self._session, plan, items)
        if self._session.in_transaction():
            self._session.rollback()
        began = time.monotonic()
        if self._is_dry_run:
            with all_companies(self._session, reason=f"{self._actor.name}: dry run of an import"):
                judged = self._kind.judge(self._session, plan, items, recalled)
            self._session.rollback()
            self._report(plan, items, judged)
            run(self._session, self._trying(judged), self._actor, now=self._hooks.clock())
        else:
            judged = run(
                self._session,
                self._taking(plan, items),
                self._actor,
                kind=self._kind,
                plan=plan,
                items=items,
                recalled=recalled,
                run_id=self._run_id,
                before=self.counts,
                changes_before=self._changes,
                now=self._hooks.clock(),
            )
            self._pace.adapt(time.monotonic() - began)
        memory.remember(judged.memories)
        self._hooks.changes(self._changes, judged.changes)
        self.counts = self.counts.plus(judged.verdicts)
        self._changes += len(judged.changes)

    def _trying(self, judged: Judged) -> Callable[..., None]:
        """The action of a dry run's batch: it keeps the first changes for the preview, and the counts."""

        @requires(Permission.IMPORT_RUN)
        def keep_first(session: Session, actor: Actor, /, *, now: datetime) -> None:
            first = judged.changes[: max(0, changes.PREVIEW_KEPT - self._changes)]
            with all_companies(session, reason="dry run of an import"):
                changes.keep(session, self._run_id, self._changes, first)
            _count(session, self._run_id, self.counts, self._changes, judged, now)

        return keep_first

    def _taking(self, plan: FilePlan, items: list[Item]) -> Callable[..., Judged]:
        """The batch's action; the report is written before the commit, so that a kill loses no reason."""

        @requires(Permission.IMPORT_RUN)
        def take_and_report(session: Session, actor: Actor, /, **values: Any) -> Judged:
            judged = take_batch(session, actor, **values)
            self._report(plan, items, judged)
            return judged

        return take_and_report

    def _report(self, plan: FilePlan, items: Sequence[Item], judged: Judged) -> None:
        refused = [
            RejectedRow(plan.survey.name, plan.survey.header, item.row, verdict)
            for item, verdict in zip(items, judged.verdicts, strict=True)
            if verdict.outcome == REJECTED
        ]
        if refused:
            self._hooks.rejects(self.counts.rejected, refused)
