"""A mail that comes back is marked, and so is the person it was for."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database import run
from app.core.permissions import Actor
from app.domain.accounts import mail_delivery
from app.domain.accounts.models import User
from tests.adapters.test_bounces import DSN, ID
from tests.factories.accounts import read
from tests.jobs.test_mail_sending import MARA, in_app, place, queue, the_mail, use, work
from tests.smtp_server import SmtpServer

__all__ = ["in_app", "place"]


def test_a_bounce_marks_the_mail_and_the_person(in_app: Flask, session: Session, place: SmtpServer) -> None:
    use(in_app, place)
    queue(in_app)
    work(in_app)
    mail = the_mail(session)
    bounced = {"words": "550 mailbox full", "now": datetime.now(UTC)}
    actor = Actor.system("test")

    for message_id, recipient, known in (
        ("no-such-id", MARA, False),
        (mail.message_id, "other@x.example", False),
        (mail.message_id, MARA.upper(), True),
    ):
        assert known is run(
            session, mail_delivery.note_bounce, actor, message_id=message_id, recipient=recipient, **bounced
        )
    assert the_mail(session).state == "bounced"
    assert read(session, select(User.mail_refusal)) == ["550 mailbox full"]


def test_the_command_marks_what_a_mail_server_hands_back(
    in_app: Flask, session: Session, place: SmtpServer
) -> None:
    use(in_app, place)
    queue(in_app)
    work(in_app)
    notification = DSN.replace(ID, the_mail(session).message_id).encode()
    runner = in_app.test_cli_runner()

    assert "There is no such mail" in runner.invoke(args=["mail", "bounced"], input=DSN.encode()).output
    result = runner.invoke(args=["mail", "bounced"], input=notification)
    assert (result.exit_code, result.output) == (0, "The mail is marked.\n")
    assert the_mail(session).state == "bounced"
    nothing = runner.invoke(args=["mail", "bounced"], input=b"\xff\xfe\0")
    assert (nothing.exit_code, "no mail of ours" in nothing.output) == (0, True)
