"""Do an import run, for the command and for the background worker: plan its files, take them, end the run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app.adapters.import_files import ARCHIVE_EXTENSIONS, open_source
from app.adapters.reject_reports import RejectReport
from app.adapters.spreadsheets import EXTENSIONS
from app.adapters.storage import LocalStore
from app.core import clock
from app.core.database import run
from app.core.imports import runs
from app.core.imports.engine import Hooks, ImportJob, Pace, plan_file
from app.core.imports.kinds import FilePlan, ImportKind
from app.core.imports.models import ImportRun
from app.core.imports.runs import AnotherRunActive
from app.core.imports.tables import TableSource, UnreadableFile
from app.core.imports.verdicts import Counts
from app.core.permissions import Actor
from app.core.texts import _
from app.domain.ordering.import_kinds import KINDS

PlannedFile = tuple[TableSource, FilePlan]


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file on disk and the name people know it by."""

    path: Path
    name: str


def files_below(path: Path, kind: ImportKind) -> list[NamedFile]:
    """The file itself, or the kind's files of a folder by name; other files in it are passed over.

    :raises UnreadableFile: it is not there, or the folder holds none.
    """
    if not path.is_dir():
        return [NamedFile(path, path.name)]
    extensions = ARCHIVE_EXTENSIONS if kind.reads_archives else EXTENSIONS
    found = sorted(
        entry
        for entry in path.iterdir()
        if entry.is_file() and entry.suffix.lower() in extensions and not entry.name.startswith(".")
    )
    if not found:
        folder = path.name or str(path)
        if kind.reads_archives:
            raise UnreadableFile(_("%(folder)s holds no ZIP file.", folder=folder))
        raise UnreadableFile(_("%(folder)s holds no CSV, XLSX or ODS file.", folder=folder))
    return [NamedFile(entry, entry.name) for entry in found]


def plan_files(
    kind: ImportKind,
    files: Sequence[NamedFile],
    *,
    saved: Mapping[str, str] | None,
    options: Mapping[str, Any],
    store: LocalStore,
) -> list[PlannedFile]:
    """Read every file once before a row of any is stored. Columns that a mapping settles are not doubted.

    :raises UnreadableFile: one of them cannot be used.
    """
    planned: list[PlannedFile] = []
    for file in files:
        source, content = open_source(kind, file.path, name=file.name, store=store)
        others = () if kind.reads_archives else KINDS.values()
        plan = plan_file(kind, source, saved=saved, options=options, others=others, content=content)
        planned.append((source, plan))
    return planned


def begin(
    session: Session, actor: Actor, run_id: int, *, patience_s: float, said: Callable[[str], None]
) -> ImportRun:
    """Take the run for this process; waits for another run of the kind, and says once that it does.

    :raises AnotherRunActive: it was still going on after `patience_s` seconds.
    """
    end = time.monotonic() + patience_s
    has_said = False
    while True:
        try:
            return run(session, runs.begin_run, actor, run_id=run_id, now=clock.now())
        except AnotherRunActive as error:
            if time.monotonic() >= end:
                raise
            if not has_said:
                said(error.message)
                has_said = True
            time.sleep(0.5)


def take_all(
    session: Session,
    actor: Actor,
    import_run: ImportRun,
    planned: Sequence[PlannedFile],
    *,
    hooks: Hooks,
    report: Path | None = None,
    pace: Pace | None = None,
) -> Counts:
    """Take every row of a run that this process has begun; rejected rows go to the `report`."""
    headers = [plan.survey.header for _source, plan in planned]
    kept = import_run.rejected if report is not None and report.exists() else 0
    with RejectReport(report, headers, kept=kept) if report is not None else nullcontext() as rejects:
        if rejects is not None:
            hooks = replace(hooks, rejects=rejects.write)
        job = ImportJob(session, actor, KINDS[import_run.kind], import_run, hooks=hooks, pace=pace)
        return job.work(planned)
