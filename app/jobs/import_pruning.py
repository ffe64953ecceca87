"""Files and changes of old imports are deleted by rule; the history of runs stays."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from flask import current_app
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.adapters.storage import LocalStore
from app.core.database import run
from app.core.imports import changes
from app.core.imports.models import ImportChange, ImportRun
from app.core.outbox import JobView
from app.core.permissions import Actor, Permission, requires
from app.core.tenancy import all_companies
from app.domain.catalogue.models import ProductMedia
from app.jobs.registry import Context, handles

#: Uploaded files, rejected rows and what a run changed are kept so long after it ended. It cannot be
#: undone after that.
FILES_KEPT = timedelta(days=30)
BATCH = 5000


@handles("imports.prune", lease_s=120, own_transactions=True)
def prune_imports(session: Session, job: JobView, context: Context) -> None:
    """Delete the files and changes of runs that ended a month ago, and uploads nobody went on with."""
    before = context.now() - FILES_KEPT
    actor = Actor.system("imports.prune")
    store = LocalStore(Path(current_app.config["DATA_DIR"]) / "uploads")
    for key in run(session, _forget_files, actor, before=before, now=context.now()):
        store.delete(key)
    while True:
        replaced, deleted = run(session, _forget_changes, actor, before=before)
        for key in replaced:
            store.delete(key)
        if not deleted:
            return
        context.heartbeat()


@requires(Permission.IMPORT_RUN)
def _forget_files(session: Session, actor: Actor, *, before: datetime, now: datetime) -> list[str]:
    """Keys of files that only old runs name; the runs no longer do."""
    ended = func.coalesce(ImportRun.finished_at, ImportRun.created_at)
    old = session.scalars(
        select(ImportRun).where(ended < before, ImportRun.state.not_in(("queued", "running", "undoing")))
    ).all()
    young = session.scalars(select(ImportRun.options).where(ended >= before)).all()
    used = {file["key"] for options in young for file in options.get("files") or ()}
    gone: list[str] = []
    for one in old:
        gone += [file["key"] for file in one.options.get("files") or () if file["key"] not in used]
        if one.rejects_key:
            gone.append(one.rejects_key)
        if one.options.get("files"):
            one.options = {**one.options, "files": []}
        one.rejects_key = None
        if one.state in ("uploaded", "reading"):
            one.state, one.finished_at = "cancelled", now
    return gone


@requires(Permission.IMPORT_RUN)
def _forget_changes(session: Session, actor: Actor, *, before: datetime) -> tuple[list[str], int]:
    """Prune some changes; gives the keys of pictures that were kept for them alone, and how many went."""
    with all_companies(session, reason="pruning of imports"):
        run_id = changes.oldest_run(session, before=before)
        if run_id is None:
            return [], 0
        kept = session.execute(
            select(ImportChange.before, ImportChange.after).where(
                ImportChange.run_id == run_id, ImportChange.table_name == ProductMedia.__tablename__
            )
        ).all()
        keys = _keys(value for row in kept for value in row)
        used = set(
            session.scalars(select(ProductMedia.storage_key).where(ProductMedia.storage_key.in_(keys)))
        )
        return sorted(keys - used), changes.prune(session, run_id, limit=BATCH)


def _keys(values: Iterable[Any]) -> set[str]:
    return {str(value["storage_key"]) for value in values if value and value.get("storage_key")}
