"""Notifications of returned mails are read whoever wrote them; nothing else is taken for one."""

from __future__ import annotations

import pytest

from app.adapters.bounces import MAX_BYTES, Bounce, read_bounce

ID = "0a1b2c3d-0000-4000-8000-000000000001"
DSN = f"""\
From: MAILER-DAEMON@mx.example
To: portal@larkspur.example
Subject: Undelivered
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

It did not go.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example
Original-Envelope-Id: {ID}

Final-Recipient: rfc822; mara@kettle.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <mara@kettle.example>
 no such user
--b
Content-Type: text/rfc822-headers

From: portal@larkspur.example
Message-ID: <{ID}@larkspur.example>
Subject: Your access

--b--
"""
WORDS = "550 5.1.1 <mara@kettle.example> no such user"


def test_a_failure_names_our_mail_the_recipient_and_the_reason() -> None:
    assert read_bounce(DSN.encode()) == Bounce(ID, "mara@kettle.example", WORDS)
    without_envelope = DSN.replace(f"Original-Envelope-Id: {ID}\n", "")
    assert read_bounce(without_envelope.encode()) == Bounce(ID, "mara@kettle.example", WORDS)
    whole = without_envelope.replace("text/rfc822-headers", "message/rfc822")
    assert read_bounce(whole.replace("\n", "\r\n").encode()) == Bounce(ID, "mara@kettle.example", WORDS)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 5000,
        b"Subject: hello\n\nhello",
        DSN.replace("Action: failed", "Action: delayed").encode(),
        DSN.replace(ID, "somebody-elses-id").encode(),
        DSN.replace("message/delivery-status", "text/plain").encode(),
        DSN.replace('boundary="b"', "boundary=").encode(),
        DSN.encode("utf-16"),
        b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\nContent-Type: message/rfc822\n\n" * 4000,
        b"Content-Type: multipart/report; boundary*0*=%%%%\n\n--x",
        b"Content-Type: message/delivery-status\n\n" + b"Action: failed\n\n" * 60_000,
    ],
)
def test_anything_else_is_no_bounce_of_ours(content: bytes) -> None:
    assert read_bounce(content) is None


def test_words_are_one_short_line_and_long_mails_are_cut() -> None:
    hostile = DSN.replace("no such user", "x\x1b[31m\x07" + "y" * 5000).encode()
    bounce = read_bounce(hostile + b"z" * MAX_BYTES)

    assert bounce is not None
    assert bounce.words.isprintable()
    assert len(bounce.words) <= 300
