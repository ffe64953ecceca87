"""Bring a backup into an empty place: checked before it has its name, and nothing is left of a failure."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from app.adapters import postgres_programs
from app.adapters.backups import DATABASES, PRIVATE, Backup, BackupError, Manifest, open_backup
from app.core.revisions import known_revisions, revision_of
from app.jobs.backups import Place, opened_copy, said_in_a_sentence
from app.jobs.tally import Tally, any_tables, compare, take_tally

_KINDS = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
#: How many faults a message names.
_NAMED = 5


def restore(place: Place, source: Path) -> Manifest:
    """Make the instance of the backup `source` in an empty DATA_DIR and a database without tables.

    :raises BackupError: it is refused, or does not hold what it says; the place is empty as before.
    """
    with open_backup(source) as backup, said_in_a_sentence(place, place.data_dir):
        check_fits(backup.manifest, place)
        place.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_empty(place)
        check_room(backup, place)
        _bring(backup, place)
    return backup.manifest


def check_fits(manifest: Manifest, place: Place) -> None:
    """:raises BackupError: the backup is of another kind of database, or of newer code."""
    if manifest.kind != place.kind:
        raise BackupError(
            f"The backup is of {_KINDS[manifest.kind]}, but DATABASE_URL names {_KINDS[place.kind]}: "
            "restore it to its own kind, then move the instance with `flask copy-to`."
        )
    if manifest.revision not in known_revisions():
        raise BackupError(
            f"The backup's schema {manifest.revision} is not known to this version of Sellthru (its own is "
            f"{known_revisions()[-1]}): restore it with version {manifest.product_version} or a newer one."
        )


def check_empty(place: Place) -> None:
    """:raises BackupError: there is something in DATA_DIR, or the database has tables."""
    if place.kind == "postgresql" or place.database_file.exists():
        with place.engine.connect() as connection:
            tables = any_tables(connection)
        if tables:
            named = ", ".join(tables[:_NAMED]) + (" …" if len(tables) > _NAMED else "")
            where = place.engine.url.render_as_string(hide_password=True)
            raise BackupError(
                f"The database {where} has tables already ({named}); a backup is restored to an empty one."
            )
    ours: set[str] = set()
    if place.kind == "sqlite":
        # Without tables, as was just seen: an earlier command has only looked.
        ours = {place.database_file.name + end for end in ("", "-wal", "-shm", "-journal")}
    found = sorted(path.name for path in place.data_dir.iterdir() if path.name not in ours)
    if found:
        named = ", ".join(found[:_NAMED]) + (" …" if len(found) > _NAMED else "")
        raise BackupError(
            f"DATA_DIR {place.data_dir} is not empty, it holds {named}; "
            "give a DATA_DIR that is empty or missing."
        )


def check_room(backup: Backup, place: Place) -> None:
    """:raises BackupError: the disk is too small for what is in the backup."""
    free = shutil.disk_usage(place.data_dir).free
    if backup.size > free:
        raise BackupError(
            f"The backup needs {-(-backup.size // 1_000_000)} MB in {place.data_dir}, where only "
            f"{free // 1_000_000} MB are free."
        )


def _bring(backup: Backup, place: Place) -> None:
    manifest = backup.manifest
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=place.data_dir) as folder:
        staged = Path(folder)
        backup.extract(staged)
        database = staged / DATABASES[place.kind]
        if place.kind == "sqlite":
            _check_sqlite(database, manifest)
            with _taken_back_on_failure(place):
                _place_files(staged, place)
                _place_sqlite(database, place)
        else:
            with _taken_back_on_failure(place):
                _restore_postgres(database, place, manifest)
                _place_files(staged, place)


def _check_sqlite(path: Path, manifest: Manifest) -> None:
    try:
        with opened_copy(path) as connection:
            found = connection.execute(text("PRAGMA integrity_check")).scalars().all()
            if found != ["ok"]:
                raise BackupError(f"The backup's database is damaged: {found[0]}.")
            lost = connection.execute(text("PRAGMA foreign_key_check")).all()
            if lost:
                raise BackupError(
                    f"The backup's database is damaged: {lost[0][0]} points to rows that are missing."
                )
            _check_same(connection, manifest)
    except Exception as error:
        if isinstance(error, BackupError):
            raise
        raise BackupError("The backup's database cannot be read: it is damaged.") from error


def _check_same(connection: Connection, manifest: Manifest) -> None:
    """:raises BackupError: rows, totals, balances or the trail are not as they were when it was taken."""
    revision = revision_of(connection)
    wrong = [] if revision == manifest.revision else [f"schema {revision} instead of {manifest.revision}"]
    wrong += compare(Tally(manifest.counts, manifest.totals, manifest.differences), take_tally(connection))
    if wrong:
        more = f" and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
        raise BackupError(f"The backup is not what it says: {'; '.join(wrong[:_NAMED])}{more}.")


def _restore_postgres(path: Path, place: Place, manifest: Manifest) -> None:
    with place.engine.connect() as connection:
        server = postgres_programs.server_major(connection)
    program = postgres_programs.pg_restore_for(server, path)
    postgres_programs.restore(program, place.engine, path)
    with place.engine.connect() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        _check_same(connection, manifest)
        connection.rollback()
    analyse(place.engine)


def analyse(engine: Engine) -> None:
    """Let PostgreSQL look at what came in, however long it takes, so that its first plans are good."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("ANALYZE"))
        connection.invalidate()


@contextlib.contextmanager
def _taken_back_on_failure(place: Place) -> Iterator[None]:
    try:
        yield
    except BaseException:
        for name in ("uploads", *PRIVATE):
            target = place.data_dir / name
            shutil.rmtree(target) if target.is_dir() else target.unlink(missing_ok=True)
        if place.kind == "postgresql":
            empty_postgres(place)
        raise


def empty_postgres(place: Place) -> None:
    """Drop every table of a database that had none before."""
    with place.engine.begin() as connection:
        for name in any_tables(connection):
            quoted = connection.dialect.identifier_preparer.quote(name)
            connection.execute(text(f"DROP TABLE IF EXISTS {quoted} CASCADE"))


def _place_files(staged: Path, place: Place) -> None:
    (staged / "uploads").mkdir(exist_ok=True)
    for name in ("uploads", *PRIVATE):
        if (staged / name).exists():
            (staged / name).replace(place.data_dir / name)


def _place_sqlite(database: Path, place: Place) -> None:
    target = place.database_file
    target.parent.mkdir(parents=True, exist_ok=True)
    place.engine.dispose()
    for end in ("-wal", "-shm", "-journal"):
        target.with_name(target.name + end).unlink(missing_ok=True)
    if target.parent.stat().st_dev == database.stat().st_dev:
        database.replace(target)
        return
    draft = target.with_name(f".{target.name}.part")
    try:
        shutil.copyfile(database, draft)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
