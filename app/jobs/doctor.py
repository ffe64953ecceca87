"""`flask doctor`: everything an instance stands on and everything still to do, one line each."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import with_appcontext
from sqlalchemy.orm import Session

import config as settings
from app.adapters import machine_checks as checks
from app.core import clock
from app.core.findings import Finding, Level, note, ok, problem
from app.core.tenancy import all_companies
from app.core.web.extensions import db
from app.domain.ordering.readiness import list_steps, read_facts
from app.jobs.instance import database_fault, first_line, is_missing, known_vendor, start_refusals

#: The wall clock and the monotonic one may differ by this much while we look.
JUMP_S = 0.5

Look = Callable[[], Finding | list[Finding]]


def register(app: Flask) -> None:
    """Add the command."""
    app.cli.add_command(doctor)


@click.command("doctor")
@click.option("--serving", is_flag=True, help="Only why the instance cannot be served, a sentence each.")
@with_appcontext
def doctor(serving: bool) -> None:
    """Look at everything the instance stands on, and say what to do; exit 1 while something is wrong."""
    if serving:
        found = serving_refusals(current_app._get_current_object())  # type: ignore[attr-defined]
        for sentence in found:
            click.echo(sentence)
        raise SystemExit(1 if found else 0)
    findings = list(examine(db.session()))
    for finding in findings:
        remedy = f" {finding.remedy}" if finding.remedy else ""
        click.echo(f"{finding.level.value:<8} {finding.text}{remedy}")
    raise SystemExit(1 if any(finding.level is Level.PROBLEM for finding in findings) else 0)


def serving_refusals(app: Flask) -> list[str]:
    """Why the instance cannot be served, by its database."""
    fault = database_fault(db.session())
    if fault is not None:
        return [fault]
    refused = start_refusals(app)
    session = db.session()
    if not refused and not is_missing(session):
        with all_companies(session, reason="flask doctor"):
            migrations = checks.check_migrations(session)
        session.rollback()
        if migrations.level is Level.PROBLEM:
            refused = [
                "The database's schema is an older version's: make a backup, then run `flask db upgrade`."
            ]
    return refused


def examine(session: Session) -> Iterator[Finding]:
    """Every finding, in the order things build on each other."""
    began = (time.time(), time.monotonic())
    config = current_app.config
    yield from settled("start", start_settings)
    yield from settled("secret", lambda: checks.check_secret(config))
    yield from settled("base_url", lambda: checks.check_base_url(config))
    yield from settled("storage", lambda: checks.check_storage(config, tries_it=True))
    yield from settled("disk", lambda: checks.check_disk(config))
    fault = _database(session)
    if fault is not None:
        yield fault
    elif (vendor := _vendor(session)) is None:
        yield problem("setup", "This instance is not set up yet.", "Run: flask setup")
    else:
        yield ok("database", "The database answers.")
        yield vendor
        yield from _stored(session, config)
    moved = abs((time.time() - began[0]) - (time.monotonic() - began[1]))
    if moved > JUMP_S:
        yield problem(
            "clock", f"The clock was moved by {moved:.1f} s while we looked.", "Look at its source."
        )


def _vendor(session: Session) -> Finding | None:
    vendor = known_vendor(session)
    if vendor is None:
        return None
    if vendor.is_demo:
        return note("setup", "This instance has the demo's data.", "A real one has a DATA_DIR of its own.")
    return ok("setup", f"This instance belongs to {vendor.name}.")


def _stored(session: Session, config: Any) -> Iterator[Finding]:
    """What the database says, once it is there and set up."""
    now = clock.now()
    with all_companies(session, reason="flask doctor"):
        schema = next(settled("migrations", lambda: checks.check_migrations(session)))
        yield schema
        if schema.level is Level.PROBLEM:
            return
        looks: dict[str, Look] = {
            "worker": lambda: checks.check_worker(session, config, now=now),
            "jobs": lambda: checks.check_jobs(session),
            "mail": lambda: checks.check_mail(session, config, now=now, asks_server=True),
            "clock": lambda: checks.check_clock(session, now=clock.now()),
            "steps": lambda: list_steps(facts) if (facts := read_facts(session)) else [],
        }
        for key, look in looks.items():
            yield from settled(key, look)
            session.rollback()


def settled(key: str, look: Look) -> Iterator[Finding]:
    """What a look finds; a look that fails is a finding too."""
    try:
        found = look()
    except Exception as error:
        kind = type(error).__name__
        yield problem(key, f"The check of {key} failed: {kind}: {first_line(error)}", "Tell whoever runs it.")
        return
    yield from found if isinstance(found, list) else [found]


def start_settings() -> list[Finding]:
    """Settings a real instance does not start with; base address and secret have findings of their own."""
    if not settings.is_production(os.environ):
        return [note("start", "This is not run as a real instance.", "Unset SELLTHRU_ENV and DEMO for one.")]
    named = ("DEMO", "FLASK_DEBUG", "PROXY_HOPS", "SELLTHRU_ENV")
    return [
        problem("start", sentence, "make serve refuses it.")
        for sentence in settings.refusals(os.environ)
        if sentence.startswith(named)
    ]


def _database(session: Session) -> Finding | None:
    """Why the database does not answer; None where it does, or is an embedded one that is not there yet."""
    fault = database_fault(session)
    return problem("database", fault, "Start it, or correct DATABASE_URL.") if fault else None
