"""The schema's revisions: which ones this code knows, and which one a database is at."""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

_ROOT = Path(__file__).resolve().parents[2]


@functools.cache
def known_revisions() -> tuple[str, ...]:
    """Every revision this code knows, oldest first."""
    scripts = ScriptDirectory(str(_ROOT / "migrations"))
    return tuple(reversed([script.revision for script in scripts.walk_revisions()]))


def newest_revision() -> str:
    """The revision that this code works with."""
    return known_revisions()[-1]


def revision_of(connection: Connection) -> str | None:
    """The revision a database is at; None before the first migration."""
    return MigrationContext.configure(connection).get_current_revision()


@functools.cache
def product_version() -> str:
    """The version of Sellthru that this code is."""
    with (_ROOT / "pyproject.toml").open("rb") as file:
        version: str = tomllib.load(file)["project"]["version"]
    return version
