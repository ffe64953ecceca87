"""Which rows are deleted after a while, and after how long. The audit trail and documents never are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, exists, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from app.core import outbox
from app.core.outbox import Job, JobState, JobView, WorkerBeat
from app.domain.accounts.mail_delivery import MailState
from app.domain.accounts.models import MailMessage, SignInSession, SingleUseLink
from app.jobs.registry import handles
from app.jobs.schedule import PERIODIC_KINDS

#: Rows of a table that one job deletes; a longer list is gone through by jobs that follow at once.
BATCH = 5000


@dataclass(frozen=True, slots=True)
class Rule:
    """Rows of a table that go after a while; docs/operations.md lists the rules."""

    name: str
    kept: timedelta
    key: Any
    #: Rows that are over since before the moment given.
    over: Callable[[datetime], tuple[ColumnElement[bool], ...]]


def _done(before: datetime) -> tuple[ColumnElement[bool], ...]:
    # The bound on run_at, which is never later than the end, lets the database start in its index.
    return Job.state == JobState.DONE.value, Job.run_at < before, Job.finished_at < before


def _done_by_the_clock(before: datetime) -> tuple[ColumnElement[bool], ...]:
    return *_done(before), Job.kind.in_(PERIODIC_KINDS)


def _unused_sign_ins(before: datetime) -> tuple[ColumnElement[bool], ...]:
    return (SignInSession.last_seen_at < before,)


def _ended_links(before: datetime) -> tuple[ColumnElement[bool], ...]:
    is_over = or_(
        SingleUseLink.used_at < before, SingleUseLink.voided_at < before, SingleUseLink.expires_at < before
    )
    is_named = exists().where(MailMessage.link_id == SingleUseLink.id)
    return is_over, ~is_named


def _old_mails(before: datetime) -> tuple[ColumnElement[bool], ...]:
    return MailMessage.created_at < before, MailMessage.state != MailState.WAITING.value


def _silent_workers(before: datetime) -> tuple[ColumnElement[bool], ...]:
    return (WorkerBeat.seen_at < before,)


#: Longer than any sign-in may last, so that people see their latest ones.
SIGN_INS = Rule("sign-ins not used", timedelta(days=30), SignInSession.id, _unused_sign_ins)
RULES = (
    Rule("jobs done", timedelta(days=14), Job.id, _done),
    # They come every minute and tell little.
    Rule("the clock's own jobs done", timedelta(days=2), Job.id, _done_by_the_clock),
    # Before links, which they name.
    Rule("mails that do not wait", timedelta(days=365), MailMessage.id, _old_mails),
    Rule("links used, voided or run out", timedelta(days=90), SingleUseLink.id, _ended_links),
    Rule("workers without a sign of life", timedelta(days=1), WorkerBeat.worker, _silent_workers),
)


def prune(session: Session, rule: Rule, *, now: datetime) -> int:
    """Delete at most a batch of what the rule lets go, in the present transaction; returns how many rows."""
    old = select(rule.key).where(*rule.over(now - rule.kept)).limit(BATCH)
    gone: Any = session.execute(
        delete(rule.key.class_).where(rule.key.in_(old)).execution_options(synchronize_session=False)
    )
    return int(gone.rowcount)


def _follow(session: Session, job: JobView, rules: Sequence[Rule], now: datetime) -> None:
    """A batch of each rule; where one was full, the rest follows in a job of its own."""
    if BATCH in [prune(session, rule, now=now) for rule in rules]:
        outbox.enqueue(session, job.kind, {}, now=now)


@handles("jobs.prune", lease_s=60)
def prune_logs(session: Session, job: JobView, now: datetime) -> None:
    """Delete jobs, mails and links that are long over. Failed jobs stay until a person replays them."""
    _follow(session, job, RULES, now)


@handles("sessions.prune", lease_s=60)
def prune_sign_ins(session: Session, job: JobView, now: datetime) -> None:
    """Delete sign-in sessions nobody has used for a month."""
    _follow(session, job, (SIGN_INS,), now)
