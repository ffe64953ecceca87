"""Looks at what an instance stands on: database, migrations, worker, mail server, storage, disk, clock."""

from __future__ import annotations

import functools
import os
import shutil
import smtplib
import stat
import tempfile
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.adapters.mail_setup import MailSetup, find_setup
from app.adapters.mailer import MailServer, Security
from app.core.audit import AuditEntry
from app.core.findings import Finding, note, ok, problem
from app.core.outbox import Job, JobState, WorkerBeat, latest_beat
from app.core.texts import _
from app.domain.accounts.mail_delivery import MailState
from app.domain.accounts.models import MailMessage

#: Workers give a sign of life every five seconds.
BEAT_AGE = timedelta(seconds=30)
MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
#: Which workers a way of carrying jobs needs, by the beginning of their names.
_WORKERS = {"embedded": ("embedded:",), "celery": ("dispatch:", "celery:")}
#: Mails that wait longer than this are worth a word.
PATIENCE = timedelta(minutes=15)
LOOK_BACK = timedelta(days=7)
MAIL_ANSWER_S = 5.0
#: Below this nothing more is safe to write; below the other one it is time to act.
LEAST_FREE, ENOUGH_FREE = 200 * 1024**2, 1024**3
CLOCK_TOLERANCE = timedelta(seconds=5)


@functools.cache
def migration_heads() -> frozenset[str]:
    """Migrations this version of the program ends with."""
    return frozenset(ScriptDirectory(str(MIGRATIONS)).get_heads())


def is_at_head(session: Session) -> bool:
    """Whether the database is at this version; in a scope over all companies."""
    return _present(session) == migration_heads()


def is_ahead(session: Session) -> bool:
    """Whether a newer version has migrated the database: this one goes on beside it until restarted."""
    present, heads = _present(session), migration_heads()
    numbered = all(name.isdigit() for name in present | heads)
    return bool(present) and numbered and min(map(int, present)) > max(map(int, heads))


def _present(session: Session) -> frozenset[str]:
    return frozenset(MigrationContext.configure(session.connection()).get_current_heads())


def missing_workers(session: Session, *, jobs: str, now: datetime) -> list[str]:
    """Which workers give no sign of life."""
    missing = []
    for prefix in _WORKERS.get(jobs, _WORKERS["embedded"]):
        seen = latest_beat(session, prefix)
        if seen is None or now - seen > BEAT_AGE:
            missing.append(prefix.rstrip(":"))
    return missing


def check_migrations(session: Session) -> Finding:
    """Whether the schema is this version's."""
    if is_at_head(session):
        return ok("migrations", _("The database's schema is this version's."))
    if is_ahead(session):
        text = _("The database's schema is a newer version's.")
        return note("migrations", text, _("Restart server and worker with that version."))
    return problem(
        "migrations",
        _("The database's schema is not this version's."),
        _("Make a backup, then run: flask db upgrade"),
    )


def check_worker(session: Session, config: Mapping[str, Any], *, now: datetime) -> Finding:
    """Whether somebody does the background work."""
    missing = missing_workers(session, jobs=config["JOBS"], now=now)
    if not missing:
        return ok("worker", _("The worker gives signs of life."))
    return problem(
        "worker",
        _("No sign of life of the worker: %(names)s.", names=", ".join(missing)),
        _("Start it: make serve, or flask jobs work beside the web server."),
    )


def check_jobs(session: Session) -> Finding:
    """Whether jobs have failed for good."""
    count = session.scalar(select(func.count(Job.id)).where(Job.state == JobState.DEAD.value)) or 0
    if not count:
        return ok("jobs", _("No background job has failed."))
    return problem(
        "jobs",
        _("%(count)s background jobs have failed.", count=count),
        _("Look at their errors under Background work, repair the cause, then replay them."),
    )


def check_secret(config: Mapping[str, Any]) -> Finding:
    """Whether there is a secret that nobody else on the machine reads."""
    if not config["SECRET_KEY"]:
        return problem("secret", _("There is no secret yet."), _("flask setup makes it."))
    path = Path(config["DATA_DIR"]) / "secret_key"
    if path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077:
        return problem(
            "secret",
            _("Others on this machine can read the secret."),
            _("Run: chmod 600 %(path)s", path=path),
        )
    return ok("secret", _("The secret is there."))


def check_base_url(config: Mapping[str, Any]) -> Finding:
    """Whether links lead to a safe address."""
    address = str(config["BASE_URL"])
    if address.startswith("https://"):
        return ok("base_url", _("Links begin with %(address)s.", address=address))
    try:
        is_own = urlsplit(address).hostname in ("127.0.0.1", "localhost", "::1")
    except ValueError:
        is_own = False
    text = (
        _("Links begin with %(address)s, which leads nowhere from outside.", address=address)
        if is_own
        else _("Links begin with %(address)s, where passwords travel in the open.", address=address)
    )
    return problem(
        "base_url", text, _("Set BASE_URL to the portal's https:// address for server and worker.")
    )


def check_storage(config: Mapping[str, Any], *, tries_it: bool) -> Finding:
    """Whether uploads can be kept; with `tries_it` a file is written and taken away again."""
    folder = Path(config["DATA_DIR"])
    uploads = folder / "uploads"
    folder = uploads if uploads.is_dir() else folder
    try:
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError
        if tries_it:
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(b"x" * 4096)
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        return problem(
            "storage",
            _(
                "Nothing can be written to %(folder)s: %(why)s.",
                folder=folder,
                why=error.strerror or "refused",
            ),
            _("Make the folder, give it to the server's user, or name another DATA_DIR."),
        )
    return ok("storage", _("Uploads can be written to %(folder)s.", folder=uploads))


def check_disk(config: Mapping[str, Any]) -> Finding:
    """Whether there is room for data."""
    try:
        free = shutil.disk_usage(config["DATA_DIR"]).free
    except OSError:
        return problem("disk", _("The disk of DATA_DIR does not answer."), _("Look at its mount."))
    text = _("%(free)s MB of disk are free.", free=f"{free // 1024**2:,}")
    remedy = _("Make room on the disk of %(folder)s, or move it.", folder=config["DATA_DIR"])
    if free < LEAST_FREE:
        return problem("disk", text, remedy)
    return note("disk", text, remedy) if free < ENOUGH_FREE else ok("disk", text)


def check_clock(session: Session, *, now: datetime) -> Finding:
    """Whether this machine's time is the database's, and later than all that is written already."""
    remedy = _("Let every machine take its time from one source (NTP), then restart the worker.")
    if session.get_bind().dialect.name == "postgresql":
        away = abs(session.execute(select(func.clock_timestamp())).scalar_one() - now)
        if away > CLOCK_TOLERANCE:
            text = _("This machine's clock and the database's are %(seconds)s s apart.", seconds=away.seconds)
            return problem("clock", text, remedy)
    newest = [select(func.max(column)).scalar_subquery() for column in (AuditEntry.at, WorkerBeat.seen_at)]
    latest = session.execute(select(*newest)).one()
    moments = [moment.replace(tzinfo=moment.tzinfo or UTC) for moment in latest if moment is not None]
    ahead = max(moments, default=now) - now
    if ahead > CLOCK_TOLERANCE:
        minutes = max(1, round(ahead.total_seconds() / 60))
        text = _("The clock went back: the newest entry is %(minutes)s minutes ahead of it.", minutes=minutes)
        return problem("clock", text, remedy)
    return ok("clock", _("The clock is right."))


def check_mail(
    session: Session, config: Mapping[str, Any], *, now: datetime, asks_server: bool
) -> list[Finding]:
    """The mail server, and mails that did not arrive; with `asks_server` it must answer."""
    return [_mail_server(find_setup(session, config), asks_server=asks_server), _mails(session, now=now)]


def _mail_server(setup: MailSetup | None, *, asks_server: bool) -> Finding:
    if setup is None:
        return problem(
            "mail",
            _("No mail server is set: mails are kept in the mail log and reach nobody."),
            _("Enter it under Settings, Mail server, or set MAIL_URL and MAIL_SENDER."),
        )
    fault = setup.fault
    if fault is None and asks_server and setup.server is not None:
        fault = mail_server_fault(setup.server)
    if fault is not None:
        remedy = _("Correct it under Settings, Mail server, or in MAIL_URL; mails wait and are sent then.")
        return problem("mail", _("The mail server cannot be used: %(why)s", why=fault), remedy)
    host = setup.server.host if setup.server else ""
    return ok(
        "mail", _("The mail server %(host)s answers.", host=host) if asks_server else _("Mails go out.")
    )


def _mails(session: Session, *, now: datetime) -> Finding:
    rows = session.execute(
        select(MailMessage.state, func.count(MailMessage.id), func.min(MailMessage.created_at))
        .where(MailMessage.created_at > now - LOOK_BACK)
        .where(MailMessage.state.not_in([MailState.SENT.value, MailState.KEPT.value, MailState.LAPSED.value]))
        .group_by(MailMessage.state)
    )
    counts = {state: (count, oldest) for state, count, oldest in rows}
    waiting, oldest = counts.pop(MailState.WAITING.value, (0, now))
    if waiting and now - oldest > PATIENCE:
        minutes = int((now - oldest).total_seconds() // 60)
        text = _("%(count)s mails wait, the oldest for %(minutes)s minutes.", count=waiting, minutes=minutes)
        return problem("mails", text, _("See what the server says to them in the mail log."))
    lost = sum(count for count, _oldest in counts.values())
    if lost:
        text = _("%(count)s mails of the last week did not arrive.", count=lost)
        return note("mails", text, _("See why in the mail log, and correct the addresses."))
    return ok("mails", _("No mail waits or was refused."))


def mail_server_fault(server: MailServer, *, within_s: float = MAIL_ANSWER_S) -> str | None:
    """Why the server does not take mails, None where it greets us; it holds nobody longer than `within_s`."""
    said: list[str | None] = []

    def ask() -> None:
        kind = smtplib.SMTP_SSL if server.security is Security.TLS else smtplib.SMTP
        try:
            talk = kind(server.host, server.port, timeout=within_s)
            code, answer = talk.noop()
            said.append(None if code < 400 else answer.decode("utf-8", "replace"))
            talk.close()
        except (OSError, smtplib.SMTPException) as error:
            said.append(str(error) or type(error).__name__)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(within_s)
    return said[0] if said else _("%(host)s gives no answer.", host=server.host)
