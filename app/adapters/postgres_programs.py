"""PostgreSQL's own programs: which pg_dump and pg_restore fit a server, and running them.

Passwords go through the environment: arguments are shown to everybody on the machine.
"""

from __future__ import annotations

import functools
import glob
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from psycopg.conninfo import make_conninfo
from sqlalchemy import Connection, Engine

from app.adapters.backups import BackupError

#: Where packages of PostgreSQL put programs that are not on the PATH, beside those of PG_BIN.
_PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")


def server_major(connection: Connection) -> int:
    """The server's major version: 15."""
    number: int = connection.exec_driver_sql("SHOW server_version_num").scalar_one()
    return int(number) // 10_000


def pg_dump_for(server: int) -> Path:
    """The pg_dump that fits the server best: as new as it, or the next newer one.

    :raises BackupError: there is none, or all are older than the server.
    """
    found = _programs("pg_dump")
    fitting = [major for major in found if major >= server]
    if not found:
        raise BackupError(
            f"There is no pg_dump on this machine: install PostgreSQL's client programs, {server} or newer."
        )
    if not fitting:
        raise BackupError(
            f"The newest pg_dump on this machine is {max(found)}, but the server is PostgreSQL {server}: "
            f"install its client programs, {server} or newer."
        )
    return found[min(fitting)]


def pg_restore_for(server: int, dump: Path) -> Path:
    """A pg_restore that can read the dump, preferably of the server's own version.

    :raises BackupError: there is none.
    """
    found = _programs("pg_restore")
    if not found:
        raise BackupError(
            f"There is no pg_restore here: install PostgreSQL's client programs, {server} or newer."
        )
    said = ""
    for major in sorted(found, key=lambda major: (major < server, abs(major - server))):
        listed = _run([str(found[major]), "--list", str(dump)], {})
        if listed.returncode == 0:
            return found[major]
        said = _last_line(listed.stderr)
    raise BackupError(f"The database in the backup cannot be read by pg_restore {max(found)}: {said}.")


def dump(program: Path, engine: Engine, snapshot: str, target: Path) -> None:
    """Write the database as it is in the exported snapshot."""
    address, secret = _connection(engine)
    arguments = ["--format=custom", "--no-owner", "--no-privileges", "--lock-wait-timeout=60s"]
    done = _run(
        [str(program), *arguments, f"--snapshot={snapshot}", f"--file={target}", f"--dbname={address}"],
        secret,
    )
    if done.returncode:
        if "No space left" in done.stderr or "File too large" in done.stderr:
            raise OSError(28, "No space left on device")
        raise BackupError(f"pg_dump gave up: {_last_line(done.stderr)}.")


def restore(program: Path, engine: Engine, source: Path) -> None:
    """Bring a dump into an empty database, all of it or nothing."""
    address, secret = _connection(engine)
    arguments = ["--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error"]
    done = _run([str(program), *arguments, f"--dbname={address}", str(source)], secret)
    if done.returncode:
        raise BackupError(
            f"pg_restore gave up, and the database is empty as before: {_last_line(done.stderr)}."
        )


@functools.cache
def _version_of(program: str) -> int | None:
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _VERSION.search(said.stdout)
    return int(found[1]) if said.returncode == 0 and found else None


def _programs(name: str) -> dict[int, Path]:
    """The program by major version, from PG_BIN, the PATH and the places of packages."""
    folders = [os.environ.get("PG_BIN", ""), *os.environ.get("PATH", "").split(os.pathsep)]
    for place in _PLACES:
        folders += sorted(glob.glob(place))
    found: dict[int, Path] = {}
    for folder in folders:
        program = shutil.which(name, path=folder) if folder else None
        major = _version_of(program) if program else None
        if program and major is not None:
            found.setdefault(major, Path(program))
    return found


def _connection(engine: Engine) -> tuple[str, dict[str, str]]:
    """What libpq calls the engine's database, and the password apart."""
    _, given = engine.dialect.create_connect_args(engine.url)
    parts: dict[str, Any] = {key: value for key, value in given.items() if key != "context"}
    password = parts.pop("password", None)
    return make_conninfo(**parts), {"PGPASSWORD": str(password)} if password else {}


def _run(command: Sequence[str], secret: dict[str, str]) -> subprocess.CompletedProcess[str]:
    # Messages in English, whose words are looked for.
    environment = {**os.environ, **secret, "LC_MESSAGES": "C"}
    return subprocess.run(  # noqa: S603 - a program found above
        list(command),
        capture_output=True,
        text=True,
        errors="replace",
        env=environment,
        stdin=subprocess.DEVNULL,
    )


def _last_line(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if "error:" in line] or lines or ["it said nothing"]
    return telling[0].rpartition("error: ")[2].rstrip(".")[:300]
