"""Databases of a test module's own, filled once: with prints of their rows, and a way back to them."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url

from app.core.database import Base, configure_engine


@contextmanager
def scratch_database(kind: str, folder: Path) -> Iterator[str]:
    """A new database of the kind (sqlite or postgres) with the whole schema; its address."""
    if kind == "sqlite":
        url = f"sqlite:///{folder / 'scratch.db'}"
        create_schema(url)
        yield url
        return
    server = os.environ.get("TEST_POSTGRES_URL")
    if not server:
        pytest.skip("TEST_POSTGRES_URL is not set; `make test` starts a PostgreSQL by itself")
    address = make_url(server).set(drivername="postgresql+psycopg")
    name = f"sellthru_scratch_{uuid.uuid4().hex[:12]}"
    admin = create_engine(address.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    try:
        url = address.set(database=name).render_as_string(hide_password=False)
        create_schema(url)
        yield url
    finally:
        with admin.connect() as connection:
            connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
        admin.dispose()


def create_schema(url: str) -> None:
    """Every table and index of the models."""
    engine = create_engine(url)
    configure_engine(engine)
    Base.metadata.create_all(engine)
    engine.dispose()


class Snapshot:
    """The rows of a database as they were; `changed` names the tables that differ, `restore` brings them
    back."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        self.tables = [table.name for table in Base.metadata.sorted_tables]
        self._path = url.partition("///")[2]
        if self.is_sqlite:
            self._kept = sqlite3.connect(":memory:", check_same_thread=False)
            with sqlite3.connect(self._path) as live:
                live.backup(self._kept)
            live.close()
        else:
            self._engine: Engine = create_engine(url, isolation_level="AUTOCOMMIT")
            self._keep_on_postgres()
        self.first = self.prints()

    def close(self) -> None:
        if self.is_sqlite:
            self._kept.close()
        else:
            self._engine.dispose()

    def prints(self) -> dict[str, str]:
        """A print of each table's rows, whatever their order."""
        return self._prints_of_sqlite() if self.is_sqlite else self._prints_of_postgres()

    def changed(self, before: dict[str, str], *, but: Iterable[str] = ()) -> set[str]:
        """Tables whose rows are others than `before`."""
        now = self.prints()
        return {name for name in self.tables if now[name] != before[name]} - set(but)

    def restore(self) -> None:
        """Make every row as it was."""
        if self.is_sqlite:
            with sqlite3.connect(self._path, timeout=20) as live:
                self._kept.backup(live)
            live.close()
            return
        changed = self.changed(self.first)
        if changed:
            with self._engine.connect() as connection:
                connection.execute(text("SET session_replication_role = replica"))
                for name in changed:
                    connection.execute(text(f'DELETE FROM "{name}"'))
                    connection.execute(text(f'INSERT INTO "{name}" SELECT * FROM kept."{name}"'))
                connection.execute(text("SET session_replication_role = DEFAULT"))
                # So that what is made twice gets the same numbers twice.
                connection.execute(
                    text(
                        "SELECT setval(name::regclass, coalesce(last, 1), last IS NOT NULL) FROM kept.numbers"
                    )
                )

    def _keep_on_postgres(self) -> None:
        with self._engine.connect() as connection:
            connection.execute(text("CREATE SCHEMA kept"))
            for name in self.tables:
                connection.execute(text(f'CREATE TABLE kept."{name}" AS SELECT * FROM public."{name}"'))
            connection.execute(
                text(
                    "CREATE TABLE kept.numbers AS"
                    " SELECT quote_ident(sequencename) AS name, last_value AS last FROM pg_sequences"
                    " WHERE schemaname = 'public'"
                )
            )

    def _prints_of_postgres(self) -> dict[str, str]:
        parts = " UNION ALL ".join(
            f"SELECT '{name}', count(*) || ':' || coalesce(sum(hashtextextended(t::text, 0)), 0)"
            f' FROM public."{name}" t'
            for name in self.tables
        )
        with self._engine.connect() as connection:
            return {row[0]: row[1] for row in connection.execute(text(parts))}

    def _prints_of_sqlite(self) -> dict[str, str]:
        found = {}
        with sqlite3.connect(self._path, timeout=20) as live:
            for name in self.tables:
                rows = sorted(map(repr, live.execute(f'SELECT * FROM "{name}"')))
                found[name] = hashlib.sha256("\n".join(rows).encode()).hexdigest()
        live.close()
        return found
