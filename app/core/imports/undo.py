"""Undoing a run: asked for on a page, done by a worker or the command, in one transaction or not at all."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import audit
from app.core.errors import Conflict
from app.core.imports import changes, runs
from app.core.imports.kinds import ImportKind
from app.core.imports.models import ImportChange, ImportRun
from app.core.outbox import enqueue
from app.core.permissions import Actor, Permission, requires
from app.core.texts import _

#: Kind of the job that undoes a run.
JOB_KIND = "imports.undo"
#: States of a run that has ended and stored something.
UNDOABLE = ("done", "failed", "cancelled")


class NotUndoable(Conflict):
    """The run stored nothing, has not ended, or was undone already."""

    code = "not_undoable"


def may_be_undone(session: Session, run: ImportRun) -> bool:
    """Whether it ended, stored something, and its changes are still kept."""
    if run.is_dry_run or run.state not in UNDOABLE or not run.change_count:
        return False
    kept = select(ImportChange.seq).where(ImportChange.run_id == run.id).limit(1)
    return session.scalar(kept) is not None


@requires(Permission.IMPORT_RUN)
def ask_to_undo(session: Session, actor: Actor, *, run_id: int, kind: ImportKind, now: datetime) -> None:
    """Let a worker undo the run.

    :raises NotUndoable: it stored nothing, has not ended, or its changes are no longer kept.
    """
    run = _checked(session, actor, run_id, kind)
    run.options = {**run.options, "ended_as": run.state}
    run.state, run.error, run.undone_by = "undoing", None, actor.name
    enqueue(session, JOB_KIND, {"run_id": run_id}, now=now, max_attempts=runs.JOB_ATTEMPTS)
    audit.record(session, actor, "import.undo_asked", subject_type="import_run", subject_id=run_id, now=now)


@requires(Permission.IMPORT_RUN)
def undo_run(session: Session, actor: Actor, *, run_id: int, kind: ImportKind, now: datetime) -> ImportRun:
    """Take back everything a run stored, from its last change to its first.

    :raises CannotUndo: something depends on it or was changed since; nothing is taken back then.
    :raises AnotherRunActive: another run of the kind is storing rows.
    """
    run = _checked(session, actor, run_id, kind)
    former = run.state if run.state in UNDOABLE else run.options.get("ended_as", "done")
    runs.make_way(session, run, now)
    # Holds the kind's one place among running imports until the end of the transaction.
    run.state = runs.RUNNING
    session.flush()
    for batch in changes.newest_first(session, run_id):
        kind.undo(session, actor, batch, run_id=run_id, now=now)
    run.state, run.error, run.undone_at = "undone", None, now
    run.undone_by = run.undone_by or actor.name
    session.flush()
    audit.record(
        session,
        actor,
        "import.undone",
        subject_type="import_run",
        subject_id=run_id,
        now=now,
        before={"state": former, "created": run.created, "updated": run.updated},
        after={"state": run.state, "file": run.filename, "changes": run.change_count, "by": run.undone_by},
    )
    return run


@requires(Permission.IMPORT_RUN)
def give_up_undo(session: Session, actor: Actor, *, run_id: int, reason: str, now: datetime) -> None:
    """Leave a run that could not be undone as it was, with the reason."""
    run = runs.get_run(session, run_id)
    if run.state != "undoing":
        return
    run.state = run.options.get("ended_as", "done")
    run.error, run.undone_by = reason[:500], None
    audit.record(
        session,
        actor,
        "import.undo_refused",
        subject_type="import_run",
        subject_id=run_id,
        now=now,
        after={"reason": reason[:500]},
    )


def _checked(session: Session, actor: Actor, run_id: int, kind: ImportKind) -> ImportRun:
    for permission in kind.permissions:
        actor.require(permission)
    run = runs.get_run(session, run_id)
    if run.state == "undoing":
        return run
    if not may_be_undone(session, run):
        raise NotUndoable(
            _(
                "There is nothing to take back: this import has not ended, stored nothing, was undone "
                "already, or is too old."
            )
        )
    return run
