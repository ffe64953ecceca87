"""`flask backup`, `flask restore`, `flask copy-to`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from app.adapters.backups import SECRET, BackupError, Manifest
from app.core.revisions import newest_revision
from app.jobs import backups, copying, restoring


def register(app: Flask) -> None:
    """Add the commands."""
    for command in (backup, restore, copy_to):
        app.cli.add_command(command)


def _place() -> backups.Place:
    return backups.Place.of(current_app)


def _summary(manifest: Manifest) -> str:
    uploads = sum(name.startswith("uploads/") for name in manifest.members)
    orders = manifest.counts.get("sales_order", 0)
    rows = sum(manifest.counts.values())
    return f"{orders} orders, {rows} rows in all, {uploads} uploads, schema {manifest.revision}"


def _warn(manifest: Manifest) -> None:
    for difference in manifest.differences[:20]:
        click.echo(f"Not in balance when the backup was taken: {difference}", err=True)


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@with_appcontext
def backup(file: Path) -> None:
    """Keep the whole instance in FILE: database, uploads, secret. The portal goes on working meanwhile."""
    place = _place()
    try:
        manifest = backups.take(place, file.absolute())
    except BackupError as error:
        raise click.ClickException(str(error)) from error
    _warn(manifest)
    click.echo(f"Backup {file}: {_summary(manifest)}.")


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path))
@with_appcontext
def restore(file: Path) -> None:
    """Make the instance kept in FILE here: DATA_DIR must be empty or missing, the database without tables."""
    place = _place()
    try:
        manifest = restoring.restore(place, file.absolute())
    except BackupError as error:
        raise click.ClickException(str(error)) from error
    _warn(manifest)
    click.echo(
        f"Restored the backup of {manifest.taken_at}: {_summary(manifest)}. Integrity and balances hold."
    )
    if manifest.revision != newest_revision():
        click.echo(
            f"Its schema {manifest.revision} is older than this version's {newest_revision()}: "
            "run `flask db upgrade` before you start web and worker."
        )
    kept = place.data_dir / SECRET
    if place.secret and kept.is_file() and place.secret != kept.read_text(encoding="utf-8").strip():
        click.echo("SECRET_KEY is not the backup's: people sign in anew, and links in earlier mails fail.")


@click.command("copy-to")
@click.argument("url")
@with_appcontext
def copy_to(url: str) -> None:
    """Copy the whole database to the empty one at URL, such as postgresql://user@host/name.

    Uploads and secret stay in DATA_DIR: start web and worker with the same DATA_DIR and the new DATABASE_URL.
    """
    place = _place()
    try:
        target = copying.target_engine(url, place.engine)
        with backups.said_in_a_sentence(place, place.data_dir):
            backups.check_instance(place)
        with backups.said_in_a_sentence(replace(place, engine=target), place.data_dir):
            copied = copying.copy_to(current_app, place.engine, target)
    except BackupError as error:
        raise click.ClickException(str(error)) from error
    for difference in copied.tally.differences[:20]:
        click.echo(f"Not in balance, here as there: {difference}", err=True)
    click.echo(
        f"Copied {sum(copied.tally.counts.values())} rows of {len(copied.tally.counts)} tables to "
        f"{copied.address}; counts, totals and balances agree."
    )
    click.echo(
        f"Uploads and secret stay in {place.data_dir}: set DATABASE_URL to the new database, keep DATA_DIR, "
        "and restart web and worker. What is ordered here from now on is not there."
    )
