"""Copy an instance's database whole into another, such as from SQLite to PostgreSQL.

Schema, rows and checks are one transaction: the target is complete, or as empty as before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic import command
from flask import Flask
from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    Engine,
    MetaData,
    Table,
    Text,
    create_engine,
    delete,
    func,
    insert,
    literal_column,
    select,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from app.adapters.backups import BackupError
from app.core.database import Amount, Base, configure_engine, writing
from app.core.revisions import newest_revision, revision_of
from app.core.tenancy import TenantSession, all_companies
from app.domain.catalogue import search
from app.jobs.restoring import analyse
from app.jobs.tally import Tally, any_tables, compare, take_tally

BATCH = 2000
_NAMED = 5
_DRIVERS = {"sqlite", "postgresql"}
_EXAMPLE = "postgresql://user@host/name"


@dataclass(frozen=True, slots=True)
class Copied:
    """What came over."""

    tally: Tally
    #: The target's address without its password.
    address: str


def target_engine(address: str, source: Engine) -> Engine:
    """An engine of the target. :raises BackupError: the address is none, or the source's own."""
    try:
        url = make_url(address)
        if url.drivername in {"postgres", "postgresql"}:
            url = url.set(drivername="postgresql+psycopg")
        if url.get_backend_name() not in _DRIVERS or not url.database:
            raise BackupError(f"Give an address such as {_EXAMPLE} or sqlite:////srv/sellthru.db.")
        engine = create_engine(url)
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise BackupError(f"The address cannot be read; it looks like {_EXAMPLE}.") from error
    if engine.url == source.url or _file_of(engine) == _file_of(source) is not None:
        raise BackupError("That is the database the instance works with now; give another one.")
    configure_engine(engine)
    return engine


def _file_of(engine: Engine) -> Path | None:
    return Path(engine.url.database or "").resolve() if engine.dialect.name == "sqlite" else None


def copy_to(app: Flask, source: Engine, target: Engine) -> Copied:
    """Copy everything the source's database holds at this moment.

    :raises BackupError: the target is not empty, the source is not at this version, or the copy differs.
    """
    is_new = _is_missing(target)
    try:
        with _reading(source) as origin, _writing(target) as copy:
            _check(origin, copy)
            _make_schema(app, copy)
            for table in Base.metadata.sorted_tables:
                _copy_table(table, origin, copy)
            _copy_search(origin, copy)
            _reset_sequences(copy)
            expected, found = take_tally(origin), take_tally(copy)
            wrong = _broken_keys(copy) + compare(expected, found)
            if wrong:
                raise BackupError(f"The copy differs and was taken back: {'; '.join(wrong[:_NAMED])}.")
    except BaseException:
        if is_new:
            _forget_file(target)
        raise
    if target.dialect.name == "postgresql":
        analyse(target)
    return Copied(found, target.url.render_as_string(hide_password=True))


@contextmanager
def _reading(source: Engine) -> Iterator[Connection]:
    """The source at one moment, whoever writes meanwhile."""
    options: dict[str, Any] = {"readonly": True}
    if source.dialect.name == "postgresql":
        options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with source.connect().execution_options(**options) as connection:
        _without_limits(connection)
        yield connection
        connection.rollback()


@contextmanager
def _writing(target: Engine) -> Iterator[Connection]:
    """The target in one transaction, which an error takes back."""
    with target.connect() as connection:
        if target.dialect.name == "sqlite":
            # Outside a transaction; rows come in another order than their keys would ask for.
            raw: Any = connection.connection.driver_connection
            raw.execute("PRAGMA foreign_keys = OFF")
        with connection.begin():
            _without_limits(connection)
            yield connection
    target.dispose()


def _without_limits(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        for limit in ("statement_timeout", "idle_in_transaction_session_timeout"):
            connection.execute(text(f"SET LOCAL {limit} = 0"))


def _is_missing(target: Engine) -> bool:
    path = _file_of(target)
    if path is None:
        return False
    if not path.parent.is_dir():
        raise BackupError(f"There is no folder {path.parent} to make the database in.")
    return not path.exists()


def _forget_file(target: Engine) -> None:
    target.dispose()
    path = Path(target.url.database or "")
    for end in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + end).unlink(missing_ok=True)


def _check(origin: Connection, copy: Connection) -> None:
    present = revision_of(origin)
    if present != newest_revision():
        raise BackupError(
            f"The instance's schema is {present or 'not there'}, this version's is {newest_revision()}: "
            "run `flask db upgrade` first."
        )
    tables = any_tables(copy)
    if tables:
        named = ", ".join(tables[:_NAMED]) + (" …" if len(tables) > _NAMED else "")
        raise BackupError(f"The target has tables already ({named}); give an empty database.")


def _make_schema(app: Flask, copy: Connection) -> None:
    """Run every migration on the target, within the copy's transaction."""
    configuration = app.extensions["migrate"].migrate.get_config()
    configuration.attributes["connection"] = copy
    command.upgrade(configuration, "head")
    # Some migrations bring rows along; those of the instance come in their place.
    for table in reversed(Base.metadata.sorted_tables):
        copy.execute(delete(table))


def _carried(table: Table, dialect: str) -> Table:
    """The table with types that carry what is stored, unread: amounts as integers, JSON as its text.

    JSON's own null and no value at all both read as None; as text they stay two things.
    """
    columns = []
    for column in table.columns:
        kind: Any = column.type
        if isinstance(kind, Amount):
            kind = BigInteger()
        elif isinstance(kind, JSON):
            kind = Text()
        columns.append(Column(column.name, kind, primary_key=column.primary_key))
    return Table(table.name, MetaData(), *columns)


def _copy_table(table: Table, origin: Connection, copy: Connection) -> None:
    source = _carried(table, origin.dialect.name)
    rows = _stored(table, source, origin)
    if copy.dialect.name == "postgresql":
        _copy_in(table, rows, copy)
        return
    into = insert(_carried(table, copy.dialect.name))
    names = [column.name for column in table.columns]
    for batch in rows:
        copy.execute(into, [dict(zip(names, row, strict=True)) for row in batch])


def _stored(table: Table, source: Table, origin: Connection) -> Iterator[Sequence[Any]]:
    """Batches of the table's rows, in the order of its key."""
    columns: list[Any] = []
    for column, real in zip(source.columns, table.columns, strict=True):
        if isinstance(real.type, JSON) and origin.dialect.name == "postgresql":
            quoted = origin.dialect.identifier_preparer.quote(column.name)
            columns.append(literal_column(f"{quoted}::text", Text()).label(column.name))
        else:
            columns.append(column)
    statement = select(*columns).select_from(source).order_by(*source.primary_key.columns)
    with origin.execute(statement.execution_options(yield_per=BATCH)) as found:
        yield from found.partitions()


def _copy_in(table: Table, batches: Iterator[Sequence[Any]], copy: Connection) -> None:
    """One COPY: keys that point within the table are looked at when all its rows are there."""
    quote = copy.dialect.identifier_preparer.quote
    names = ", ".join(quote(column.name) for column in table.columns)
    raw: Any = copy.connection.driver_connection
    with raw.cursor() as cursor, cursor.copy(f"COPY {quote(table.name)} ({names}) FROM STDIN") as into:
        for batch in batches:
            for row in batch:
                into.write_row(row)


def _copy_search(origin: Connection, copy: Connection) -> None:
    """The search's texts; its index is made anew by the target."""
    key = "rowid" if origin.dialect.name == "sqlite" else "product_id"
    found = origin.execute(
        text(f"SELECT {key}, text FROM product_search ORDER BY {key}"),  # noqa: S608 - two names of our own
        execution_options={"yield_per": BATCH},
    )
    session: Any = TenantSession(bind=copy)
    with writing(session), all_companies(session, reason="copy of the search"):
        for batch in found.partitions():
            search.store_texts(session, [(row[0], row[1]) for row in batch])


def _reset_sequences(copy: Connection) -> None:
    """The next row gets a key behind the copied ones; SQLite sees to that itself."""
    if copy.dialect.name != "postgresql":
        return
    for table in Base.metadata.sorted_tables:
        column = table.autoincrement_column
        if column is None:
            continue
        sequence = copy.execute(
            select(func.pg_get_serial_sequence(f'"{table.name}"', column.name))
        ).scalar_one()
        last = copy.execute(select(func.max(table.c[column.name]))).scalar_one()
        if sequence and last is not None:
            copy.execute(select(func.setval(sequence, last)))


def _broken_keys(copy: Connection) -> list[str]:
    if copy.dialect.name != "sqlite":
        return []
    return [f"{row[0]} points to missing rows" for row in copy.execute(text("PRAGMA foreign_key_check"))]
