"""Take a backup of an instance while it runs.

Uploads are copied, then the database, then the uploads that were added or changed meanwhile: a file is kept
before the row that names it, so every file the database names is in the archive.
"""

from __future__ import annotations

import contextlib
import errno
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg
from flask import Flask
from sqlalchemy import Connection, Engine, create_engine, select, text
from sqlalchemy.exc import SQLAlchemyError

from app.adapters import postgres_programs
from app.adapters.backups import (
    DATABASES,
    LATER,
    PASSWORDS,
    SECRET,
    UPLOADS,
    BackupError,
    BackupWriter,
    Manifest,
    is_member_name,
    open_backup,
    open_writer,
)
from app.adapters.mail_setup import PASSWORD_FILE
from app.core import clock
from app.core.revisions import product_version, revision_of
from app.core.web.extensions import db
from app.domain.accounts.models import SignInSession
from app.jobs.tally import Tally, take_tally

#: The disk is full, or the person's share of it, or what a file may have.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_DATABASE_FULL = "database or disk is full"
Seen = dict[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where an instance lives."""

    data_dir: Path
    engine: Engine
    #: What cookies and links are signed with; None where the instance has none yet.
    secret: str | None

    @classmethod
    def of(cls, app: Flask) -> Place:
        return cls(Path(app.config["DATA_DIR"]), db.engine, app.config.get("SECRET_KEY"))

    @property
    def kind(self) -> str:
        return self.engine.dialect.name

    @property
    def database_file(self) -> Path:
        """The embedded database's file."""
        return Path(self.engine.url.database or "")


@contextlib.contextmanager
def said_in_a_sentence(place: Place, folder: Path) -> Iterator[None]:
    """Faults of disk and database as a BackupError."""
    try:
        yield
    except (OSError, sqlite3.Error, psycopg.Error, SQLAlchemyError) as error:
        cause = getattr(error, "orig", None) or error
        if getattr(cause, "errno", None) in _FULL or _DATABASE_FULL in str(cause):
            raise BackupError(f"There is no room left on the disk of {folder}; nothing was kept.") from error
        if isinstance(cause, OSError):
            where = cause.filename or folder
            raise BackupError(f"{where}: {cause.strerror or cause}; nothing was kept.") from error
        address = place.engine.url.render_as_string(hide_password=True)
        first = str(cause).strip().splitlines() or [type(cause).__name__]
        raise BackupError(f"The database {address} does not answer as it should: {first[0]}.") from error


def take(place: Place, target: Path) -> Manifest:
    """Write the backup `target`; the instance keeps working meanwhile.

    :raises BackupError: it cannot be taken; nothing is left of it.
    """
    check_target(target)
    with said_in_a_sentence(place, target.parent):
        check_instance(place)
        with (
            open_writer(target) as writer,
            tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder,
        ):
            seen = _add_uploads(writer, place, {})
            copy = Path(folder) / DATABASES[place.kind]
            manifest = _copy_sqlite(place, copy) if place.kind == "sqlite" else _copy_postgres(place, copy)
            writer.add_file(copy.name, copy)
            _add_uploads(writer, place, seen)
            if place.secret:
                writer.add_text(SECRET, f"{place.secret}\n")
            for name in (PASSWORDS, PASSWORD_FILE):
                if (place.data_dir / name).is_file():
                    writer.add_file(name, place.data_dir / name)
            writer.add_manifest(manifest)
    return manifest


def check_target(target: Path) -> None:
    """:raises BackupError: no backup may be written there."""
    if not target.parent.is_dir():
        raise BackupError(f"There is no folder {target.parent} to write to.")
    if target.is_dir():
        raise BackupError(f"{target} is a folder; give the backup a file name.")
    if target.exists():
        try:
            with open_backup(target):
                pass
        except BackupError as error:
            raise BackupError(f"{target} exists and is not a backup; give another name.") from error


def check_instance(place: Place) -> None:
    """:raises BackupError: there is nothing to back up."""
    if place.kind == "sqlite" and not place.database_file.is_file():
        raise BackupError(f"There is no database {place.database_file}; is DATA_DIR set as for the server?")
    with place.engine.connect() as connection:
        if revision_of(connection) is None:
            raise BackupError(
                "The database has no tables of Sellthru; are DATA_DIR and DATABASE_URL set as for the server?"
            )
        # Before the first sign-in an instance may do without a secret.
        has_signed = connection.execute(select(SignInSession.id).limit(1)).first() is not None
    if place.secret is None and has_signed:
        raise BackupError(
            f"{place.data_dir} has no secret_key, so it is not this database's DATA_DIR: "
            "set DATA_DIR as for the server."
        )


def _add_uploads(writer: BackupWriter, place: Place, seen: Seen) -> Seen:
    """Add uploads that are not in `seen` as they are now; returns what was found."""
    root = place.data_dir / "uploads"
    found = dict(seen)
    for path in sorted(root.glob("??/*")):
        name = f"{UPLOADS}{path.relative_to(root).as_posix()}"
        if not is_member_name(name) or path.is_symlink():
            continue
        # Taken away meanwhile: its row went first, so nothing names it any more.
        with contextlib.suppress(FileNotFoundError):
            state = path.stat()
            mark = (state.st_size, state.st_mtime_ns)
            if name not in seen:
                writer.add_file(name, path)
            elif seen[name] != mark:
                writer.add_file(LATER + name.removeprefix(UPLOADS), path)
            found[name] = mark
    return found


def _manifest(place: Place, connection: Connection, tally: Tally, server: str) -> Manifest:
    return Manifest(
        product_version=product_version(),
        taken_at=clock.now().isoformat(timespec="seconds"),
        kind=place.kind,
        revision=revision_of(connection) or "",
        server=server,
        counts=tally.counts,
        totals=tally.totals,
        differences=tally.differences,
    )


def _copy_sqlite(place: Place, copy: Path) -> Manifest:
    """One step of the online backup: readers and writers go on, the copy is of one moment."""
    with (
        closing(sqlite3.connect(place.database_file, timeout=30)) as live,
        closing(sqlite3.connect(copy)) as kept,
    ):
        live.backup(kept)
        # One file, without a log beside it.
        kept.execute("PRAGMA journal_mode = DELETE")
    with opened_copy(copy) as connection:
        return _manifest(place, connection, take_tally(connection), sqlite3.sqlite_version)


@contextlib.contextmanager
def opened_copy(path: Path) -> Iterator[Connection]:
    """A connection to an embedded database that nobody else uses, for reading."""
    address = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(address, uri=True))
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _copy_postgres(place: Place, copy: Path) -> Manifest:
    """pg_dump and our own counting see one snapshot."""
    options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with place.engine.connect().execution_options(**options) as connection:
        for limit in ("statement_timeout", "idle_in_transaction_session_timeout"):
            connection.execute(text(f"SET LOCAL {limit} = 0"))
        server = postgres_programs.server_major(connection)
        program = postgres_programs.pg_dump_for(server)
        snapshot = connection.execute(text("SELECT pg_export_snapshot()")).scalar_one()
        postgres_programs.dump(program, place.engine, snapshot, copy)
        manifest = _manifest(place, connection, take_tally(connection), str(server))
        connection.rollback()
    return manifest
