"""Both databases for every test: `app` and `session` run once on SQLite and once on PostgreSQL.

TEST_POSTGRES_URL names a server whose databases may be created and dropped; `make test` starts one from
a pip package where it is not set. Each test finds empty tables.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from jinja2 import FileSystemBytecodeCache
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from app import create_app
from app.core.database import Base, configure_engine
from app.core.tenancy import TenantSession
from app.core.web.extensions import db

DATABASES = ("sqlite", "postgres")

# Processes that tests start serve http on loopback; what a real instance refuses is tested by itself.
os.environ["SELLTHRU_ENV"] = "development"


def _create_schema(url: str) -> None:
    engine = create_engine(url)
    configure_engine(engine)
    Base.metadata.create_all(engine)
    engine.dispose()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    _create_schema(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A database of this test process's own on the PostgreSQL server."""
    server = os.environ.get("TEST_POSTGRES_URL")
    if not server:
        pytest.skip("TEST_POSTGRES_URL is not set; `make test` starts a PostgreSQL by itself")
    url = make_url(server).set(drivername="postgresql+psycopg")
    name = f"sellthru_test_{uuid.uuid4().hex[:12]}"
    admin = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
        connection.execute(text(f'ALTER DATABASE "{name}" SET synchronous_commit = off'))
    own = url.set(database=name).render_as_string(hide_password=False)
    _create_schema(own)
    yield own
    with admin.connect() as connection:
        connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
    admin.dispose()


def _empty_tables(url: str) -> None:
    """Delete what is there and start every sequence anew; truncating forty tables takes longer."""
    engine = create_engine(url)
    with engine.begin() as connection:
        found = connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        tables = [row[0] for row in found if row[0] != "alembic_version"]
        asked = " UNION ALL ".join(
            f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM \"{table}\")" for table in tables
        )
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for (table,) in connection.execute(text(asked)).all():
            connection.execute(text(f'DELETE FROM "{table}"'))
        connection.execute(
            text("SELECT setval(quote_ident(sequencename), 1, false) FROM pg_sequences WHERE last_value > 0")
        )
    engine.dispose()


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database with the whole schema."""
    if request.param == "sqlite":
        path = tmp_path / "test.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        return f"sqlite:///{path}"
    url: str = request.getfixturevalue("postgres_url")
    _empty_tables(url)
    return url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine without Flask, for domain tests and threads."""
    engine = create_engine(database_url)
    configure_engine(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A domain session: read-only until `run` or `writing`, without a scope until one is said."""
    with TenantSession(bind=engine) as session:
        yield session


@pytest.fixture(scope="session")
def compiled_templates(tmp_path_factory: pytest.TempPathFactory) -> FileSystemBytecodeCache:
    """Every test has an application of its own; compiled templates are shared."""
    return FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))


@pytest.fixture
def app(
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    compiled_templates: FileSystemBytecodeCache,
) -> Iterator[Flask]:
    """The application on the test's database, in testing mode, CSRF off (its own tests switch it on)."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    application = create_app(
        {
            "SQLALCHEMY_DATABASE_URI": database_url,
            "TESTING": True,
            "WTF_CSRF_ENABLED": False,
            "RATELIMIT_ENABLED": False,
        }
    )
    application.jinja_env.bytecode_cache = compiled_templates
    yield application
    with application.app_context():
        for bound in db.engines.values():
            bound.dispose()
