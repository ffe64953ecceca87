"""Mails go out once, are told in words where they do not, and never keep other work waiting."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.core import clock, outbox, outbox_desk
from app.core.audit import AuditEntry
from app.core.database import run, writing
from app.core.outbox import Job
from app.core.permissions import Actor
from app.core.tenancy import all_companies
from app.domain.accounts import mail_delivery
from app.domain.accounts.links import Purpose, make_link
from app.domain.accounts.mail_delivery import MOST_ATTEMPTS, Outcome, send_recent_kept
from app.domain.accounts.mails import queue_mail
from app.domain.accounts.models import MailMessage, User
from app.jobs import mail_sending, registry
from app.jobs.execution import in_transaction, sessions_of
from app.jobs.registry import handles
from app.jobs.worker import Pace, Worker
from tests.factories.accounts import make_user, make_vendor, read
from tests.smtp_server import PASSWORD, Behaviour, SmtpServer, closed_port, smtp_server

MARA = "mara@kettle.example"


@pytest.fixture
def place() -> Iterator[SmtpServer]:
    with smtp_server() as server:
        yield server


@pytest.fixture
def in_app(app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    make_vendor(session)
    make_user(session, MARA)
    app.config["MAIL_SENDER"] = "portal@larkspur.example"
    quick = mail_sending.SmtpMailer

    def impatient(server: Any) -> Any:
        return quick(server, step_s=0.5, total_s=1.0)

    monkeypatch.setattr(mail_sending, "SmtpMailer", impatient)
    monkeypatch.setattr(mail_sending, "MARK_WAITS_S", (0.01, 0.01))
    with app.app_context():
        yield app


def use(app: Flask, place: SmtpServer) -> None:
    app.config["MAIL_URL"] = place.url()


def queue(app: Flask, *, recipient: str = MARA, link_id: int | None = None) -> None:
    in_transaction(
        sessions_of(app),
        queue_mail,
        template="invitation" if link_id else "membership_added",
        recipient=recipient,
        company_id=None,
        context={"name": "Mara Vint", "email": recipient, "company": "Kettle & Byte"},
        link_id=link_id,
        now=clock.now(),
    )


def work(app: Flask) -> list[str | None]:
    """Do every job that is due."""
    return list(iter(Worker(sessions_of(app)).run_one, None))


def make_due(app: Flask) -> None:
    in_transaction(sessions_of(app), lambda session: session.execute(update(Job).values(run_at=clock.now())))


def the_mail(session: Session) -> MailMessage:
    mail: MailMessage = read(session, select(MailMessage))[0]
    return mail


def the_job(session: Session) -> Job:
    job: Job = read(session, select(Job).where(Job.kind == "mail.send"))[0]
    return job


def test_a_mail_goes_out_with_its_link_which_is_stored_nowhere(
    in_app: Flask, session: Session, place: SmtpServer
) -> None:
    use(in_app, place)
    (user_id,) = read(session, select(User.id))
    with writing(session), all_companies(session, reason="test data"):
        link_id = make_link(session, purpose=Purpose.INVITATION, user_id=user_id, now=clock.now()).id
        session.commit()
    queue(in_app, link_id=link_id)

    assert work(in_app) == ["done", "done"]
    mail, (taken,) = the_mail(session), place.taken
    assert (mail.state, mail.attempts, mail.answer) == ("sent", 1, "250 2.0.0 queued as 7A")
    assert mail.sent_at is not None
    content = taken.message.as_string().replace("=\n", "")
    assert f"/invitation/{link_id}." in content
    assert "[[link]]" not in content
    assert f"/invitation/{link_id}." not in mail.text_body + mail.html_body
    assert taken.message["Message-ID"] == f"<{mail.message_id}@larkspur.example>"


def test_without_a_server_mails_are_kept_and_not_sent_by_themselves_later(
    in_app: Flask, session: Session, place: SmtpServer
) -> None:
    queue(in_app)
    assert work(in_app) == ["done"]
    assert the_mail(session).state == "kept"

    use(in_app, place)
    assert work(in_app) == []
    assert place.taken == []


def test_kept_mails_of_the_last_days_are_sent_when_asked_for_but_not_with_dead_links(
    in_app: Flask, session: Session, place: SmtpServer
) -> None:
    (user_id,) = read(session, select(User.id))
    with writing(session), all_companies(session, reason="test data"):
        now = clock.now()
        stale = make_link(session, purpose=Purpose.RESET, user_id=user_id, now=now - timedelta(hours=2)).id
        session.commit()
    queue(in_app, recipient="a@x.example")
    queue(in_app, recipient="b@x.example", link_id=stale)
    queue(in_app, recipient="c@x.example")
    work(in_app)
    old = update(MailMessage).where(MailMessage.recipient == "c@x.example")
    old = old.values(created_at=clock.now() - timedelta(days=8))
    in_transaction(sessions_of(in_app), lambda session: session.execute(old))
    use(in_app, place)

    assert run(session, send_recent_kept, Actor.system("test"), now=clock.now()) == 1
    work(in_app)
    assert [taken.recipient for taken in place.taken] == ["a@x.example"]
    states = read(session, select(MailMessage.state).order_by(MailMessage.recipient))
    assert states == ["sent", "kept", "kept"]
    assert [entry.after for entry in read(session, select(AuditEntry))] == [{"count": 1}]


def test_a_mail_whose_link_died_while_it_waited_is_not_sent(
    in_app: Flask, session: Session, place: SmtpServer
) -> None:
    use(in_app, place)
    (user_id,) = read(session, select(User.id))
    with writing(session), all_companies(session, reason="test data"):
        now = clock.now()
        stale = make_link(session, purpose=Purpose.RESET, user_id=user_id, now=now - timedelta(hours=2)).id
        session.commit()
    queue(in_app, link_id=stale)

    work(in_app)
    assert the_mail(session).state == "lapsed"
    assert place.taken == []


def test_a_refused_address_is_told_at_the_person_until_a_mail_goes_through(
    in_app: Flask, session: Session, place: SmtpServer
) -> None:
    use(in_app, place)
    place.behaviour.answers["RCPT"] = "550 5.1.1 no such user"
    queue(in_app)

    assert work(in_app) == ["done", "done"]
    mail = the_mail(session)
    assert (mail.state, mail.answer) == ("refused", "550 5.1.1 no such user")
    (user,) = read(session, select(User))
    assert user.mail_refusal == "550 5.1.1 no such user"
    assert user.mail_refused_at is not None

    del place.behaviour.answers["RCPT"]
    queue(in_app)
    work(in_app)
    (user,) = read(session, select(User))
    assert (user.mail_refusal, user.mail_refused_at) == (None, None)


def test_refused_content_says_nothing_of_the_person(
    in_app: Flask, session: Session, place: SmtpServer
) -> None:
    use(in_app, place)
    place.behaviour.answers["content"] = "554 5.7.1 spam"
    queue(in_app)
    work(in_app)

    assert the_mail(session).state == "refused"
    assert read(session, select(User.mail_refusal)) == [None]


@pytest.mark.parametrize("fault", ["450 4.2.1 greylisted", "hang", "closed"])
def test_a_temporary_failure_is_tried_again_with_the_same_id(
    in_app: Flask, session: Session, place: SmtpServer, fault: str
) -> None:
    use(in_app, place)
    if fault == "hang":
        place.behaviour.hang.add("MAIL")
    elif fault == "closed":
        in_app.config["MAIL_URL"] = f"smtp://127.0.0.1:{closed_port()}?tls=none"
    else:
        place.behaviour.answers["RCPT"] = fault
    queue(in_app)

    assert work(in_app) == ["done", "failed"]
    mail, job = the_mail(session), the_job(session)
    assert (mail.state, mail.attempts, mail.handed_at) == ("waiting", 1, None)
    assert (job.state, job.last_error) == ("queued", mail.answer)
    assert job.run_at > clock.now() + timedelta(seconds=5)

    use(in_app, place)
    place.behaviour = Behaviour()
    make_due(in_app)
    assert work(in_app) == ["done"]
    assert [taken.message["Message-ID"] for taken in place.taken] == [f"<{mail.message_id}@larkspur.example>"]
    assert the_mail(session).state == "sent"


def test_a_mail_is_not_sent_twice_though_the_database_falls_away_after_the_server_took_it(
    in_app: Flask, session: Session, place: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(in_app, place)
    queue(in_app)
    Worker(sessions_of(in_app)).run_one()

    def away(*_values: Any, **_named: Any) -> None:
        raise OperationalError("UPDATE", {}, Exception("the database is away"))

    monkeypatch.setattr(mail_sending, "store_outcome", _declared(away))
    assert work(in_app) == ["failed"]
    assert len(place.taken) == 1
    monkeypatch.undo()
    make_due(in_app)
    in_app.config["MAIL_SENDER"] = "portal@larkspur.example"

    assert work(in_app) == ["done"]
    assert len(place.taken) == 1
    assert the_mail(session).state == "sent"


def _declared(action: Any) -> Any:
    action.required_permission = mail_delivery.store_outcome.required_permission  # type: ignore[attr-defined]
    return action


def test_a_server_that_takes_a_mail_and_falls_away_may_get_it_twice_under_one_id(
    in_app: Flask, session: Session, place: SmtpServer
) -> None:
    use(in_app, place)
    place.behaviour.takes_and_drops = True
    queue(in_app)
    work(in_app)
    assert the_mail(session).handed_at is not None

    place.behaviour.takes_and_drops = False
    make_due(in_app)
    work(in_app)
    ids = [taken.message["Message-ID"] for taken in place.taken]
    assert len(ids) == 2
    assert len(set(ids)) == 1


def test_a_mail_given_up_is_a_dead_job_and_replay_sends_it(
    in_app: Flask, session: Session, place: SmtpServer
) -> None:
    in_app.config["MAIL_URL"] = f"smtp://127.0.0.1:{closed_port()}?tls=none"
    queue(in_app)
    Worker(sessions_of(in_app)).run_one()
    nearly = update(Job).values(attempts=MOST_ATTEMPTS - 1)
    in_transaction(sessions_of(in_app), lambda session: session.execute(nearly))

    assert work(in_app) == ["failed"]
    assert (the_mail(session).state, the_job(session).state) == ("failed", "dead")
    use(in_app, place)
    replay = outbox_desk.replay_dead_jobs
    run(session, replay, Actor.system("test"), job_ids=None, now=clock.now())
    assert work(in_app) == ["done"]
    assert (the_mail(session).state, len(place.taken)) == ("sent", 1)


def test_a_server_that_is_away_lets_the_other_mails_wait_without_an_attempt(
    in_app: Flask, session: Session
) -> None:
    in_app.config["MAIL_URL"] = f"smtp://127.0.0.1:{closed_port()}?tls=none"
    for number in range(5):
        queue(in_app, recipient=f"p{number}@x.example")
    outcomes = work(in_app)

    assert outcomes.count("failed") == 1
    assert sorted(read(session, select(MailMessage.attempts))) == [0, 0, 0, 0, 1]


def test_other_work_goes_on_while_a_mail_server_hangs(
    in_app: Flask, session: Session, place: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.load()
    monkeypatch.setattr(registry, "_handlers", dict(registry._handlers))
    done: list[float] = []

    @handles("test.other")
    def other(session: Session, job: outbox.JobView, now: datetime) -> None:
        done.append(time.monotonic())

    use(in_app, place)
    for number in range(4):
        queue(in_app, recipient=f"p{number}@x.example")
    work_rendering(in_app, 4)
    place.behaviour.hang.add("connect")
    for _ in range(10):
        in_transaction(sessions_of(in_app), outbox.enqueue, "test.other", {}, now=clock.now())
    worker = Worker(sessions_of(in_app), threads=2, pace=Pace(beat_s=60, longest_poll_s=0.1))
    began = time.monotonic()
    threads = [threading.Thread(target=worker._work) for _ in range(2)]
    for thread in threads:
        thread.start()
    while len(done) < 10 and time.monotonic() - began < 20:
        time.sleep(0.02)
    worker.stopping.set()
    for thread in threads:
        thread.join()

    assert len(done) == 10
    assert place.connections <= 2


def work_rendering(app: Flask, count: int) -> None:
    for _ in range(count):
        assert Worker(sessions_of(app)).run_one() == "done"


def test_a_password_is_in_no_log_row_or_audit_entry(
    in_app: Flask, session: Session, place: SmtpServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    place.behaviour.wants_sign_in = True
    in_app.config["MAIL_URL"] = place.url(user=True).replace("plum", "plumX")
    queue(in_app)
    assert work(in_app) == ["done", "failed"]

    stored = [json.dumps(job.payload) + (job.last_error or "") for job in read(session, select(Job))]
    stored += [f"{mail.answer}" for mail in read(session, select(MailMessage))]
    stored += [json.dumps([entry.before, entry.after]) for entry in read(session, select(AuditEntry))]
    assert "does not accept user and password: 535 5.7.8 no *** here" in "".join(stored)
    for text in ("".join(stored), caplog.text):
        assert PASSWORD.replace("plum", "plumX") not in text
        assert "plumX" not in text


def test_a_set_up_without_a_sender_lets_mails_wait_and_says_so(
    in_app: Flask, session: Session, place: SmtpServer
) -> None:
    use(in_app, place)
    in_app.config["MAIL_SENDER"] = None
    queue(in_app)

    assert work(in_app) == ["done", "failed"]
    mail = the_mail(session)
    assert mail.state == "waiting"
    assert "No sender address is set." in str(mail.answer)


def test_outcomes_are_cut_to_what_the_columns_hold(in_app: Flask, session: Session) -> None:
    queue(in_app)
    work(in_app)
    outcome = Outcome(mail_delivery.MailState.REFUSED, "x" * 900, refuses_person=True)
    store: Any = mail_delivery.store_outcome
    run(session, store, Actor.system("test"), mail_id=the_mail(session).id, outcome=outcome, now=clock.now())

    assert len(str(the_mail(session).answer)) == 500
    assert len(read(session, select(User.mail_refusal))[0]) == 300
