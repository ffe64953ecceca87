"""The life of a run: queued, running, then done, failed or cancelled. One run of a kind stores at a time."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.core import audit
from app.core.errors import Conflict, NotFound
from app.core.imports import mapping
from app.core.imports.kinds import ImportKind
from app.core.imports.models import ImportRun
from app.core.imports.verdicts import Counts
from app.core.outbox import enqueue
from app.core.pages import Page, SortKey, paginate
from app.core.permissions import Actor, Permission, requires
from app.core.texts import N_, _

#: A run whose process has said nothing for so long is taken to be dead.
LEASE = timedelta(seconds=60)
RUNNING = "running"
#: A worker reads the file's columns.
READING = "reading"
OPEN_STATES = ("queued", RUNNING)
#: Kinds of the jobs that do a queued run, and that read the columns of a file.
JOB_KIND = "imports.run"
READ_JOB_KIND = "imports.read"
JOB_ATTEMPTS = 3
STOPPED_HALF_WAY = N_("It stopped half way. The rows it had counted are stored; import the file again.")


class AnotherRunActive(Conflict):
    """A run of the same kind is storing rows at present."""

    code = "another_run_active"


class RunNotOpen(Conflict):
    """The run has ended, was cancelled, or is worked on by another process."""

    code = "run_not_open"


def process_name() -> str:
    """This process as runs name it, `host:pid`."""
    return f"{socket.gethostname()[:60]}:{os.getpid()}"


def _is_gone(process: str | None) -> bool:
    """Whether the process was one of this machine and has ended; others are judged by their lease."""
    host, _colon, pid = (process or "").rpartition(":")
    if host != socket.gethostname()[:60] or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def get_run(session: Session, run_id: int) -> ImportRun:
    """:raises NotFound: no such run."""
    run = session.get(ImportRun, run_id, populate_existing=True)
    if run is None:
        raise NotFound(_("There is no import by that number."))
    return run


def list_runs(session: Session, *, cursor: str | None = None) -> Page[Any]:
    """Runs, the newest first."""
    return paginate(
        session,
        select(*ImportRun.__table__.columns),
        sort=[SortKey(ImportRun.id, descending=True)],
        read_keys=lambda row: (row.id,),
        cursor=cursor,
    )


@requires(Permission.IMPORT_RUN)
def open_run(
    session: Session,
    actor: Actor,
    *,
    kind: str,
    filename: str,
    options: dict[str, Any],
    is_dry_run: bool,
    rows_total: int | None = None,
    state: str = "queued",
    now: datetime,
) -> ImportRun:
    """A run that waits: `uploaded` for its columns to be settled, `queued` for a process that takes it."""
    run = ImportRun(
        state=state,
        kind=kind,
        filename=filename[:200],
        options=options,
        is_dry_run=is_dry_run,
        rows_total=rows_total,
        started_by=actor.name,
        created_at=now,
    )
    session.add(run)
    session.flush()
    return run


@requires(Permission.IMPORT_RUN)
def open_upload(
    session: Session,
    actor: Actor,
    *,
    kind: str,
    filename: str,
    options: dict[str, Any],
    now: datetime,
) -> ImportRun:
    """A run whose columns a worker reads first, because the files may take long to open."""
    run = open_run(
        session,
        actor,
        kind=kind,
        filename=filename,
        options=options,
        is_dry_run=False,
        state=READING,
        now=now,
    )
    enqueue(session, READ_JOB_KIND, {"run_id": run.id}, now=now, max_attempts=JOB_ATTEMPTS)
    return run


@requires(Permission.IMPORT_RUN)
def settle_upload(session: Session, actor: Actor, *, run_id: int, found: Mapping[str, Any]) -> None:
    """Keep the columns that were found; the run waits for a person to settle them."""
    run = get_run(session, run_id)
    if run.state == READING:
        run.options = {**run.options, **found}
        run.state = "uploaded"


@requires(Permission.IMPORT_RUN)
def begin_run(session: Session, actor: Actor, *, run_id: int, now: datetime) -> ImportRun:
    """Take the run for this process; one that a dead process left goes on where its last batch ended.

    :raises AnotherRunActive: another run of the kind is storing rows.
    :raises RunNotOpen: it has ended, or a living process works on it.
    """
    run = get_run(session, run_id)
    if run.state not in OPEN_STATES or (run.state == RUNNING and not _is_abandoned(run, now)):
        raise RunNotOpen(_("This import has ended or is being worked on."))
    if not run.is_dry_run:
        make_way(session, run, now)
    run.state = RUNNING
    run.process = process_name()
    run.lease_until = now + LEASE
    session.flush()
    return run


@requires(Permission.IMPORT_RUN)
def queue_run(
    session: Session,
    actor: Actor,
    *,
    run_id: int,
    kind: ImportKind,
    targets: Mapping[str, str],
    is_dry_run: bool,
    mapping_name: str | None = None,
    now: datetime,
) -> None:
    """Settle an uploaded run's columns (saved under a name where one is given) and let a worker do it.

    :raises RunNotOpen: it was started already.
    """
    for permission in kind.permissions:
        actor.require(permission)
    run = get_run(session, run_id)
    queued: Any = session.execute(
        update(ImportRun)
        .where(ImportRun.id == run_id, ImportRun.state == "uploaded")
        .values(
            state="queued",
            is_dry_run=is_dry_run,
            options={**run.options, "targets": dict(targets)},
            created_at=now,
        )
        .execution_options(synchronize_session=False)
    )
    if queued.rowcount != 1:
        raise RunNotOpen(_("This import was started already."))
    if mapping_name:
        mapping.save(session, kind=kind.name, name=mapping_name, columns=targets)
    enqueue(session, JOB_KIND, {"run_id": run_id}, now=now, max_attempts=JOB_ATTEMPTS)
    after = {"file": run.filename, "dry_run": is_dry_run}
    audit.record(
        session, actor, "import.started", subject_type="import_run", subject_id=run_id, now=now, after=after
    )


@requires(Permission.IMPORT_RUN)
def copy_run(session: Session, actor: Actor, *, run_id: int, now: datetime) -> ImportRun:
    """A run of the same files whose columns are still to be settled, proposed as they were."""
    run = get_run(session, run_id)
    return open_run(
        session,
        actor,
        kind=run.kind,
        filename=run.filename,
        options=run.options,
        is_dry_run=False,
        state="uploaded",
        now=now,
    )


@requires(Permission.IMPORT_RUN)
def requeue_run(session: Session, actor: Actor, *, run_id: int, run_at: datetime, now: datetime) -> None:
    """Look at a queued run again later, because another one is storing rows."""
    enqueue(session, JOB_KIND, {"run_id": run_id}, now=now, run_at=run_at, max_attempts=JOB_ATTEMPTS)


@requires(Permission.IMPORT_RUN)
def describe_run(
    session: Session, actor: Actor, *, run_id: int, rows_total: int, rejects_key: str, passed_over: int = 0
) -> ImportRun:
    """Note how many rows there are, how many lines of the template, and where rejected rows are kept."""
    run = get_run(session, run_id)
    run.rows_total, run.rejects_key = rows_total, rejects_key
    run.options = {**run.options, "passed_over": passed_over}
    return run


def _is_abandoned(run: ImportRun, now: datetime) -> bool:
    is_ours = run.process == process_name()
    return is_ours or run.lease_until is None or run.lease_until < now or _is_gone(run.process)


def make_way(session: Session, run: ImportRun, now: datetime) -> None:
    """See that no other run of the kind is storing rows; one whose process is dead ends as failed.

    :raises AnotherRunActive: one is.
    """
    others = session.scalars(
        select(ImportRun).where(
            ImportRun.kind == run.kind,
            ImportRun.state == RUNNING,
            ImportRun.id != run.id,
            ~ImportRun.is_dry_run,
        )
    ).all()
    for other in others:
        is_gone = other.lease_until is None or other.lease_until < now or _is_gone(other.process)
        if not is_gone:
            raise AnotherRunActive(
                _(
                    "%(filename)s is being imported at present (%(done)s rows done). "
                    "Wait until it has ended, or cancel it.",
                    filename=other.filename,
                    done=other.rows_done,
                ),
                run_id=other.id,
            )
        other.state, other.error, other.finished_at = "failed", STOPPED_HALF_WAY, now
    session.flush()


def advance(
    session: Session, run_id: int, *, before: Counts, after: Counts, change_count: int, now: datetime
) -> None:
    """Store the counts of one more batch, in the batch's transaction.

    :raises RunNotOpen: it was cancelled, or another process has gone on with it.
    """
    moved: Any = session.execute(
        update(ImportRun)
        .where(ImportRun.id == run_id, ImportRun.state == RUNNING, ImportRun.rows_done == before.rows)
        .values(
            rows_done=after.rows,
            created=after.created,
            updated=after.updated,
            unchanged=after.unchanged,
            rejected=after.rejected,
            change_count=change_count,
            lease_until=now + LEASE,
        )
        .execution_options(synchronize_session=False)
    )
    if moved.rowcount != 1:
        raise RunNotOpen(_("This import was cancelled or is worked on elsewhere."))


@requires(Permission.IMPORT_RUN)
def end_run(
    session: Session,
    actor: Actor,
    *,
    run_id: int,
    state: str,
    now: datetime,
    error: str | None = None,
) -> None:
    """Mark a run done or failed; a cancelled one stays so."""
    run = get_run(session, run_id)
    if run.state in (*OPEN_STATES, READING):
        run.state = state
    run.error = error[:500] if error else None
    run.lease_until = None
    run.finished_at = now
    after = {"state": run.state, "file": run.filename, "dry_run": run.is_dry_run, "rows": run.rows_done}
    after |= {"created": run.created, "updated": run.updated, "rejected": run.rejected}
    audit.record(
        session, actor, "import.ended", subject_type="import_run", subject_id=run_id, now=now, after=after
    )


@requires(Permission.IMPORT_RUN)
def put_back(session: Session, actor: Actor, *, run_id: int) -> None:
    """Queue a running run again, for a worker that has to stop; what it stored stays."""
    session.execute(
        update(ImportRun)
        .where(ImportRun.id == run_id, ImportRun.state == RUNNING)
        .values(state="queued", process=None, lease_until=None)
        .execution_options(synchronize_session=False)
    )


@requires(Permission.IMPORT_RUN)
def cancel_run(session: Session, actor: Actor, *, run_id: int, now: datetime) -> None:
    """Stop a run after the batch it is at; rows stored before stay.

    :raises RunNotOpen: it has ended already.
    """
    cancelled: Any = session.execute(
        update(ImportRun)
        .where(ImportRun.id == run_id, ImportRun.state.in_((*OPEN_STATES, READING, "uploaded")))
        .values(state="cancelled", finished_at=now, lease_until=None)
        .execution_options(synchronize_session=False)
    )
    if cancelled.rowcount != 1:
        raise RunNotOpen(_("This import has ended already."))
    audit.record(session, actor, "import.cancelled", subject_type="import_run", subject_id=run_id, now=now)
