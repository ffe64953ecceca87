"""How `flask db …` compares models with the database and runs migrations, all in one transaction.

`flask db revision --autogenerate -m "add serials"` writes 2026_11_24_0003_add_serials.py.
"""

from __future__ import annotations

import time
from typing import Any, Literal

import click
from alembic import context
from alembic.autogenerate.api import AutogenContext
from alembic.script import ScriptDirectory
from flask import current_app
from sqlalchemy import JSON, Connection, inspect, text
from sqlalchemy.exc import OperationalError

from app.core import database

#: Tables of the search engine (virtual ones on SQLite) are made by SQL of their own, not from models.
SEARCH_TABLES = "product_search"
#: One `flask db upgrade` at a time, whichever machine it starts on; the number has no meaning.
LOCK = 7_355_608
#: Getting every table takes no longer than this, which is less than PostgreSQL's deadlock_timeout: where a
#: request and a migration wait for each other it is the migration that lets go.
LOCKING_S = 0.8
#: Runs until it gives up, with a pause in which waiting requests get through.
TRIES, PAUSE_S = 8, 0.4
#: What requests and jobs read first: whoever waits there keeps no other table from us.
READ_FIRST = ("sign_in_session", "job", "worker_beat")
#: The lock was not given in time, or two waited for each other and we were let go.
LOST_LOCK = frozenset({"55P03", "40P01"})


def include_object(thing: Any, name: str | None, kind: str, reflected: bool, compare_to: Any) -> bool:
    """Leave the search tables and their indexes out of the comparison; everything else is compared."""
    table = name if kind == "table" else getattr(getattr(thing, "table", None), "name", None)
    return not (table or "").startswith(SEARCH_TABLES)


def render_item(kind: str, thing: Any, autogen_context: AutogenContext) -> str | Literal[False]:
    """Write what the database sees of our column types, so that old migrations do not change with them."""
    if kind != "type":
        return False
    if isinstance(thing, database.Amount):
        return "sa.BigInteger()"
    if isinstance(thing, database.UTCDateTime):
        return "sa.DateTime(timezone=True)"
    if type(thing) is JSON:
        autogen_context.imports.add("from sqlalchemy.dialects import postgresql")
        return 'sa.JSON().with_variant(postgresql.JSONB(), "postgresql")'
    return False


def number_revision(migration_context: Any, revision: Any, directives: list[Any]) -> None:
    """Number the new migration after the newest one; write no file where nothing has changed."""
    options = context.config.cmd_opts
    if not directives or options is None:
        return
    if getattr(options, "autogenerate", False) and directives[0].upgrade_ops.is_empty():
        directives.clear()
        click.echo("The database is as the models say; no migration is written.", err=True)
        return
    newest = ScriptDirectory.from_config(context.config).get_current_head()
    directives[0].rev_id = f"{int(newest or 0) + 1:04d}"


def report(step: Any, **_: Any) -> None:
    """Say which migration has run."""
    click.echo(f"Migration {step.up_revision_id} {'applied' if step.is_upgrade else 'taken back'}.", err=True)


def _set_foreign_keys(connection: Connection, state: str) -> None:
    """SQLite changes a table by copying it, which must not set off the foreign keys that point to it."""
    raw = connection.connection.driver_connection
    if raw is not None:
        raw.execute(f"PRAGMA foreign_keys = {state}")


def _check_foreign_keys(connection: Connection) -> None:
    broken = connection.execute(text("PRAGMA foreign_key_check")).fetchall()
    if broken:
        raise RuntimeError(f"the migration leaves rows that point nowhere: {broken[:5]}")


def _wait_for_others(connection: Connection) -> None:
    """One upgrade at a time; however long it takes."""
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    connection.execute(text("SET LOCAL lock_timeout = 0"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})


def _has_steps() -> bool:
    """Whether this is an upgrade or downgrade that has something to do."""
    migration = context.get_context()
    steps = migration.opts.get("fn")
    if getattr(steps, "__name__", "") not in ("upgrade", "downgrade"):
        return False
    return any(True for _ in steps(migration.get_current_heads(), migration))


def _take_tables(connection: Connection) -> None:
    """Take every table before the first change, so that nothing is waited for while tables are kept.

    In the order in which work goes through them, so that it waits before it keeps any: first what is read
    first, then tables before those that point to them.
    """
    present = inspect(connection).get_table_names()
    known = [table.name for table in database.Base.metadata.sorted_tables]
    rank = {name: place for place, name in enumerate(dict.fromkeys((*READ_FIRST, *known)))}
    end = time.monotonic() + LOCKING_S
    for name in sorted(present, key=lambda name: (rank.get(name, len(rank)), name)):
        left_ms = max(1, int((end - time.monotonic()) * 1000))
        connection.execute(text(f"SET LOCAL lock_timeout = '{left_ms}ms'"))
        quoted = connection.dialect.identifier_preparer.quote(name)
        connection.execute(text(f"LOCK TABLE {quoted} IN ACCESS EXCLUSIVE MODE"))


def _migrate(connection: Connection) -> None:
    settings = dict(current_app.extensions["migrate"].configure_args)
    settings["process_revision_directives"] = number_revision
    context.configure(
        connection=connection,
        target_metadata=database.Base.metadata,
        include_object=include_object,
        render_item=render_item,
        on_version_apply=report,
        transactional_ddl=True,
        **settings,
    )
    sqlite = connection.dialect.name == "sqlite"
    with context.begin_transaction():
        if not sqlite:
            _wait_for_others(connection)
            if _has_steps():
                _take_tables(connection)
        context.run_migrations()
        if sqlite:
            _check_foreign_keys(connection)


def _migrate_patiently(connection: Connection) -> None:
    """Run it anew where the portal was faster; each time all of it or nothing."""
    for attempt in range(1, TRIES + 1):
        try:
            _migrate(connection)
            return
        except OperationalError as error:
            connection.rollback()
            if getattr(error.orig, "sqlstate", None) not in LOST_LOCK:
                raise
            if attempt == TRIES:
                raise click.ClickException(
                    f"A table was in use at each of {TRIES} attempts, so nothing was changed. Run it again; if "
                    "that does not help, find who keeps it (pg_stat_activity), or stop web and worker."
                ) from error
            time.sleep(PAUSE_S)


def run_migrations() -> None:
    """Run what was asked for; after a failure the database is as it was before.

    A connection that is given has a transaction of its own, which its owner ends.
    """
    given: Connection | None = context.config.attributes.get("connection")
    if given is not None:
        _migrate(given)
        return
    engine = current_app.extensions["migrate"].db.engine
    sqlite = engine.dialect.name == "sqlite"
    with engine.connect() as connection:
        if sqlite:
            _set_foreign_keys(connection, "OFF")
        try:
            _migrate_patiently(connection)
        finally:
            if sqlite:
                connection.rollback()
                _set_foreign_keys(connection, "ON")


if context.is_offline_mode():
    raise click.ClickException("Migrations need a database; --sql is not supported.")
run_migrations()
