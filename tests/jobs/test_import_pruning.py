"""Files and changes of old imports go, the history stays."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.adapters.storage import LocalStore
from app.core import clock
from app.core.database import writing
from app.core.errors import NotFound
from app.core.imports.models import ImportChange, ImportRun
from app.core.outbox import enqueue
from app.core.tenancy import all_companies
from app.core.web.extensions import db
from app.jobs import registry
from app.jobs.execution import sessions_of
from app.jobs.worker import Worker

CHANGES = 7


def make_run(store: LocalStore, key: str, *, days: int, state: str = "done") -> int:
    session = db.session()
    ended = clock.now() - timedelta(days=days)
    with writing(session), all_companies(session, reason="test"):
        made = ImportRun(
            kind="products",
            filename="lamps.csv",
            options={"files": [{"name": "lamps.csv", "key": key}]},
            state=state,
            started_by="test",
            rejects_key=store.save(io.BytesIO(b"row"), extension=".csv"),
            created_at=ended,
            finished_at=ended if state == "done" else None,
            change_count=CHANGES,
        )
        session.add(made)
        session.flush()
        session.add_all(
            ImportChange(run_id=made.id, seq=seq, subject="Lamp", table_name="product", row_id=seq, after={})
            for seq in range(CHANGES)
        )
        session.commit()
        return made.id


@pytest.mark.parametrize("state", ["done", "uploaded"])
def test_what_a_run_kept_goes_after_a_month_unless_a_newer_one_needs_it(app: Flask, state: str) -> None:
    with app.app_context():
        store = LocalStore(Path(app.config["DATA_DIR"]) / "uploads")
        own, shared = (store.save(io.BytesIO(b"name\nLamp\n"), extension=".csv") for _ in range(2))
        old, other = make_run(store, own, days=31, state=state), make_run(store, shared, days=40)
        young = make_run(store, shared, days=29)
        with writing(db.session()):
            enqueue(db.session(), "imports.prune", {}, now=clock.now())
            db.session().commit()
    registry.load()
    worker = Worker(sessions_of(app), threads=1)
    while worker.run_one():
        pass
    with app.app_context():
        session = db.session()
        assert store.path_of(shared).is_file()
        with pytest.raises(NotFound):
            store.path_of(own)
        found = {run.id: run for run in session.scalars(select(ImportRun))}
        assert [found[one].state for one in (old, other, young)] == [
            "cancelled" if state == "uploaded" else "done",
            "done",
            "done",
        ]
        assert [bool(found[one].rejects_key) for one in (old, other, young)] == [False, False, True]
        kept = dict(
            session.execute(select(ImportChange.run_id, func.count()).group_by(ImportChange.run_id)).all()
        )
        assert kept.get(young) == CHANGES
        assert other not in kept
