"""An instance is copied whole to another kind of database, and works there; or nothing of it is there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, func, inspect, select, text
from sqlalchemy.orm import Session

from app import create_app
from app.adapters.backups import BackupError
from app.core import audit, outbox
from app.core.database import Base, writing
from app.core.tenancy import TenantSession, all_companies
from app.domain.catalogue import search
from app.domain.catalogue.models import Product
from app.domain.ordering.balances import find_differences
from app.domain.ordering.models import Order
from app.jobs import copying
from tests.factories.accounts import NOW, read
from tests.factories.ordering import place
from tests.system.backup_stage import Instance, instance, opened, without_tables
from tests.system.servers import flask

pytestmark = pytest.mark.xdist_group("backup")


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Instance]:
    with instance("sqlite", tmp_path / "live") as one:
        yield one


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Engine]:
    (tmp_path / "there" / "data").mkdir(parents=True)
    with without_tables("postgres", tmp_path / "there") as url, opened(url) as engine:
        yield engine


@pytest.fixture
def app_of(made: Instance, monkeypatch: pytest.MonkeyPatch) -> Flask:
    monkeypatch.setenv("DATA_DIR", str(made.data))
    return create_app({"SQLALCHEMY_DATABASE_URI": made.url, "TESTING": True})


def plain(value: Any) -> Any:
    """JSON with its keys in order, which PostgreSQL does not keep."""
    return json.dumps(value, sort_keys=True) if isinstance(value, dict | list) else value


def rows_of(engine: Engine) -> dict[str, list[Any]]:
    """Every row as our types read it, with JSON's null told apart from no value."""
    found = {}
    with engine.connect() as connection:
        for table in Base.metadata.sorted_tables:
            columns = [*table.columns, *(column.is_(None) for column in table.columns)]
            rows = connection.execute(select(*columns))
            found[table.name] = sorted(repr([plain(value) for value in row]) for row in rows)
        connection.rollback()
    return found


@contextmanager
def session_on(engine: Engine) -> Iterator[Session]:
    with TenantSession(bind=engine) as session:
        yield session


def order(made: Instance, session: Session) -> None:
    place(session, made.buyer, made.company, {made.product: 3})


def seal(made: Instance) -> None:
    """An audit trail with seals, and a job whose payload reads as null."""
    with writing(made.session), all_companies(made.session, reason="test data"):
        made.session.add(
            audit.AuditEntry(
                at=NOW, actor_name="x", action="test.done", subject_type="test", after={"a": 1.5}
            )
        )
        outbox.enqueue(made.session, "jobs.prune", {"ü": [1, None]}, now=NOW)
        made.session.commit()
        audit.seal_entries(made.session, now=NOW + timedelta(hours=1), settle=timedelta(0), limit=100)
        made.session.commit()


def test_an_instance_moves_to_postgres_and_back_with_every_row(
    made: Instance, target: Engine, app_of: Flask, tmp_path: Path
) -> None:
    seal(made)
    order(made, made.session)
    with app_of.app_context():
        copied = copying.copy_to(app_of, made.place.engine, target)
    assert copied.tally.counts["sales_order"] == 1
    assert rows_of(target) == rows_of(made.place.engine)
    with session_on(target) as session, all_companies(session, reason="test"):
        assert audit.first_broken_seal(session) is None
        query = search.parse_query(made.product.sku)
        found = session.scalars(select(Product.id).where(search.matches(session, query, None)))
        assert found.all() == [made.product.id]
    with session_on(target) as session:
        # The next rows get keys of their own.
        order(made, session)
        assert read(session, select(func.count()).select_from(Order)) == [2]
        with all_companies(session, reason="test"):
            assert find_differences(session) == []

    back = f"sqlite:///{tmp_path / 'back.db'}"
    said = flask(target.url.render_as_string(hide_password=False), made.data, "copy-to", back)
    assert said.returncode == 0, said.stderr
    assert "Uploads and secret stay in" in said.stdout
    with opened(back) as engine:
        assert rows_of(engine) == rows_of(target)


def test_a_target_that_is_not_empty_is_refused(made: Instance, target: Engine, app_of: Flask) -> None:
    with target.begin() as connection:
        connection.execute(text("CREATE TABLE notes (words text)"))
    with app_of.app_context(), pytest.raises(BackupError, match=r"has tables already \(notes\)"):
        copying.copy_to(app_of, made.place.engine, target)
    assert inspect(target).get_table_names() == ["notes"]
    with pytest.raises(BackupError, match="the instance works with now"):
        copying.target_engine(made.url, made.place.engine)
    with pytest.raises(BackupError, match="postgresql://user@host/name"):
        copying.target_engine("mysql://host/name", made.place.engine)


def test_a_copy_that_fails_leaves_the_target_empty(
    made: Instance, target: Engine, app_of: Flask, tmp_path: Path
) -> None:
    with made.place.engine.begin() as connection:
        # SQLite keeps more than the column may have, PostgreSQL does not.
        connection.execute(text("UPDATE product SET name = :long WHERE id = 7"), {"long": "x" * 4000})
    target_url = target.url.render_as_string(hide_password=False)
    said = flask(made.url, made.data, "copy-to", target_url)
    assert said.returncode == 1
    assert "value too long" in said.stderr
    assert "Traceback" not in said.stderr
    assert inspect(target).get_table_names() == []


def test_only_an_instance_at_this_version_is_copied(made: Instance, app_of: Flask, tmp_path: Path) -> None:
    with made.place.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    new = copying.target_engine(f"sqlite:///{tmp_path / 'new.db'}", made.place.engine)
    with app_of.app_context(), pytest.raises(BackupError, match="flask db upgrade"):
        copying.copy_to(app_of, made.place.engine, new)
    assert not (tmp_path / "new.db").exists()
