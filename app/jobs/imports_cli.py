"""`flask import KIND`; products and assets also by `flask catalogue import` and `flask assets import`."""

from __future__ import annotations

import errno
import json
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from babel.numbers import list_currencies
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.adapters.change_reports import ChangeReport
from app.adapters.import_files import template_csv, template_xlsx
from app.adapters.storage import LocalStore
from app.core import clock
from app.core.database import run
from app.core.errors import DomainError, NotFound
from app.core.imports import mapping, runs
from app.core.imports.engine import Hooks
from app.core.imports.kinds import ImportKind
from app.core.imports.undo import undo_run
from app.core.imports.verdicts import Counts
from app.core.permissions import Actor
from app.core.web.extensions import db
from app.domain.accounts.queries import find_vendor
from app.domain.ordering.import_kinds import KINDS
from app.jobs.import_work import PlannedFile, begin, files_below, plan_files, take_all

catalogue = AppGroup("catalogue", help="Products and prices.")
assets = AppGroup("assets", help="Units with serial numbers.")

#: Groups with an `import` of their own, by the kind it imports.
_GROUPS = {"products": "catalogue", "assets": "assets"}
#: What the system says where only writing can have failed.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
#: How long an import waits for another one to end.
PATIENCE_S = 600.0


class _Stopped(Exception):
    """The command was told to stop."""


imports = AppGroup("import", help="Import a file of one of these kinds, make a template, undo a run.")


def register(app: Flask) -> None:
    """Add the commands: one for each kind, and the own names of products and assets."""
    app.cli.add_command(catalogue)
    app.cli.add_command(assets)
    app.cli.add_command(imports)
    for kind in KINDS.values():
        imports.add_command(_command_of(kind, kind.name))
    catalogue.add_command(_command_of(KINDS["products"], "import"))
    assets.add_command(_command_of(KINDS["assets"], "import"))


def _command_of(kind: ImportKind, name: str) -> click.Command:
    sort = "a ZIP file" if kind.reads_archives else "a CSV, XLSX or ODS file"
    help_text = (
        f"{kind.hint}\n\nReads {sort}, or all of a folder. The last line printed counts the rows by verdict. "
        "Exit status: 0 every row was read, 1 a file could not be read, 2 wrong use."
    )
    path = click.Path(path_type=Path, dir_okay=False)
    params: list[click.Parameter] = [
        click.Argument(["source"], metavar="DIR_OR_FILE", type=click.Path(path_type=Path)),
        click.Option(["--dry-run"], is_flag=True, help="Judge every row, store none."),
        click.Option(["--report"], type=path, help="CSV of the rejected rows."),
        click.Option(["--changes"], type=path, help="CSV of what changes, before and after."),
    ]
    if not kind.reads_archives:
        params.append(
            click.Option(["--mapping", "mapping_name"], metavar="NAME", help="A saved mapping of columns.")
        )
    for option in kind.options:
        flag = f"--{option.code.replace('_', '-')}"
        if option.type == "flag":
            params.append(click.Option([flag, option.code], is_flag=True, help=option.hint or option.label))
        else:
            params.append(
                click.Option([flag, option.code], help=f"{option.label}; the vendor's where it is not said.")
            )

    def callback(**values: Any) -> None:
        _import_file(kind, name, **values)

    return click.Command(name, params=params, callback=with_appcontext(callback), help=help_text)


def _import_file(
    kind: ImportKind,
    name: str,
    *,
    source: Path,
    dry_run: bool,
    report: Path | None,
    changes: Path | None,
    mapping_name: str | None = None,
    **asked: Any,
) -> None:
    began = time.monotonic()
    session = db.session()
    actor = Actor.system(f"flask {_GROUPS[kind.name]} import" if name == "import" else f"flask import {name}")
    try:
        options = _options(session, kind, asked)
        saved = _saved(session, kind, mapping_name)
        files = files_below(source, kind)
        _check_outputs(
            [file.path for file in files], [path for path in (report, changes) if path is not None]
        )
        store = LocalStore(Path(current_app.config["DATA_DIR"]) / "uploads")
        planned = plan_files(kind, files, saved=saved, options=options, store=store)
        _say_passed_over(planned)
        with ChangeReport(changes) as changed:
            counts = _import(session, actor, kind, source, planned, options, dry_run, report, changed)
    except click.UsageError:
        raise
    except DomainError as error:
        _fail(error.message)
    except (KeyboardInterrupt, _Stopped):
        _fail("Stopped. The rows counted so far are stored; import the file again for the rest.")
    except OSError as error:
        full = error.errno in _FULL and (report or changes)
        _fail(f"{error.filename or full or source} cannot be used: {error.strerror}.")
    except DBAPIError as error:
        _fail(f"The database cannot be used: {str(error.orig).strip()}. Is it migrated (flask db upgrade)?")
    else:
        _print_counts(counts, time.monotonic() - began)


def _say_passed_over(planned: Sequence[PlannedFile]) -> None:
    for source, plan in planned:
        if plan.passed_over:
            _say(f"{source.name}: the example lines of the template are passed over.")


@imports.command("template")
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
def template(kind: str, file: Path | None) -> None:
    """Write the template of KIND to FILE (CSV or XLSX by its name), or as CSV to standard output.

    Its example line and the line that explains it are passed over when the file is imported.
    """
    if KINDS[kind].reads_archives:
        raise click.UsageError(f"{kind} come in a ZIP file without columns, so there is no template.")
    if file is not None and file.suffix.lower() not in (".csv", ".xlsx"):
        raise click.UsageError(f"{file} must end in .csv or .xlsx.")
    if file is None:
        click.echo(template_csv(KINDS[kind]), nl=False)
        return
    content = template_xlsx(KINDS[kind]) if file.suffix.lower() == ".xlsx" else None
    try:
        file.write_bytes(content if content is not None else template_csv(KINDS[kind]).encode())
    except OSError as error:
        _fail(f"{file} cannot be written: {error.strerror}.")


@imports.command("undo")
@click.argument("run_id", metavar="NUMBER", type=click.IntRange(1))
@with_appcontext
def undo(run_id: int) -> None:
    """Take back everything that the import NUMBER stored, while nothing depends on it."""
    session = db.session()
    actor = Actor.system("flask import undo")
    try:
        kind = KINDS[runs.get_run(session, run_id).kind]
        undone = run(session, undo_run, actor, run_id=run_id, kind=kind, now=clock.now())
    except DomainError as error:
        _fail(error.message)
    click.echo(json.dumps({"run": undone.id, "undone": undone.change_count}))


def _fail(message: str) -> None:
    click.echo(message, err=True)
    sys.exit(1)


def _print_counts(counts: Counts, seconds: float) -> None:
    numbers: dict[str, Any] = {"rows": counts.rows, "created": counts.created, "updated": counts.updated}
    numbers |= {"unchanged": counts.unchanged, "rejected": counts.rejected, "seconds": round(seconds, 2)}
    click.echo(json.dumps(numbers))


def _options(session: Session, kind: ImportKind, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What the kind wants to know beside its file."""
    return {
        option.code: _currency(session, asked[option.code])
        if option.type == "currency"
        else bool(asked[option.code])
        for option in kind.options
    }


def _currency(session: Session, given: str | None) -> str:
    if given is None:
        vendor = find_vendor(session)
        if vendor is None:
            raise click.UsageError("There is no vendor yet whose currency could be taken. Say --currency.")
        return vendor.currency
    currency = given.strip().upper()
    if currency not in list_currencies(locale="en"):
        raise click.UsageError(f"{given!r} is no currency. Write its three letters, such as USD.")
    return currency


def _saved(session: Session, kind: ImportKind, name: str | None) -> dict[str, str] | None:
    if name is None:
        return None
    try:
        return mapping.get_saved(session, kind.name, name)
    except NotFound as error:
        known = ", ".join(mapping.saved_names(session, kind.name)) or "none"
        raise click.UsageError(f"{error.message} Saved mappings: {known}.") from error


def _check_outputs(files: Sequence[Path], outputs: Sequence[Path]) -> None:
    """Refuse to write over what is read, one output over the other, and where nothing can be written."""
    taken = {file.resolve() for file in files}
    for output in outputs:
        if output.resolve() in taken:
            raise click.UsageError(f"{output} is in use for this import already. Name another file.")
        taken.add(output.resolve())
        try:
            output.open("a").close()
        except OSError as error:
            raise click.UsageError(f"{output} cannot be written: {error.strerror}.") from error


def _import(
    session: Session,
    actor: Actor,
    kind: ImportKind,
    source: Path,
    planned: list[PlannedFile],
    options: dict[str, Any],
    dry_run: bool,
    report: Path | None,
    changed: ChangeReport,
) -> Counts:
    run_id = run(
        session,
        runs.open_run,
        actor,
        kind=kind.name,
        filename=source.resolve().name,
        options={**options, "files": []},
        is_dry_run=dry_run,
        rows_total=sum(plan.survey.row_count for _table, plan in planned),
        now=clock.now(),
    ).id
    with _stopping() as stopping:
        hooks = Hooks(clock=clock.now, progress=_Progress().show, changes=changed.write, check=stopping)
        try:
            begun = begin(session, actor, run_id, patience_s=PATIENCE_S, said=_say)
            counts = take_all(session, actor, begun, planned, hooks=hooks, report=report)
        except BaseException as error:
            _end(session, actor, run_id, "failed", str(getattr(error, "message", "")) or "It was stopped.")
            raise
        _end(session, actor, run_id, "done", None)
    return counts


def _end(session: Session, actor: Actor, run_id: int, state: str, error: str | None) -> None:
    run(session, runs.end_run, actor, run_id=run_id, state=state, error=error, now=clock.now())


@contextmanager
def _stopping() -> Iterator[Any]:
    """A check that raises once SIGTERM has come: a batch is stored whole or not at all."""
    asked: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: asked.append(number))

    def check() -> None:
        if asked:
            raise _Stopped

    try:
        yield check
    finally:
        signal.signal(signal.SIGTERM, before)


def _say(message: str) -> None:
    click.echo(message, err=True)


class _Progress:
    """Rows done so far on standard error, once a second."""

    def __init__(self) -> None:
        self._next = time.monotonic() + 1

    def show(self, counts: Counts, total: int) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + 1
            _say(f"{counts.rows} of {total} rows, {counts.rejected} rejected")
