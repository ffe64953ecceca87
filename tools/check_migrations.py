"""Check on both databases that migrations and models agree, and that every migration can be taken back.

For an empty database each: upgrade, compare with the models, downgrade to nothing, upgrade again, and
the same schema must stand. PostgreSQL is the server TEST_POSTGRES_URL names, or one started for this.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tools.postgres import PostgresUnavailable, server

ROOT = Path(__file__).resolve().parent.parent
#: Alembic's own table outlives a downgrade.
ALEMBIC = "alembic_version"


class CheckError(Exception):
    """Migrations and models disagree; the message holds the difference."""


def flask(url: str, folder: str, *arguments: str) -> str:
    """Run a `flask db` command on the database; what it printed."""
    environment = {**os.environ, "DATABASE_URL": url, "DATA_DIR": folder, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "flask", "db", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    output = (done.stdout + done.stderr).strip()
    if done.returncode:
        raise CheckError(f"flask db {' '.join(arguments)}:\n{output}")
    return output


def schema(url: str) -> set[str]:
    """Every table, column, constraint and index of the database, one line each."""
    engine = sa.create_engine(url)
    lines: set[str] = set()
    try:
        inspector = sa.inspect(engine)
        for table in inspector.get_table_names():
            if table == ALEMBIC:
                continue
            lines.add(table)
            for column in inspector.get_columns(table):
                described = (column["name"], str(column["type"]), column["nullable"], column.get("default"))
                lines.add(f"{table}: column {described}")
            for kind in ("indexes", "foreign_keys", "unique_constraints", "check_constraints"):
                found = getattr(inspector, f"get_{kind}")(table)
                lines |= {f"{table}: {kind} {_plain(one)}" for one in found}
            lines.add(f"{table}: primary key {inspector.get_pk_constraint(table)}")
    finally:
        engine.dispose()
    return lines


def _plain(value: Any) -> Any:
    """The same with SQL expressions, such as a partial index's condition, as text."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return str(value) if isinstance(value, sa.ClauseElement) else value


def check(url: str, folder: str) -> None:
    """Go up, compare, down and up again.

    :raises CheckError: with the difference.
    """
    flask(url, folder, "upgrade")
    flask(url, folder, "check")
    first = schema(url)
    if not first:
        raise CheckError("There is no migration in migrations/versions/.")
    flask(url, folder, "downgrade", "base")
    left = schema(url)
    if left:
        raise CheckError("After the downgrade these are left:\n" + "\n".join(sorted(left)))
    flask(url, folder, "upgrade")
    second = schema(url)
    if second != first:
        raise CheckError("The second upgrade differs:\n" + "\n".join(sorted(first ^ second)))


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server, ending in a database's name."""
    given = os.environ.get("TEST_POSTGRES_URL")
    if given:
        yield given
        return
    with server() as own:
        yield own.url


@contextlib.contextmanager
def empty_database(address: str) -> Iterator[str]:
    """A database of our own on the server, dropped afterwards."""
    url = sa.make_url(address).set(drivername="postgresql+psycopg")
    name = f"sellthru_migrations_{uuid.uuid4().hex[:12]}"
    admin = sa.create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f'CREATE DATABASE "{name}"'))
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.execute(sa.text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
        admin.dispose()


def main() -> int:
    """Check SQLite, then PostgreSQL; exit 1 with the difference."""
    database = "SQLite"
    try:
        with tempfile.TemporaryDirectory(prefix="sellthru-migrations-") as folder:
            check(f"sqlite:///{folder}/check.db", folder)
            print("Migrations agree with the models on SQLite.", flush=True)
            database = "PostgreSQL"
            with postgres() as address, empty_database(address) as url:
                check(url, folder)
            print("Migrations agree with the models on PostgreSQL.", flush=True)
    except CheckError as error:
        print(f"Migrations on {database}: {error}", file=sys.stderr)
        return 1
    except PostgresUnavailable as error:
        print(f"Migrations on PostgreSQL LEFT OUT: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
