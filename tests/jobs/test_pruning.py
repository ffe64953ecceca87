"""What is long over goes, a batch at a time; what somebody may still ask for, and the audit trail, stays."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core import audit
from app.core.database import run, writing
from app.core.outbox import Job, WorkerBeat
from app.core.permissions import Actor
from app.core.tenancy import all_companies
from app.domain.accounts.models import MailMessage, Membership, SignInSession, SingleUseLink
from app.jobs import pruning
from app.jobs.execution import do_statement, sessions_of
from app.jobs.worker import Worker
from tests.factories.accounts import NOW, make_company, make_person, read

_numbers = itertools.count(1)


def days(count: float) -> datetime:
    return NOW - timedelta(days=count)


def store(session: Session, *rows: Any) -> None:
    with writing(session), all_companies(session, reason="test data"):
        session.add_all(rows)
        session.commit()
        session.expunge_all()


def job(at: datetime, state: str = "done", kind: str = "mail.render") -> Job:
    number = f"m-{next(_numbers)}"
    return Job(
        message_id=number, kind=kind, payload={}, state=state, run_at=at, created_at=at, finished_at=at
    )


def mail(at: datetime, state: str = "sent", link: int | None = None) -> MailMessage:
    texts = {"subject": "x", "text_body": "x", "html_body": "x", "recipient": "a@b.example"}
    number = f"m-{next(_numbers)}"
    return MailMessage(message_id=number, template="x", state=state, link_id=link, created_at=at, **texts)


def link(at: datetime, **values: Any) -> SingleUseLink:
    return SingleUseLink(purpose="reset", nonce="0" * 32, created_at=at, expires_at=at, **values)


def prune(session: Session) -> dict[str, int]:
    rules = (*pruning.RULES, pruning.SIGN_INS)
    actor = Actor.system("test")
    return {rule.name: run(session, do_statement, actor, pruning.prune, rule, now=NOW) for rule in rules}


def test_rows_go_when_their_time_is_over_and_not_before(session: Session) -> None:
    company = make_company(session)
    person = make_person(session, company)
    member = read(session, select(Membership.id))[0]
    store(session, link(days(91), user_id=person.id), link(days(400), user_id=person.id))
    named = read(session, select(SingleUseLink.id))[1]

    def sign_in(at: datetime) -> SignInSession:
        token = f"{next(_numbers):064d}"
        times = {"created_at": at, "last_seen_at": at}
        return SignInSession(token_hash=token, user_id=person.id, membership_id=member, **times)

    store(
        session,
        *(job(days(15)), job(days(13)), job(days(15), "dead"), job(days(15), "queued")),
        *(job(days(3), kind="audit.seal"), job(days(1), kind="audit.seal")),
        *(sign_in(days(31)), sign_in(days(29))),
        *(mail(days(366)), mail(days(366), "waiting"), mail(days(364), link=named)),
        link(days(89), user_id=person.id),
        *(WorkerBeat(worker="old", seen_at=days(2)), WorkerBeat(worker="fresh", seen_at=NOW)),
        audit.AuditEntry(at=days(4000), actor_name="x", action="a.done", subject_type="a"),
    )
    assert prune(session) == {
        "jobs done": 1,
        "the clock's own jobs done": 1,
        "mails that do not wait": 1,
        "links used, voided or run out": 1,
        "workers without a sign of life": 1,
        "sign-ins not used": 1,
    }
    assert sum(prune(session).values()) == 0
    assert read(session, select(func.count()).select_from(Job)) == [4]
    assert read(session, select(SingleUseLink.id).where(SingleUseLink.id == named)) == [named]
    assert read(session, select(func.count()).where(audit.AuditEntry.action == "a.done")) == [1]


def test_a_long_list_is_gone_through_batch_by_batch(
    app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "BATCH", 10)
    store(session, *(job(days(500)) for _ in range(25)))
    store(session, job(days(1), "queued", "jobs.prune"))
    worker = Worker(sessions_of(app))

    assert list(iter(worker.run_one, None)) == ["done"] * 3
    assert read(session, select(Job.kind)) == ["jobs.prune"] * 3
